"""Times in pieces, a date with a clock or an hour, or a year, a month and a day: read, and given back."""

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet
import pytest

from cadenza.foreign import of_samples
from contract import times
from export.exporter import export
from serving.sampler import load as load_generator
from training.config import TrainConfig
from training.data import Dataset, load
from training.errors import DataError
from training.trainer import train

Written = Callable[[datetime.datetime], str]

FORMS: dict[str, tuple[str, Written, datetime.timedelta]] = {
    "clock": ("Date,Time", lambda t: f"{t:%d/%m/%Y,%H:%M:%S}", datetime.timedelta(minutes=25)),
    "clock of points": ("Date,Time", lambda t: f"{t:%Y-%m-%d,%H.%M.%S}", datetime.timedelta(hours=1)),
    "half of a day": ("day,at", lambda t: f"{t:%m/%d/%Y,%I:%M %p}", datetime.timedelta(minutes=30)),
    "hour from 0": ("dteday,hr", lambda t: f"{t:%Y-%m-%d},{t.hour}", datetime.timedelta(hours=1)),
    "hour beside days without zeros": (
        "date,hour", lambda t: f"{t.month}/{t.day}/{t.year},{t.hour}", datetime.timedelta(hours=1)
    ),
    "hour from 1": ("date,HourEnding", lambda t: f"{t:%Y-%m-%d},{t.hour + 1}", datetime.timedelta(hours=1)),
    "half hours": (
        "SETTLEMENT_DATE,SETTLEMENT_PERIOD",
        lambda t: f"{t:%Y-%m-%d},{2 * t.hour + t.minute // 30 + 1}",
        datetime.timedelta(minutes=30),
    ),
    "parts": (
        "Year,Month,Day,Hour", lambda t: f"{t.year},{t.month},{t.day},{t.hour}", datetime.timedelta(hours=1)
    ),
    "parts with a clock": (
        "year,mon,dd,clock", lambda t: f"{t.year},{t:%b},{t.day},{t:%H:%M}", datetime.timedelta(minutes=90)
    ),
    "parts with minutes": (
        "YY,MM,DD,hh,mm", lambda t: f"{t.year},{t.month},{t.day},{t.hour},{t.minute}",
        datetime.timedelta(minutes=10),
    ),
    "days": ("year,month,day", lambda t: f"{t.year},{t.month},{t.day}", datetime.timedelta(days=1)),
}  # fmt: skip


def moments(form: str, rows: int) -> Iterator[datetime.datetime]:
    return (datetime.datetime(2021, 3, 1) + i * FORMS[form][2] for i in range(rows))


