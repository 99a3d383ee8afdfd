"""Distances between two sets of windows: pure functions of (windows, length, channels) arrays.

Each is 0 for equal sets, grows with the difference, and does not change when both sets are
rescaled channel by channel. Channels that are constant in the real windows say nothing here and
are the caller's to leave out.
"""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Windows = NDArray[np.floating]

MOST_LAGS = 64
_ALIKE = 0.1
"""Deviation of liveliness, as a share of its mean, below which all windows are alike."""


def marginal(real: Windows, other: Windows) -> Doubles:
    """Distance of the distribution of all values, by channel: (channels,).

    Wasserstein-1 in units of the real deviation: ∫ |F_real(x) − F_other(x)| dx / σ_real. 0.1 means
    that values are off by a tenth of a deviation, on average over their ranks.
    """
    deviation = real.std((0, 1))
    # A rare label may be in one set alone; its rows are then as far apart as that set has them.
    deviation = np.where(deviation > 0, deviation, np.maximum(other.std((0, 1)), np.finfo(np.float32).tiny))
    return _apart(real, other, deviation)


def _apart(real: Windows, other: Windows, unit: Doubles) -> Doubles:
    """Wasserstein-1 of all values in units of each channel: (channels,)."""
    every = range(real.shape[2])
    return np.array([wasserstein(real[..., c].ravel(), other[..., c].ravel()) / unit[c] for c in every])


def increments(real: Windows, other: Windows) -> Doubles:
    """`marginal` of the steps x_{t+1} − x_t: how much windows move, and how, by channel."""
    return marginal(np.diff(real, axis=1), np.diff(other, axis=1))


def stillness(real: Windows, other: Windows) -> Doubles:
    """Difference of the share of steps at which nothing moves, by channel: (channels,). What is measured in
    steps stands still for hours; a smooth path never does."""
    still = [(np.diff(x, axis=1) == 0).mean((0, 1)) for x in (real, other)]
    difference: Doubles = np.abs(still[0] - still[1])
    return difference


def liveliness(real: Windows, other: Windows) -> Doubles:
    """Distance of how far a window moves in a step in the mean, by channel: (channels,). Whether there are
    calm windows and wild ones, as in the data, or all are alike.

    Wasserstein-1 in units of the real deviation, or of a tenth of the real mean where all windows are so
    much alike.
    """
    real, other = (np.abs(np.diff(x, axis=1)).mean(1, keepdims=True) for x in (real, other))
    unit = np.maximum(real.std((0, 1)), _ALIKE * real.mean((0, 1)))
    unit = np.where(unit > 0, unit, np.maximum(other.mean((0, 1)), np.finfo(np.float32).tiny))
    return _apart(real, other, unit)


def autocorrelation(windows: Windows) -> Doubles:
    """Correlation of x_t with x_{t+k}, for lags k = 1 … length − 1 (64 at most): (lags, channels).

    Pooled over windows and centred by the mean of all, as in the ACF metric of Liao et al.,
    "Conditional Sig-Wasserstein GANs for time series generation" (2020), section 5:
    ρ_k = E[(x_t − μ)(x_{t+k} − μ)] / σ².
    """
    centred = windows - windows.mean((0, 1))
    variance = np.maximum((centred**2).mean((0, 1)), np.finfo(np.float64).tiny)
    lags = range(1, min(windows.shape[1] - 1, MOST_LAGS) + 1)
    return np.array([(centred[:, k:] * centred[:, :-k]).mean((0, 1)) / variance for k in lags])


def autocorrelation_error(real: Windows, other: Windows) -> Doubles:
    """Mean |ρ_real − ρ_other| over lags, of the values and of their steps, by channel: (channels,).

    The steps count because the values of a wandering series have ρ near 1 whatever they do.
    """
    parts = [np.abs(autocorrelation(real) - autocorrelation(other)).mean(0)]
    if real.shape[1] > 2:
        steps = (autocorrelation(np.diff(x, axis=1)) for x in (real, other))
        parts.append(np.abs(next(steps) - next(steps)).mean(0))
    error: Doubles = np.mean(parts, axis=0, dtype=np.float64)
    return error


def correlation(windows: Windows) -> Doubles:
    """Pearson's correlation of channels over all rows of all windows: (channels, channels).

    A channel that is constant here correlates with none.
    """
    rows = windows.reshape(-1, windows.shape[2]).astype(np.float64)
    centred = rows - rows.mean(0)
    scale = np.sqrt((centred**2).mean(0))
    unit = centred / np.where(scale > 0, scale, 1)
    matrix: Doubles = unit.T @ unit / len(unit)
    return matrix


def correlational(real: Windows, other: Windows) -> float:
    """The field's "correlational score": Σ_{i<j} |ρ_real(i, j) − ρ_other(i, j)| / 10.

    As Yuan and Qiao, "Diffusion-TS" (ICLR 2024) compute it after Liao et al. It is a sum, so it
    grows with the square of the number of channels.
    """
    differences = np.abs(correlation(real) - correlation(other))
    return float(differences[np.tril_indices(len(differences), -1)].sum() / 10)


def wasserstein(a: Windows, b: Windows) -> float:
    """Wasserstein-1 of two samples: the area between their distribution functions."""
    a, b = np.sort(a), np.sort(b)
    if len(a) == len(b):
        return float(np.abs(a - b).mean())
    both = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(x, both[:-1], side="right") / len(x) for x in (a, b)]
    return float((np.abs(below[0] - below[1]) * np.diff(both)).sum())


def courses_apart(real: Windows, other: Windows, numbers: int) -> float:
    """How far means at each place of the calendar are apart, in real deviations, mean over places and
    channels: of windows (windows, length, numbers and seasons), with the place in each season behind."""
    deviation = np.nanstd(real[..., :numbers], axis=(0, 1))
    deviation = np.where(deviation > 0, deviation, 1)
    apart = []
    for season in range(numbers, real.shape[2]):
        one, two = (_course(x[..., :numbers], x[..., season].astype(np.int64)) for x in (real, other))
        places = sorted(one.keys() & two.keys())
        apart.append(np.mean([np.abs(one[p] - two[p]) / deviation for p in places]))
    return float(np.mean(apart))


def _course(numbers: Windows, places: NDArray[np.int64]) -> dict[int, NDArray[np.floating]]:
    """The mean of each channel at each place that is there: (channels,) each."""
    return {int(p): np.nanmean(numbers[places == p], axis=0) for p in np.unique(places)}
