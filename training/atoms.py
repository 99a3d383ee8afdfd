"""Atoms: values that a slow channel rests at, and what it may be thought to do meanwhile.

A visibility that is 40 km for hours, a humidity that stops at 1 %: one value again and again, of which a
smooth path knows nothing. It is taken as censored (Tobin, "Estimation of relationships for limited
dependent variables", Econometrica 26, 1958): a hidden path goes on behind the value, and a band of scores
shows as this one value. Networks that draw a smooth path rest at the atom while they are in its band. In
data, a stretch of n rows that comes back to where it came from is given the shape of a walk that does so,
√(k (n + 1 − k) / (n + 1)) moves deep at its k-th row (the mean of a Brownian excursion: Durrett and
Iglehart, Annals of Probability 5, 1977); one that crosses the band goes straight through it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Doubles, Integers

SHARE = 0.2
"""Of the rows, what one value has at least to be an atom."""
_INSIDE, _OUTSIDE = 2.0, 16.0
"""Most of a band's width in moves of the channel: between other values, and at an end of the range, where
nothing has to cross it."""


@dataclass(frozen=True)
class Atom:
    """One of a channel's: all scores from `low` to `high` show as `value`."""

    value: float
    low: float
    high: float
    size: float
    """Of a move, in scores."""


def atoms_of(values: Doubles) -> Doubles:
    """The values of (rows,) that are atoms, rising: none where there are few others."""
    distinct, counts = np.unique(values, return_counts=True)
    found: Doubles = distinct[counts >= SHARE * len(values)]
    return found if len(distinct) > 1 / SHARE else found[:0]


def banded(x: Doubles, y: Doubles, values: Doubles) -> tuple[Doubles, Doubles, tuple[Atom, ...]]:
    """A curve's knots (values x, scores y), both rising, with a band of scores at each atom of `values`
    (rows,): as wide as the hidden path of its longest stretch is deep, within bounds."""
    moves = np.diff(np.interp(values, x, y))
    size = float(moves[moves != 0].std()) if moves.any() else 0.0
    atoms = []
    for value in atoms_of(values):
        begins, ends = _stretches(values == value, np.array([0, len(values)]))
        most = _INSIDE if x[0] < value < x[-1] else _OUTSIDE
        width = size * min(float((ends - begins).max() + 1) ** 0.5 / 2, most)
        at, before, behind = float(np.interp(value, x, y)), x < value, x > value
        x = np.concatenate([x[before], [value, value], x[behind]])
        y = np.concatenate([y[before], [at, at + width], y[behind] + width])
        atoms.append(Atom(float(value), at, at + width, size))
    return x, y, tuple(atoms)


def hidden(scores: Doubles, values: Doubles, atom: Atom, bounds: Integers) -> None:
    """Write the hidden path into `scores` (rows,) where `values` (rows,) are the atom; sequences begin and
    end at `bounds`."""
    begins, ends = _stretches(values == atom.value, bounds)
    count = ends - begins  # (stretches,)
    below = values < atom.value
    first, last = np.isin(begins, bounds), np.isin(ends, bounds)
    came = np.where(first, -1, below[begins - 1])  # from below 1, from above 0, from nowhere -1
    goes = np.where(last, -1, below[np.minimum(ends, len(values) - 1)])
    came, goes = np.where(first, goes, came), np.where(last, came, goes)
    of = np.repeat(np.arange(len(count)), count)  # (rows at the atom,): which stretch
    k = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count) + 1
    n = count[of] + 1
    width = atom.high - atom.low
    deep = np.minimum(atom.size * np.sqrt(k * (n - k) / n), width)
    through = width * np.where(came[of] == 1, k / n, 1 - k / n)
    path = np.where(came[of] == 1, deep, width - deep)
    path = np.where(came[of] == goes[of], path, through)
    path = np.where(came[of] == -1, width / 2, path)  # a whole sequence of it
    scores[values == atom.value] = atom.low + path


def _stretches(at: NDArray[np.bool_], bounds: Integers) -> tuple[Integers, Integers]:
    """Where stretches of true in `at` (rows,) begin and end, none over a sequence's end: (stretches,)."""
    before = np.concatenate([[False], at[:-1]])
    before[bounds[:-1]] = False
    behind = np.concatenate([at[1:], [False]])
    behind[bounds[1:] - 1] = False
    return np.flatnonzero(at & ~before), np.flatnonzero(at & ~behind) + 1
