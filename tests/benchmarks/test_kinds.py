"""Figures by kind, on sequences whose figures can be reckoned in the head."""

import numpy as np
import pytest

from benchmarks.kinds import figures, moving
from benchmarks.kinds.figures import Sequences
from training.data.columns import Column
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


def test_a_film_that_moves_as_another_is_told_from_one_that_jumps():
    def film(step: int) -> np.ndarray:
        frames = np.zeros((6, 12, 12))
        for i in range(6):
            frames[i, 4:7, 1 + i * step % 8 : 4 + i * step % 8] = 100
        return frames.reshape(6, -1)

    classes = np.arange(8) % 2
    slow = Sequences([film(1)] * 8, classes)
    assert moving.motion(film(1)) == pytest.approx([1, 0, 0, 0], abs=1e-9)
    np.testing.assert_array_equal(moving.steady(film(1))[0], moving.steady(film(1))[5])
    assert moving.films(slow, slow, Sequences([film(3)] * 8, classes))["pace, relative error"][0] > 1


def test_a_table_is_as_far_from_its_halves_as_they_from_each_other():
    random = np.random.default_rng(0)
    columns = (Column("x", missing=True), Column("kind", labels=("a", "b")))

    def days(share: float) -> Sequences:
        kinds = (random.random((60, 12)) < share).astype(float)
        numbers = np.where(random.random((60, 12)) < 0.1, np.nan, kinds + random.normal(size=(60, 12)))
        return Sequences(list(np.stack([numbers, kinds], 2)), np.zeros(60, np.int64), columns)

    alike = figures.table(days(0.5), days(0.5), days(0.5))
    apart = figures.table(days(0.5), days(0.5), days(0.9))
    name = "shares of labels: floor's spreads above it"
    assert alike[name][0] < 3 < apart[name][0]
    assert apart["shares of labels"][0] == pytest.approx(0.4, abs=0.05)
    assert alike["missing rate"][1] < 0.05


def test_chorales_a_semitone_up_have_other_pitch_classes_and_the_same_range():
    columns = tuple(Column(f"voice {i}", labels=("hold", "rest", "60", "61", "67", "68")) for i in range(2))
    rows = [np.array([[2, 4], [0, 0], [4, 2], [1, 0]], float)] * 20
    real = Sequences(rows, np.zeros(20, np.int64), columns)
    up = Sequences([np.where(x >= 2, x + 1, x) for x in rows], real.classes, columns)
    assert figures.chorales(real, real, real)["pitch classes TV"][0] == 0
    found = figures.chorales(real, real, up)
    assert found["pitch classes TV"][0] == 1
    assert found["pitch range, relative error"][0] == found["polyphony, relative error"][0] == 0


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
