"""A channel is bent so that its moves have one size at every level."""

import numpy as np

from training.stabilise import stabilised


def test_moves_by_per_cent_are_bent_to_a_logarithm() -> None:
    random = np.random.default_rng(0)
    level = np.exp(random.uniform(0, 6, 20_000))
    x, y = stabilised(level, np.abs(0.02 * level * random.normal(size=20_000)), level.min(), level.max())
    slope = np.polyfit(np.log(x), y, 1)
    straight = np.polyval(slope, np.log(x))
    assert np.abs(y - straight).max() < 0.06 * np.ptp(y)  # to the ends of the range


def test_moves_of_one_size_are_left_straight() -> None:
    random = np.random.default_rng(0)
    level = random.uniform(-3, 5, 20_000)
    x, y = stabilised(level, np.abs(random.normal(size=20_000)), -3, 5)
    straight = np.polyval(np.polyfit(x, y, 1), x)
    assert np.abs(y - straight).max() < 0.01 * np.ptp(y)


def test_where_nothing_moves_the_curve_still_rises() -> None:
    level = np.linspace(0, 1, 1000)
    _, y = stabilised(level, np.where(level < 0.5, 0.0, 1.0), 0, 1)
    assert (np.diff(y) > 0).all()
    assert np.isfinite(y).all()


def test_few_moves_at_one_level_are_enough() -> None:
    _, y = stabilised(np.full(7, 0.5), np.ones(7), 0, 1)
    assert (np.diff(y) > 0).all()
