"""The memorisation test is right about copies, hidden copies and honest samples."""

import numpy as np
import pytest

from training.data.columns import Column
from training.data.dataset import Dataset
from training.data.windows import Windows
from training.evaluation.memorisation import Memorisation, memorisation

LENGTH = 12


def trend(seed: int, rows: int = 3000) -> np.ndarray:
    """A series that never comes back: a random walk with drift, and a swing that grows."""
    random = np.random.default_rng(seed)
    walk = random.normal(0.3, 1, (rows, 2)).cumsum(0)
    swing = np.sin(np.arange(rows) / 5 + random.normal(0, 0.1, rows).cumsum()) * np.arange(rows) / rows
    return np.column_stack([walk, 5 * swing + random.normal(0, 0.1, rows)])


def dataset(values: np.ndarray) -> Dataset:
    return Dataset.of("x", [Column(f"c{i}") for i in range(values.shape[1])], [values])


@pytest.fixture(scope="module")
def sides() -> tuple[Windows, Windows]:
    return dataset(trend(0)).split(LENGTH, 1, 0.1)


def some(windows: Windows, count: int, seed: int = 0) -> np.ndarray:
    return windows.take(np.random.default_rng(seed).permutation(len(windows))[:count])


def honest(count: int) -> np.ndarray:
    """Windows of another series of the same process: what a perfect generator would make."""
    return some(dataset(trend(1)).windows(LENGTH, 1), count)


def judge(samples: np.ndarray, sides: tuple[Windows, Windows]) -> Memorisation:
    return memorisation(samples, *sides)[0]


def test_exact_copies_are_flagged_all_of_them(sides: tuple[Windows, Windows]):
    found = judge(some(sides[0], 600), sides)
    assert found.verdict == "copied"
    assert found.share > 0.99
    assert found.sentence.startswith("Copied: about 100% of the samples.")


def test_copies_under_one_per_cent_of_noise_are_flagged(sides: tuple[Windows, Windows]):
    copies = some(sides[0], 600)
    noise = np.random.default_rng(0).normal(size=copies.shape) * 0.01
    moved = copies - copies.mean(1, keepdims=True)
    found = judge(copies + noise * moved.std((0, 1)), sides)
    assert found.verdict == "copied"
    assert found.share > 0.9


def test_copies_that_were_moved_up_are_flagged(sides: tuple[Windows, Windows]):
    assert judge(some(sides[0], 600) + 100, sides).verdict == "copied"


def test_five_per_cent_of_copies_among_honest_samples_are_flagged_with_their_share(
    sides: tuple[Windows, Windows],
):
    found = judge(np.concatenate([some(sides[0], 50), honest(950)]), sides)
    assert found.verdict == "copied"
    assert 0.04 < found.share < 0.07


def test_held_out_windows_are_not_copies(sides: tuple[Windows, Windows]):
    found = judge(some(sides[1], 1000), sides)
    assert found.verdict == "not copied"
    assert found.reference == "held-out"


def test_honest_samples_of_a_series_that_never_comes_back_are_not_copies(
    sides: tuple[Windows, Windows],
):
    found = judge(honest(1000), sides)
    assert found.verdict == "not copied", found.sentence


def test_smooth_windows_of_few_degrees_of_freedom_are_not_copies():
    """Many training windows and three numbers a window: coincidences are common, and expected."""

    def swings(count: int, seed: int) -> list[np.ndarray]:
        random = np.random.default_rng(seed)
        speed, phase = random.uniform(0, 0.5, (2, count, 1, 1))
        return list(np.sin(speed * np.arange(LENGTH)[:, None] + 6 * phase))

    data = Dataset.of("swings", [Column("x")], swings(3000, 0))
    sides = data.split(LENGTH, 1, 0.1)
    assert judge(np.stack(swings(1000, 1)), sides).verdict == "not copied"
    found = judge(some(sides[0], 600), sides)
    assert found.verdict == "copied"
    assert found.threshold < 0.5


def test_without_held_out_windows_training_windows_stand_in():
    sides = dataset(trend(0)).split(LENGTH, 1, 0)
    assert not len(sides[1])
    for samples, verdict in ((honest(1000), "not copied"), (some(sides[0], 600), "copied")):
        found = judge(samples, sides)
        assert (found.verdict, found.reference) == (verdict, "training")
        assert "nothing was held out" in found.sentence


def test_a_few_samples_are_too_few_to_tell(sides: tuple[Windows, Windows]):
    assert judge(honest(20), sides).verdict == "cannot tell"
    assert judge(some(sides[0], 20), sides).verdict == "copied"
