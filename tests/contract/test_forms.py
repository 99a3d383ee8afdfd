"""Rows read as what they are: text, voices, shades, a sheet."""

import numpy as np
import pytest

from contract import forms

LABELS = ("hold", "rest", "60", "72")


def test_what_happens_in_a_voice_and_what_sounds():
    begun = forms.onsets(LABELS, np.array([2, 0, 1, 0, 3, -1]))
    assert begun.tolist() == [60, forms.HELD, forms.SILENT, forms.HELD, 72, forms.SILENT]
    assert forms.sounding(begun).tolist() == [60, 60, -1, -1, 72, -1]


def test_what_is_held_from_before_the_first_step_is_silent():
    assert forms.sounding(np.array([[-2, -2, 60], [-2, 61, -2]])).tolist() == [[-1, -1, 60], [-1, 61, 61]]


def test_shades_reach_from_black_to_white():
    shades = forms.grey(np.array([0.0, 4.0, 8.0, 99.0, np.nan]), 0.0, 8.0)
    assert shades.tolist() == [0, 128, 255, 255, 0]


@pytest.mark.parametrize(("count", "size"), [(1, (2, 3)), (2, (2, 7)), (4, (5, 7)), (5, (5, 11))])
def test_a_sheet_is_about_as_wide_as_high_and_its_pictures_are_a_pixel_apart(
    count: int, size: tuple[int, int]
):
    pictures = np.arange(6 * count, dtype=np.uint8).reshape(count, 2, 3)
    sheet = forms.sheet(pictures, 255)
    assert sheet.shape == size
    assert sorted(sheet[sheet < 255].tolist()) == list(range(6 * count))
    np.testing.assert_array_equal(sheet[:2, :3], pictures[0])


def test_films_are_one_below_the_other_with_their_frames_side_by_side():
    films = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
    strips = forms.strips(films, 255)
    assert strips.shape == (5, 8)
    np.testing.assert_array_equal(strips[3:, 6:], films[1, 2])
    assert (strips[2] == 255).all() and (strips[:, 2] == 255).all()


@pytest.mark.parametrize(
    ("form", "labels", "reason"),
    [
        ("text", [("a",), ("b",)], "one channel"),
        ("text", [()], "one channel"),
        ("picture", [(), ("a",)], "numbers"),
        ("film", [(), ("a",)], "channels of a film are numbers"),
        ("music", [LABELS, ()], "labels"),
        ("music", [("hold", "128")], "'128' is no pitch"),
        ("music", [("hold", "C4")], "'C4' is no pitch"),
    ],
)
def test_channels_that_cannot_be_of_a_form(form: forms.Form, labels: list[tuple[str, ...]], reason: str):
    assert reason in str(forms.misfit(form, labels))


def test_channels_that_can():
    assert forms.misfit("table", [(), ("a",)]) is None
    assert forms.misfit("text", [("a",)]) is None
    assert forms.misfit("picture", [(), ()]) is None
    assert forms.misfit("film", [(), ()]) is None
    assert forms.misfit("music", [LABELS, LABELS]) is None
