"""Atoms: values that a slow channel rests at, and what it may be thought to do meanwhile.

A visibility that is 40 km for hours, a humidity that stops at 1 %, a thermometer that knows tenths: one
value again and again, of which a smooth path knows nothing. It is taken as censored (Tobin, "Estimation of
relationships for limited dependent variables", Econometrica 26, 1958): a hidden path goes on behind the
value, and a band of scores shows as this one value. Networks that draw a smooth path rest at the atom
while they are in its band. In data, a stretch of n rows that comes back to where it came from is given the
shape of a walk that does so, √(k (n + 1 − k) / (n + 1)) moves deep at its k-th row (the mean of a Brownian
excursion: Durrett and Iglehart, Annals of Probability 5, 1977), but no deeper than the middle of the band
where there are values on its other side: from its far edge the least move that is off would come out there.
One that crosses the band goes straight through it.

Here an atom is a value that many rows have. Of channels that rest at many values tells `training/rests.py`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Doubles, Integers

Curve = tuple[Doubles, Doubles]
"""A way from values to scores, by its knots: values, rising, and their scores. An atom is there twice, at
both ends of its band."""

SHARE = 0.2
"""Of the rows, what one value has at least to be an atom."""
_DEEPEST = 16.0
"""Most of a band's width in moves of the channel."""
_CROSSED = 0.5
"""Of the squares of all its moves, what crossing a band adds to them at most."""
_HAIR = 0.02
"""Of a band's width that a hidden path keeps from its edges, where rounding would take it out."""


@dataclass(frozen=True)
class Bands:
    """A channel's atoms, rising: all scores from `low` to `high` show as `values`, each (atoms,)."""

    values: Doubles
    low: Doubles
    high: Doubles

    @classmethod
    def of(cls, curve: Curve) -> "Bands":
        """Those of a curve, but for a hair's breadth."""
        x, y = curve
        first = np.flatnonzero(x[1:] == x[:-1])
        hair = _HAIR * (y[first + 1] - y[first])
        return cls(x[first], y[first] + hair, y[first + 1] - hair)

    def at(self, values: Doubles) -> tuple[NDArray[np.bool_], Integers]:
        """Which of `values` (rows,) are an atom, and which atom those are."""
        if not len(self.values):
            return np.zeros(len(values), bool), np.zeros(0, np.int64)
        which = np.minimum(np.searchsorted(self.values, values), len(self.values) - 1)
        at = self.values[which] == values
        return at, which[at]


def atoms_of(values: Doubles) -> Doubles:
    """The values of (rows,) that are atoms, rising: none where there are few others."""
    distinct, counts = np.unique(values, return_counts=True)
    found: Doubles = distinct[counts >= SHARE * len(values)]
    return found if len(distinct) > 1 / SHARE else found[:0]


def banded(curve: Curve, values: Doubles, bounds: Integers | None = None) -> Curve:
    """A curve with a band of scores at each atom of `values` (rows,), of which sequences begin and end at
    `bounds`: as wide as the hidden path of its longest stretch is deep, unless it is often crossed in a few
    rows, or in none, which would be leaps."""
    x, y = curve
    bounds = np.array([0, len(values)]) if bounds is None else bounds
    scores = np.interp(values, x, y)
    follows = np.delete(np.arange(len(values) - 1), bounds[1:-1] - 1)  # rows that another follows
    size, moving = _size(scores), int((scores[follows] != scores[follows + 1]).sum())
    for value in atoms_of(values):
        begins, ends = stretches(values, values == value, bounds)
        longest = float((ends - begins).max())
        inner = ~np.isin(begins, bounds) & ~np.isin(ends, bounds)
        begins, ends = begins[inner], ends[inner]  # (stretches,)
        crosses = (values[begins - 1] < value) != (values[ends] < value)
        leaps = (1 / (ends - begins + 1))[crosses].sum()
        leaps += ((values[follows] - value) * (values[follows + 1] - value) < 0).sum()  # from side to side
        most = min(_DEEPEST, (_CROSSED * moving / leaps) ** 0.5) if leaps else _DEEPEST
        width = size * min((longest + 1) ** 0.5 / 2, most)
        at, before, behind = float(np.interp(value, x, y)), x < value, x > value
        x = np.concatenate([x[before], [value, value], x[behind]])
        y = np.concatenate([y[before], [at, at + width], y[behind] + width])
    return x, y


def hidden(curve: Curve, values: Doubles, bounds: Integers) -> Doubles:
    """Scores of `values` (rows,), with a hidden path wherever they are an atom of the curve: (rows,).
    Sequences begin and end at `bounds`."""
    scores = np.interp(values, *curve)
    bands = Bands.of(curve)
    at, which = bands.at(values)
    if not len(which):
        return scores
    begins, ends = stretches(values, at, bounds)
    count, here = ends - begins, values[begins]  # (stretches,)
    first, last = np.isin(begins, bounds), np.isin(ends, bounds)
    came = np.where(first, -1, values[begins - 1] < here)  # from below 1, from above 0, from nowhere -1
    goes = np.where(last, -1, values[np.minimum(ends, len(values) - 1)] < here)
    came, goes = np.where(first, goes, came), np.where(last, came, goes)
    of = np.repeat(np.arange(len(count)), count)  # (rows at an atom,): which stretch
    k = np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count) + 1
    n = count[of] + 1
    low = bands.low[which]
    width = bands.high[which] - low
    x, _ = curve
    between = (x[0] < bands.values) & (bands.values < x[-1])  # (atoms,)
    most = np.where(between[which], 0.5, 1.0) * width
    deep = np.minimum(_size(np.interp(values, *_closed(curve))) * np.sqrt(k * (n - k) / n), most)
    through = width * np.where(came[of] == 1, k / n, 1 - k / n)
    path = np.where(came[of] == 1, deep, width - deep)
    path = np.where(came[of] == goes[of], path, through)
    path = np.where(came[of] == -1, width / 2, path)  # a whole sequence of it
    scores[at] = low + path
    return scores


def stretches(values: Doubles, at: NDArray[np.bool_], bounds: Integers) -> tuple[Integers, Integers]:
    """Where stretches of one value of `values` (rows,) begin and end, of rows `at` (rows,), none over a
    sequence's end: (stretches,)."""
    same = np.concatenate([[False], values[1:] == values[:-1]])
    same[bounds[:-1]] = False
    more = np.concatenate([same[1:], [False]])
    return np.flatnonzero(at & ~same), np.flatnonzero(at & ~more) + 1


def _closed(curve: Curve) -> Curve:
    """A curve whose bands are taken out."""
    x, y = curve
    return x, y - np.cumsum(np.where(np.diff(x, prepend=-np.inf) == 0, np.diff(y, prepend=0), 0))


def _size(scores: Doubles) -> float:
    """Of a channel's moves, scores (rows,), where it moves."""
    moves = np.diff(scores)
    return float(np.sqrt((moves[moves != 0] ** 2).mean())) if moves.any() else 0.0
