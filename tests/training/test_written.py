"""Numbers as people write them, with units, marks and brackets: read and said, or left as names."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.training.tables import csv, rows_of
from training.config import TrainConfig
from training.data import load

CONFIG = TrainConfig()


def test_numbers_as_people_write_them_are_read(tmp_path: Path):
    rows = [
        f"$ {i}.50;{i},5 %;1.{i}{'KM'[i % 2]};{('({})', '{}')[i % 2].format(i)};{i}\u202f000 kWh"
        for i in range(1, 31)
    ]
    text = "\n".join(["a;b;c;d;e", *rows]).replace(";", '","').replace("\n", '"\n"')
    dataset = load(csv(tmp_path / "x.csv", f'"{text}"\n'), CONFIG)
    i = np.arange(1.0, 31)
    c = [float(f"1.{n}e{3 + 3 * (n % 2)}") for n in range(1, 31)]
    np.testing.assert_array_equal(
        dataset.values, np.stack([i + 0.5, i + 0.5, c, i * (2 * (i % 2) - 1), 1000 * i], 1)
    )
    assert dataset.notes[:5] == (
        "'a': '$' is its unit, which samples have without",
        "'b': a comma is a mark of decimals, and '%' is its unit, which samples have without",
        "'c': K stands for 1,000, and M stands for 1,000,000",
        "'d': what stands in brackets is below zero",
        "'e': a blank is a mark of thousands, and 'kWh' is its unit, which samples have without",
    )


@pytest.mark.parametrize(
    "written",
    [
        lambda i: f"{i}A",  # seats, flats
        lambda i: f"{i % 60 + 1}{'KM'[i % 2]}",
        lambda i: f"{i:03}A",
        lambda i: f"{i}th",
        lambda i: f"BUS {i}",
        lambda i: f"({i})",
        lambda i: f"{i + 100}B",
        lambda i: f"555 {i + 100} 123",
        lambda i: f"{i}-{i + 5}",
        lambda i: f"1/{i}",
        lambda i: f"{i}.0.1",
    ],
)
def test_names_that_look_like_numbers_stay_labels(tmp_path: Path, written: Callable[[int], str]):
    rows = [f"{written(i % 40)},{i}" for i in range(80)]
    assert load(csv(tmp_path / "x.csv", rows_of(rows, "a,b")), CONFIG).columns[0].labels


def test_a_decimal_comma_behind_a_zero_marks_no_thousands(tmp_path: Path):
    rows = [f'"0,{i + 100}",{i}' for i in range(80)]
    dataset = load(csv(tmp_path / "x.csv", rows_of(rows, "a,b")), CONFIG)
    np.testing.assert_allclose(dataset.values[:, 0], (np.arange(80) + 100) / 1000)


@pytest.mark.parametrize("mark", [".", "-", "?", "\u2014"])
def test_a_mark_where_a_number_is_missing_is_read_and_said(tmp_path: Path, mark: str):
    """As the Federal Reserve, statisticians and the authors of benchmarks write it."""
    rows = [f"{mark if i % 9 == 4 else 1.5 * i},{i},{2e-9 * i if i % 5 else mark}" for i in range(90)]
    dataset = load(csv(tmp_path / "x.csv", rows_of(rows, "a,b,c")), CONFIG)
    i = np.arange(90.0)
    a, c = np.where(i % 9 == 4, np.nan, 1.5 * i), np.where(i % 5 == 0, np.nan, 2e-9 * i)
    np.testing.assert_array_equal(dataset.values, np.stack([a, i, c], 1))
    assert f"'a': {mark!r} is where one is missing" in dataset.notes


def test_what_is_no_number_of_one_form_is_labels_and_said(tmp_path: Path):
    path = csv(tmp_path / "y.csv", 'a,b,c\n20.0 C,"1,5",4 rooms\n20.1 C,"2,5",5 C\n21 C,"1,7",5 m/s\n')
    notes = load(path, CONFIG).notes
    assert any(
        "'a' looks like numbers with units or marks of thousands, such as '21 C'" in n for n in notes
    )
    assert any("'b' looks like numbers with a decimal comma, such as '2,5'" in n for n in notes)
    assert not any("'c' looks like" in n for n in notes)  # of many units: these are words
    mixed = csv(tmp_path / "z.csv", "a,b,c,d\n3,5%,1 234,0\nL,0,5\u202f678,A\nM,7%,12,B\n")
    said = [n.split()[0] for n in load(mixed, CONFIG).notes if "looks like numbers" in n]
    assert said == []  # sizes and codes are none, and 0 is so in any unit
    read = load(path, TrainConfig(continuous=("a", "b")))
    np.testing.assert_array_equal(read.values[:, :2], [[20, 1.5], [20.1, 2.5], [21, 1.7]])


def test_points_that_mark_thousands_are_none_of_decimals(tmp_path: Path):
    text = rows_of([f"{1000 + 37 * i:,};{i},25".replace(",", ".", 1) for i in range(60)])
    dataset = load(csv(tmp_path / "x.csv", text), CONFIG)
    np.testing.assert_array_equal(dataset.values[:, 0], 1000 + 37 * np.arange(60))
    np.testing.assert_array_equal(dataset.values[:, 1], np.arange(60) + 0.25)
    assert any("'a': a point is a mark of thousands" in note for note in dataset.notes)


def test_commas_that_mark_thousands_are_read(tmp_path: Path):
    text = rows_of([f'"{990 + 37.5 * i:,.2f}",{i % 7}' for i in range(60)], "a,b")
    dataset = load(csv(tmp_path / "x.csv", text), CONFIG)
    np.testing.assert_array_equal(dataset.values[:, 0], 990 + 37.5 * np.arange(60))


def test_what_only_looks_like_thousands_stays_text(tmp_path: Path):
    text = rows_of([f'"{i % 3},{i % 2}",{i % 7}' for i in range(60)], "a,b")
    assert load(csv(tmp_path / "x.csv", text), CONFIG).columns[0].labels == (
        "0,0", "0,1", "1,0", "1,1", "2,0", "2,1",
    )  # fmt: skip
