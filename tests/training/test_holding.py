"""What is held out has of each kind what the data have, and takes the last of none."""

from collections.abc import Sequence

import numpy as np
import pytest

from training.data.columns import Column
from training.data.dataset import Dataset
from training.data.holding import notes_on


def dataset(columns: Sequence[Column], kinds: Sequence[Sequence[float]], rows: int = 30) -> Dataset:
    """A sequence of so many rows for each of `kinds`."""
    random = np.random.default_rng(0)
    sequences = [np.column_stack([np.tile(kind, (rows, 1)), random.normal(size=rows)]) for kind in kinds]
    names = [c.name for c in columns]
    return Dataset.of("table", [*columns, Column("v")], sequences).with_statics(names, guess=False)


def held(data: Dataset, share: float = 0.1) -> np.ndarray:
    windows, _ = data.split(24, 1, share)
    return np.setdiff1d(np.arange(len(data.bounds) - 1), data.sequence_of(windows.starts))


@pytest.mark.parametrize("labels", [("north", "south"), ()])
def test_a_kind_that_comes_every_tenth_time_is_on_both_sides(labels: tuple[str, ...]):
    """As a table by shop and product has it; numbers that stand for kinds as well."""
    kinds = [[float(n % 10 == 5)] for n in range(200)]
    gone = held(dataset([Column("region", labels=labels)], kinds))
    assert len(gone) == 20
    assert sum(kinds[i][0] for i in gone) == 2


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_the_last_of_no_labels_is_held_out(share: float):
    """Some are alone, some are two, and a number beside them tells all apart."""
    columns = [Column("shop", labels=tuple("abcdefghij")), Column("day"), Column("kind", labels=("x", "y"))]
    kinds = [[n % 10, n * 7 % 61, float(n % 10 > 4)] for n in range(58)] + [[0, 99, 1]]
    data = dataset(columns, kinds)
    gone = held(data, share)
    assert len(gone) == {0.1: 6, 0.3: 18, 0.5: 29}[share]
    left = {(kinds[i][0], kinds[i][2]) for i in range(59) if i not in gone}
    assert left == {(kind[0], kind[2]) for kind in kinds}
    windows, _ = data.split(24, 1, share)
    assert notes_on(data, windows) == []


def test_where_all_labels_differ_blocks_of_time_are_held_out():
    """In a table by shop and product each pair is there once."""
    columns = [Column("shop", labels=tuple("abcdefgh")), Column("product", labels=("milk", "bread"))]
    data = dataset(columns, [[n // 2, n % 2] for n in range(16)], rows=400)
    windows, other = data.split(24, 1, 0.4)
    assert set(data.sequence_of(windows.starts)) == set(data.sequence_of(other.starts)) == set(range(16))


def test_labels_that_nothing_can_be_asked_under_are_said():
    """Short sequences, of which none is like another: some have to be held out, or nothing is."""
    names = tuple(f"n{i:02d}" for i in range(60))
    data = dataset([Column("name", labels=names)], [[n] for n in range(60)])
    windows, other = data.split(24, 1, 0.1)
    assert len(np.unique(data.sequence_of(other.starts))) == 6
    (said,) = notes_on(data, windows)
    assert said.startswith("no window to train on has name = n05, name = n15, name = n25, and 3 more: samp")


def test_shares_that_windows_have_otherwise_than_sequences_are_said():
    """Of short sequences there are few windows, and samples are as windows are."""
    random = np.random.default_rng(0)
    kinds = [(0, 10), (0, 30), (1, 120)] * 20
    sequences = [np.column_stack([np.full(n, k), random.normal(size=n)]) for k, n in kinds]
    columns = [Column("plan", labels=("basic", "plus")), Column("v")]
    data = Dataset.of("table", columns, sequences).with_statics(["plan"], guess=False)
    windows, _ = data.split(24, 1, 0.1)
    (said,) = notes_on(data, windows)
    assert said.startswith("plan = plus is in 33% of the sequences and in 93% of the windows trained on")
