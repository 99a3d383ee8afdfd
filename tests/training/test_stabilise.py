"""A channel is bent so that its moves have one size at every level."""

import numpy as np

from training.stabilise import alike, stabilised


def test_moves_by_per_cent_are_bent_to_a_logarithm() -> None:
    random = np.random.default_rng(0)
    level = np.exp(random.uniform(0, 6, 20_000))
    x, y = stabilised(level, np.abs(0.02 * level * random.normal(size=20_000)), level)
    inner = (x > 3) & (x < 200)
    slope = np.polyfit(np.log(x[inner]), y[inner], 1)
    straight = np.polyval(slope, np.log(x[inner]))
    assert np.abs(y[inner] - straight).max() < 0.06 * np.ptp(y[inner])


def test_moves_of_one_size_are_left_straight() -> None:
    random = np.random.default_rng(0)
    level = random.uniform(-3, 5, 20_000)
    x, y = stabilised(level, np.abs(random.normal(size=20_000)), np.array([-3.0, 5.0]))
    straight = np.polyval(np.polyfit(x, y, 1), x)
    assert np.abs(y - straight).max() < 0.01 * np.ptp(y)


def test_where_nothing_moves_the_curve_still_rises() -> None:
    level = np.linspace(0, 1, 1000)
    _, y = stabilised(level, np.where(level < 0.5, 0.0, 1.0), np.array([0.0, 1.0]))
    assert (np.diff(y) > 0).all()
    assert np.isfinite(y).all()


def test_few_moves_at_one_level_are_enough() -> None:
    _, y = stabilised(np.full(7, 0.5), np.ones(7), np.array([0.0, 1.0]))
    assert (np.diff(y) > 0).all()


def test_channels_that_are_nearly_one_are_found():
    random = np.random.default_rng(0)
    path = np.cumsum(random.normal(size=5000))
    other = np.cumsum(random.normal(size=5000))
    step = 0.08 * path.std() * random.normal(size=5000)  # once it is near, twice it is not
    values = np.stack([path, other, path + step, path + 2 * step, path + step / 9], axis=1)
    assert [group.tolist() for group in alike(values)] == [[0, 2, 4], [1], [3]]


def test_what_is_a_straight_line_of_another_is_bent_by_itself():
    path = 40 + np.cumsum(np.random.default_rng(0).normal(size=5000))
    values = np.stack([path, path + 273.15, 1.02 * path, path], axis=1)
    assert [group.tolist() for group in alike(values)] == [[0], [1], [2], [3]]


def test_a_group_may_be_a_single_channel_and_there_may_be_none():
    values = np.random.default_rng(0).normal(size=(100, 1))
    assert [group.tolist() for group in alike(values[:, :1])] == [[0]]
    assert alike(values[:, :0]) == []
