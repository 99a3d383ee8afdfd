"""Memory: how much of a component lasts from step to step, and how long.

What a component is worth at two steps that are k apart is alike by its autocorrelation, and this is
fitted by c·ρᵏ, k ≥ 1, the sum of a part that forgets at the rate ρ and of noise that each step has
anew: in geostatistics, an exponential variogram with a nugget of 1 − c (Cressie, "Statistics for
spatial data", 1993, section 2.3). Without the nugget a column of pure noise would be given a level
that lasts for steps.
"""

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Doubles

LEAST = 0.05
"""Share below which nothing lasts."""
_SLOWEST = 1e-4
_RATES = 400
"""Rates that are tried, from one that forgets at once to one that forgets in 10,000 steps."""
_SMALL = 0.0025
"""Share of a move's variance that each of its parts has at least, so that it can grow."""


def remembered(y: Doubles, valid: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
    """The rate ρ, 0 … 1, and the share c, 0 … 1, of each component; both 0 where nothing lasts.

    `y` (windows, length, components) has mean 0 and variance 1, and is looked at where `valid`
    (windows, length). Least squares over all lags that a window has.
    """
    there = valid[..., None]
    y = np.where(there, y, 0.0)
    variance = (y**2).sum((0, 1)) / there.sum()  # (components,)
    lags = np.arange(1, y.shape[1])
    lags = lags[[bool(valid[:, k:].any()) for k in lags]]
    if not len(lags):
        return np.zeros(y.shape[2]), np.zeros(y.shape[2])
    alike = np.stack([(y[:, :-k] * y[:, k:]).sum((0, 1)) / valid[:, k:].sum() for k in lags])
    alike /= variance  # (lags, components)
    rates = 1 - np.geomspace(1, _SLOWEST, _RATES)  # (rates,)
    powers = rates[:, None] ** lags  # (rates, lags)
    norms = np.maximum((powers**2).sum(axis=1), 1e-300)[:, None]  # (rates, 1)
    shares = np.clip(powers @ alike / norms, 0, 1)  # (rates, components)
    missed = (alike**2).sum(axis=0) - 2 * shares * (powers @ alike) + shares**2 * norms
    best = missed.argmin(axis=0)  # (components,)
    share = shares[best, np.arange(len(best))]
    lasts = share >= LEAST
    return np.where(lasts, rates[best], 0.0), np.where(lasts, share, 0.0)


def torn(y: Doubles, valid: NDArray[np.bool_], increments: Doubles) -> tuple[Doubles, Doubles]:
    """Moves in two parts: the deviations of what each step has anew and takes back in the next, and of
    what it adds and leaves, of each component: (components,) both.

    By the correlation of a move with the next: noise of variance s in y gives moves the covariance −s
    with the next, and twice s to their variance `increments`² (components,). Where moves go on as they went
    there is none. `y` (windows, length, components) is looked at where `valid` (windows, length).
    """
    moves = np.where(valid[:, 1:, None], np.diff(y, axis=1), 0.0)  # (windows, length - 1, components)
    power = np.maximum((moves[:, 1:] ** 2).sum((0, 1)), 1e-300)
    share = np.clip(-(moves[:, 1:] * moves[:, :-1]).sum((0, 1)) / power, 0, 0.5)  # (components,)
    noise, walk = np.maximum(share, _SMALL), np.maximum(1 - 2 * share, _SMALL)
    return increments * noise**0.5, increments * walk**0.5
