"""How far the sound of samples is from that of real windows: spectrum, peaks, and seams between steps.

Windows are (windows, hops, hop) like the rows of a dataset, ENDED behind an end, and are compared as
the waveforms that they are.
"""

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Doubles
from training.data.windows import ENDED

Rows = NDArray[np.floating]

BANDS = (0, 2 / 9, 5 / 9, 1)
"""Edges of the low, middle and high frequencies, as shares of half the rate: 40, 100 and 180 Hz of an
electrocardiogram at 360 Hz, which its own filters set."""
SIZE = 512
"""Samples of a stretch whose spectrum is taken, at most."""
_LOUD = 2.0
"""Deviations from the mean from which on a sample may be a peak."""
_APART = 5
"""Of a second, the part that two peaks are apart at least."""


def spectrum_error(real: Rows, other: Rows, band: int) -> float:
    """Root mean square of the difference of the mean spectra within a band, in decibels: by Welch's
    method, over Hann-windowed stretches that overlap by half, each less its mean."""
    one, two = (spectrum(x) for x in (real, other))  # (bins,) each
    at = (np.arange(len(one)) + 1) / len(one)  # as a share of half the rate
    inside = (at > BANDS[band]) & (at <= BANDS[band + 1])
    return float(np.sqrt(np.mean((one[inside] - two[inside]) ** 2)))


def spectrum(windows: Rows) -> Doubles:
    """Mean power at each frequency above 0, in decibels: (bins,)."""
    flat, valid = waveforms(windows)
    power = short_time_power(flat, min(SIZE, flat.shape[1]), valid)  # (stretches, bins)
    mean = power.mean(0)
    found: Doubles = 10 * np.log10(mean + 1e-12 * mean.max() + np.finfo(np.float64).tiny)
    return found


def short_time_power(flat: Doubles, size: int, valid: NDArray[np.bool_] | None = None) -> Doubles:
    """Power of Hann-windowed stretches of (windows, samples), half of one apart: (stretches, bins). Where
    all of a stretch is not `valid`, it is left out."""
    stretches = np.lib.stride_tricks.sliding_window_view(flat, size, 1)[:, :: max(1, size // 2)]
    if valid is not None:
        whole = np.lib.stride_tricks.sliding_window_view(valid, size, 1)[:, :: max(1, size // 2)].all(2)
        stretches = stretches[whole] if whole.any() else stretches.reshape(-1, size)
    stretches = stretches.reshape(-1, size)
    centred = (stretches - stretches.mean(1, keepdims=True)) * np.hanning(size + 2)[1:-1]
    power: Doubles = np.abs(np.fft.rfft(centred)[:, 1:]) ** 2
    return power


def peaks_error(real: Rows, other: Rows, rate: int) -> float:
    """Relative difference of how many peaks a window has: beats, or loud moments."""
    flat, valid = waveforms(real)
    loud = float(flat[valid].mean() + _LOUD * flat[valid].std())
    one, two = (peaks(x, loud, max(1, rate // _APART)) for x in (real, other))
    return abs(two / one - 1) if one else float(two > 0)


def peaks(windows: Rows, loud: float, apart: int) -> float:
    """Peaks a window: samples above `loud` and their neighbours, and the largest of any `apart` samples."""
    flat, valid = waveforms(windows)
    flat = np.where(valid, flat, -np.inf)
    middle = flat[:, 1:-1]
    tops = (middle > loud) & (middle >= flat[:, :-2]) & (middle > flat[:, 2:])  # (windows, samples - 2)
    count = 0
    for row, at in zip(middle, tops, strict=True):
        last, height = -apart, -np.inf
        for i in np.flatnonzero(at).tolist():
            if i - last >= apart:
                count += 1
                last, height = i, row[i]
            elif row[i] > height:
                last, height = i, row[i]
    return count / len(flat)


def seam_error(real: Rows, other: Rows) -> float:
    """Relative difference of `seam`."""
    return abs(seam(other) / seam(real) - 1)


def seam(windows: Rows) -> float:
    """Mean |x(t+1) − x(t)| where a step meets the next, over that within steps: 1 where none is heard."""
    hop = windows.shape[2]
    flat, valid = waveforms(windows)
    jumps = np.where(valid[:, 1:], np.abs(np.diff(flat, axis=1)), np.nan)
    border = np.arange(1, flat.shape[1]) % hop == 0
    inside = float(np.nanmean(jumps[:, ~border]))
    return float(np.nanmean(jumps[:, border])) / max(inside, np.finfo(np.float64).tiny)


def waveforms(windows: Rows) -> tuple[Doubles, NDArray[np.bool_]]:
    """(windows, hops, hop) as (windows, samples), and where there is one; 0 where there is none."""
    flat = windows.reshape(len(windows), -1).astype(np.float64)
    valid = flat != ENDED
    return np.where(valid, flat, 0.0), valid
