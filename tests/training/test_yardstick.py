"""The yardstick: the energy distance as it is written, and nothing that is not in the data."""

import numpy as np
import pytest
import torch

from contract.spec import ConditionTable
from training.conditions import Conditions
from training.data import Windows
from training.data.columns import Column
from training.data.dataset import Dataset
from training.decoder import KNOTS, Decoder, Decoding
from training.view import View
from training.yardstick import BLOCKS, Yardstick, blocks_of

LENGTH = 6
NONE = Conditions((), ConditionTable((), ()))


def decoder(values: np.ndarray) -> Decoder:
    low, high = values.min(0), values.max(0)
    table = np.linspace(low, high, KNOTS).T.astype(np.float32)
    one, own = np.ones(len(low), np.float32), np.arange(len(low))[:, None]
    still = np.zeros((2, len(low)), np.float32)
    return Decoder(low.astype(np.float32), one, table, still, one, 0 * one, one, own, own)


def yardstick(values: np.ndarray) -> Yardstick:
    """Every second stretch of 3 windows is held out."""
    starts = np.arange(0, len(values) - LENGTH + 1, LENGTH)
    held = starts // (3 * LENGTH) % 2 == 1
    return of(whole(values, starts[~held], LENGTH), whole(values, starts[held], LENGTH))


def whole(values: np.ndarray, starts: np.ndarray, length: int) -> Windows:
    return Windows(values, starts, length, np.full(len(starts), length))


def of(trained: Windows, held: Windows) -> Yardstick:
    values = trained.values
    data = Dataset.of("x", [Column(f"c{i}") for i in range(values.shape[1])], [values])
    return Yardstick(trained, held, Decoding(data.layout, decoder(values)), View(data), NONE)


def windows(random: np.random.Generator, count: int) -> np.ndarray:
    return random.normal(size=(count, LENGTH, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def measure() -> Yardstick:
    return yardstick(np.random.default_rng(0).normal(size=(3000, 2)))


def test_windows_of_the_same_kind_are_at_no_distance(measure: Yardstick):
    random = np.random.default_rng(1)
    distances = [measure.compare(windows(random, 500)).distance for _ in range(20)]
    assert abs(np.mean(distances)) < 0.005


def test_windows_of_another_kind_are_farther_the_more_they_differ(measure: Yardstick):
    other = windows(np.random.default_rng(1), 500)
    shifted = [measure.compare(other + shift).distance for shift in np.float32([0, 0.3, 1])]
    assert shifted[0] < 0.02 < shifted[1] < shifted[2]
    still = np.repeat(other[:, :1], LENGTH, 1)  # the same levels, no movement
    assert measure.compare(still).distance > 0.1


def test_the_distance_is_the_formula_over_all_pairs(measure: Yardstick):
    other = windows(np.random.default_rng(2), 30)
    x, y = measure._x.double().numpy(), measure._coordinates(other).double().numpy()

    def mean(a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> float:
        return float(np.linalg.norm(a[:, None] - b, axis=2)[counts].mean())

    reference = (
        2 * mean(x, y, np.ones((len(x), len(y)), bool))
        - mean(x, x, ~np.eye(len(x), dtype=bool))
        - mean(y, y, ~np.eye(len(y), dtype=bool))
    )
    assert measure.compare(other).distance == pytest.approx(reference, abs=1e-5)


def test_a_generator_that_repeats_one_window_has_no_diversity(measure: Yardstick):
    varied = windows(np.random.default_rng(3), 300)
    assert measure.compare(varied).diversity == pytest.approx(1, abs=0.05)
    assert measure.compare(np.repeat(varied[:1], 300, 0)).diversity == pytest.approx(0, abs=1e-3)


def test_values_at_the_ends_of_the_range_are_counted(measure: Yardstick):
    low = np.broadcast_to(measure.decoding.decoder.table[:, 0], (50, LENGTH, 2)).copy()
    assert measure.compare(low).pinned == pytest.approx(1, abs=0.01)
    assert measure.compare(windows(np.random.default_rng(4), 300)).pinned == pytest.approx(0, abs=0.01)


def test_the_error_of_a_difference_is_that_of_resampled_blocks(measure: Yardstick):
    random = np.random.default_rng(5)
    one = measure.compare(windows(random, 300)).blocks
    other = measure.compare(windows(random, 300) * np.float32(1.3)).blocks
    assert measure.error(one, one) == 0
    moves, counts = (one - other).numpy(), measure.counts.numpy()
    drawn = random.integers(len(moves), size=(4000, len(moves)))
    resampled = moves[drawn].sum(1) / counts[drawn].sum(1)
    assert measure.error(one, other) == pytest.approx(resampled.std(), rel=0.1)


def test_readings_are_equally_good_within_their_error_and_what_training_wanders_by(measure: Yardstick):
    random = np.random.default_rng(6)
    one, alike, other = (measure.compare(windows(random, 300) * np.float32(s)).blocks for s in (1, 1, 6))
    assert measure.slack(one, alike) == pytest.approx(measure._within / 100)
    assert measure.slack(one, other) == measure.error(one, other) > measure._within / 100


def test_windows_that_overlap_are_in_one_block():
    starts = np.array([0, 1, 2, 20, 21, 40, 60, 80])
    assert blocks_of(starts, 5).tolist() == [0, 0, 0, 1, 1, 2, 3, 4]


def test_one_long_stretch_is_cut_into_blocks():
    assert torch.bincount(blocks_of(np.arange(100), 24)).tolist() == [25] * BLOCKS


def test_where_nothing_is_held_out_the_windows_trained_on_are_compared_with():
    values = np.random.default_rng(0).normal(size=(100, 1))
    starts = np.arange(90)
    measure = of(whole(values, starts, 10), whole(values, starts[:0], 10))
    assert not measure.held_out
    assert len(measure.real) == 90


def test_a_constant_channel_does_not_count():
    values = np.random.default_rng(0).normal(size=(3000, 2))
    values[:, 1] = 3
    assert yardstick(values).compare(np.full((20, LENGTH, 2), 3, np.float32)).diversity == 0


@pytest.mark.parametrize("rows", [30, 300, 400])
def test_of_short_series_all_of_whose_held_out_windows_overlap_it_measures_still(rows: int):
    """They are one window, from which no distance of two is known."""
    random = np.random.default_rng(0)
    values = np.cumsum(random.normal(size=(rows, 2)), axis=0)
    data = Dataset.of("x", [Column("a"), Column("b")], [values])
    trained, held = data.split(24, 1, 0.1)
    yardstick = Yardstick(trained, held, Decoding(data.layout, decoder(values)), View(data), NONE)
    reading = yardstick.compare(data.windows(24, 1).take(np.arange(7)))
    assert np.isfinite([reading.distance, reading.diversity]).all()
    assert not yardstick.held_out
