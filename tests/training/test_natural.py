"""Texts, music and pictures of a person's own are read as sequences, or refused clearly."""

from pathlib import Path

import mido
import numpy as np
import pytest
from PIL import Image

from contract.forms import onsets
from training.config import TrainConfig
from training.data import load
from training.data.chorales import _notes
from training.data.dataset import Dataset
from training.data.music import grid
from training.errors import DataError


def saved(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def lines_of(dataset: Dataset) -> list[str]:
    labels = np.array(dataset.columns[0].labels)
    parts = np.split(dataset.values[:, 0].astype(int), dataset.bounds[1:-1])
    return ["".join(labels[part]) for part in parts]


def test_a_text_is_a_sequence_a_line_with_the_alphabet_that_is_found(tmp_path: Path):
    dataset = load(str(saved(tmp_path / "words.txt", "\ufeffbé\r\n\r\nabb\na")), TrainConfig())
    assert lines_of(dataset) == ["bé", "abb", "a"]
    assert dataset.columns[0].labels == ("a", "b", "é")
    assert (dataset.form, dataset.step, dataset.name) == ("text", "character", "words")
    assert "1 of 4 lines are empty and left out" in dataset.notes[0]


def test_an_alphabet_can_be_given_and_is_kept_in_its_order(tmp_path: Path):
    path = saved(tmp_path / "x.txt", "ab\nba\n")
    assert load(str(path), TrainConfig(alphabet="cba")).columns[0].labels == ("c", "b", "a")
    with pytest.raises(DataError, match="'b' in line 1, 'ab', is not in the alphabet"):
        load(str(path), TrainConfig(alphabet="ac"))
    with pytest.raises(DataError, match="'aab': each character once"):
        load(str(path), TrainConfig(alphabet="aab"))


def test_a_character_outside_the_alphabet_is_named_with_its_file_and_line(tmp_path: Path):
    saved(tmp_path / "a.txt", "ab\n")
    saved(tmp_path / "b.txt", "ab\n\n\nax\n")
    with pytest.raises(DataError, match=r"b.txt: 'x' in line 4, 'ax', is not in the alphabet"):
        load(str(tmp_path), TrainConfig(alphabet="ab"))


def test_text_that_cannot_be_learnt_is_refused(tmp_path: Path):
    for name, text in (("empty", ""), ("blank", "\n\n")):
        with pytest.raises(DataError, match="holds no text"):
            load(str(saved(tmp_path / f"{name}.txt", text)), TrainConfig())
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(DataError, match=r"not UTF-8 text \(byte 0\)"):
        load(str(tmp_path / "latin.txt"), TrainConfig())
    many = saved(tmp_path / "many.txt", "a" + "".join(map(chr, range(0x4E00, 0x4E00 + 200))))
    with pytest.raises(DataError, match="201 different characters, and at most 128"):
        load(str(many), TrainConfig())


def test_sub_folders_name_the_class_which_is_a_condition(tmp_path: Path):
    saved(tmp_path / "names" / "male" / "a.txt", "bob\n")
    saved(tmp_path / "names" / "female" / "a.txt", "ada\neve\n")
    dataset = load(str(tmp_path / "names"), TrainConfig())
    assert lines_of(dataset) == ["ada", "eve", "bob"]
    assert [(c.name, c.labels) for c in dataset.statics] == [("class", ("female", "male"))]
    assert dataset.static_values.tolist() == [[0], [0], [1]]
    saved(tmp_path / "names" / "loose.txt", "x\n")
    with pytest.raises(DataError, match=r"loose.txt beside the folder female"):
        load(str(tmp_path / "names"), TrainConfig())


def test_what_lies_deeper_than_classes_is_said(tmp_path: Path):
    for name in ("a/1.txt", "b/2.txt", "c/deep/3.txt"):
        saved(tmp_path / "set" / name, "bob\nada\n")
    dataset = load(str(tmp_path / "set"), TrainConfig())
    assert dataset.statics[0].labels == ("a", "b")
    told = f"{tmp_path}/set/c/deep lies too deep in {tmp_path}/set: what it holds"
    assert any(told in note for note in dataset.notes)
    with pytest.raises(DataError, match=r"no file that is read: .*; .*set/a does, .*: name .*/set$"):
        load(str(tmp_path), TrainConfig())
    saved(tmp_path / "tables" / "one" / "x.csv", "a\n1\n2\n")
    with pytest.raises(DataError, match=r"; .*/one does, which lies too deep: name .*tables/one$"):
        load(str(tmp_path / "tables"), TrainConfig())


def test_one_sub_folder_alone_is_no_class(tmp_path: Path):
    saved(tmp_path / "all" / "one" / "a.txt", "bob\nada\n")
    with pytest.raises(DataError, match="one sub-folder alone"):
        load(str(tmp_path / "all"), TrainConfig())


def song(path: Path, *tracks: list[tuple[str, int, int]], kind: int = 1, channel: int = 0) -> Path:
    """A file at 480 ticks a quarter: events of a track are a type, a pitch and the sixteenths since the
    one before."""
    file = mido.MidiFile(type=kind, ticks_per_beat=480)
    for number, track in enumerate(tracks):
        messages = [
            mido.Message(name, note=pitch, time=round(after * 120), channel=channel or number)
            for name, pitch, after in track
        ]
        file.tracks.append(mido.MidiTrack([mido.MetaMessage("track_name", name="x"), *messages]))
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


TUNE = [
    ("note_on", 60, 0), ("note_off", 60, 2), ("note_on", 60, 0), ("note_off", 60, 1), ("note_on", 62, 1),
    ("note_off", 62, 2),
]  # fmt: skip
BASS = [("note_on", 40, 1), ("note_off", 40, 3)]


def voices_of(dataset: Dataset) -> list[list[int]]:
    indices = dataset.values.astype(int)
    return [onsets(c.labels, x).tolist() for c, x in zip(dataset.columns, indices.T, strict=True)]


def test_a_midi_file_is_a_grid_of_sixteenths_with_a_voice_a_track(tmp_path: Path):
    dataset = load(str(song(tmp_path / "tune.mid", TUNE, BASS)), TrainConfig(length=2))
    assert voices_of(dataset) == [[60, -2, 60, -1, 62, -2], [-1, 40, -2, -2, -1, -1]]
    assert [c.name for c in dataset.columns] == ["voice 1", "voice 2"]
    assert dataset.columns[0].labels == ("hold", "rest", "60", "62")
    assert (dataset.form, dataset.step) == ("music", "sixteenth")


def test_files_with_another_number_of_voices_are_left_out_and_moved_notes_are_said(tmp_path: Path):
    late = [("note_on", 60, 0.4), ("note_off", 60, 1.6)]
    for name, tracks in (("a", (TUNE, BASS)), ("b", (late, BASS)), ("c", (TUNE,))):
        song(tmp_path / "songs" / f"{name}.mid", *tracks)
    dataset = load(str(tmp_path / "songs"), TrainConfig(length=2))
    assert len(dataset.bounds) == 3
    assert "1 of 3 files have not 2 voices as most have, and are left out: c.mid (1)" in dataset.notes[0]
    assert "17% of the notes begin between two sixteenths" in dataset.notes[1]


def test_files_in_sub_folders_have_a_class(tmp_path: Path):
    for name in ("slow", "fast"):
        song(tmp_path / "songs" / name / "a.mid", TUNE)
    dataset = load(str(tmp_path / "songs"), TrainConfig(length=2))
    assert dataset.statics[0].labels == ("fast", "slow")
    assert dataset.static_values.tolist() == [[0], [1]]


def test_midi_without_a_note_and_what_is_no_midi_are_refused(tmp_path: Path):
    for path in (song(tmp_path / "a.mid", []), song(tmp_path / "b.mid", TUNE, channel=9)):
        with pytest.raises(DataError, match=f"{path.name} holds no note"):
            load(str(path), TrainConfig())
    with pytest.raises(DataError, match="cannot be read as MIDI"):
        load(str(saved(tmp_path / "c.mid", "no music at all")), TrainConfig())
    content = song(tmp_path / "d.mid", TUNE).read_bytes()
    (tmp_path / "d.mid").write_bytes(content[:-10])
    with pytest.raises(DataError, match="cannot be read as MIDI"):
        load(str(tmp_path / "d.mid"), TrainConfig())


def test_files_without_voices_are_left_out_of_many(tmp_path: Path):
    song(tmp_path / "songs" / "a.mid", TUNE)
    song(tmp_path / "songs" / "b.mid", TUNE, channel=9)
    patterns = song(tmp_path / "songs" / "c.mid", TUNE, BASS, kind=2)
    with pytest.raises(DataError, match=r"c.mid is of type 2: its 2 tracks are tunes of their own"):
        load(str(patterns), TrainConfig())
    dataset = load(str(tmp_path / "songs"), TrainConfig(length=2))
    assert len(dataset.bounds) == 2
    assert dataset.notes[0].startswith("2 of 3 files are left out: ")
    assert "b.mid holds no note: it may be of drums alone" in dataset.notes[0]
    assert "c.mid is of type 2" in dataset.notes[0]
    (tmp_path / "songs" / "a.mid").unlink()
    with pytest.raises(DataError, match=r"no file of .*songs has voices: .*b.mid holds no note"):
        load(str(tmp_path / "songs"), TrainConfig())


def test_channels_of_a_track_are_voices(tmp_path: Path):
    file = mido.MidiFile(song(tmp_path / "a.mid", TUNE, BASS))
    both = mido.merge_tracks(file.tracks)
    mido.MidiFile(type=0, tracks=[both], ticks_per_beat=480).save(tmp_path / "a.mid")
    dataset = load(str(tmp_path / "a.mid"), TrainConfig(length=2))
    assert voices_of(dataset) == [[60, -2, 60, -1, 62, -2], [-1, 40, -2, -2, -1, -1]]


def test_notes_of_a_voice_that_are_left_out_or_end_early_are_counted(tmp_path: Path):
    chord = [("note_on", 60, 0), ("note_on", 64, 0), ("note_off", 60, 2), ("note_off", 64, 0)]
    held = [("note_on", 40, 0), ("note_on", 72, 1), ("note_off", 72, 1), ("note_off", 40, 2)]
    dataset = load(str(song(tmp_path / "a.mid", chord + held)), TrainConfig(length=2))
    assert voices_of(dataset) == [[64, -2, 40, 72, -1, -1]]
    assert dataset.notes[:2] == (
        "1 of 4 notes are left out, since a voice has one at a time: the highest of those that begin "
        "together",
        "1 of 4 notes end early, where the next of their voice begins",
    )


def test_a_voice_has_one_note_at_a_time_the_highest_and_the_newest():
    assert grid([[(0, 4, 60), (0, 2, 64), (3, 4, 50)]])[:, 0].tolist() == [64, -2, -1, 50]
    assert grid([[(0, 0.1, 60)]])[:, 0].tolist() == [60]  # every note has a step


def picture(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def test_pictures_are_rows_in_time_and_sub_folders_their_class(tmp_path: Path):
    random = np.random.default_rng(0)
    values = random.integers(0, 256, (4, 5, 3))
    for i, x in enumerate(values):
        picture(tmp_path / "set" / "ab"[i % 2] / f"{i}.png", x)
    dataset = load(str(tmp_path / "set"), TrainConfig())
    np.testing.assert_array_equal(dataset.values, values[[0, 2, 1, 3]].reshape(-1, 3))
    assert (dataset.form, dataset.length, dataset.ends) == ("picture", 5, False)
    assert dataset.static_values[:, 0].tolist() == [0, 0, 1, 1]


def test_pictures_of_unequal_size_and_colour_are_made_alike_and_it_is_said(tmp_path: Path):
    random = np.random.default_rng(0)
    for i, shape in enumerate([(5, 3), (5, 3), (8, 6), (5, 3, 3), (5, 3, 4)]):
        picture(tmp_path / "set" / f"{i}.png", random.integers(0, 256, shape))
    dataset = load(str(tmp_path / "set"), TrainConfig())
    assert np.diff(dataset.bounds).tolist() == [5] * 5
    assert "1 of 5 pictures are not 3 by 5 pixels as most are, and are resized" in dataset.notes[0]
    assert "shades of grey" in dataset.notes[1]


def test_pictures_of_16_bits_keep_their_shades(tmp_path: Path):
    values = np.random.default_rng(0).integers(0, 4096, (2, 5, 3)).astype(np.uint16)  # of 12 bits
    for i, x in enumerate([*values, values[0, :4]]):
        Image.fromarray(x).save(tmp_path / f"{i}.png")
    dataset = load(str(tmp_path), TrainConfig())
    np.testing.assert_allclose(dataset.values[:10], values.reshape(-1, 3) / 257)
    assert "3 of 3 pictures are of 16 bits, and are read as shades from 0 to 255 with" in dataset.notes[1]
    assert "colours" not in " ".join(dataset.notes)


def test_pictures_that_cannot_be_learnt_are_refused(tmp_path: Path):
    one = picture(tmp_path / "one.png", np.eye(4) * 255)
    with pytest.raises(DataError, match="is one picture: name a folder"):
        load(str(one), TrainConfig())
    for i in range(2):
        picture(tmp_path / "wide" / f"{i}.png", np.zeros((2, 200)))
    with pytest.raises(DataError, match="200 pixels wide, and at most 128"):
        load(str(tmp_path / "wide"), TrainConfig())
    for i in range(2):
        picture(tmp_path / "low" / f"{i}.png", np.arange(5)[None] * (i + 1))
    with pytest.raises(DataError, match="low: every picture is 1 pixel high, and of one step nothing"):
        load(str(tmp_path / "low"), TrainConfig())
    saved(tmp_path / "wide" / "0.png", "no picture")
    with pytest.raises(DataError, match="cannot be read as a picture"):
        load(str(tmp_path / "wide"), TrainConfig())


def test_a_folder_without_anything_lists_what_is_read(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no file that is read: .csv, .* .txt, .mid, .midi, .gif, .png"):
        load(str(tmp_path / "empty"), TrainConfig())
    with pytest.raises(DataError, match=r"x.doc: .doc is not read; one of .csv"):
        load(str(saved(tmp_path / "x.doc", "x")), TrainConfig())


def test_a_score_is_read_with_its_ties_voices_and_accidentals():
    from xml.etree import ElementTree

    def note(step: str, octave: int, duration: int, more: str = "") -> str:
        return (
            f"<note><pitch><step>{step}</step>{more}<octave>{octave}</octave></pitch>"
            f"<duration>{duration}</duration></note>"
        )

    tied = (
        '<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration><tie type="{}"/></note>'
    )
    part = ElementTree.fromstring(
        "<part><measure><attributes><divisions>2</divisions></attributes>"
        + tied.format("start")
        + "</measure><measure>"
        + tied.format("stop")
        + note("F", 3, 1, "<alter>1</alter>")
        + "<note><rest/><duration>1</duration></note>"
        + note("B", 4, 2)
        + "</measure></part>"
    )
    assert _notes(part) == [(0, 16, 60), (16, 18, 54), (20, 24, 71)]
