"""Columns of times: what is found in them, what samples get back, and what is refused."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet
import pytest

from contract import conditions, times
from contract.noise import NoiseStream
from training.config import TrainConfig
from training.data import Dataset, load
from training.errors import DataError

NAMED = TrainConfig(time_column="when")


def read(folder: Path, stamps: object, config: TrainConfig = TrainConfig()) -> Dataset:
    lines = [f"{stamp},{i % 7}" for i, stamp in enumerate(stamps)]
    (folder / "x.csv").write_text("\n".join(["when,a", *lines]) + "\n")
    return load(str(folder / "x.csv"), config)


def days(first: str, *after: int) -> np.ndarray:
    return np.datetime64(first) + np.array(after)


EVEN = {
    "1 day": [str(d) for d in days("2020-02-20", *range(40))],
    "7 days": [str(d) for d in days("2020-02-20", *range(0, 280, 7))],
    "1 weekday": [str(d) for d in np.busday_offset("2020-01-01", np.arange(60))],
    "1 month": [f"{y}-{m:02}-15" for y in (2020, 2021, 2022) for m in range(1, 13)],
    "3 months": [f"{y}-{m:02}" for y in range(2000, 2012) for m in (1, 4, 7, 10)],
    "10 minutes": [
        str(t).replace("T", " ") for t in np.datetime64("2020-01-01T00:00") + 10 * np.arange(50)
    ],
    "0.25 seconds": [str(t) for t in np.datetime64("2020-01-01T00:00:00.000") + 250 * np.arange(50)],
    "1 hour": [f"2020-01-01T{h:02}:00:00+01:00" for h in range(24)],
    "6 hours": [f"{d:02}.03.2020 {h:02}:00" for d in range(1, 32) for h in (0, 6, 12, 18)],
    "60": [1577836800 + 60 * i for i in range(30)],
    "0.1": [f"{i / 10:.1f}" for i in range(30)],
}


@pytest.mark.parametrize("step", EVEN)
def test_times_that_are_evenly_apart_come_back_as_they_were_written(tmp_path: Path, step: str):
    stamps = EVEN[step]
    dataset = read(tmp_path, stamps, NAMED if step in ("6 hours", "60", "0.1") else TrainConfig())
    assert dataset.step == step
    assert [c.name for c in dataset.columns] == ["a"]
    assert dataset.time is not None
    assert dataset.time.gap is None
    assert times.texts(dataset.time, times.at(dataset.time, np.arange(len(stamps)))) == list(
        map(str, stamps)
    )
    assert any("samples get them back" in note for note in dataset.notes)


def begun(dataset: Dataset, count: int = 500) -> list[str]:
    """When sequences are drawn to begin."""
    assert dataset.time is not None
    drawn = conditions.begins(dataset.time, {}, NoiseStream(), 1, range(count))
    return times.texts(dataset.time, drawn)


@pytest.mark.parametrize("step", ["1 day", "1 weekday", "1 month", "0.25 seconds", "60"])
def test_samples_of_a_series_begin_where_its_windows_do(tmp_path: Path, step: str):
    stamps = [str(stamp) for stamp in EVEN[step]]
    config = TrainConfig(length=8, time_column="when" if step == "60" else None)
    found = begun(read(tmp_path, stamps, config))
    windows = len(stamps) - 8 + 1
    shares = np.array([found.count(stamp) / len(found) for stamp in stamps[:windows]])
    assert set(found) <= set(stamps[:windows])
    assert (shares < 3 / windows).all()
    assert (shares > 0).sum() > 0.8 * windows


def visits(folder: Path, first: list[str], rows: list[int], length: int | None = None) -> Dataset:
    """A sequence by the hour for each first time, of so many rows."""
    lines = ["who,when,a"]
    for who, (start, count) in enumerate(zip(first, rows, strict=True)):
        moments = np.datetime64(start, "h") + np.arange(count)
        lines += [f"{who},{moment}:00,{i * i % 7}" for i, moment in enumerate(moments)]
    (folder / "x.csv").write_text("\n".join(lines) + "\n")
    return load(str(folder / "x.csv"), TrainConfig(id_column="who", length=length))


def test_whole_sequences_begin_at_the_hour_that_those_of_the_data_do(tmp_path: Path):
    first = [f"{day}T06" for day in days("2024-01-01", *range(0, 90, 3))]
    first[7] = "1990-01-01T06"  # a slip
    found = begun(visits(tmp_path, first, [5 + i % 4 for i in range(30)]))
    assert {one.split("T")[1] for one in found} == {"06:00"}
    years = [one[:4] for one in found]
    assert years.count("2024") > 0.9 * len(years)


def test_sequences_that_all_begin_at_once_do_so_in_samples(tmp_path: Path):
    found = begun(visits(tmp_path, ["2024-01-01T06"] * 30, [5 + i % 4 for i in range(30)]))
    assert set(found) == {"2024-01-01T06:00"}


def test_sequences_begin_by_clocks_of_their_own(tmp_path: Path):
    first = [f"2024-01-{1 + i % 28:02}T{7 + i % 12:02}" for i in range(60)]
    found = begun(visits(tmp_path, first, [5 + i % 4 for i in range(60)]))
    assert set(found) == {f"{one}:00" for one in first}


def test_rows_of_office_hours_begin_no_sample_at_night(tmp_path: Path):
    days = np.busday_offset("2024-01-01", np.arange(30))
    opening = [f"{day}T{hour:02}:30" for day in days for hour in range(9, 16)]
    dataset = read(tmp_path, opening, TrainConfig(length=8))
    assert dataset.time is not None and dataset.time.gap is not None
    assert set(begun(dataset)) <= {f"{one}:00" for one in opening} | set(opening)


def test_no_sample_begins_where_a_window_would_go_over_a_hole(tmp_path: Path):
    hours = np.datetime64("2024-01-01T00") + np.delete(np.arange(340), np.arange(150, 190))
    dataset = read(tmp_path, [f"{hour}:00" for hour in hours], TrainConfig(length=24))
    assert dataset.time is not None
    assert len(dataset.time.begins) == len(dataset.windows(24, 1)) == 300 - 23 - 23


def test_what_is_too_short_for_a_window_says_nothing_of_when_samples_begin(tmp_path: Path):
    found = begun(visits(tmp_path, ["2000-01-01T00", "2024-01-01T00"], [3, 40], 8))
    assert {one[:4] for one in found} == {"2024"}


def test_the_last_days_of_months_come_back_too(tmp_path: Path):
    ends = [str(d) for d in (np.datetime64("2019-01") + np.arange(1, 40)).astype("datetime64[D]") - 1]
    time = read(tmp_path, ends).time
    assert time is not None
    assert time.calendar == "month ends"
    assert times.texts(time, times.at(time, np.arange(39))) == ends


def test_holidays_are_no_gaps_and_their_share_is_said(tmp_path: Path):
    stamps = np.delete(np.busday_offset("2020-01-01", np.arange(200)), [20, 70, 110])
    dataset = read(tmp_path, stamps)
    assert dataset.step == "1 weekday"
    assert any("1.5% of the rows are not one step after" in note for note in dataset.notes)


@pytest.mark.parametrize("step", ["1 day", "1 weekday", "1 month"])
def test_no_window_goes_over_a_hole_of_many_rows(tmp_path: Path, step: str):
    every = {
        "1 day": [str(d) for d in days("2020-02-20", *range(1500))],
        "1 weekday": [str(d) for d in np.busday_offset("2020-01-01", np.arange(1500))],
        "1 month": [f"{y}-{m:02}-15" for y in range(1900, 2025) for m in range(1, 13)],
    }[step]
    kept = [stamp for i, stamp in enumerate(every) if not (200 <= i < 208 or 600 <= i < 660 or i == 900)]
    dataset = read(tmp_path, kept)
    assert dataset.step == step
    assert len(dataset.bounds) == 2
    assert dataset.breaks.tolist() == [200, 592]
    said = "where more than 7 rows are missing, here 2 times and at most 60, no window goes over the hole"
    assert said in dataset.notes
    starts = dataset.windows(24, 1).starts
    over = [b - 23 + k for b in (200, 592) for k in range(23)]
    assert starts.tolist() == sorted(set(range(len(kept) - 23)) - set(over))
    train, held = dataset.split(24, 1, 0.1)
    assert len(held) > 50
    assert not set(over) & {*train.starts, *held.starts}
    (tmp_path / "y").mkdir()
    assert read(tmp_path / "y", kept, TrainConfig(gaps=False)).breaks.tolist() == [200, 592]


def test_holes_of_each_sequence_are_found_and_what_is_full_of_holes_has_none(tmp_path: Path):
    every = [f"{i},{d},{n % 7}" for i in (1, 2) for n, d in enumerate(days("2020-01-01", *range(100)))]
    kept = [line for n, line in enumerate(every) if not (150 <= n < 170)]
    (tmp_path / "x.csv").write_text("\n".join(["id,when,a", *kept]) + "\n")
    dataset = load(str(tmp_path / "x.csv"), TrainConfig(id_column="id", length=24))
    assert dataset.bounds.tolist() == [0, 100, 180]
    assert dataset.breaks.tolist() == [150]
    weeks = [
        d for d in days("2020-01-01", *range(400)) if (d - np.datetime64("2020-01-01")).astype(int) % 20 < 8
    ]
    (tmp_path / "y").mkdir()
    dataset = read(tmp_path / "y", weeks, TrainConfig(gaps=False))
    assert not len(dataset.breaks)
    assert len(dataset.windows(24, 1)) == len(weeks) - 23


@pytest.mark.parametrize(
    ("form", "step"),
    [
        ("%b %Y", "1 month"), ("%b-%Y", "1 month"), ("%Y %b", "1 month"), ("%d %b %Y", "1 month"),
        ("%d-%b-%Y", "1 month"), ("%YQ%q", "3 months"), ("%Y Q%q", "3 months"), ("%Y-Q%q", "3 months"),
    ],
)  # fmt: skip
def test_months_have_names_and_quarters_numbers(tmp_path: Path, form: str, step: str):
    stamps = []
    for n in range(40):
        month = n if "%b" in form else 3 * n
        day = date(1990 + month // 12, month % 12 + 1, 1)
        stamps.append(day.strftime(form.replace("%q", str(month % 12 // 3 + 1))))
    dataset = read(tmp_path, stamps)
    assert dataset.step == step
    assert dataset.time is not None
    assert times.texts(dataset.time, times.at(dataset.time, np.arange(40))) == stamps
    (tmp_path / "mixed").mkdir()
    mixed = read(tmp_path / "mixed", [*stamps[:-1], "some day"])
    assert [c.name for c in mixed.columns] == ["when", "a"]


def test_days_may_be_written_as_whole_numbers(tmp_path: Path):
    codes = [str(d).replace("-", "") for d in days("2020-02-20", *range(60))]
    dataset = read(tmp_path, codes)
    assert dataset.step == "1 day"
    assert [c.name for c in dataset.columns] == ["a"]
    assert dataset.time is not None
    assert times.texts(dataset.time, times.at(dataset.time, np.arange(60))) == codes
    (tmp_path / "odd").mkdir()
    assert [c.name for c in read(tmp_path / "odd", [*codes[:-1], "20200431"]).columns] == ["when", "a"]
    (tmp_path / "few").mkdir()  # which come again and again, as the days on which shops were opened
    few = [code for code in codes[:5] for _ in range(12)]
    assert [c.name for c in read(tmp_path / "few", few).columns] == ["when", "a"]
    (tmp_path / "several").mkdir()
    for name, some in (("a", codes), ("b", codes[:3]), ("c", [codes[0], *codes])):
        (tmp_path / "several" / f"{name}.csv").write_text(
            "\n".join(["when,a", *(f"{code},{n % 7}" for n, code in enumerate(some))])
        )
    several = load(str(tmp_path / "several"), TrainConfig(gaps=True))
    assert several.time is not None
    assert several.time.kind == "date"


@pytest.mark.parametrize(
    ("stamps", "unit", "gaps"),
    [
        (days("2020-01-01", 0, 3, 4, 9), "days", [3, 1, 5, 3]),
        (np.datetime64("2020-01-01T06:00:00") + 3600 * np.array([0, 5, 6, 30]), "hours", [5, 1, 24, 5]),
        (np.datetime64("2020-01-01T06:00:00.000") + np.array([0, 5, 1006]), "milliseconds", [5, 1001, 503]),
    ],
)  # fmt: skip
def test_gaps_of_uneven_times_are_a_channel_of_whole_numbers(
    tmp_path: Path, stamps: np.ndarray, unit: str, gaps: list[int]
):
    dataset = read(tmp_path, stamps)
    assert [(c.name, c.unit) for c in dataset.columns] == [("a", None), ("when gap", unit)]
    assert dataset.values[:, 1].tolist() == gaps  # behind the last row the middle one
    time = dataset.time
    assert time is not None
    assert time.gap == "when gap"
    ticks = time.start + np.cumsum([0, *gaps[:-1]]) * time.step
    assert times.texts(time, ticks) == list(map(str, stamps))


def test_gaps_can_be_asked_for_and_done_without(tmp_path: Path):
    assert "when gap" in [c.name for c in read(tmp_path, EVEN["1 day"], TrainConfig(gaps=True)).columns]
    uneven = days("2020-01-01", 0, 1, 2, 3, 9, 10)
    dataset = read(tmp_path, uneven, TrainConfig(gaps=False))
    assert [c.name for c in dataset.columns] == ["a"]
    assert any("20.0% of the rows are not one step after" in note for note in dataset.notes)


def test_rows_are_sorted_within_their_sequence_and_it_is_said(tmp_path: Path):
    (tmp_path / "x.csv").write_text(
        "id,when,a\n2,2020-01-02,1\n1,2020-01-05,2\n2,2020-01-01,3\n1,2020-01-04,4\n1,2020-01-06,5\n"
    )
    dataset = load(str(tmp_path / "x.csv"), TrainConfig(id_column="id"))
    assert dataset.values[:, 0].tolist() == [4, 2, 5, 3, 1]
    assert dataset.bounds.tolist() == [0, 3, 5]
    assert any("not in the order of 'when' (first row 2): they are sorted" in n for n in dataset.notes)
    assert dataset.time is not None
    assert times.texts(dataset.time, np.array([dataset.time.start])) == ["2020-01-01"]


def test_two_zones_are_made_utc_and_said(tmp_path: Path):
    dataset = read(
        tmp_path, [f"2020-01-01T{h + 1:02}:00:00+0{1 + h // 10}:00" for h in [*range(10), *range(11, 20)]]
    )
    assert any("several zones (+01:00, +02:00): all are made UTC" in note for note in dataset.notes)
    assert dataset.time is not None
    assert times.texts(dataset.time, np.array([dataset.time.start])) == ["2020-01-01T00:00:00Z"]
    assert dataset.step == "1 hour"


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (["2020-01-01", "2020-01-32", "2020-01-03"], "'when' is to hold times, and row 2 is '2020-01-32'"),
        (["2020-01-01", "", "2020-01-03"], "not in every row: 1 without, first row 2: fill them in"),
        (["soon", "later", "never"], "row 1 is 'soon': times are read as 2024-01-31"),
        ([f"{i:02}/02/2020" for i in range(1, 10)], "can be read as %m/%d/%Y and as %d/%m/%Y"),
        (np.repeat(days("2020-01-01", *range(9)), 2), "rows 1 and 2 have the same 'when'.*--id-column"),
        (["2020-01-01 25:00", "2020-01-02 10:00"], "row 1 is '2020-01-01 25:00'"),
    ],
)
def test_times_that_cannot_be_are_said_clearly(tmp_path: Path, stamps: list[str], message: str):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, stamps, NAMED)
    assert "x.csv" in str(caught.value)


def test_a_column_called_as_the_gaps_is_refused(tmp_path: Path):
    rows = "".join(f"2020-01-{d:02},{d}\n" for d in (1, 2, 5, 9))
    (tmp_path / "x.csv").write_text("when,when gap\n" + rows)
    with pytest.raises(DataError, match="there is a column of that name"):
        load(str(tmp_path / "x.csv"), TrainConfig())


def test_rows_of_one_time_are_kept_and_said(tmp_path: Path):
    dataset = read(tmp_path, days("2020-01-01", 0, 1, 1, 2, 3))
    assert len(dataset.values) == 5
    assert dataset.values[:, 1].tolist() == [1, 0, 1, 1, 1]
    assert any("rows 2 and 3 have the same 'when', 2020-01-02" in note for note in dataset.notes)


def test_of_two_columns_of_times_one_must_be_named(tmp_path: Path):
    (tmp_path / "x.csv").write_text(
        "from,to,a\n" + "".join(f"2020-01-{d},2020-02-{d},{d}\n" for d in range(10, 20))
    )
    dataset = load(str(tmp_path / "x.csv"), TrainConfig())
    assert dataset.time is None
    assert any("'from', 'to' hold times: name the rows' own with --time-column" in n for n in dataset.notes)
    named = load(str(tmp_path / "x.csv"), TrainConfig(time_column="to"))
    assert named.time is not None
    assert (named.time.name, named.time.place) == ("to", 0)
    assert any("'from' holds times and is left out" in note for note in named.notes)


def test_typed_times_of_parquet_keep_their_zone_and_place(tmp_path: Path):
    moments = (np.datetime64("2020-03-28T22:00:00.000000") + 3_600_000_000 * np.arange(30)).astype(
        "datetime64[us]"
    )
    columns = {
        "a": arrow.array(range(30)),
        "when": arrow.array(moments).cast(arrow.timestamp("us", tz="Europe/Berlin")),
    }
    pyarrow.parquet.write_table(arrow.table(columns), tmp_path / "x.parquet")
    dataset = load(str(tmp_path / "x.parquet"), TrainConfig())
    assert dataset.step == "1 hour"
    assert dataset.time is not None
    assert (dataset.time.zone, dataset.time.place, dataset.time.digits) == ("Europe/Berlin", 1, 0)
    days_of = arrow.table(
        {"when": arrow.array([date(2020, 1, d) for d in range(1, 9)]), "a": arrow.array(range(8))}
    )
    pyarrow.parquet.write_table(days_of, tmp_path / "y.parquet")
    assert load(str(tmp_path / "y.parquet"), TrainConfig()).step == "1 day"


def test_files_of_a_folder_share_their_times(tmp_path: Path):
    (tmp_path / "a.csv").write_text("when,a\n2020-01-01 00:00,1\n2020-01-01 00:01,2\n2020-01-01 00:02,2\n")
    (tmp_path / "b.csv").write_text("when,a\n2019-01-01 00:00:00.500,1\n2019-01-01 00:01:00.500,2\n")
    dataset = load(str(tmp_path), TrainConfig())
    assert dataset.step == "1 minute"
    assert dataset.time is not None
    assert times.texts(dataset.time, np.array([dataset.time.start])) == ["2019-01-01 00:00:00.500"]
    (tmp_path / "b.csv").write_text("when,a\n2019-01-01,1\n2019-01-02,2\n")
    with pytest.raises(DataError, match="time stamp 'when' in one and date 'when' in another"):
        load(str(tmp_path), TrainConfig())


@pytest.mark.parametrize(
    "texts",
    [
        ["0 days 00:00:00", "1 days 02:03:04.5"],
        ["3 days", "-1 days +23:59:59"],
        ["123:00:01", "99:59:59.25"],
    ],
)
def test_durations_are_left_out_and_said(tmp_path: Path, texts: list[str]):
    lines = [f"{texts[i % 2]},{i}" for i in range(30)]
    (tmp_path / "x.csv").write_text("\n".join(["up,a", *lines]) + "\n")
    dataset = load(str(tmp_path / "x.csv"), TrainConfig())
    assert [c.name for c in dataset.columns] == ["a"]
    assert any("'up' holds durations and is left out: write seconds as numbers" in n for n in dataset.notes)
    told = load(str(tmp_path / "x.csv"), TrainConfig(categorical=("up",)))
    assert told.columns[0].labels == tuple(sorted(texts))


def test_times_of_day_are_left_out_and_said(tmp_path: Path):
    (tmp_path / "x.csv").write_text("\n".join(["at,a", *(f"{i % 24:02}:00:00,{i}" for i in range(30))]))
    assert any(
        "'at' holds times of day and is left out" in n
        for n in load(str(tmp_path / "x.csv"), TrainConfig()).notes
    )
