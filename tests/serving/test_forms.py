"""Samples written as what they are; read back by libraries that others wrote."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pyarrow.ipc
import pyarrow.parquet
import pytest
from PIL import Image

from contract.forms import SHADE, Form
from contract.spec import Spec
from serving import formats
from serving.errors import FormatError
from serving.samples import Plan, Samples
from tests.serving.plain import SPEC

PITCHES = ("hold", "rest", "60", "64")


def labelled(form: Form, *labels: tuple[str, ...]) -> Spec:
    any_of = replace(SPEC.channels[0], kind="categorical", low=None, high=None)
    channels = tuple(replace(any_of, name=f"c{i}", labels=own) for i, own in enumerate(labels))
    return replace(SPEC, form=form, channels=channels)


def shades(width: int) -> Spec:
    any_of = replace(SPEC.channels[0], low=0.0, high=16.0)
    channels = tuple(replace(any_of, name=f"pixel {i}") for i in range(width))
    return replace(SPEC, form="picture", channels=channels)


def written(form, batches: Sequence[Samples], count: int, length: int) -> bytes:
    file = io.BytesIO()
    form.write(file, Plan(batches[0].spec, 1, count, length), iter(batches))
    return file.getvalue()


def whole(spec: Spec, **arrays: np.ndarray) -> Samples:
    return Samples.of(spec, 1, arrays)


def in_parts(samples: Samples, cut: int) -> list[Samples]:
    """Each sequence alone, in two parts."""
    return [
        Samples.of(
            samples.spec,
            1,
            {n: a[row : row + 1, first:last] for n, a in samples.arrays.items()},
            row,
            first,
        )
        for row in range(samples.shape[0])
        for first, last in ((0, cut), (cut, samples.shape[1]))
    ]


def test_text_is_a_line_a_sequence_without_what_is_behind_its_end():
    spec = labelled("text", ("a", "b", "é"))
    samples = whole(spec, labels=np.array([[0, 1, 2], [1, -1, -1]])[..., None])
    assert written(formats.text, [samples], 2, 3).decode() == "abé\nb\n"
    assert written(formats.text, in_parts(samples, 1), 2, 3).decode() == "abé\nb\n"


def test_what_came_as_pictures_is_as_dark_as_it_was():
    own = tuple(replace(c, unit=SHADE, low=10.0, high=140.0) for c in shades(3).channels)
    values = np.array([[[10.0, 64.4, 140.0]]], np.float32)
    picture = whole(replace(shades(3), channels=own), values=values)
    pixels = np.asarray(Image.open(io.BytesIO(written(formats.png, [picture], 1, 1))))
    np.testing.assert_array_equal(pixels, [[10, 64, 140]])


def test_one_picture_is_itself_and_many_are_a_sheet():
    values = np.random.default_rng(0).integers(0, 17, (5, 4, 3)).astype(np.float32)
    one = Image.open(io.BytesIO(written(formats.png, [whole(shades(3), values=values[:1])], 1, 4)))
    assert one.mode == "L"
    np.testing.assert_array_equal(np.asarray(one), np.rint(values[0] * 255 / 16))
    sheet = whole(shades(3), values=values)
    content = written(formats.png, [sheet], 5, 4)
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    assert pixels.shape == (9, 11)
    np.testing.assert_array_equal(pixels[5:, 4:7], np.rint(values[4] * 255 / 16))
    assert (pixels[4] == formats.png.BACKGROUND).all()
    assert written(formats.png, in_parts(sheet, 3), 5, 4) == content


def test_a_picture_that_ends_is_background_from_there():
    values = np.full((1, 4, 2), np.nan, np.float32)
    values[0, :2] = 16
    valid = np.array([[True, True, False, False]])
    content = written(formats.png, [whole(shades(2), values=values, valid=valid)], 1, 4)
    assert np.asarray(Image.open(io.BytesIO(content))).tolist() == [[255, 255]] * 2 + [[128, 128]] * 2


def test_a_gif_shows_a_row_more_in_each_frame():
    values = np.arange(24, dtype=np.float32).reshape(2, 4, 3) % 16
    film = Image.open(io.BytesIO(written(formats.gif, [whole(shades(3), values=values)], 2, 4)))
    assert film.n_frames == 4
    film.seek(1)
    frame = np.asarray(film.convert("L"))
    np.testing.assert_array_equal(frame[:2, 4:], np.rint(values[1, :2] * 255 / 16))
    assert (frame[2:] == formats.png.BACKGROUND).all()


def film(height: int, width: int) -> Spec:
    return replace(shades(height * width), form="film", frame=(height, width))


def test_films_are_strips_and_a_gif_shows_all_of_them_at_once():
    values = np.random.default_rng(0).integers(0, 17, (3, 4, 6)).astype(np.float32)
    wanted = np.rint(values * 255 / 16).reshape(3, 4, 2, 3)
    samples = whole(film(2, 3), values=values)
    content = written(formats.png, [samples], 3, 4)
    strips = np.asarray(Image.open(io.BytesIO(content)))
    assert strips.shape == (8, 15)
    np.testing.assert_array_equal(strips[3:5, 8:11], wanted[1, 2])
    assert written(formats.png, in_parts(samples, 3), 3, 4) == content
    moving = Image.open(io.BytesIO(written(formats.gif, [samples], 3, 4)))
    assert (moving.n_frames, moving.size) == (4, (7, 5))
    moving.seek(2)
    np.testing.assert_array_equal(np.asarray(moving.convert("L"))[3:, :3], wanted[2, 2])


def test_a_film_that_ends_is_background_from_there():
    values, valid = np.full((1, 2, 4), 16, np.float32), np.array([[True, False]])
    content = written(formats.png, [whole(film(2, 2), values=values, valid=valid)], 1, 2)
    assert np.asarray(Image.open(io.BytesIO(content)))[0].tolist() == [255, 255, 128, 128, 128]


def test_a_sheet_too_large_is_refused(monkeypatch: pytest.MonkeyPatch):
    samples = whole(shades(3), values=np.zeros((4, 4, 3), np.float32))
    monkeypatch.setattr(formats.png, "MOST_PIXELS", 60)
    with pytest.raises(FormatError, match="4 sequences of 4 × 3 pixels are too many"):
        written(formats.png, [samples], 4, 4)


def notes(track: mido.MidiTrack) -> list[tuple[int, int, int]]:
    """Begin and end in sixteenths, and pitch."""
    now, begun, found = 0, {}, []
    for message in track:
        now += message.time
        if message.type == "note_on":
            begun[message.note] = now
        elif message.type == "note_off":
            found.append((begun.pop(message.note) // 120, now // 120, message.note))
    assert not begun
    return found


@pytest.mark.parametrize("cut", [None, 1, 3])
def test_music_is_a_track_a_voice_and_one_sequence_after_the_other(cut: int | None):
    spec = labelled("music", PITCHES, PITCHES)
    voices = [
        [[2, 0, 2, 3], [0, 0, 3, 1]],  # 60 for two, 60 again, 64; held from before, then 64
        [[3, 0, 0, 0], [1, 1, 1, 1]],
    ]
    samples = whole(spec, labels=np.array(voices).transpose(1, 2, 0))
    batches = [samples] if cut is None else in_parts(samples, cut)
    song = mido.MidiFile(file=io.BytesIO(written(formats.midi, batches, 2, 4)))
    assert (song.type, song.ticks_per_beat, len(song.tracks)) == (1, 480, 3)
    markers = [m.text for m in song.tracks[0] if m.type == "marker"]
    assert markers == ["sequence 0", "sequence 1"]
    assert [t.name for t in song.tracks[1:]] == ["c0", "c1"]
    assert notes(song.tracks[1]) == [(0, 2, 60), (2, 3, 60), (3, 4, 64), (34, 35, 64)]
    assert notes(song.tracks[2]) == [(0, 4, 64)]


def test_music_that_ends_releases_its_notes_there():
    spec = labelled("music", PITCHES)
    labels = np.array([[2, 0, -1, -1], [3, 0, 0, 0]])[..., None]
    samples = whole(spec, labels=labels, valid=labels[..., 0] >= 0)
    song = mido.MidiFile(file=io.BytesIO(written(formats.midi, in_parts(samples, 2), 2, 4)))
    assert notes(song.tracks[1]) == [(0, 2, 60), (32, 36, 64)]


def test_more_than_sixteen_voices_and_long_pauses_are_read_by_others():
    spec = labelled("music", *[PITCHES] * 20)
    labels = np.ones((1, 40_000, 20), np.int64)
    labels[0, -1] = 2
    song = mido.MidiFile(file=io.BytesIO(written(formats.midi, [whole(spec, labels=labels)], 1, 40_000)))
    assert [notes(t) for t in song.tracks[1:]] == [[(39_999, 40_000, 60)]] * 20
    assert not any(m.type == "note_on" and m.channel == 9 for t in song.tracks for m in t)


def test_a_form_that_cannot_hold_the_samples_lists_those_that_can(tmp_path: Path):
    samples = whole(labelled("text", ("a",)), labels=np.zeros((1, 2, 1), np.int64))
    with pytest.raises(FormatError, match="a text is no picture; .* written as .json, .* .parquet, .txt$"):
        samples.save(tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_answers_are_offered_by_what_the_sequences_are():
    offers = {form: set(formats.served(spec)) for form, spec in (
        ("table", SPEC), ("text", labelled("text", ("a",))), ("picture", shades(2)),
        ("music", labelled("music", PITCHES)),
    )}  # fmt: skip
    assert offers["text"] - offers["table"] == {"text/plain"}
    assert offers["picture"] - offers["table"] == {"image/png", "image/gif"}
    assert offers["music"] - offers["table"] == {"audio/midi"}


def test_without_pillow_the_command_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'cadenza[pictures]'" in str(formats.png.refusal(shades(2)))
    assert "image/png" not in formats.served(shades(2))


@pytest.mark.parametrize(
    ("labels", "kind", "values"),
    [
        (("false", "true"), "bool", [False, True, None]),
        (("0", "-12", "7"), "int64", [0, -12, None]),
    ],
)
def test_yes_or_no_and_codes_have_types_of_their_own(
    tmp_path: Path, labels: tuple[str, ...], kind: str, values: list[object]
):
    spec = labelled("table", labels, ("00", "yes"))
    spec = replace(spec, channels=tuple(replace(c, missing=True) for c in spec.channels))
    samples = whole(spec, labels=np.array([[[0, 0], [1, 1], [-1, -1]]] * 5))
    samples.save(tmp_path / "x.parquet")
    samples.save(tmp_path / "x.arrow")
    with pyarrow.ipc.open_stream(tmp_path / "x.arrow") as stream:
        tables = [pyarrow.parquet.read_table(tmp_path / "x.parquet"), stream.read_all()]
    for table in tables:
        table.validate(full=True)
        assert str(table.schema.field("c0").type) == kind
        assert table.column("c0").to_pylist() == values * 5
        assert table.column("c1").to_pylist() == ["00", "yes", None] * 5  # no codes: their zeros count
