"""How much of a component lasts, and how long: against processes whose answer is known."""

import numpy as np
import pytest

from training.memory import remembered, torn

RANDOM = np.random.default_rng(3)
WHOLE = np.ones((4000, 24), bool)


def autoregressive(rate: float, windows: int = 4000, length: int = 24) -> np.ndarray:
    """Windows (windows, length) of a process of variance 1 that forgets at `rate`."""
    x = np.empty((windows, length))
    x[:, 0] = RANDOM.standard_normal(windows)
    for t in range(1, length):
        x[:, t] = rate * x[:, t - 1] + (1 - rate**2) ** 0.5 * RANDOM.standard_normal(windows)
    return x


def test_noise_has_no_level_and_no_memory() -> None:
    decay, share = remembered(RANDOM.standard_normal((4000, 24, 1)), WHOLE)
    assert decay.tolist() == [0.0]
    assert share.tolist() == [0.0]


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.99])
def test_all_of_an_autoregressive_process_lasts_at_its_rate(rate: float) -> None:
    decay, share = remembered(autoregressive(rate)[..., None], WHOLE)
    assert decay[0] == pytest.approx(rate, abs=0.02)
    assert share[0] == pytest.approx(1, abs=0.06)


def test_noise_on_top_is_told_from_what_lasts() -> None:
    mixed = 0.6**0.5 * autoregressive(0.95) + 0.4**0.5 * RANDOM.standard_normal((4000, 24))
    decay, share = remembered(mixed[..., None], WHOLE)
    assert decay[0] == pytest.approx(0.95, abs=0.02)
    assert share[0] == pytest.approx(0.6, abs=0.06)


def test_what_lies_behind_an_end_is_not_looked_at() -> None:
    y = autoregressive(0.9)[..., None]
    sizes = RANDOM.integers(2, 25, len(y))
    valid = np.arange(24) < sizes[:, None]
    spoilt = np.where(valid[..., None], y, 99.0)
    decay, share = remembered(spoilt, valid)
    assert decay[0] == pytest.approx(0.9, abs=0.03)
    assert share[0] == pytest.approx(1, abs=0.08)


def test_sequences_of_one_row_have_no_lag_and_nothing_lasts() -> None:
    valid = np.zeros((50, 24), bool)
    valid[:, 0] = True
    decay, share = remembered(RANDOM.standard_normal((50, 24, 2)), valid)
    assert decay.tolist() == share.tolist() == [0.0, 0.0]


def test_moves_are_torn_into_what_is_taken_back_and_what_stays() -> None:
    walk = np.cumsum(RANDOM.standard_normal((4000, 24)), axis=1)
    both = walk + RANDOM.standard_normal((4000, 24))
    y = np.stack([RANDOM.standard_normal((4000, 24)), walk, both], axis=2)
    noise, lasting = torn(y, WHOLE, np.diff(y, axis=1).std((0, 1)))
    np.testing.assert_allclose(noise, [1, 0.05, 1], atol=0.03)
    np.testing.assert_allclose(lasting, [0.07, 1, 1], atol=0.03)
