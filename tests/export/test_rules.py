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
