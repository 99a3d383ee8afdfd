"""Behind values that many rows share there is a path as a Gaussian one would be."""

import numpy as np
import torch

from training.ties import path_between

WHOLE = np.array([0, 8000])


def gaussian(correlation: float, rows: int = 8000) -> np.ndarray:
    """A path (rows,) of normal scores, each with so much of the one before."""
    noise = np.random.default_rng(0).normal(size=rows)
    path = noise.copy()
    for t in range(1, rows):
        path[t] = correlation * path[t - 1] + np.sqrt(1 - correlation**2) * noise[t]
    return path


def bands(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of `values` (rows,) below, and not above, each."""
    ordered, count = np.sort(values), len(values)
    below, above = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (below + 0.5) / (count + 1), (above + 0.5) / (count + 1)


def scores(shares: np.ndarray) -> np.ndarray:
    return torch.special.ndtri(torch.from_numpy(shares)).numpy()


def test_each_score_is_in_the_band_of_its_value():
    below, above = bands(np.maximum(np.round(gaussian(0.9)), 0))
    path = path_between(below, above, WHOLE)
    assert (path >= scores(below)).all()
    assert (path <= scores(above)).all()


def test_a_path_that_was_cut_off_is_found_again_as_it_was():
    for correlation in (0.0, 0.5, 0.95):
        path = path_between(*bands(np.maximum(np.round(gaussian(correlation)), 0)), WHOLE)
        assert abs(path.mean()) < 0.03
        assert abs(path.std() - 1) < 0.04
        for lag in (1, 2, 4):
            assert abs(np.mean(path[lag:] * path[:-lag]) - correlation**lag) < 0.07


def test_of_no_ties_there_is_nothing_to_draw():
    values = gaussian(0.5)
    below, above = bands(values)
    middle = (below + above) / 2
    np.testing.assert_allclose(path_between(middle, middle, WHOLE), scores(middle))


def test_sequences_say_nothing_of_each_other():
    """Each is two rows that are alike."""
    values = np.repeat(np.sign(gaussian(0.0, 4000)), 2)
    path = path_between(*bands(values), np.arange(0, 8001, 2)).reshape(-1, 2)
    assert np.corrcoef(path.T)[0, 1] > 0.9
    assert abs(np.corrcoef(path[:-1, 1], path[1:, 0])[0, 1]) < 0.05


def test_a_jump_that_nothing_foretells_is_finite():
    values = np.repeat(np.tile([0.0, 5.0], 40), 100)
    path = path_between(*bands(values), WHOLE)
    assert np.isfinite(path).all()
    assert (path[values == 0] <= path[values == 5].min()).all()


def test_equal_channels_have_equal_paths_and_others_their_own():
    one, other = np.sign(gaussian(0.0)), np.sign(np.random.default_rng(1).normal(size=8000))
    first, again, second = (path_between(*bands(x), WHOLE) for x in (one, one, other))
    assert (first == again).all()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_what_is_measured_in_short_sequences_does_not_end_at_the_edges():
    """Walks of 12 rows, whose correlations by lags are of more pairs here than there, and no path's."""
    random = np.random.default_rng(0)
    for _ in range(3):
        walks = np.round(random.normal(size=(125, 12)).cumsum(1) / 3).ravel()
        below, above = bands(walks)
        path = path_between(below, above, np.arange(0, 1501, 12))
        edge = np.minimum(path - scores(below), scores(above) - path)
        assert (edge < 0.008).mean() < 0.04
        assert abs(path.std() - 1) < 0.06
