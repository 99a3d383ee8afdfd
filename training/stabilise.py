"""Variance stabilisation: bend a channel until its moves have one size at every level.

Prices move by per cent, so a move at 800 is a hundred times one at 8. With s(x) the mean size of
a move at level x, f(x) = ∫ dx / s(x) moves by about 1 everywhere (Bartlett, "The use of
transformations", Biometrics 3, 1947, section 2); for s proportional to x it is the logarithm, for
constant s a straight line. Here s is estimated from the data, coarsely, so that f is smooth: a
fine estimate would bend the channel to the accidents of a single series.

Channels that are nearly one, as what a day opens and closes at, are bent by one curve, of the moves of all.
Each by its own would be nearly alike and no more: where two prices are the same their scores would not be,
by a bit that differs with the level and is many times what is between today's price and tomorrow's. What is
a straight line in values, the two being one, is so in scores then, and what mixes channels linearly, as
`training/basis.py` does, can tell the one from the other.
"""

import numpy as np

from training.data.dataset import Doubles, Integers

BINS = 12
"""Levels at which the size of a move is measured: quantiles, so that each has as many moves."""
_MOVES = 50
"""Moves a bin at least."""
_LEAST = 0.05
"""Least size of a move, as a fraction of the mean: where nothing moves, the curve stays finite."""
_POINTS = 2049
NEAR = 0.01
"""Of either's variance, the mean square of the difference of two channels that are nearly one."""
_EXACT = 1e-9
"""Of the variance of two channels, what is left of it where one is a straight line of the other."""


def stabilised(level: Doubles, size: Doubles, values: Doubles) -> tuple[Doubles, Doubles]:
    """The curve f from the least to the greatest of `values` (…) as points (x, f(x)), f rising.

    `level` and `size` (moves,): where a move happened, and how large it was, at least 0.
    """
    bins = int(np.clip(len(level) // _MOVES, 1, BINS))
    edges = np.unique(np.quantile(level, np.linspace(0, 1, bins + 1)))
    at = np.clip(np.searchsorted(edges, level, "right") - 1, 0, max(0, len(edges) - 2))
    count = np.bincount(at)
    filled = count > 0
    middle = np.bincount(at, level)[filled] / count[filled]
    mean = np.bincount(at, size)[filled] / count[filled]
    scale = np.log(np.maximum(mean, _LEAST * size.mean()))
    for _ in range(2):  # neighbours share what they know
        wide = np.pad(scale, 1, mode="edge")
        scale = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
    x = np.linspace(values.min(), values.max(), _POINTS)
    slope = np.exp(-np.interp(x, middle, scale))
    return x, np.append(0.0, np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(x)))


def alike(values: Doubles) -> list[Integers]:
    """Groups of the channels of `values` (rows, channels), all of which vary: each is with the first that
    it nearly is. What is a straight line of another, as degrees in two units are, stays one by itself:
    curves of their own keep it so, and one for both would not."""
    groups: list[list[int]] = []
    means, own = values.mean(axis=0), values.var(axis=0)
    for i, x in enumerate(values.T):
        for group in groups:
            first = group[0]
            both = float(((values[:, first] - means[first]) * (x - means[i])).mean())
            apart = own[first] + own[i] - 2 * both + (means[first] - means[i]) ** 2
            exact = both**2 >= (1 - _EXACT) * own[first] * own[i]
            if apart < NEAR * min(own[first], own[i]) and not exact:
                group.append(i)
                break
        else:
            groups.append([i])
    return [np.array(group) for group in groups]
