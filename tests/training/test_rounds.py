"""Numbers that go round are labels, and come back as the numbers that they were."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.spec import Channel
from training.config import TrainConfig
from training.data import load
from training.data.rounds import go_round

CONFIG = TrainConfig()


def days(count: int) -> np.ndarray:
    """The day of the month, from January on."""
    return np.array([(np.datetime64("2021-01-01") + n).item().day for n in range(count)], np.float64)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.arange(100) % 24, True),
        (np.arange(200) // 10 % 12 + 1, True),
        (days(400), True),  # of months of 28 days, and 30, and 31
        (np.delete(np.arange(300) % 24, [40, 41, 77, 150]), True),  # rows are lost
        (np.abs(np.arange(100) % 10 - 5), False),  # to and fro
        (np.arange(60), False),  # never back
        (np.arange(100) % 2, False),  # on and off
        (np.arange(100) % 24 + 0.5, False),
        (np.where(np.arange(100) % 30 == 7, np.nan, np.arange(100) % 24), True),  # cells are empty
        (np.random.default_rng(0).integers(0, 5, 400), False),
        (np.arange(9) % 3, False),  # too few to say
        (np.arange(400) % 100, False),  # more than labels are for
    ],
)
def test_what_goes_round(values: np.ndarray, expected: bool):
    assert go_round([np.asarray(values, np.float64)]) == expected


def test_a_sequence_does_not_go_on_in_the_next():
    assert not go_round([np.arange(28.0)] * 3)
    assert go_round([np.arange(30.0) % 7, np.arange(3.0, 30) % 7])


def test_they_are_taken_for_labels_and_said(tmp_path: Path):
    (tmp_path / "x.csv").write_text("hour,a\n" + "".join(f"{i % 24},{i * i % 7}\n" for i in range(96)))
    dataset = load(str(tmp_path / "x.csv"), CONFIG)
    assert [c.labels[:3] for c in dataset.columns] == [("0", "1", "2"), ()]
    assert dataset.values[:30, 0].tolist() == [i % 24 for i in range(30)]
    assert any("'hour' goes round, from 0 to 23 and on" in note for note in dataset.notes)
    plain = load(str(tmp_path / "x.csv"), replace(CONFIG, integer=("hour",)))
    assert plain.columns[0].labels == ()


def test_empty_cells_among_them_are_missing_labels(tmp_path: Path):
    cells = ["" if i == 50 else str(i % 24) for i in range(96)]
    (tmp_path / "x.csv").write_text("hour,a\n" + "".join(f"{c},{i % 7}\n" for i, c in enumerate(cells)))
    dataset = load(str(tmp_path / "x.csv"), replace(CONFIG, integer=("a",)))
    assert dataset.columns[0].missing
    assert dataset.values[48:53, 0].tolist() == [0, 1, -1, 3, 4]


def test_codes_are_whole_numbers():
    def code(*labels: str) -> bool:
        return Channel("a", "categorical", None, None, None, labels, False, None, None, None).code

    assert code("0", "7", "-12")
    assert not code("007", "1")
    assert not code("1", "one")
    assert not code("1.0", "2")
    assert not code()
