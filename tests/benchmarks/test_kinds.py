"""Figures by kind, on sequences whose figures can be reckoned in the head."""

import numpy as np
import pytest

from benchmarks.kinds import figures
from benchmarks.kinds.figures import Sequences
from training.evaluation.judges import Judge


def words(*texts: str) -> Sequences:
    rows = [np.array([[float(ord(letter) - 97)] for letter in text]) for text in texts]
    return Sequences(rows, np.zeros(len(rows), np.int64))


def test_the_same_words_have_no_divergence_and_others_a_whole_bit():
    one = figures._grams(words("ab", "ba"), 2)
    assert one == {(-1, 0): 1, (0, 1): 1, (1, -2): 1, (-1, 1): 1, (1, 0): 1, (0, -2): 1}
    assert figures._divergence(one, one) == 0
    assert figures._divergence(one, figures._grams(words("cd"), 2)) == pytest.approx(1)


def test_copies_and_repetitions_are_counted():
    train, held = words(*["ab"] * 20, *["cd"] * 20), words(*["ef", "gh"] * 20)
    found = figures.text(train, held, words(*["ab"] * 30, *["xy"] * 10), Judge(1, 2, 1))
    assert found["in training data"][0] == pytest.approx(0.75)
    assert found["in training data"][1] == 0
    assert found["distinct"][0] == pytest.approx(0.05)


def test_lengths_are_compared_by_class():
    short, long = np.zeros((2, 1)), np.zeros((5, 1))
    one = Sequences([short, long] * 10, np.array([0, 1] * 10))
    other = Sequences([long, short] * 10, np.array([0, 1] * 10))
    assert figures._length_error(one, one) == 0
    assert figures._length_error(one, other) == pytest.approx(3)


def test_classes_that_are_mixed_up_are_seen():
    random = np.random.default_rng(0)

    def some(flip: bool) -> Sequences:
        classes = np.arange(60) % 2
        rows = [np.full((4, 2), 8.0 * (k != flip)) + random.random((4, 2)) for k in classes]
        return Sequences(rows, classes)

    right, wrong = (figures.pictures(some(False), some(False), some(flip)) for flip in (False, True))
    assert right["agrees with its condition"] == (1, 1)
    assert wrong["agrees with its condition"][0] == 0
    assert wrong["train on synthetic, test on real"][0] == 0


def test_a_day_that_never_followed_is_illegal():
    days = np.array([[0.0, k % 5] for k in range(40)])
    days[:, 0] = np.random.default_rng(0).normal(size=40)
    real = Sequences([days] * 4, np.zeros(4, np.int64))
    made = Sequences([days[::-1].copy()] * 4, np.zeros(4, np.int64))
    assert figures.prices(real, real, real)["illegal"][0] == 0
    found = figures.prices(real, real, made)
    assert found["illegal"][0] == 1
    assert found["transitions TV"][0] == pytest.approx(1)
    assert found["kurtosis, relative error"][0] == pytest.approx(0, abs=1e-9)


def test_sound_that_is_real_is_at_its_floor_and_steps_that_do_not_meet_are_heard():
    random = np.random.default_rng(0)

    def some(broken: float) -> Sequences:
        walks = np.cumsum(random.normal(size=(100, 8 * 16)), 1).reshape(100, 8, 16)
        walks += broken * random.normal(size=(100, 8, 1))
        return Sequences(list(walks), np.zeros(100, np.int64))

    real = some(0)
    found = figures.beats(real, some(0), real, Judge(1, 2, 1))
    assert found["spectrum, 40–100 Hz, dB"] == (0, pytest.approx(0.3, abs=0.3))
    assert found["peaks, relative error"][0] == 0
    assert found["seam"][0] == pytest.approx(1, abs=0.1)
    assert figures.beats(real, real, some(5), Judge(1, 2, 1))["seam"][0] > 3
