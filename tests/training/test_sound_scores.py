"""Statistics of sound."""

import numpy as np
import pytest

from training.data.windows import ENDED
from training.evaluation import sound


def noise(count: int = 200, hops: int = 32, hop: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, hops, hop))


def test_a_spectrum_is_itself_and_twice_as_loud_is_six_decibels_more():
    real = noise()
    for band in range(3):
        assert sound.spectrum_error(real, real, band) == 0
        assert sound.spectrum_error(real, noise(seed=1), band) < 1
        assert sound.spectrum_error(real, 2 * real, band) == pytest.approx(6.02, abs=0.01)


def test_what_lacks_high_frequencies_is_off_in_their_band():
    real = noise()
    flat = real.reshape(len(real), -1)
    smooth = (flat + np.roll(flat, 1, 1)) / 2
    dull = smooth.reshape(real.shape)
    errors = [sound.spectrum_error(real, dull, band) for band in range(3)]
    assert errors[0] < 1 < errors[1] < errors[2]


def test_a_seam_is_heard_where_steps_do_not_meet():
    smooth = np.cumsum(noise().reshape(200, -1), axis=1).reshape(200, 32, 16)
    assert sound.seam(smooth) == pytest.approx(1, abs=0.02)
    broken = smooth + 5 * np.random.default_rng(1).normal(size=(200, 32, 1))
    assert sound.seam_error(smooth, broken) > 3


def test_peaks_are_counted_once_each():
    flat = np.zeros((10, 512))
    flat[:, [50, 52, 200, 400]] = (9, 10, 11, 9)
    flat[5:, 400] = 0
    windows = flat.reshape(10, 32, 16)
    assert sound.peaks(windows, loud=1, apart=72) == pytest.approx((5 * 3 + 5 * 2) / 10)
    assert sound.peaks_error(windows, windows[:5], 360) == pytest.approx(3 / 2.5 - 1)


def test_what_is_behind_an_end_is_not_heard():
    real = noise(hops=64)
    ended = real.copy()
    ended[::2, 40:] = ENDED
    assert sound.spectrum_error(real, ended, 1) < 1
    assert sound.seam(ended) == pytest.approx(1, abs=0.05)
