"""How single channels become normal scores: by a curve, or by the ranks of their values."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.atoms import Curve
from training.data.dataset import Doubles
from training.stabilise import stabilised

_STEPS, _SPREAD, _FAR = 0.5, 2.0, 5.0
"""Share of the moves that are none from which on a channel goes by steps; deviations that the inner 98 %
of bent scores span at least (of a normal: 4.7), where no outliers have bent them to a point; and within
which all but one in a thousand lie on either side (of a normal: 3.1), where a curve brings them home."""
_PERSISTENT = 0.5
"""Correlation of a channel's moves with the next above which it is a smooth path, and slow if it rests
at some value: ranks would tear the path there."""


def curve_of(values: Doubles, middle: Doubles, change: Doubles, bent: bool) -> Curve:
    """A slow channel's way to scores as knots (values, scores): mean 0, deviation 1, rising."""
    x = np.array([values.min(), values.max()])
    if x[0] == x[1]:
        return np.array([x[0], x[0] + 1]), np.array([0.0, 1.0])
    x, y = stabilised(middle, np.abs(change), x[0], x[1]) if bent else (x, x)
    scores = np.interp(values, x, y)
    return x, (y - scores.mean()) / scores.std()


def mended(values: Doubles, middle: Doubles, change: Doubles) -> bool:
    """Whether a curve makes a smooth path of a channel, `values` (rows,), that makes a `change` around each
    `middle`, both (moves,): not of what goes by steps, nor where few outliers take up all of the scores."""
    if (change == 0).mean() >= _STEPS:
        return False
    scores = np.interp(values, *curve_of(values, middle, change, bent=True))
    lowest, low, high, highest = np.quantile(scores, [0.001, 0.01, 0.99, 0.999])
    return bool(high - low >= _SPREAD and max(-lowest, highest) <= _FAR)


def persistent(change: Doubles) -> NDArray[np.bool_]:
    """Which channels' moves (moves, channels) mostly go on as they went: (channels,)."""
    change = change - change.mean(axis=0)
    power = (change**2).sum(axis=0)
    alike: NDArray[np.bool_] = (change[1:] * change[:-1]).sum(axis=0) > _PERSISTENT * power
    return alike


def plain(values: Doubles, common: float) -> Curve:
    """The same of one of many shades: as it is, in the common deviation of all."""
    x = np.array([values.min(), max(values.max(), values.min() + 1e-9)])
    return x, x / common


def ranks(fitted: Sequence[Doubles], values: Doubles) -> tuple[Doubles, Doubles]:
    """Shares of `fitted`, of each channel, below and not above each of `values`, halfway where no two have
    it: both (rows, channels), strictly inside 0 … 1."""
    below, above = np.empty_like(values), np.empty_like(values)
    for i, own in enumerate(fitted):
        ordered, count = np.sort(own), len(own)
        less, most = (np.searchsorted(ordered, values[:, i], side) for side in ("left", "right"))
        shared = most > less + 1
        below[:, i] = (np.where(shared, less, (less + most) / 2) + 0.5) / (count + 1)
        above[:, i] = (np.where(shared, most, (less + most) / 2) + 0.5) / (count + 1)
    return below, above
