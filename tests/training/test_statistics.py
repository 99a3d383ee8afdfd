"""Statistics against independent references and known answers."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from training.evaluation.frechet import frechet
from training.evaluation.statistics import (
    autocorrelation,
    autocorrelation_error,
    correlation,
    correlational,
    increments,
    liveliness,
    marginal,
    stillness,
)


def windows(count: int = 300, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(0, [1, 3, 0.5], (count, 12, 3)).cumsum(axis=1) + np.array([5, 0, -2])


@pytest.mark.parametrize("count", [300, 170])
def test_the_marginal_error_is_scipys_wasserstein_distance_in_deviations(count: int):
    real, other = windows(), windows(count, 1) * 1.3
    for error, statistic in ((marginal, lambda x: x), (increments, lambda x: np.diff(x, axis=1))):
        a, b = statistic(real), statistic(other)
        wanted = [
            scipy.stats.wasserstein_distance(a[..., c].ravel(), b[..., c].ravel()) / a[..., c].std()
            for c in range(3)
        ]
        np.testing.assert_allclose(error(real, other), wanted, rtol=1e-9)


def test_a_shift_by_a_deviation_is_a_marginal_error_of_1():
    real = windows()
    np.testing.assert_allclose(marginal(real, real + real.std((0, 1))), 1)
    np.testing.assert_allclose(increments(real, real + 7), 0, atol=1e-12)


def test_autocorrelation_is_that_of_its_process():
    """An AR(1) with coefficient φ has ρ_k = φ^k; white noise has 0."""
    random = np.random.default_rng(0)
    x = np.zeros((4000, 12, 2))
    x[:, 0] = random.normal(size=(4000, 2)) / np.sqrt([1 - 0.8**2, 1])
    for t in range(1, 12):
        x[:, t] = np.array([0.8, 0]) * x[:, t - 1] + random.normal(size=(4000, 2))
    found = autocorrelation(x)
    assert found.shape == (11, 2)
    np.testing.assert_allclose(found[:, 0], 0.8 ** np.arange(1, 12), atol=0.03)
    np.testing.assert_allclose(found[:, 1], 0, atol=0.03)


def test_rows_put_in_another_order_are_an_autocorrelation_error_only():
    real = windows()
    shuffled = np.random.default_rng(0).permuted(real, axis=1)
    np.testing.assert_allclose(marginal(real, shuffled), 0, atol=1e-9)
    assert autocorrelation_error(real, shuffled).min() > 0.1
    assert autocorrelation_error(real, windows(300, 1)).max() < 0.05


def test_stillness_is_how_often_nothing_moves():
    smooth = windows()
    stairs = np.repeat(smooth[:, ::3], 3, axis=1)  # of 11 steps 8 are none
    np.testing.assert_allclose(stillness(stairs, smooth), 8 / 11)
    np.testing.assert_allclose(stillness(smooth, windows(100, 1)), 0)
    assert increments(stairs, stairs[::-1]).max() == 0


def test_liveliness_is_whether_some_windows_are_calm():
    """Half of the windows calm and half wild, against all alike: each step is distributed as the others."""
    random = np.random.default_rng(0)
    size = random.choice([0.1, 1.9], (2000, 1, 1))
    regimes = (size * random.normal(size=(2000, 12, 1))).cumsum(1)
    alike = (random.permuted(np.repeat(size, 12, 1)) * random.normal(size=(2000, 12, 1))).cumsum(1)
    assert increments(regimes, alike).max() < 0.05
    assert liveliness(regimes, alike).min() > 0.5
    assert liveliness(regimes[:1000], regimes[1000:]).max() < 0.1
    saw = np.tile([0.0, 0.1], 60).reshape(-1, 12, 1).repeat(40, 0)  # of which all windows are alike
    assert liveliness(saw, saw + random.normal(0, 0.001, saw.shape)).max() < 0.1
    assert liveliness(saw, 2 * saw).max() == pytest.approx(10)


def test_correlation_is_numpys():
    x = windows() @ np.array([[1, 0.5, 0], [0, 1, 0.2], [0, 0, 1]])
    np.testing.assert_allclose(correlation(x), np.corrcoef(x.reshape(-1, 3).T), atol=1e-12)


def test_the_correlational_score_is_a_tenth_of_the_sum_over_pairs():
    base = np.random.default_rng(0).normal(size=(500, 12, 1))
    real = np.concatenate([base, base, -base], 2)  # ρ = 1, −1, −1
    other = np.concatenate([base, -base, base], 2)  # ρ = −1, 1, −1
    assert correlational(real, other) == pytest.approx((2 + 2 + 0) / 10)
    assert correlational(real, real * 7 + 1) == pytest.approx(0)


def test_no_statistic_sees_the_scale_of_a_channel():
    real, other, scale = windows(), windows(300, 1), np.array([100, 1e-3, 7])
    for error in (marginal, increments, stillness, liveliness, autocorrelation_error, correlational):
        np.testing.assert_allclose(error(real * scale, other * scale), error(real, other), rtol=1e-6)


def test_the_frechet_distance_is_that_of_its_formula_with_scipys_root():
    random = np.random.default_rng(0)
    a = random.normal(size=(400, 20)) @ random.normal(size=(20, 20))
    b = random.normal(size=(300, 20)) @ random.normal(size=(20, 20)) + 1
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root)
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-6)


def test_the_frechet_distance_of_a_shift_is_its_square_also_with_few_points():
    a = np.random.default_rng(0).normal(size=(10, 30))
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + 2) == pytest.approx(4 * 30)
