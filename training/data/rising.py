"""Numbers that go one way alone: times that nobody named, and counters."""

from collections.abc import Iterator, Sequence
from shlex import quote

import numpy as np

from training.data.dataset import Dataset, Doubles

_FEWEST = 8
"""Moves that are looked at, at least."""
_EPOCH = (3e8, 4e9)
"""Seconds since 1970 that may be meant: from 1979 to 2096."""


def like_times(name: str, values: Doubles) -> Iterator[str]:
    """What to know of numbers (rows,) that go up from row to row as times do."""
    if len(values) and _timely(np.diff(values), values[0]):
        yield _named(name)


def counters(dataset: Dataset, timeless: bool, named: Sequence[str]) -> Iterator[str]:
    """What to know of numbers that go one way alone in all sequences, too often for an accident;
    `timeless`: no column holds the times, which one of these may but for those that are `named`."""
    moves = np.diff(dataset.values, axis=0)
    moves = np.delete(moves, dataset.bounds[1:-1] - 1, axis=0)  # (moves, channels)
    for column, values, change in zip(dataset.columns, dataset.values.T, moves.T, strict=True):
        up, down = int((change > 0).sum()), int((change < 0).sum())
        if column.labels or _named(column.name) in dataset.notes:
            continue
        if any(f"--id-column {quote(column.name)}" in note for note in dataset.notes):
            continue  # it may tell sequences apart
        maybe = timeless and column.name not in named and len(dataset.bounds) > 2
        if maybe and _timely(change, values[0]):
            yield _named(column.name)
        elif max(up, down) >= _FEWEST and min(up, down) == 0:
            yield (
                f"{column.name!r} never {'falls' if up else 'rises'}, and samples may: to have it so, "
                "learn what it gains in each row, and add up that of samples"
            )


def _timely(moves: Doubles, first: float) -> bool:
    """Whether all `moves` (moves,) of numbers are up, evenly or as seconds since 1970; one of them is the
    `first`."""
    if len(moves) < _FEWEST or not (moves > 0).all():
        return False
    seconds = first / 1000 if first > _EPOCH[1] else first
    return bool(np.ptp(moves) < 1e-6 * moves.mean() or _EPOCH[0] < seconds < _EPOCH[1])


def _named(name: str) -> str:
    return (
        f"{name!r} rises in every row as times do, and is learnt as a number like any other: name it "
        f"with --time-column {quote(name)} if these are the times of the rows"
    )
