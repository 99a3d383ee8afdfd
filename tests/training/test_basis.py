"""The basis is invertible, whitens what it should, and stores no record."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.basis import FLOOR, Basis
from training.data.columns import Column, grid_of
from training.data.dataset import Dataset
from training.decoder import KNOTS, Decoding, channels_of


def dataset(values: np.ndarray) -> Dataset:
    return Dataset.of("test", [Column(f"c{i}") for i in range(values.shape[1])], [values])


@pytest.fixture(scope="module")
def mixed() -> Dataset:
    """A random walk, its noisy double, a heavy tail of whole numbers, mostly zeros, a constant."""
    random = np.random.default_rng(0)
    walk = np.cumsum(random.normal(size=4000))
    tail = np.rint(random.lognormal(3, 1, 4000))
    zeros = np.where(random.random(4000) < 0.8, 0.0, random.exponential(1, 4000))
    columns = [walk, 2 * walk + random.normal(0, 0.1, 4000), tail, zeros, np.full(4000, 3.5)]
    return dataset(np.column_stack(columns))


@pytest.mark.parametrize("kind", ["cowhitened", "standard"])
def test_encoded_and_decoded_is_what_it_was(mixed: Dataset, kind):
    windows = mixed.windows(24, 1)
    basis = Basis(mixed, windows, kind)
    index = np.arange(0, len(windows), 7)
    y = basis.encode(index, np.full((len(index), 1, 1), 0.5)).numpy().astype(np.float64)
    numbers, chosen = np.split(y, [len(basis.mixing.inward)], axis=2)
    scores = numbers @ basis.mixing.outward.T + basis.mixing.mean
    decoding = Decoding(mixed.layout, basis.decoder)
    back = decoding.rows(scores.astype(np.float32), chosen.astype(np.float32))
    real = windows.take(index)
    spread = mixed.values.std(axis=0)
    error = abs(back - real).mean(axis=(0, 1)) / np.where(spread > 0, spread, 1)
    # 512 knots: a fast channel comes back to within the distance of two quantiles.
    assert error.max() < 0.02
    assert (back[..., 4] == np.float32(3.5)).all()
    assert (back[..., 2] == np.rint(back[..., 2])).all()


def test_levels_are_white_and_increments_uncorrelated(mixed: Dataset):
    windows = mixed.windows(24, 1)
    basis = Basis(mixed, windows, "cowhitened")
    index = np.arange(len(windows))
    chance = np.random.default_rng(1).random((len(index), 1, 1))
    components = len(basis.mixing.inward)
    y = basis.encode(index, chance).numpy()[..., :components]
    levels = np.cov(y.reshape(-1, components).T)
    np.testing.assert_allclose(levels, np.eye(components), atol=0.05)
    steps = np.diff(y, axis=1).reshape(-1, components) / basis.mixing.increments
    np.testing.assert_allclose(np.cov(steps.T), np.eye(components), atol=0.05)


def test_a_column_that_repeats_another_is_one_component():
    walk = np.cumsum(np.random.default_rng(0).normal(size=500))
    doubled = dataset(np.column_stack([walk, 3 * walk + 1]))
    basis = Basis(doubled, doubled.windows(24, 1), "cowhitened")
    assert basis.mixing.inward.shape == (1, 2)
    assert FLOOR > 0


def test_decoding_is_monotone_and_stays_in_range(mixed: Dataset):
    basis = Basis(mixed, mixed.windows(24, 1), "cowhitened")
    grid = np.repeat(np.linspace(-40, 40, 5001, dtype=np.float32)[:, None], 5, axis=1)
    last = basis.decoder.origin + (KNOTS - 1) / basis.decoder.scale
    values = basis.decoder(np.clip(grid, basis.decoder.origin, last.astype(np.float32)))
    assert (np.diff(values, axis=0) >= 0).all()
    everywhere = basis.decoder(grid)
    assert (everywhere >= values.min(axis=0)).all()
    assert (everywhere <= values.max(axis=0)).all()
    for channel, column in zip(channels_of(mixed, basis.decoder), values.T, strict=True):
        assert (column.min() == channel.low) or (channel.mass == channel.low < column.min())
        assert column.max() == channel.high


def test_the_table_holds_few_of_the_records():
    values = np.random.default_rng(0).normal(size=(5000, 1))
    basis = Basis(dataset(values), dataset(values).windows(24, 1), "cowhitened")
    table = basis.decoder.table[0]
    assert len(table) == KNOTS
    kept = np.isin(table, values.astype(np.float32)).sum()
    assert kept <= 2  # the smallest and the largest


def test_fast_scores_are_standard_normal():
    values = np.random.default_rng(0).exponential(size=(5000, 1))
    data = dataset(values)
    basis = Basis(data, data.windows(24, 1), "cowhitened")
    scores = basis._scores(np.arange(4977))
    assert abs(scores.mean()) < 0.02
    assert abs(scores.std() - 1) < 0.02
    assert torch.isfinite(torch.from_numpy(scores)).all()


def test_whole_numbers_stay_within_their_range_when_rounded():
    random = np.random.default_rng(0)
    for rows in (3000, 17029):  # of the latter, the last share is not a float32
        values = np.round(random.exponential(100, size=(rows, 1)), -1)
        values[7] = 9990  # an outlier: the next value below the largest is far
        data = dataset(values)
        decoder = Basis(data, data.windows(24, 1), "cowhitened").decoder
        decoded = decoder(np.array([[-50.0], [50.0]], np.float32))
        assert decoded.min() == decoder.table[0, 0] == 0
        assert decoded.max() == decoder.table[0, -1] == 9990


def test_orders_that_hold_in_every_row_hold_in_every_sample():
    random = np.random.default_rng(0)
    opened, closed = 50 + np.cumsum(random.normal(0, 0.5, (2, 500)), 1)
    more, less = random.choice([0.0, 0.5, 1.0], (2, 500))
    values = np.stack(
        [opened, np.maximum(opened, closed) + more, np.minimum(opened, closed) - less, closed, -9 * more], 1
    )
    data = Dataset.of("days", [Column(n) for n in ("open", "high", "low", "close", "far below")], [values])
    decoder = Basis(data, data.windows(24, 1), "cowhitened").decoder
    scores = random.normal(size=(40, 24, 5)).astype(np.float32)  # nothing of the order is in them
    opened, high, low, closed, _ = np.moveaxis(decoder(scores), -1, 0)
    assert (high >= np.maximum(opened, closed)).all()
    assert (low <= np.minimum(opened, closed)).all()
    free = replace(decoder, not_above=np.arange(5)[:, None], not_below=np.arange(5)[:, None])(scores)
    np.testing.assert_array_equal(opened, free[..., 0])
    np.testing.assert_array_equal(closed, free[..., 3])
    assert (free[..., 1] < np.maximum(opened, closed)).any()
    assert 4 not in decoder.not_below[:4], "what is always far below is no bound"


def test_a_chain_of_orders_holds_as_a_whole():
    random = np.random.default_rng(1)
    parts = np.cumsum(random.choice([0.0, 1.5, 2.2], (300, 6)), axis=1)  # each at least the one before
    data = Dataset.of("sums", [Column(f"up to {i}") for i in range(6)], [parts])
    decoder = Basis(data, data.windows(12, 1), "cowhitened").decoder
    made = decoder(random.normal(size=(50, 12, 6)).astype(np.float32))
    assert (np.diff(made, axis=2) >= 0).all()


@pytest.mark.parametrize(
    ("values", "grid"),
    [
        ([1, 4, 6, 7], (1, 1)),
        ([10, 40, 60, 0], (1, 10)),
        ([1.25, -3.5, 0.01], (100, 1)),
        ([1.05, 2.1, 3.55], (20, 1)),
        ([2.5, 5, 12.5], (2, 5)),
        ([0.1234567, 1], (0, 1)),
        ([1e9, 3], (1, 1)),
        ([123456.789, 1], (0, 1)),
        ([0, 0], (1, 1)),
        ([1e-9, 3e-9, -2e-9], (0, 1)),
        ([2e-9], (0, 1)),
        ([0.3, 0.1 + 0.2], (10, 3)),
        ([2.0**52, 4], (1, 1)),
        ([1e19, -3e19], (0, 1)),
    ],
)
def test_what_steps_the_data_are_in_is_found(values: list[float], grid: tuple[int, int]):
    assert grid_of(np.array(values, np.float64)) == grid


def test_samples_are_in_the_steps_of_the_data():
    random = np.random.default_rng(0)
    walk = 30 + np.round(np.cumsum(random.normal(0, 0.2, 600)), 2)
    data = dataset(np.column_stack([walk, 10.0 * random.poisson(4, 600), random.normal(size=600)]))
    decoder = Basis(data, data.windows(24, 1), "cowhitened").decoder
    scores = random.normal(size=(500, 3)).astype(np.float32)
    prices, tens, free = decoder(scores).T
    assert (prices == np.round(prices.astype(np.float64), 2).astype(np.float32)).all()
    assert (tens % 10 == 0).all()
    assert len(set(tens)) > 5
    assert (np.round(free, 6) != free).any()


def test_what_leaves_a_channel_comes_back_unless_the_data_rest_there():
    random = np.random.default_rng(0)
    walk = np.cumsum(random.normal(size=4000))
    rests = np.maximum(np.convolve(random.normal(size=4099), np.ones(100) / 100, "valid"), -0.05)
    data = dataset(np.column_stack([walk, rests, random.normal(size=4000)]))
    decoder = Basis(data, data.windows(24, 1), "cowhitened").decoder
    assert decoder.ends.tolist() == [[1, 0, 0], [1, 1, 0]]  # of noise, which is ranked, neither end
    last = decoder.origin + (KNOTS - 1) / decoder.scale
    beyond = np.float32([0.01, 0.2, 0.5])[:, None]
    low, high = decoder(decoder.origin - beyond), decoder(last + beyond)
    back_low, back_high = decoder(decoder.origin + beyond), decoder(last - beyond)
    np.testing.assert_allclose(low[:, 0], back_low[:, 0], rtol=1e-4)
    np.testing.assert_allclose(high[:, :2], back_high[:, :2], rtol=1e-4)
    assert (low[:, 1] == decoder.table[1, 0]).all()
    assert (high[:, 2] == decoder.table[2, -1]).all()
    far = decoder(decoder.origin + np.float32(1e6))  # farther than all of the range: it is its other end
    assert ((far >= decoder.table[:, 0]) & (far <= decoder.table[:, -1])).all()


def test_what_a_curve_would_spoil_goes_by_rank():
    """Outliers that would take up all of the scores, what goes by steps, and tails over many decades."""
    random = np.random.default_rng(0)
    calm = np.empty(4000)
    calm[0] = 0
    for i in range(1, 4000):
        calm[i] = 0.95 * calm[i - 1] + random.normal()
    broken = np.where(np.isin(np.arange(4000), random.integers(0, 4000, 12)), -9999, calm)
    levels = np.array([0, 12.5, 40, 100])[random.integers(0, 4, 4000)]
    steps = levels[np.maximum.accumulate(np.where(random.random(4000) < 0.05, np.arange(4000), 0))]
    values = np.stack([calm, broken, steps, np.exp(calm)], axis=1)
    basis = Basis(dataset(values), dataset(values).windows(24, 1), "cowhitened")
    assert basis._fast.tolist() == [1, 2, 3]


def test_no_value_over_a_gap_is_an_end_of_the_range_and_off_the_grid():
    """The least value is held out, and of what is trained on the least is on a line that leads to it."""
    values = 5 + np.round(np.random.default_rng(0).random(400), 1)[:, None]
    values[200], values[199], values[198] = 0, np.nan, np.nan
    data = Dataset.of("x", [Column("a")], [values])
    windows = data.windows(24, 1)
    kept = np.flatnonzero((windows.starts + 24 <= 200) | (windows.starts > 200))
    decoder = Basis(data, windows.some(kept), "cowhitened").decoder
    assert decoder.per.tolist() == [10]
    made = decoder(np.linspace(-9, 9, 2000, dtype=np.float32)[:, None])
    (channel,) = channels_of(data, decoder)
    assert channel.low is not None and channel.high is not None
    assert (channel.low, channel.high) == (float(made.min()), float(made.max()))
    np.testing.assert_allclose(made * 10, np.rint(made * 10), atol=1e-4)


def test_a_number_that_is_constant_in_each_sequence_has_a_straight_curve():
    random = np.random.default_rng(0)
    own = np.repeat(random.normal(size=(30, 1, 1)), 20, axis=1)
    sequences = np.concatenate([random.normal(size=(30, 20, 1)), own], axis=2)
    data = Dataset.of("x", [Column("a"), Column("b")], list(sequences))
    windows = data.windows(10, 1)
    encoded = Basis(data, windows, "cowhitened").encode(np.arange(9), np.zeros((9, 1, 1)))
    assert torch.isfinite(encoded).all()


def test_what_moves_by_the_same_in_each_step_has_that_for_a_size():
    random = np.random.default_rng(0)
    rows = [np.column_stack([np.arange(12), random.normal(size=12).cumsum()]) for _ in range(80)]
    data = Dataset.of("ramp", [Column("t"), Column("walk")], rows)
    mixing = Basis(data, data.windows(12, 1), "cowhitened").mixing
    assert mixing.increments.min() > 0.1


def test_between_few_values_there_is_none():
    """Set points of a machine, at which it stays; a count of many values; and few of which one is rare."""
    random = np.random.default_rng(0)
    rpm = np.repeat(random.choice([0.0, 900, 1500, 3000], 200), 20)
    counts = random.poisson(20, 4000).astype(float)
    once = random.choice([0.0, 5, 7], 4000)
    once[9] = 100
    rpm[95:105] = rpm[995:1005] = np.nan  # over which a line goes
    data = dataset(np.column_stack([rpm, counts, once]))
    decoder = Basis(data, data.windows(24, 1), "cowhitened").decoder
    assert decoder.between.tolist() == [0, 1, 1]
    values = decoder(random.normal(size=(20000, 3)).astype(np.float32))
    assert np.unique(values[:, 0]).tolist() == [0, 900, 1500, 3000]
    for point in (0, 900, 1500, 3000):
        assert (values[:, 0] == point).mean() == pytest.approx((rpm == point).mean(), abs=0.02)
    assert len(np.unique(values[:, 1])) > 25