def table(path: Path, form: str, rows: int = 400) -> str:
    """A load that follows the times in that form, one column before them and one behind."""
    names, written, _ = FORMS[form]
    random = np.random.default_rng(0)
    lines = [f"a,{names},b"]
    lines += [f"{random.normal():.3f},{written(t)},{random.integers(90)}" for t in moments(form, rows)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("form", FORMS)
def test_together_they_are_the_times_and_nothing_of_them_is_learnt(tmp_path: Path, form: str):
    dataset = load(table(tmp_path / "x.csv", form), TrainConfig())
    assert [c.name for c in dataset.columns] == ["a", "b"]
    assert dataset.time is not None
    assert dataset.time.calendar == "even"
    names, _, step = FORMS[form]
    assert dataset.time.step == step.total_seconds() / (86_400 if step.days else 1)
    assert any("are the times of the rows together" in note for note in dataset.notes)
    shown = [dataset.time.name] if dataset.time.shown else []
    assert [*shown, *(d.name for d in dataset.derived)] == names.split(",")


@pytest.mark.parametrize("form", FORMS)
def test_samples_have_them_as_the_data_do_and_are_judged_by_them(tmp_path: Path, form: str):
    data = table(tmp_path / "x.csv", form)
    train(data, tmp_path / "run", TrainConfig(steps=1, length=12))
    export(tmp_path / "run", tmp_path / "m.onnx")
    names, written, _ = FORMS[form]
    generator = load_generator(tmp_path / "m.onnx")
    begun = {generator.spec.time.name: next(moments(form, 1)).isoformat()[:19]}
    samples = generator.sample(count=8, length=60, seed=1, condition=begun)
    for suffix in ("csv", "parquet"):
        samples.save(tmp_path / f"s.{suffix}")
        sides = of_samples(tmp_path / f"s.{suffix}", data, TrainConfig())
        assert [c.name for c in sides.real.dataset.columns] == ["a", "b"]
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert lines[0] == f"sequence,step,a,{names},b"
    width = names.count(",") + 1
    found = [",".join(line.split(",")[3 : 3 + width]) for line in lines[1:61]]
    assert found == [written(t) for t in moments(form, 60)]


def test_a_sample_may_begin_when_the_data_would_write_it(tmp_path: Path):
    time = load(table(tmp_path / "x.csv", "clock"), TrainConfig()).time
    assert time is not None
    wanted = times.parse(time, "2021-04-05T06:07:00")
    assert times.parse(time, "05/04/2021 06:07") == times.parse(time, "05/04/2021 06:07:00") == wanted


def test_clocks_with_seconds_go_into_the_column_of_dates(tmp_path: Path):
    lines = [f"2021-03-01,{i // 60:02}:{i % 60:02}:30,{i % 7}" for i in range(300)]
    (tmp_path / "x.csv").write_text("\n".join(["date,time,a", *lines]) + "\n")
    dataset = load(str(tmp_path / "x.csv"), TrainConfig())
    assert dataset.time is not None
    assert dataset.time.format == "%Y-%m-%d %H:%M:%S"
    assert not dataset.derived
    assert "'date' and 'time' are the times of the rows together, and samples have both in 'date'" in (
        dataset.notes
    )


def test_of_two_clocks_that_is_the_rows_in_whose_order_they_are(tmp_path: Path):
    """As of trades that end at 00:00, which is of the next day."""
    hours = [(1 + i // 24, (i + 1) % 24, i % 24) for i in range(240)]
    lines = [f"2021-03-{day:02},{end:02}:00,{begin:02}:00,{end * day % 7}" for day, end, begin in hours]
    (tmp_path / "x.csv").write_text("\n".join(["date,end,start,a", *lines]) + "\n")
    dataset = load(str(tmp_path / "x.csv"), TrainConfig())
    assert dataset.time is not None
    assert (dataset.time.step, [d.name for d in dataset.derived]) == (3600, ["start"])


def test_an_hour_that_comes_twice_in_autumn_does_not_matter(tmp_path: Path):
    periods = [(day, n) for day in range(1, 31) for n in range(1, 51 if day == 28 else 49)]
    lines = [f"2021-10-{day:02},{n},{n * day % 7}" for day, n in periods]
    (tmp_path / "x.csv").write_text("\n".join(["date,settlement_period,a", *lines]) + "\n")
    dataset = load(str(tmp_path / "x.csv"), TrainConfig())
    assert dataset.time is not None
    assert (dataset.time.step, [d.name for d in dataset.derived]) == (1800, ["settlement_period"])


def test_files_that_say_it_otherwise_are_refused(tmp_path: Path):
    for name, hours in (("a", range(1, 25)), ("b", range(24))):
        lines = [f"2021-03-{day:02},{hour},{hour * day % 7}" for day in range(1, 9) for hour in hours]
        (tmp_path / f"{name}.csv").write_text("\n".join(["date,hour,x", *lines]) + "\n")
    with pytest.raises(DataError, match=r"b\.csv stand otherwise than those of a\.csv, by 'hour'"):
        load(str(tmp_path), TrainConfig())


def several(path: Path) -> Dataset:
    lines = [
        f"{plant},2021-03-{1 + i // 24:02},{i % 24},{i * plant % 11}"
        for plant in (1, 2)
        for i in range(240)
    ]
    path.write_text("\n".join(["plant,date,hour,a", *lines]) + "\n")
    return load(str(path), TrainConfig(id_column="plant"))


def test_each_sequence_has_its_own(tmp_path: Path):
    dataset = several(tmp_path / "x.csv")
    assert dataset.time is not None
    assert (len(dataset.bounds), dataset.time.step, [d.name for d in dataset.derived]) == (
        3,
        3600,
        ["hour"],
    )


def test_a_time_stamp_may_have_its_clock_beside_it(tmp_path: Path):
    at = np.datetime64("2021-03-01T00:00:00") + np.timedelta64(15, "m") * np.arange(300)
    clock = arrow.array([str(t)[11:16] for t in at]).dictionary_encode()
    columns = {"at": at.astype("datetime64[ms]"), "clock": clock, "a": np.arange(300) % 7}
    pyarrow.parquet.write_table(arrow.table(columns), tmp_path / "x.parquet")
    dataset = load(str(tmp_path / "x.parquet"), TrainConfig())
    assert [c.name for c in dataset.columns] == ["a"]
    assert [d.name for d in dataset.derived] == ["clock"]


def test_what_only_counts_is_no_hour_and_who_names_a_piece_has_it_learnt(tmp_path: Path):
    lines = [f"2021-03-{1 + i // 24:02},{i % 24},{i % 7}" for i in range(240)]
    (tmp_path / "x.csv").write_text("\n".join(["date,round,a", *lines]) + "\n")
    with pytest.raises(DataError, match="if the clock stands in another column, put both into one"):
        load(str(tmp_path / "x.csv"), TrainConfig())
    path = table(tmp_path / "y.csv", "parts")
    named = load(path, TrainConfig(integer=("Month",)))
    assert named.time is None
    assert "Month" in [c.name for c in named.columns]
    with pytest.raises(DataError, match="has no column 'when'"):
        load(path, TrainConfig(time_column="when"))


def test_months_that_are_none_are_no_times(tmp_path: Path):
    (tmp_path / "x.csv").write_text(
        "year,month,day,a\n" + "".join(f"2021,2,{29 + i % 2},{i % 7}\n" for i in range(60))
    )
    dataset = load(str(tmp_path / "x.csv"), TrainConfig())
    assert dataset.time is None
    assert [c.name for c in dataset.columns] == ["year", "month", "day", "a"]


def test_marks_at_the_ends_of_lines_and_lines_of_marks_are_nothing(tmp_path: Path):
    lines = [f"{i % 7};{i * i % 11};;" for i in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(["a;b;;", *lines, *[";;;"] * 5]) + "\n")
    dataset = load(str(tmp_path / "x.csv"), TrainConfig())
    assert [c.name for c in dataset.columns] == ["a", "b"]
    assert len(dataset.values) == 60
    assert {
        "columns without a name and a value are left out",
        "rows 61 to 65 are empty and left out",
    } <= set(dataset.notes)


def test_what_counts_rows_beside_times_is_left_out(tmp_path: Path):
    lines = [f"{i + 1},{datetime.date(2021, 1, 1) + datetime.timedelta(i)},{i % 7}" for i in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(["No,date,a", *lines]) + "\n")
    dataset = load(str(tmp_path / "x.csv"), TrainConfig())
    assert [c.name for c in dataset.columns] == ["a"]
    assert "'No' counts the rows and is left out" in dataset.notes
