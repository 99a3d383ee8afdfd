"""What is measured in steps has a smooth path behind its stairs, and stairs again in samples."""

import numpy as np

from training.atoms import Bands, Curve
from training.basis import Basis
from training.data.columns import Column
from training.data.dataset import Dataset
from training.decoder import FINE, KNOTS, Decoding
from training.rests import MOST, path_of, rests_of


def smooth(rows: int = 6000, wide: int = 100) -> np.ndarray:
    """A path of deviation 1 that moves by a fiftieth of it in a step: (rows,)."""
    noise = np.random.default_rng(0).normal(size=rows + wide - 1)
    path = np.convolve(noise, np.hanning(wide), "valid")
    return path / path.std()


def line(values: np.ndarray) -> Curve:
    return np.array([values.min(), values.max()]), np.array([0.0, 1.0])


def behind(
    curve: Curve, values: np.ndarray, every: np.ndarray, bounds: np.ndarray
) -> tuple[Curve, np.ndarray]:
    found = path_of(curve, values, every, bounds, FINE)
    assert found
    return found


def test_only_a_channel_that_stands_still_rests():
    assert rests_of(smooth())[0].size == 0
    tenths = np.round(smooth(), 1)
    at, rows = rests_of(tenths)
    begins = np.concatenate([[True], tenths[1:] != tenths[:-1]])
    distinct, stretches = np.unique(tenths[begins], return_counts=True)
    assert at.tolist() == distinct[stretches >= 3].tolist()
    assert rows.tolist() == [(tenths == x).sum() for x in at]


def test_of_many_values_those_that_are_rested_at_are_kept():
    values = smooth(20000) + 10
    stairs = np.where(np.arange(20000) % 40 < 8, np.round(values, 1), values)  # it stands still at times
    at, rows = rests_of(stairs)
    assert 20 < len(at) <= MOST < len(np.unique(stairs))
    np.testing.assert_allclose(at, np.round(at, 1))
    assert (rows >= 6).all()


def test_bands_are_as_wide_as_rows_have_their_values():
    values = np.round(smooth(), 1)
    (x, y), path = behind(line(values), values, values, np.array([0, len(values)]))
    assert (np.diff(y) >= 0).all()
    assert abs(np.interp(values, *line(values)) - path).max() < 0.05  # what lies where stays
    twice = np.flatnonzero(np.diff(x) == 0)
    knots = (y - y[0]) / (y[-1] - y[0]) * (FINE - 1)
    ends = knots[[*twice, *(twice + 1)]]
    np.testing.assert_allclose(ends, np.round(ends), atol=1e-6)  # of which the table has all
    bands = Bands.of((x, y))
    middle = abs(bands.values) < 0.5
    rows = np.array([(values == v).sum() for v in bands.values[middle]])
    width = (bands.high - bands.low)[middle]
    assert np.corrcoef(rows, width)[0, 1] > 0.5


def test_the_path_is_smooth_and_shows_as_the_stairs():
    truth = smooth()
    values = np.round(truth, 1)
    bounds = np.array([0, 3000, 6000])
    curve, path = behind(line(values), values, values, bounds)
    np.testing.assert_allclose(np.interp(path, curve[1], curve[0]), values)
    turns = np.diff(np.interp(values, *line(values)), 2).std()
    assert np.diff(path, 2).std() < turns / 4
    assert np.corrcoef(path, truth)[0, 1] > 0.999


def test_a_sequence_knows_nothing_of_the_next():
    values = np.round(smooth(), 1)
    _, both = behind(line(values), values, values, np.array([0, 3000, 6000]))
    _, first = behind(line(values), values, values[:3000], np.array([0, 3000]))
    _, joined = behind(line(values), values, values, np.array([0, 6000]))
    apart = abs(both[:3000] - first)
    assert apart.max() < abs(joined[:3000] - first).max()
    assert apart[-24:].max() < 0.01


def test_what_is_interpolated_between_whole_numbers_is_left_as_it_is():
    hourly = np.round(3 * smooth(1000, 20))
    values = np.interp(np.arange(5994) / 6, np.arange(1000), hourly)
    assert (np.diff(values) == 0).mean() > 0.05
    assert len(rests_of(values)[0]) > 2
    assert path_of(line(values), values, values, np.array([0, len(values)]), FINE) is None


def test_a_thermometer_of_tenths_comes_back_in_tenths_and_stands_still_as_often():
    random = np.random.default_rng(0)
    values = np.column_stack([20 + np.round(smooth(), 1), random.normal(size=6000)])
    dataset = Dataset.of("test", [Column("inside"), Column("noise")], [values])
    windows = dataset.windows(24, 1)
    basis = Basis(dataset, windows, "cowhitened")
    assert basis.decoder.table.shape == (2, FINE)
    index = np.arange(0, len(windows), 7)
    y = basis.encode(index, random.random((len(index), 1, 1))).numpy().astype(np.float64)
    scores = y @ basis.mixing.outward.T + basis.mixing.mean
    back = Decoding(dataset.layout, basis.decoder).rows(scores.astype(np.float32), y[..., :0])
    real = windows.take(index)
    assert (back[..., 0] == real[..., 0].astype(np.float32)).mean() > 0.999
    stairs = Dataset.of("stairs", [Column("a")], [smooth()[:, None]])
    assert Basis(stairs, stairs.windows(24, 1), "cowhitened").decoder.table.shape == (1, KNOTS)


def test_no_value_of_one_row_or_of_a_gap_is_in_the_table():
    """A single reading behind a long gap, which the line over the gap makes many rows of."""
    values = np.round(smooth(), 1)
    values[2000:2400] = np.nan
    values[2400] = 0.537
    values = np.column_stack([values, np.random.default_rng(1).exponential(size=6000)])
    dataset = Dataset.of("test", [Column("a"), Column("b")], [values])
    table = Basis(dataset, dataset.windows(24, 1), "cowhitened").decoder.table
    assert table.shape == (2, FINE)
    assert not (abs(table[0] - 0.537) < 1e-6).any()
    straight = abs(np.diff(table[1], 2)) < 1e-5  # of a channel that does not rest all but every eighth
    assert straight.mean() > 0.8


def test_beside_an_atom_there_is_no_way_that_no_row_goes():
    path = smooth()
    values = np.round(np.sign(path) * np.maximum(abs(path) - 0.35, 0), 1) + 0.0  # with a dead band
    assert (values == 0).mean() > 0.25
    assert (np.diff(np.unique(values)) < 0.11).all()
    (x, y), _ = behind(line(values), values, values, np.array([0, 6000]))
    at = np.flatnonzero(x == 0)
    bands = Bands.of((x, y))
    widest = (bands.high - bands.low)[bands.values != 0].max()
    assert y[at[0]] - y[at[0] - 1] < widest
    assert y[at[-1] + 1] - y[at[-1]] < widest


def test_rests_that_the_table_has_no_room_for_are_none():
    values = np.round(smooth(), 1)
    values[::50] = -9999  # what stands for a missing value
    found = path_of(line(values), values, values, np.array([0, 6000]), FINE)
    if found:
        (x, y), _ = found
        first = np.flatnonzero(np.diff(x) == 0)
        assert (y[first + 1] > y[first]).all()
