"""The field's statistics of music, of tunes whose figures can be told in the head."""

import numpy as np
import pytest

from contract.forms import HELD, SILENT
from training.data.columns import Column
from training.data.windows import ENDED
from training.evaluation import music

C_MAJOR = [60, 62, 64, 65, 67, 69, 71, 72]


def voice(*codes: int) -> np.ndarray:
    """One window of one voice."""
    return np.array(codes)[None, :, None]


def test_labels_become_what_begins_and_ends_are_told():
    columns = [Column("a", labels=("hold", "rest", "60")), Column("b", labels=("61", "hold"))]
    found = music.begun(np.array([[[2, 0], [0, 1], [ENDED, ENDED]]]), columns)
    assert found.tolist() == [[[60, 61], [HELD, HELD], [music.BEHIND, music.BEHIND]]]


def test_scale_consistency_is_the_share_in_the_best_major_scale():
    assert music.scale_consistency(voice(*C_MAJOR)).tolist() == [1]
    assert music.scale_consistency(voice(*(p + 3 for p in C_MAJOR))).tolist() == [1]  # in any key
    assert music.scale_consistency(voice(*range(60, 72))).tolist() == [pytest.approx(7 / 12)]
    assert music.scale_consistency(voice(69, 71, 72, 74, 76, 77, 79)).tolist() == [1]  # A minor
    assert len(music.scale_consistency(voice(SILENT, SILENT))) == 0


def test_polyphony_is_over_the_steps_at_which_anything_sounds():
    two = np.stack([[60, HELD, SILENT, SILENT], [SILENT, 64, HELD, SILENT]], 1)[None]
    assert music.polyphony(two).tolist() == [pytest.approx(4 / 3)]
    assert len(music.polyphony(voice(SILENT, HELD))) == 0


def test_a_beat_is_empty_if_nothing_sounds_in_its_four_steps():
    held = voice(60, HELD, HELD, HELD, HELD, SILENT, SILENT, SILENT, *[SILENT] * 4, SILENT, SILENT)
    assert music.empty_beats(held).tolist() == [0.5]
    ended = voice(SILENT, SILENT, SILENT, SILENT, 60, music.BEHIND, *[music.BEHIND] * 6)
    assert music.empty_beats(ended).tolist() == [0.5]


def test_the_range_is_from_the_lowest_to_the_highest_note():
    assert music.pitch_range(voice(60, HELD, 72, SILENT, 55)).tolist() == [17]
    assert music.pitch_range(voice(60, HELD)).tolist() == [0]


def test_pitch_classes_count_notes_in_any_octave():
    shares = music.pitch_classes(voice(60, HELD, 72, 61, SILENT, 48))
    assert shares[:3].tolist() == [0.75, 0.25, 0]
    assert shares.sum() == 1


def test_differences_are_relative_or_of_shares():
    assert music.off(np.array([2.0, 4.0]), np.array([3.3])) == pytest.approx(0.1)
    assert music.off(np.array([3.0]), np.array([])) == 1
    assert music.off(np.array([0.0]), np.array([0.0])) == 0
    assert music.apart(np.array([0.1, 0.3]), np.array([0.5])) == pytest.approx(0.3)
    assert music.variation(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == 0.5
