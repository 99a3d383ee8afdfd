"""Variance stabilisation: bend a channel until its moves have one size at every level.

Prices move by per cent, so a move at 800 is a hundred times one at 8. With s(x) the mean size of
a move at level x, f(x) = ∫ dx / s(x) moves by about 1 everywhere (Bartlett, "The use of
transformations", Biometrics 3, 1947, section 2); for s proportional to x it is the logarithm, for
constant s a straight line. Here s is estimated from the data, coarsely, so that f is smooth: a
fine estimate would bend the channel to the accidents of a single series. To the ends of the range it goes
on as it does between the last two levels.
"""

import numpy as np

from training.data.dataset import Doubles

BINS = 12
"""Levels at which the size of a move is measured: quantiles, so that each has as many moves."""
_MOVES = 50
"""Moves a bin at least."""
_LEAST = 0.02
"""Least size of a move, as a fraction of the mean: where nothing moves, the curve stays finite."""
_POINTS = 2049


def stabilised(level: Doubles, size: Doubles, low: float, high: float) -> tuple[Doubles, Doubles]:
    """The curve f over low … high as points (x, f(x)), f rising.

    `level` and `size` (moves,): where a move happened, and how large it was, at least 0.
    """
    bins = int(np.clip(len(level) // _MOVES, 1, BINS))
    edges = np.unique(np.quantile(level, np.linspace(0, 1, bins + 1)))
    at = np.clip(np.searchsorted(edges, level, "right") - 1, 0, max(0, len(edges) - 2))
    count = np.bincount(at)
    filled = count > 0
    middle = np.bincount(at, level)[filled] / count[filled]
    mean = np.bincount(at, size)[filled] / count[filled]
    least = _LEAST * size.mean() or 1.0  # where nothing ever moves, a straight line
    scale = np.log(np.maximum(mean, least))
    if len(scale) > 1:
        for _ in range(2):  # neighbours share what they know
            wide = _beyond(scale, 1.0)
            scale = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
        middle, scale = np.concatenate([[low], middle, [high]]), _beyond(scale, 0.5)
    x = np.linspace(low, high, _POINTS)
    slope = np.exp(-np.interp(x, middle, scale))
    return x, np.append(0.0, np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(x)))


def _beyond(scale: Doubles, bins: float) -> Doubles:
    """With what lies so many bins beyond either end, where it goes on as it does between the last two: of
    prices from 1 to 4, which are one bin, those at 1 move least."""
    first, last = scale[0] - bins * (scale[1] - scale[0]), scale[-1] + bins * (scale[-1] - scale[-2])
    return np.concatenate([[first], scale, [last]])
