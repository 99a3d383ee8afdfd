"""Coverage: do samples reach everywhere where real windows are? Mode collapse shows here.

Naeem et al., "Reliable fidelity and diversity metrics for generative models" (ICML 2020),
equation 5: a real window is covered if a sample is as near to it as its fifth nearest real
neighbour. Of two equally large sets from one distribution 1 − 2⁻⁵ = 97 % are covered.

Neighbours must be others, not the same rows one step on: so real windows are picked at random that
have no row in common, and split in two. One half is to be covered; by as many samples, or, for the
floor, by the other half.

The same rows one step on are also why a judge's floor is so low where windows overlap: what it is asked
about it has as good as seen. `in_turns` cuts the data in two, and no window of one has a near copy in the
other.
"""

import numpy as np
from numpy.typing import NDArray

from training.data import Windows

Doubles = NDArray[np.float64]

NEIGHBOURS = 5
FEWEST = 3 * NEIGHBOURS
_MOST = 4000
_STRETCH = 4
"""Lengths of a window that a stretch is long: as many as make a sequence long, `training/config.py`."""


def uncovered(real: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Share of `real` that `other` does not reach: points, (points, dimensions)."""
    own = _distances(real, real)
    np.fill_diagonal(own, np.inf)
    radius = np.partition(own, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1]
    return float((_distances(real, other).min(1) > radius).mean())


def apart(windows: Windows, random: np.random.Generator) -> NDArray[np.int64]:
    """Indices of windows that have no row in common, picked at random until none more fits."""
    taken = np.zeros(len(windows.values), bool)  # (rows,)
    chosen = []
    for i in random.permutation(len(windows)):
        first = windows.starts[i]
        last = first + windows.sizes[i] - 1
        if not (taken[first] or taken[last]):  # of one length, or whole: an overlap covers an end
            taken[first : last + 1] = True
            chosen.append(i)
    return np.array(chosen[:_MOST])


def overlap(windows: Windows) -> bool:
    """Whether a row lies in two windows and more, as a rule."""
    return bool(windows.sizes.sum() > 2 * windows.covered.sum())


def in_turns(windows: Windows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of windows in two sets, of stretches of rows in turns; what lies across two stretches is in
    neither."""
    rows = _STRETCH * windows.length
    stretch = windows.starts // rows  # (windows,)
    inside = (windows.starts + windows.sizes - 1) // rows == stretch
    even, odd = (np.flatnonzero(inside & (stretch % 2 == turn)) for turn in (0, 1))
    return even, odd


def _distances(a: NDArray[np.floating], b: NDArray[np.floating]) -> Doubles:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    found: Doubles = np.sqrt(np.maximum(squares, 0))
    return found
