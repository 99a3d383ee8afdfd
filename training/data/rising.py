"""Numbers that go one way alone: times that nobody named, and counters."""

from collections.abc import Iterator
from shlex import quote

import numpy as np

from training.data.dataset import Dataset, Doubles

_FEWEST = 8
"""Moves that are looked at, at least."""
_EPOCH = (3e8, 4e9)
"""Seconds since 1970 that may be meant: from 1979 to 2096."""


def like_times(name: str, values: Doubles) -> Iterator[str]:
    """What to know of numbers (rows,) that go up from row to row as times do: evenly, or as seconds since
    1970."""
    moves = np.diff(values)
    if len(moves) < _FEWEST or not (moves > 0).all():
        return
    seconds = values[0] / 1000 if values[0] > _EPOCH[1] else values[0]
    if np.ptp(moves) < 1e-6 * moves.mean() or _EPOCH[0] < seconds < _EPOCH[1]:
        yield (
            f"{name!r} rises in every row as times do, and is learnt as a number like any other: name it "
            f"with --time-column {quote(name)} if these are the times of the rows"
        )


def counters(dataset: Dataset) -> Iterator[str]:
    """What to know of numbers that go one way alone in all sequences, too often for an accident."""
    moves = np.diff(dataset.values, axis=0)
    moves = np.delete(moves, dataset.bounds[1:-1] - 1, axis=0)  # (moves, channels)
    for column, change in zip(dataset.columns, moves.T, strict=True):
        up, down = int((change > 0).sum()), int((change < 0).sum())
        timely = any(note.startswith(f"{column.name!r} rises ") for note in dataset.notes)
        if not column.labels and not timely and max(up, down) >= _FEWEST and min(up, down) == 0:
            yield (
                f"{column.name!r} never {'falls' if up else 'rises'}, and samples may: to have it so, "
                "learn what it gains in each row, and add up that of samples"
            )
