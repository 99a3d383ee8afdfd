"""Rests: the many values that a slow channel stands still at, as what is measured in steps does.

A thermometer that knows tenths of a degree says 17.9 for an hour, then 18.0. What a network would have to
imitate is a stair; what it is good at is the smooth path behind it. So each value at which the channel
stands still again and again has a band of scores, as an atom has (`training/atoms.py`), and the way back,
a table, makes stairs of a smooth path. Bands take no room: a few neighbours together, and the ways between
them, have the scores that they had, each as large a part of them as rows have it. So what lies where from
the least score to the greatest stays as it was, and a value is as frequent beside the next as in the data.

The path behind the stairs is the least rough one that shows as them: of all scores in the bands, those with
the least sum of squared second differences (Whittaker, "On a new method of graduation", Proceedings of the
Edinburgh Mathematical Society 41, 1922), approached by relaxation. Whether there is such a path is seen by
it: what is interpolated between the full degrees of every hour stands still as often, but passes full
degrees in one step, and comes out rougher than it was. It is left as it is.
"""

import numpy as np

from training.atoms import Bands, Curve, atoms_of, banded, hidden
from training.data.dataset import Doubles, Integers

STILL = 0.05
"""Share of the moves that are none from which on a channel is looked at."""
MOST = 512
"""Values that it rests at: those that most rows have."""
_RESTED = 3
"""Stretches of one value, at least, so that no single one is in the table; where there are more values,
stretches of two rows and more."""
_TOGETHER = 8
"""Neighbours that share out their scores."""
_APART = 4.0
"""How many times as far apart as most neighbours are those that share nothing."""
_ROUNDS = 100
"""Of relaxation."""
_STEP = 0.6
"""How much of the way to the least rough is gone in a round; at 1 neighbours would swing."""


def path_of(
    curve: Curve, values: Doubles, every: Doubles, bounds: Integers, knots: int
) -> tuple[Curve, Doubles] | None:
    """The curve of a slow channel that rests at many of its `values` (rows,), as a table of so many `knots`
    can hold it, and the path behind, scores of `every` row (all rows,), of which sequences begin and end
    at `bounds`. None where it rests at few values, or where no smooth path is behind."""
    at, rows = rests_of(values)
    while len(at) > 1:
        stairs = _aligned(banded(_shared(curve, at, rows, values), values), knots)
        x, y = stairs
        first = np.flatnonzero(x[1:] == x[:-1])
        thin = np.isin(at, x[first[y[first + 1] == y[first]]])  # the table has no room for these
        if not thin.any():
            path = _relaxed(hidden(stairs, every, bounds), stairs, every, bounds)
            seen = np.interp(every, *curve)
            return (stairs, path) if _rough(path, bounds) < _rough(seen, bounds) else None
        at, rows = at[~thin], rows[~thin]
    return None


def rests_of(values: Doubles) -> tuple[Doubles, Integers]:
    """The many values of (rows,) that a channel rests at, rising, and how many rows have each: none where
    it seldom stands still."""
    still = values[1:] == values[:-1]
    if len(still) == 0 or still.mean() < STILL:
        return values[:0], np.zeros(0, np.int64)
    distinct, rows = np.unique(values, return_counts=True)
    begins = ~np.concatenate([[False], still])
    if len(distinct) > MOST:
        begins &= np.concatenate([still, [False]])
    at, stretches = np.unique(values[begins], return_counts=True)
    rested = np.isin(distinct, at[stretches >= _RESTED])
    kept = np.flatnonzero(rested & ~np.isin(distinct, atoms_of(values)))
    kept = np.sort(kept[np.argsort(-rows[kept], kind="stable")[:MOST]])
    return distinct[kept], rows[kept]


def _shared(curve: Curve, at: Doubles, rows: Integers, values: Doubles) -> Curve:
    """A curve with bands for the values `at` (rests,) that so many `rows` have, of all `values` (rows,)."""
    x, y = curve
    own = np.interp(at, x, y)
    ordered = np.sort(values[~np.isin(values, atoms_of(values))])  # atoms have bands of their own
    between = np.searchsorted(ordered, at[1:], "left") - np.searchsorted(ordered, at[:-1], "right")
    gaps = np.diff(at)
    near = gaps <= _APART * np.median(gaps)  # (rests - 1,), and so in which the curve's knots are no more
    low, high = own.copy(), own.copy()
    first = 0
    for last in range(1, len(at)):
        far = not near[last - 1]
        end = last - 1 if far else last
        if end > first and (far or last - first == _TOGETHER or last == len(at) - 1):
            parts = np.empty(2 * (end - first) + 1)  # a band, a way, a band, …, a band
            parts[0::2] = rows[first : end + 1]
            parts[[0, -1]] /= 2  # the other half is on the other side
            parts[1::2] = between[first:end] + 1
            edges = own[first] + (own[end] - own[first]) * np.cumsum(parts) / parts.sum()
            high[first:end], low[first + 1 : end + 1] = edges[0:-1:2], edges[1::2]
            first = end
        if far:
            first = last
    kept = ~np.concatenate([[False], near, [False]])[np.searchsorted(at, x)] & ~np.isin(x, at)
    x, y = np.concatenate([x[kept], at, at]), np.concatenate([y[kept], low, high])
    order = np.lexsort((y, x))
    return x[order], y[order]


def _aligned(curve: Curve, knots: int) -> Curve:
    """A curve whose bands begin and end at one of so many knots, evenly from its least score to the
    greatest, which are all that a table has of it."""
    x, y = curve
    step = (y[-1] - y[0]) / (knots - 1)
    first = np.flatnonzero(x[1:] == x[:-1])
    y, at = y.copy(), (y - y[0]) / step
    y[first] = y[0] + np.ceil(at[first] - 1e-9) * step
    y[first + 1] = np.maximum(y[first], y[0] + np.floor(at[first + 1] + 1e-9) * step)
    return x, np.maximum.accumulate(y)


def _relaxed(path: Doubles, curve: Curve, values: Doubles, bounds: Integers) -> Doubles:
    """A path (rows,) behind `values` (rows,), made less rough where they are in a band of the curve."""
    bands = Bands.of(curve)
    at, which = bands.at(values)
    rows = np.flatnonzero(at)
    low, high = bands.low[which], bands.high[which]
    sequence = np.searchsorted(bounds, rows, "right") - 1
    ends = bounds[sequence], bounds[sequence + 1] - 1
    near = [np.clip(rows + k, *ends) for k in (-2, -1, 1, 2)]
    path = path.copy()
    for _ in range(_ROUNDS):
        far_before, before, behind, far_behind = (path[of] for of in near)
        least = (4 * (before + behind) - far_before - far_behind) / 6  # where its own share is least
        path[rows] = np.clip(path[rows] + _STEP * (least - path[rows]), low, high)
    return path


def _rough(path: Doubles, bounds: Integers) -> float:
    """How much a path (rows,) mostly turns within sequences, whatever its size: of few large turns and many
    small ones the small ones tell."""
    inside = np.ones(len(path), bool)
    inside[bounds[1:] - 1] = inside[np.maximum(bounds[1:] - 2, 0)] = False
    turns = np.abs(np.diff(path, 2))[inside[:-2]]
    return float(np.sqrt(turns).mean() / max(path.std(), 1e-12) ** 0.5) if len(turns) else 0.0
