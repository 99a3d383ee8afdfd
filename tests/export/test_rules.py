"""What holds in every row of the data holds in every row of samples, in whatever file."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest

from contract import checks
from contract.seal import load
from export.exporter import export
from export.runtime import run_of
from serving.sampler import load as load_generator
from tests.conftest import cadenza
from training.config import TrainConfig
from training.trainer import train

CITIES = {"Bern": "CH", "Graz": "A", "Linz": "A", "Rome": "IT"}


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days of 12 hours of a shop; the till is down now and then."""
    random = np.random.default_rng(0)
    lines = ["day,city,web,shop,till,country,fee,busy,celsius,fahrenheit,heat"]
    for day in range(70):
        for _ in range(12 if day % 3 else 9):
            city = random.choice([*CITIES])
            web, shop, celsius = random.poisson(30), random.poisson(8), random.normal(15, 8)
            down = random.random() < 0.1
            lines.append(
                f"{day},{city},{web},{'' if down else shop},{'' if down else web + shop},{CITIES[city]},"
                f"{0.5 if city == 'Rome' else 0.25},{'' if down else 'yes' if shop > 9 else 'no'},"
                f"{celsius:.1f},{1.8 * round(celsius, 1) + 32:.2f},{web * round(celsius, 1):.1f}"
            )
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module", params=[True, False], ids=["whole", "windows"])
def model(request: pytest.FixtureRequest, sales: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sold")
    length = None if request.param else 6
    how = TrainConfig(steps=12, id_column="day", whole=request.param, length=length, save_every=6)
    train(str(sales), folder / "run", how)
    export(folder / "run", folder / "sales.onnx")  # which checks parity, chunks and company
    return folder / "sales.onnx"


def test_every_row_of_samples_keeps_the_rules(model: Path, sales: Path, tmp_path: Path):
    path = tmp_path / "made.csv"
    assert cadenza("sample", str(model), "-n", "60", "-o", str(path)).returncode == 0
    made = pyarrow.csv.read_csv(path).to_pydict()
    assert [*made][2:] == [
        "city",
        "web",
        "shop",
        "till",
        "country",
        "fee",
        "busy",
        "celsius",
        "fahrenheit",
        "heat",
    ]
    down = 0
    for city, web, shop, till, country, fee, busy, celsius, fahrenheit, heat in zip(
        *([*made.values()][2:]), strict=True
    ):
        assert (country, fee) == (CITIES[city], 0.5 if city == "Rome" else 0.25)
        assert heat == pytest.approx(web * celsius, rel=1e-5)
        assert fahrenheit == pytest.approx(1.8 * celsius + 32, abs=1e-5)
        if shop is None:
            assert till is None and not busy
            down += 1
        else:
            assert (till, busy) == (web + shop, "yes" if shop > 9 else "no")
    assert 0 < down < len(made["web"])


def test_the_spec_says_what_follows_and_arrays_hold_it(model: Path):
    spec = load(model).spec
    follows = {c.name: c.follows for c in spec.channels if c.follows}
    assert follows["till"] == "web + shop"
    assert set(follows) == {"till", "country", "fee", "busy", "fahrenheit", "heat"}
    generator = load_generator(model)
    samples = generator.sample(4, 5, seed=0)
    assert samples.values is not None
    assert samples.labels is not None
    assert samples.values.shape == (4, 5, len(spec.numeric))
    assert samples.labels.shape == (4, 5, len(spec.discrete))
    generator.close()
    assert all(check.passed for check in checks.checks(spec, run_of(load(model).data)))
    assert "follows: web + shop" in cadenza("inspect", str(model)).stdout


def test_a_run_with_rules_is_evaluated_on_all_columns(model: Path, tmp_path: Path):
    out = tmp_path / "report.json"
    told = cadenza("evaluate", str(model.parent / "run"), "--quick", "-o", str(out))
    assert told.returncode == 0, told.stderr
    scored = {c["name"] for c in json.loads(out.read_text())["channels"]}
    assert "till" in scored
    assert any(name.startswith("country") for name in scored)


def test_labels_alone_can_follow_from_labels(tmp_path: Path):
    random = np.random.default_rng(0)
    city = random.choice([*CITIES], 300)
    path = tmp_path / "trips.csv"
    lines = [f"{c},{CITIES[c]},{len(CITIES[c])}" for c in city]
    path.write_text("\n".join(["city,country,toll", *lines]) + "\n")
    train(str(path), tmp_path / "run", TrainConfig(steps=6, length=8))
    export(tmp_path / "run", tmp_path / "trips.onnx")
    generator = load_generator(tmp_path / "trips.onnx")
    samples = generator.sample(8, 20, seed=1)
    generator.close()
    assert [c.name for c in samples.spec.channels if not c.follows] == ["city"]
    made = (samples.column(name).reshape(-1) for name in ("city", "country", "toll"))
    for one, country, toll in zip(*made, strict=True):
        assert (country, toll) == (CITIES[one], len(CITIES[one]))


@pytest.fixture(scope="module", params=["whole", "windows"])
def tracker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Days of prices with gaps, what changed since the row before, and how it is called."""
    random = np.random.default_rng(0)
    lines = ["day,price,moved,grown,called,mean"]
    for day in range(90):
        before, three = None, [None] * 3
        for price in (30 * np.exp(random.normal(0, 0.02, 10 - day % 3).cumsum())).round(2):
            gone = random.random() < 0.1
            three = [*three[1:], None if gone else price]
            mean = "" if None in three else f"{np.mean(three):.3f}"
            if gone:
                lines.append(f"{day},,,,,{mean}")
                before = None
                continue
            if before is None:
                lines.append(f"{day},{price:.2f},,,,{mean}")
            else:
                moved = round(price - before, 2)
                called = "up" if moved > 0.5 else "down" if moved < -0.5 else "flat"
                lines.append(
                    f"{day},{price:.2f},{moved:.2f},{100 * (price / before - 1):.3f},{called},{mean}"
                )
            before = price
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "prices.csv").write_text("\n".join(lines) + "\n")
    whole = request.param == "whole"
    how = TrainConfig(steps=12, id_column="day", whole=whole, length=None if whole else 6, save_every=6)
    train(str(folder / "prices.csv"), folder / "run", how)
    export(folder / "run", folder / "prices.onnx")
    return folder / "prices.onnx"


def test_what_follows_from_the_row_before_does_so_in_any_chunks(tracker: Path):
    whole = tracker.parent.name.startswith("whole")
    artifact = load(tracker)
    follows = {c.name: c.follows for c in artifact.spec.channels if c.follows}
    assert set(follows) == {"moved", "grown", "called", "mean"}
    ends = "missing in the first row" if whole else "learnt in the first row"
    assert all(follows[name].endswith(ends) for name in ("moved", "grown"))
    state = next(s for s in artifact.spec.states if s.name == "before")
    assert state.size == 4  # two rows of prices, and which of them are missing
    assert all(check.passed for check in checks.checks(artifact.spec, run_of(artifact.data)))
    generator = load_generator(tracker)
    made = generator.sample(40, 8, seed=0)
    generator.close()
    price, moved, grown = (made.column(name).astype(np.float64) for name in ("price", "moved", "grown"))
    called = made.column("called")
    apart = np.diff(price, axis=1)
    np.testing.assert_allclose(moved[:, 1:], apart, atol=1e-5)
    np.testing.assert_allclose(grown[:, 1:], 100 * apart / price[:, :-1], atol=0.00051)
    wanted = np.where(apart > 0.502, "up", np.where(apart < -0.502, "down", "flat"))
    there = ~np.isnan(apart)
    assert (called[:, 1:][there] == wanted[there]).all()
    assert not called[:, 1:][~there].any()
    assert np.isnan(moved[:, 0]).all() == whole
    assert 0 < np.isnan(price).sum() < price.size
    means = (price[:, 2:] + price[:, 1:-1] + price[:, :-2]) / 3
    np.testing.assert_allclose(made.column("mean")[:, 2:], means, atol=0.00051)


def test_what_others_say_of_a_number_holds_in_every_row(tmp_path: Path):
    random = np.random.default_rng(0)
    state = np.repeat(random.choice(["off", "idle", "run"], 160), 5)
    n = len(state)
    power = np.where(state == "off", 0, random.gamma(9, 1, n).round(2))
    flow = np.where(power > 0, random.gamma(9, 2, n).round(1), 0)
    height = (90 * np.sin(np.arange(n) * 0.37) + random.normal(0, 3, n)).round(1)
    light = [f"{x:.2f}" if up else "" for x, up in zip(random.gamma(9, 1, n), height > 0, strict=True)]
    sold = random.gamma(9, 3, n).round(2)
    billed = np.where(state == "run", sold, 1)
    path = tmp_path / "plant.csv"
    rows = zip(state, power, flow, height, light, sold, billed, strict=True)
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(["state,power,flow,height,light,sold,billed", *lines]) + "\n")
    train(str(path), tmp_path / "run", TrainConfig(steps=8, length=8))
    export(tmp_path / "run", tmp_path / "plant.onnx")  # which checks parity, chunks and company
    generator = load_generator(tmp_path / "plant.onnx")
    samples = generator.sample(40, 20, seed=1)
    generator.close()
    assert {c.name: c.follows for c in samples.spec.channels if c.follows} == {
        "power": "0 where state is off",
        "flow": "0 where state is off",
        "light": "missing where height is 0 or less",
        "billed": "1 where state is idle or off, and sold in all other rows",
    }
    made = {c.name: samples.column(c.name).reshape(-1) for c in samples.spec.channels}
    off, run = made["state"] == "off", made["state"] == "run"
    assert 0 < off.sum() < len(off)
    for name in ("power", "flow"):
        np.testing.assert_array_equal(made[name] == 0, off)
    np.testing.assert_array_equal(np.isnan(made["light"]), made["height"] <= 0)
    assert 0 < np.isnan(made["light"]).sum() < len(off)
    np.testing.assert_array_equal(made["billed"], np.where(run, made["sold"], 1))


def test_what_the_calendar_says_of_a_number_holds_in_every_row(tmp_path: Path):
    random = np.random.default_rng(0)
    times = np.datetime64("2024-03-01T00:00") + np.timedelta64(60, "m") * np.arange(24 * 60)
    hour, weekday = np.arange(24 * 60) % 24, (np.arange(24 * 60) // 24 + 4) % 7
    shut = (hour < 8) | (hour > 19) | (weekday == 6)
    sold = np.where(shut, 0, random.gamma(9, 3, 24 * 60).round(2))
    path = tmp_path / "kiosk.csv"
    lines = [f"{t},{x}" for t, x in zip(times, sold, strict=True)]
    path.write_text("\n".join(["time,sold", *lines]) + "\n")
    how = TrainConfig(steps=8, length=12, seasons=("day", "week"))
    train(str(path), tmp_path / "run", how)
    export(tmp_path / "run", tmp_path / "kiosk.onnx")  # which checks parity, chunks and company
    (channel,) = load(tmp_path / "kiosk.onnx").spec.channels
    assert channel.follows == "0 where the time is 20:00 to 7:00, and 0 where the weekday is Sunday"
    out = tmp_path / "made.csv"
    asked = ("sample", str(tmp_path / "kiosk.onnx"), "-n", "3", "--length", "200", "-o", str(out))
    assert cadenza(*asked).returncode == 0
    made = pyarrow.csv.read_csv(out).to_pydict()
    shut = [t.hour < 8 or t.hour > 19 or t.weekday() == 6 for t in made["time"]]
    assert [x == 0 for x in made["sold"]] == shut
    assert 0 < sum(shut) < len(shut)
