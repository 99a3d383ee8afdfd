"""Columns that follow from the time: the hour, the name of the weekday, whether it is a weekend, a tariff.

Learnt, they would go with one another and not with the times that stand beside them, and cost what labels
cost. So they are found, and tables of samples have them by the times of their rows. One is what a part of
the time is, or a whole number more, in all rows; or it has one value for each. Counters do so by chance:
the part has to come round within a sequence, or to stay for some rows as the column does that is the part.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract import times
from contract.calendar import FROM_ONE, PARTS, Derived, Part, Time
from training.data.columns import Column
from training.data.dataset import Dataset, Doubles, Integers

_ROUNDS = 3
"""That a part has to go within sequences, where each has a value of its own."""
_STAYS = 2
"""Rows that a part stays in the mean, where it need not come round."""
_AHEAD = 800
"""Days in which samples are taken to go through all parts of the time that they can; months or weekdays."""
_GLANCE = 5000
"""Rows that are looked at first."""


@dataclass(frozen=True)
class _Part:
    """One part of the times of all rows."""

    name: Part
    now: Integers
    """(rows,)"""
    rounds: int
    """How often it begins again within a sequence."""
    stays: float
    """Rows from change to change, in the mean."""


def told(
    columns: Sequence[Column], sequences: Sequence[Doubles], time: Time | None, ticks: Integers, place: int,
    named: Collection[str],
) -> tuple[list[Column], list[Doubles], list[Derived], list[str]]:  # fmt: skip
    """The same columns and sequences, each (rows, columns), without those that follow from the times,
    `ticks` (rows of all,), these, and what is to be said of them. Those that are `named` are learnt, and so
    are those that are constant in each of several sequences; the time stands behind `place` columns."""
    # Where summer has a time of its own, parts of UTC are not what the clock says.
    if time is None or time.kind == "number" or not times.on_the_clock(time):
        return list(columns), list(sequences), [], []
    inside = np.ones(max(0, len(ticks) - 1), bool)  # (rows - 1,): whether the next row is of the sequence
    inside[np.cumsum([len(s) for s in sequences])[:-1] - 1] = False
    parts = list(_parts(time, ticks, inside))
    found: list[Derived | None] = []
    for n, column in enumerate(columns):
        values = np.concatenate([s[:, n] for s in sequences])
        moves = len(sequences) == 1 or bool((np.diff(values) != 0)[inside].any())
        wanted = moves and column.name not in named
        found.append(_derived(column, values, time, parts) if wanted else None)
    derived = [
        Derived(d.name, n + (n >= place), d.part, d.offset, d.numbers, d.labels)
        for n, d in enumerate(found)
        if d is not None
    ]
    kept = [n for n, d in enumerate(found) if d is None]
    if not derived or not kept:
        return list(columns), list(sequences), [], []
    names = ", ".join(repr(d.name) for d in derived)
    follow = "follow" if len(derived) > 1 else "follows"
    note = (
        f"{names} {follow} from {time.name!r}: not learnt, but tables of samples have such by their times; "
        "--categorical, --integer or --continuous learn them"
    )
    return [columns[n] for n in kept], [s[:, kept] for s in sequences], derived, [note]


def going_with_the_first(dataset: Dataset) -> Iterator[str]:
    """What is to be said of conditions that say when a sequence begins, as its weekday does: samples draw
    both apart from each other."""
    time = dataset.time
    if time is None or time.kind == "number" or not times.on_the_clock(time) or not len(dataset.ticks):
        return
    first = dataset.ticks[dataset.bounds[:-1]]  # (sequences,)
    for column, values in zip(dataset.statics, dataset.static_values.T, strict=True):
        for name in PARTS:
            found, at, which = np.unique(
                times.part(time, name, first), return_index=True, return_inverse=True
            )
            told = (values == values[at][which]).all() and not _all_alike(values)
            if told and 1 < len(found) <= len(first) / _ROUNDS:
                yield (
                    f"{column.name!r} goes with the {name} that a sequence begins in, and samples draw "
                    f"each by itself: ask for both, {column.name!r} and {time.name!r}, to have them agree"
                )
                break


def _parts(time: Time, ticks: Integers, inside: NDArray[np.bool_]) -> Iterator[_Part]:
    for name in PARTS:
        now = times.part(time, name, ticks)
        moves = np.diff(now)[inside]
        changes = int((moves != 0).sum())
        if changes or name == "year":
            yield _Part(name, now, int((moves < 0).sum()), len(now) / max(1, changes))


def _derived(column: Column, values: Doubles, time: Time, parts: Sequence[_Part]) -> Derived | None:
    """How a column (rows,) follows from the times, its place still to come; None where it does not."""
    if np.isnan(values).any() or (column.labels and (values < 0).any()):
        return None
    for part in parts:
        apart = values - part.now
        if not column.labels and apart[0].is_integer() and _all_alike(apart):
            # The year itself may be one alone, and what is a whole number more may be a counter.
            itself = apart[0] == 0 and (part.name == "year" or part.stays >= _STAYS)
            if part.rounds or itself:
                return Derived(column.name, 0, part.name, int(apart[0]), (), ())
        if part.rounds >= _ROUNDS and (table := _table(values, part, time)) is not None:
            if column.labels:
                return Derived(
                    column.name, 0, part.name, 0, (), tuple(column.labels[int(v)] for v in table)
                )
            return Derived(column.name, 0, part.name, 0, tuple(table.tolist()), ())
    return None


def _table(values: Doubles, part: _Part, time: Time) -> Doubles | None:
    """The value of each part of the times, if there is one for each that samples can come to, and not one
    for all; of others that of the part before."""
    some, firsts, glance = np.unique(part.now[:_GLANCE], return_index=True, return_inverse=True)
    if len(some) < 2 or (values[:_GLANCE] != values[firsts][glance]).any():
        return None
    seen, first, which = np.unique(part.now, return_index=True, return_inverse=True)
    if (values != values[first][which]).any() or _all_alike(values):
        return None
    least = int(part.name in FROM_ONE)
    every = np.arange(least, least + PARTS[part.name])
    if not set(_ahead(time, part.name, every).tolist()) <= set(seen.tolist()):
        return None
    at = np.searchsorted(seen, every, side="right") - 1  # of the first ones the last part of all
    table: Doubles = values[first][at]
    return table


def _ahead(time: Time, part: Part, every: Integers) -> Integers:
    """The parts of the time that rows one step apart come to; all where they are not."""
    if time.gap is not None:
        return every
    rows = _AHEAD * times.ticks_a_day(time) // time.step if time.calendar == "even" else _AHEAD
    ahead = times.at(time, np.arange(max(2, min(rows, 24 * _AHEAD))))
    return np.unique(times.part(time, part, ahead))


def _all_alike(values: Doubles) -> bool:
    return bool((values[:_GLANCE] == values[0]).all() and (values == values[0]).all())
