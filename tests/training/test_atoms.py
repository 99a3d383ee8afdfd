"""A channel that rests at a value rests at it in samples too."""

import numpy as np
import pytest

from training.atoms import Bands, Curve, atoms_of, banded, hidden
from training.basis import Basis
from training.data.columns import Column
from training.data.dataset import Dataset
from training.decoder import Decoding

LINE: Curve = (np.array([0.0, 10.0]), np.array([0.0, 1.0]))
BAND: Curve = (np.array([0.0, 5.0, 5.0, 10.0]), np.array([0.0, 0.5, 1.5, 2.0]))


def test_only_what_many_rows_have_is_an_atom():
    spread = np.arange(700.0)
    assert atoms_of(np.append(spread, np.full(300, 40.0))).tolist() == [40.0]
    assert atoms_of(np.append(spread, np.full(50, 40.0))).size == 0
    assert atoms_of(np.repeat([1.0, 2.0, 3.0], 100)).size == 0  # these are few values, and no path


def test_a_band_of_scores_shows_as_the_atom():
    x, y = banded(LINE, np.concatenate([np.linspace(0, 10, 400), np.full(200, 5.0)]))
    assert x.tolist() == [0, 5, 5, 10]
    low, high = y[1:3]
    assert low == 0.5
    assert high > low
    np.testing.assert_allclose(np.interp(np.linspace(low, high, 9), y, x), 5.0)
    assert y[-1] - high == pytest.approx(0.5)  # what lies above is moved as a whole
    bands = Bands.of((x, y))
    assert low < bands.low[0] < bands.high[0] < high  # rounding does not take a path out


def test_a_band_that_is_often_crossed_in_a_row_is_narrow():
    rests = np.tile([0.0, 1, 2, 3, 4, *[5.0] * 64, 4, 3, 2, 1], 20)
    leaps = np.tile([1.0, 2, 3, 4, 6, 7, 8, 9, 8, 7, 6, 4, 3, 2], 100)  # and it does not even rest
    wide, narrow = (
        np.diff(banded(LINE, x)[1][1:3]).item() for x in (rests, np.concatenate([rests, leaps]))
    )
    assert wide > 1.5 * narrow > 0


def resting(rows: list[float]) -> np.ndarray:
    """Where in the band a path is, as a share of its width."""
    bands = Bands.of(BAND)
    scores = hidden(BAND, np.array(rows, np.float64), np.array([0, len(rows)]))
    return (scores - bands.low) / (bands.high - bands.low)


def test_the_hidden_path_comes_back_to_where_it_came_from():
    from_below = resting([1, 5, 5, 5, 1])[1:-1]
    assert from_below.argmax() == 1
    assert from_below[0] == from_below[2] < from_below[1] < 0.5
    np.testing.assert_allclose(resting([9, 5, 5, 5, 9])[1:-1], 1 - from_below)


def test_a_long_rest_is_in_the_middle_where_there_is_another_side():
    assert resting([1, *[5] * 99, 1]).max() == pytest.approx(0.5)
    last: Curve = (np.array([0.0, 5.0, 5.0]), np.array([0.0, 0.5, 1.5]))
    path = hidden(last, np.array([1.0, *[5.0] * 99, 1.0]), np.array([0, 101]))
    assert path.max() == pytest.approx(1.5, abs=0.03)


def test_the_hidden_path_crosses_what_it_crosses():
    np.testing.assert_allclose(resting([1, 5, 5, 5, 9])[1:-1], [0.25, 0.5, 0.75])
    np.testing.assert_allclose(resting([9, 5, 1])[1:-1], [0.5])


def test_where_a_sequence_begins_or_ends_at_rest_the_other_side_tells():
    np.testing.assert_allclose(resting([5, 5, 1, 1])[:2], resting([1, 5, 5, 1])[1:3])
    np.testing.assert_allclose(resting([5, 5, 5]), 0.5)


def test_a_path_that_rests_comes_back_with_its_rests():
    random = np.random.default_rng(0)
    smooth = np.convolve(random.normal(size=6024), np.hanning(25), "valid")
    values = np.minimum(smooth, 2.0)[:, None]  # a sensor at its limit
    dataset = Dataset.of("test", [Column("x")], [values])
    windows = dataset.windows(24, 1)
    basis = Basis(dataset, windows, "cowhitened")
    index = np.arange(len(windows))
    y = basis.encode(index, random.random((len(index), 1, 1))).numpy().astype(np.float64)
    scores = y @ basis.mixing.outward.T + basis.mixing.mean
    back = Decoding(dataset.layout, basis.decoder).rows(scores.astype(np.float32), y[..., :0])
    real = windows.take(index)
    assert 0.2 < (real == 2.0).mean() < 0.9
    assert ((back == 2.0) == (real == 2.0)).mean() > 0.99
    assert abs(back - real).max() < 0.1
    beyond = scores[real[..., 0] == 2.0]
    assert np.ptp(beyond) > 0.1  # the path goes on behind the limit
