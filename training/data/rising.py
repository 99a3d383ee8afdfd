"""Numbers that go one way alone: times that nobody named, the rows of a sequence, and counters."""

from collections.abc import Collection, Iterator, Sequence
from shlex import quote

import numpy as np

from training.data.columns import Column
from training.data.dataset import Dataset, Doubles

_FEWEST = 8
"""Moves that are looked at, at least."""
_ANEW = 0.05
"""Of a counter's moves, how many may be falls to where it begins anew; and of its range, how far up that
is."""
_EPOCH = (3e8, 4e9)
"""Seconds since 1970 that may be meant: from 1979 to 2096."""


def like_times(name: str, values: Doubles) -> Iterator[str]:
    """What to know of numbers (rows,) that go up from row to row as times do."""
    if len(values) and _timely(np.diff(values), values[0]):
        yield _named(name)


def without_rows(
    columns: Sequence[Column], sequences: Sequence[Doubles], named: Collection[str]
) -> tuple[list[Column], list[Doubles], list[str]]:
    """The columns and the sequences, each (rows, columns), without what is the number of the row in each of
    several, from 0 or 1 on, and what is to be said; those that are `named` stay, and at least one does."""
    counts = [
        len(sequences) > 1
        and column.name not in named
        and not column.labels
        and max(map(len, sequences)) > 1
        and any(all((s[:, i] == begin + np.arange(len(s))).all() for s in sequences) for begin in (0, 1))
        for i, column in enumerate(columns)
    ]
    kept = [i for i, count in enumerate(counts) if not count]
    if not any(counts) or all((s[:, kept] == s[:1, kept]).all() for s in sequences):  # the others are still
        return list(columns), list(sequences), []
    notes = [
        f"{column.name!r} counts the rows of each sequence, as samples do, and is left out"
        for column, count in zip(columns, counts, strict=True)
        if count
    ]
    return [columns[i] for i in kept], [s[:, kept] for s in sequences], notes


def counters(dataset: Dataset, timeless: bool, named: Sequence[str]) -> Iterator[str]:
    """What to know of numbers that go one way alone in all sequences, too often for an accident;
    `timeless`: no column holds the times, which one of these may but for those that are `named`."""
    moves = np.diff(dataset.values, axis=0)
    moves = np.delete(moves, dataset.bounds[1:-1] - 1, axis=0)  # (moves, channels)
    ends = np.delete(dataset.values[1:], dataset.bounds[1:-1] - 1, axis=0)  # (moves, channels)
    each = zip(dataset.columns, dataset.values.T, moves.T, ends.T, strict=True)
    for column, values, change, after in each:
        up, down = int((change > 0).sum()), int((change < 0).sum())
        if column.labels or _named(column.name) in dataset.notes:
            continue
        if any(note.endswith(f"--id-column {quote(column.name)}") for note in dataset.notes):
            continue  # it may tell sequences apart
        maybe = timeless and column.name not in named and len(dataset.bounds) > 2
        if maybe and _timely(change, values[0]):
            yield _named(column.name)
        elif max(up, down) >= _FEWEST and min(up, down) == 0:
            yield (
                f"{column.name!r} never {'falls' if up else 'rises'}, and samples may: to have it so, "
                "learn what it gains in each row, and add up that of samples"
            )
        elif up >= _FEWEST and 0 < down <= _ANEW * up and _begins_anew(values, after[change < 0]):
            yield (
                f"{column.name!r} falls in {down} rows alone, to where it begins anew, and samples may at "
                "any time: to have it so, learn what it gains in each row, and add up that of samples"
            )


def _begins_anew(values: Doubles, fallen: Doubles) -> bool:
    """Whether a number (rows,) falls to about its least, `fallen` (falls,)."""
    low, high = np.nanmin(values), np.nanmax(values)
    return bool((fallen <= low + _ANEW * (high - low)).all())


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
