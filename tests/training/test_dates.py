"""Dates in the forms of people: which is the rows' time, and whether the day or the month is first."""

import datetime
from collections.abc import Iterable
from csv import reader
from pathlib import Path

import numpy as np
import pytest

from cadenza.foreign import of_samples
from contract import times
from export.exporter import export
from serving.sampler import load as load_generator
from tests.training.tables import csv, rows_of
from training.config import TrainConfig
from training.data import Dataset, load
from training.errors import DataError
from training.trainer import train

CONFIG = TrainConfig()


@pytest.mark.parametrize(
    "form",
    [
        "%d.%m.%Y",
        "%m/%d/%Y",
        "%d/%m/%Y %H:%M",
        "%Y/%m/%d",
        "%-m/%-d/%Y %-H:%M",
        "%m/%d/%Y %I:%M %p",
        "%b %d, %Y",
    ],
)
def test_dates_that_can_be_read_in_one_way_only_are_times(tmp_path: Path, form: str):
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(i) for i in range(200)]
    rows = [f"{day:{form}};{i * i % 7}" for i, day in enumerate(days)]
    read = load(csv(tmp_path / "x.csv", rows_of(rows, "Datum;a")), TrainConfig())
    assert [c.name for c in read.columns] == ["a"]
    assert read.time is not None and (read.time.name, read.time.format) == ("Datum", form)
    written = times.texts(read.time, times.at(read.time, np.arange(200)))
    assert written == [f"{day:{form}}" for day in days]


def dates(path: Path, days: Iterable[datetime.date]) -> Dataset:
    return load(
        csv(path, rows_of([f"{day:%d/%m/%Y};{i % 7}" for i, day in enumerate(days)], "Datum;a")), CONFIG
    )


def test_day_and_month_are_where_rows_follow_one_another(tmp_path: Path):
    """As first of the month, the first business day, and days that are told."""
    months = dates(tmp_path / "x.csv", (datetime.date(2020 + i // 12, 1 + i % 12, 1) for i in range(60)))
    assert months.time is not None and (months.step, months.time.format) == ("1 month", "%d/%m/%Y")
    assert "'Datum' is read as %d/%m/%Y, as rows follow one another then: --time-format tells" in str(
        months.notes
    )
    firsts = [datetime.date(2018 + i // 12, 1 + i % 12, 1 + i * i % 3) for i in range(60)]
    business = dates(tmp_path / "z.csv", firsts)
    assert business.time is not None and business.time.format == "%d/%m/%Y"
    told = load(str(tmp_path / "x.csv"), TrainConfig(time_format="%m/%d/%Y"))
    assert told.time is not None and told.time.format == "%m/%d/%Y"
    with pytest.raises(DataError, match="have the same 'Datum', 01/03/2024, and so have most rows"):
        dates(tmp_path / "y.csv", (datetime.date(2024, 3, 1 + i // 24) for i in range(240)))


def test_dates_of_which_day_and_month_could_change_places_are_left_out_and_said(tmp_path: Path):
    read = dates(tmp_path / "x.csv", (datetime.date(2024, 5, 5) for _ in range(60)))
    assert [c.name for c in read.columns] == ["a"]
    assert any("'Datum' looks like dates, such as 05/05/2024, of which day and" in n for n in read.notes)


def test_a_row_that_is_no_day_is_named_whatever_form_the_others_have(tmp_path: Path):
    rows = [f"{1 + i:02}.02.2024;{i % 3}" for i in range(20)]
    path = csv(tmp_path / "x.csv", rows_of([*rows, "heute;1"], "Datum;a"))
    with pytest.raises(DataError, match="row 21 is 'heute'"):
        load(path, TrainConfig(time_column="Datum"))


def test_days_in_no_order_of_the_rows_are_none_of_theirs(tmp_path: Path):
    births = [datetime.date(1950, 1, 1) + datetime.timedelta(i * 7919 % 20000) for i in range(60)]
    read = dates(tmp_path / "x.csv", births)
    assert read.time is None
    assert "'Datum' holds times and is left out" in read.notes


def test_of_two_columns_of_times_that_in_iso_form_is_the_rows(tmp_path: Path):
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(i) for i in range(60)]
    rows = [f"{day};{day + datetime.timedelta(2):%d.%m.%Y};{i % 7}" for i, day in enumerate(days)]
    read = load(csv(tmp_path / "x.csv", rows_of(rows, "traded;settled;a")), CONFIG)
    assert read.time is not None and read.time.name == "traded"


@pytest.mark.parametrize("form", ["%b %-d, %Y", "%-m/%-d/%Y %-I:%M %p"])
def test_samples_have_dates_as_the_data_write_them(tmp_path: Path, form: str):
    hours = [datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=24 * i) for i in range(224)]
    written = [f"{hour:{form}}" for hour in hours]
    lines = [f'"{text}",{i * i % 7}' for i, text in enumerate(written[:200])]
    data = csv(tmp_path / "x.csv", rows_of(lines, "at,a"))
    train(data, tmp_path / "run", TrainConfig(steps=1, length=12))
    export(tmp_path / "run", tmp_path / "m.onnx")
    load_generator(tmp_path / "m.onnx").sample(count=30, length=24, seed=1).save(tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        header, *rows = reader(file)
    assert header == ["sequence", "step", "at", "a"]
    for sample in range(30):
        found = [row[2] for row in rows[24 * sample : 24 * sample + 24]]
        at = written.index(found[0])
        assert found == written[at : at + 24]
    sides = of_samples(tmp_path / "s.csv", data, TrainConfig())
    assert [c.name for c in sides.real.dataset.columns] == ["a"]  # though days begin anew in each sample


def test_days_may_begin_anew_in_each_sequence(tmp_path: Path):
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(i) for i in range(24)]
    rows = [f"{n};{day:%b %-d, %Y};{i * n % 7}" for n in range(30) for i, day in enumerate(days)]
    read = load(csv(tmp_path / "x.csv", rows_of(rows, "who;on;a")), TrainConfig(id_column="who"))
    assert read.time is not None and read.time.name == "on"
    assert [c.name for c in read.columns] == ["a"]


def test_a_folder_has_the_form_that_all_its_files_have(tmp_path: Path):
    """One in which no hour is of one digit, and one in which none is of half a day."""
    for form, other in (("%-m/%-d/%Y %-I:%M %p",) * 2, ("%-m/%-d/%Y %-I:%M %p", "%-m/%-d/%Y %-H:%M")):
        for name, first, written in (("a", 13, form), ("b", 1, other)):
            hours = [
                datetime.datetime(2024, 11, first, 10) + n * datetime.timedelta(hours=12) for n in range(40)
            ]
            rows = [f"{hour:{written}},{hour.day**2 % 7}" for hour in hours]
            csv(tmp_path / f"{name}.csv", rows_of(rows, "at,a"))
        read = load(str(tmp_path), TrainConfig())
        clock = other[10:].replace("-", "")  # months and hours have two digits in all rows
        assert read.time is not None and read.time.format == f"%m/%-d/%Y{clock}"
