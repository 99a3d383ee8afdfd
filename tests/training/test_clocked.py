"""Columns that follow from the time are found, are not learnt, and come back by the times of samples."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from cadenza.evaluation import evaluate_subject
from contract import times
from contract.errors import SpecError
from contract.seal import load as load_artifact
from contract.spec import Spec
from export.exporter import export
from serving.sampler import load as load_generator
from training.config import TrainConfig
from training.data import Dataset, load
from training.data.schema import applied, outline
from training.trainer import train

NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = 24 * 60
FOLLOW = ("hour", "name", "weekend", "tariff", "iso", "month", "year")


def table(path: Path, hours: int = HOURS, every: int = 1) -> Path:
    """Noise beside what a clock and a calendar say of each row; the time stands in the middle."""
    random = np.random.default_rng(0)
    lines = ["hour,x,name,when,weekend,tariff,iso,noise,month,year"]
    for n in range(0, hours, every):
        t = datetime(2024, 1, 1) + timedelta(hours=n)
        tariff = 0.25 if 7 <= t.hour < 20 else 0.125
        lines.append(
            f"{t.hour},{random.normal():.3f},{NAMES[t.weekday()]},{t.isoformat()},{t.weekday() > 4},"
            f"{tariff},{t.isoweekday()},{random.integers(9)},{t.month},{t.year}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def of(path: Path, **how: object) -> Dataset:
    return load(str(path), TrainConfig(**how))  # type: ignore[arg-type]


def test_what_follows_from_the_time_is_no_channel(tmp_path: Path):
    dataset = of(table(tmp_path / "x.csv"))
    assert [c.name for c in dataset.columns] == ["x", "noise"]
    assert {d.name: d.part for d in dataset.derived} == {
        "hour": "hour", "name": "weekday", "weekend": "weekday", "tariff": "hour", "iso": "weekday",
        "month": "month", "year": "year",
    }  # fmt: skip
    assert any("follow from 'when'" in note for note in dataset.notes)


def test_office_hours_periods_and_the_weeks_of_a_year_follow_too(tmp_path: Path):
    lines = ["when,x,office,period,week,yearday"]
    for n in range(48 * 28):
        t = datetime(2024, 12, 16) + timedelta(minutes=30 * n)
        office = t.weekday() < 5 and 9 <= t.hour < 17
        period = 2 * t.hour + t.minute // 30 + 1
        of_year = f"{t.isocalendar().week},{t.timetuple().tm_yday}"
        lines.append(f"{t.isoformat()},{n * 7919 % 31},{office},{period},{of_year}")
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines) + "\n")
    dataset = of(path)
    assert {d.name: d.part for d in dataset.derived} == {
        "office": "hour of the week", "period": "minute of the day", "week": "week",
        "yearday": "day of the year",
    }  # fmt: skip
    assert dataset.time is not None
    ahead = times.at(dataset.time, np.arange(48 * 400))
    made = {d.name: times.derived(dataset.time, d, ahead) for d in dataset.derived}
    for n in range(0, len(ahead), 11):
        t = datetime(2024, 12, 16) + timedelta(minutes=30 * n)
        assert made["office"][n] == str(t.weekday() < 5 and 9 <= t.hour < 17).lower()
        assert made["period"][n] == 2 * t.hour + t.minute // 30 + 1
        assert (made["week"][n], made["yearday"][n]) == (t.isocalendar().week, t.timetuple().tm_yday)


def test_named_columns_are_learnt(tmp_path: Path):
    path = table(tmp_path / "x.csv")
    dataset = of(path, categorical=("hour",), integer=("iso",))
    assert [c.name for c in dataset.columns] == ["hour", "x", "iso", "noise"]
    assert [d.place for d in dataset.derived] == [2, 4, 5, 8, 9]
    assert not of(path, columns=("hour", "x")).derived


def test_the_outline_says_so_and_is_read_back(tmp_path: Path):
    path = table(tmp_path / "x.csv")
    (tmp_path / "x.toml").write_text(outline(str(path), TrainConfig()))
    text = (tmp_path / "x.toml").read_text()
    assert re.search(r'^# "name" +# follows from when, by its weekday$', text, re.MULTILINE)
    config = applied(str(path), TrainConfig(schema=str(tmp_path / "x.toml")))
    assert load(str(path), config).derived == of(path).derived


@pytest.mark.parametrize(
    ("column", "every", "rows"),
    [
        (lambda t, n: n % 7, 1, 500),  # its own way round
        (lambda t, n: t.hour if n % 100 else 5, 1, 500),  # not in every row
        (lambda t, n: "" if n == 30 else t.hour, 1, 500),  # one is missing
        (lambda t, n: t.day * t.day, 24, 40),  # each day of the month is there once or twice
        (lambda t, n: t.hour // 6 == 3, 1, 40),  # not often enough to say so
        (lambda t, n: t.day, 24, 31),  # a counter is the day as well
    ],
)
def test_what_does_not_follow_is_learnt(tmp_path: Path, column: object, every: int, rows: int):
    moments = [datetime(2024, 1, 1) + timedelta(hours=every * n) for n in range(rows)]
    lines = [f"{t.isoformat()},{column(t, n)},{n * 7919 % 31}" for n, t in enumerate(moments)]  # type: ignore[operator]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["when,c,x", *lines]) + "\n")
    assert not of(path).derived


def test_what_is_constant_in_each_of_many_sequences_is_a_condition(tmp_path: Path):
    random = np.random.default_rng(0)
    lines = ["trip,t,hour,weekday,elapsed,v"]
    for trip in range(70):
        begun = datetime(2024, 1, 1) + timedelta(hours=int(random.integers(2000)))
        for n in range(12):
            t = begun + timedelta(minutes=5 * n)
            lines.append(
                f"{trip},{t.isoformat()},{t.hour},{NAMES[t.weekday()]},{5 * n},{random.normal():.3f}"
            )
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    dataset = of(tmp_path / "x.csv", id_column="trip")
    assert not dataset.derived
    assert [c.name for c in dataset.statics] == ["hour", "weekday"]
    assert [c.name for c in dataset.columns] == ["elapsed", "v"]


def test_where_summer_has_a_time_of_its_own_nothing_is_derived(tmp_path: Path):
    t = np.datetime64("2024-06-01", "s") + np.arange(1000) * np.timedelta64(1, "h")
    stamps = pyarrow.array(t.astype("datetime64[ms]")).cast(pyarrow.timestamp("ms", "Europe/Berlin"))
    hour = (t.astype(np.int64) // 3600 + 2) % 24
    columns = {"t": stamps, "hour": hour, "x": np.random.default_rng(0).normal(size=1000)}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
    assert not of(tmp_path / "x.parquet").derived


def test_hours_that_the_data_never_had_have_what_the_one_before_had(tmp_path: Path):
    derived = {d.name: d for d in of(table(tmp_path / "x.csv", every=3)).derived}
    assert derived["hour"].numbers == ()  # it is the hour itself
    assert derived["tariff"].numbers == (0.125,) * 9 + (0.25,) * 12 + (0.125,) * 3


def test_samples_have_them_by_their_own_times(tmp_path: Path):
    path = table(tmp_path / "x.csv")
    train(str(path), tmp_path / "run", TrainConfig(steps=4))
    export(tmp_path / "run", tmp_path / "x.onnx")
    spec = load_artifact(tmp_path / "x.onnx").spec
    assert Spec.from_json(spec.to_json()) == spec
    with load_generator(tmp_path / "x.onnx") as generator:
        samples = generator.sample(
            30, 60, 1, {"when": [f"2024-02-28T{n % 24:02}:00:00" for n in range(30)]}
        )
    samples.save(tmp_path / "made.parquet")
    made = pyarrow.parquet.read_table(tmp_path / "made.parquet").to_pylist()
    wanted = path.read_text().splitlines()[0].split(",")
    assert list(made[0]) == ["sequence", "step", *wanted]
    for row in made:
        t = row["when"]
        assert (row["hour"], row["name"], row["iso"]) == (t.hour, NAMES[t.weekday()], t.isoweekday())
        assert (row["weekend"], row["month"], row["year"]) == (t.weekday() > 4, t.month, t.year)
        assert row["tariff"] == (0.25 if 7 <= t.hour < 20 else 0.125)
    samples.save(tmp_path / "made.csv")
    for subject in ("run", "x.onnx", "made.csv"):
        report, _ = evaluate_subject(
            str(tmp_path / subject),
            str(path),
            tmp_path / f"{subject}.json",
            ["marginal"],
            1,
            0,
            with_page=False,
        )
        assert {"x", "noise"} <= {c.name for c in report.channels}


def test_a_derived_column_without_a_time_is_refused(tmp_path: Path):
    path = table(tmp_path / "x.csv", hours=200)
    train(str(path), tmp_path / "run", TrainConfig(steps=1))
    export(tmp_path / "run", tmp_path / "x.onnx")
    text = load_artifact(tmp_path / "x.onnx").spec.to_json()
    with pytest.raises(SpecError, match="not said for each part"):
        Spec.from_json(text.replace('"numbers":[0.125,', '"numbers":['))


def test_a_condition_that_says_when_a_sequence_begins_is_said_to(tmp_path: Path):
    """Days of which each has its weekday, and a team that has nothing to do with it."""
    days = [date(2024, 1, 1) + timedelta(i) for i in range(60)]
    lines = ["day,when,weekday,team,a"]
    lines += [
        f"{day},{day}T{hour:02}:00,{day:%A},{'ab'[n // 3 % 2]},{n * hour % 7}"
        for n, day in enumerate(days)
        for hour in range(8)
    ]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    notes = load(str(tmp_path / "x.csv"), TrainConfig(id_column="day", time_column="when")).notes
    found = [note for note in notes if "a sequence begins in" in note]
    assert len(found) == 1
    assert found[0].startswith("'weekday' goes with the weekday that a sequence begins in")
