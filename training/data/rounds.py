"""Numbers that go round: the hour, the day of the week, the month, a machine's phase.

Of numbers 23 and 0 are far apart, and what lies between is passed on the way: hours would come in no order.
Labels are chosen knowing the one before, and go round as the data do.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.data.columns import Column
from training.data.dataset import Doubles

_FEWEST, _MOST = 3, 64
"""Values in a round."""
_STRICT = 0.95
"""Share of the changes that lead to the usual next value, at least: months and lost rows differ."""
_CHANGES = 12
"""At least; and so many that one round was whole."""


def told(
    columns: Sequence[Column], sequences: Sequence[Doubles], named: Sequence[str]
) -> tuple[list[Column], list[Doubles], list[str]]:
    """The same columns and sequences, each (rows, columns), with labels in place of numbers that go round,
    and what is to be said of these; those that are `named` stay what they are."""
    columns, sequences, notes = list(columns), list(sequences), []
    for i, column in enumerate(columns):
        own = [s[:, i] for s in sequences]
        if column.labels or column.name in named or not go_round(own):
            continue
        distinct = np.unique(np.concatenate(own))
        distinct = distinct[~np.isnan(distinct)]
        labels = tuple(str(int(value)) for value in distinct)
        columns[i] = replace(column, labels=labels)
        sequences = [np.array(s, copy=True) for s in sequences]
        for sequence in sequences:
            there = ~np.isnan(sequence[:, i])
            sequence[:, i] = np.where(there, np.searchsorted(distinct, sequence[:, i]), -1)
        notes.append(
            f"{column.name!r} goes round, from {labels[0]} to {labels[-1]} and on, and is taken for "
            "labels, so that samples go round as well: --integer tells otherwise"
        )
    return columns, sequences, notes


def go_round(sequences: Sequence[Doubles]) -> bool:
    """Whether whole numbers, (rows,) of each sequence, mostly go from each to one other, and so through
    all."""
    values = np.concatenate(sequences)
    there = ~np.isnan(values)
    distinct, at = np.unique(values, return_inverse=True)
    distinct = distinct[~np.isnan(distinct)]
    count = len(distinct)
    if not _FEWEST <= count <= _MOST or (distinct != np.rint(distinct)).any():
        return False
    inside = there.copy()
    inside[:-1] &= there[1:]
    inside[np.cumsum([len(s) for s in sequences]) - 1] = False
    rows = np.flatnonzero(inside)
    rows = rows[at[rows] != at[rows + 1]]  # (changes,)
    changes = np.zeros((count, count), np.int64)
    np.add.at(changes, (at[rows], at[rows + 1]), 1)
    usual = changes.max(axis=1)  # (values,)
    if len(rows) < max(_CHANGES, count + 1) or not usual.all() or usual.sum() < _STRICT * len(rows):
        return False
    return _is_one_round(changes.argmax(axis=1))


def _is_one_round(following: NDArray[np.int64]) -> bool:
    """Whether going from each to that `following` (values,) leads through all and back."""
    seen, at = {0}, int(following[0])
    while at not in seen:
        seen.add(at)
        at = int(following[at])
    return at == 0 and len(seen) == len(following)
