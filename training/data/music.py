"""Notes on a grid of sixteenths: MIDI files, and what the built-in chorales share with them.

Each channel of a track is a voice, where it has notes. A voice has one note at a time: of several that
begin together the highest is kept, and a new one ends the one before.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np

from contract.forms import HELD, HOLD, REST, SILENT, STEPS_A_BEAT, Integers
from training.config import TrainConfig
from training.data.columns import Column
from training.data.dataset import Dataset, Doubles
from training.data.folders import classed, found
from training.errors import DataError

SUFFIXES = (".mid", ".midi")

Note = tuple[float, float, int]
"""Where it begins and where it ends, in sixteenths, and its pitch."""

_OFF_GRID = 0.125
"""Sixteenths from the grid that a hand, or a rounding, may be off."""
_DRUMS = 9


def read(path: Path, config: TrainConfig) -> Dataset:
    """Read a file, or a folder of them.

    Raises:
        DataError: no MIDI, or no voice in any file.
    """
    files, voices, without = [], [], []
    there = found(path, SUFFIXES)
    for file, name in there:
        try:
            voices.append(_voices(file))
            files.append((file, name))
        except _NoVoicesError as error:
            if len(there) == 1:
                raise
            without.append(str(error))
    if not files:
        raise DataError(f"no file of {path} has voices: {without[0]}")
    notes = []
    if without:
        told = "; ".join(without[:3]) + (" …" if without[3:] else "")
        notes.append(f"{len(without)} of {len(there)} files are left out: {told}")
    usual, _ = Counter(map(len, voices)).most_common(1)[0]
    kept = [i for i, own in enumerate(voices) if len(own) == usual]
    if left := [f"{f.name} ({len(v)})" for (f, _), v in zip(files, voices, strict=True) if len(v) != usual]:
        notes.append(
            f"{len(left)} of {len(files)} files have not {usual} voices as most have, and are left out: "
            f"{', '.join(left[:5])}{' …' if len(left) > 5 else ''}"
        )
    every = [n for i in kept for voice in voices[i] for n in voice]
    if off := sum(abs(begin - round(begin)) > _OFF_GRID for begin, _, _ in every):
        notes.append(
            f"{off / len(every):.0%} of the notes begin between two sixteenths, and are moved to one"
        )
    heard = [_one_at_a_time(voice) for i in kept for voice in voices[i]]
    if lost := len(every) - sum(map(len, heard)):
        notes.append(
            f"{lost:,} of {len(every):,} notes are left out, since a voice has one at a time: the highest "
            "of those that begin together"
        )
    if cut := sum(one[1] > two[0] for voice in heard for one, two in pairwise(voice)):
        notes.append(f"{cut:,} of {len(every):,} notes end early, where the next of their voice begins")
    names = [f"voice {i + 1}" for i in range(usual)]
    dataset = dataset_of(path.resolve().stem, names, [grid(voices[i]) for i in kept])
    dataset = replace(dataset, notes=(*notes, *dataset.notes))
    return classed(dataset, [files[i][1] for i in kept])


def grid(voices: Sequence[Sequence[Note]]) -> Integers:
    """Voices on a grid up to the end of the last note, see `contract.forms.onsets`: (steps, voices)."""
    steps = max(_steps(note)[1] for voice in voices for note in voice)
    made = np.full((steps, len(voices)), SILENT, np.int64)
    for voice, column in zip(voices, made.T, strict=True):  # views
        for begin, end, pitch in _one_at_a_time(voice):
            column[begin:] = SILENT
            column[begin:end] = HELD
            column[begin] = pitch
    return made


def dataset_of(name: str, voices: Sequence[str], sequences: Sequence[Integers]) -> Dataset:
    """Sequences as `grid` gives them, as labels."""
    every = np.concatenate(sequences)  # (rows, voices)
    columns, codes = [], []
    for i, voice in enumerate(voices):
        codes.append(np.unique(every[:, i]))
        columns.append(Column(voice, labels=tuple(map(_label, codes[i].tolist()))))
    placed: list[Doubles] = [
        np.column_stack([np.searchsorted(codes[i], s[:, i]) for i in range(len(voices))]).astype(np.float64)
        for s in sequences
    ]
    return replace(Dataset.of(name, columns, placed, "sixteenth"), form="music", length=64)


def _label(code: int) -> str:
    return {SILENT: REST, HELD: HOLD}.get(code, str(code))


def _steps(note: Note) -> tuple[int, int]:
    """Where a note begins and ends on the grid; every note has a step."""
    begin = round(note[0])
    return begin, max(begin + 1, round(note[1]))


def _one_at_a_time(voice: Sequence[Note]) -> list[tuple[int, int, int]]:
    """The notes of a voice that are kept, as they begin: begin, end and pitch on the grid. A note may end
    behind the beginning of the next."""
    ordered = sorted((*_steps(note), note[2]) for note in voice)
    highest: dict[int, tuple[int, int, int]] = {}
    for note in ordered:
        if note[2] >= highest.get(note[0], note)[2]:
            highest[note[0]] = note
    return list(highest.values())


class _NoVoicesError(DataError):
    """A file is sound, and has no voices beside each other: of many, it is left out."""


def _voices(file: Path) -> list[list[Note]]:
    """The voices of a file, each with at least one note."""
    try:
        song = mido.MidiFile(file)
    except (OSError, EOFError, ValueError, IndexError, KeyError) as error:
        raise DataError(f"{file} cannot be read as MIDI: {str(error) or type(error).__name__}") from error
    if song.ticks_per_beat <= 0:
        raise DataError(f"{file} counts in frames of film, not in beats: save it with a tempo")
    if song.type == 2 and len(song.tracks) > 1:
        raise _NoVoicesError(
            f"{file} is of type 2: its {len(song.tracks)} tracks are tunes of their own, and no voices "
            "that sound together; save each as a file"
        )
    voices: dict[tuple[int, int], list[Note]] = defaultdict(list)
    for number, track in enumerate(song.tracks):
        now = 0.0
        open_notes: dict[tuple[int, int], float] = {}
        for message in track:
            now += message.time * STEPS_A_BEAT / song.ticks_per_beat
            if message.type not in ("note_on", "note_off") or message.channel == _DRUMS:
                continue
            key = (message.channel, message.note)
            if key in open_notes:
                voices[number, message.channel].append((open_notes.pop(key), now, message.note))
            if message.type == "note_on" and message.velocity > 0:
                open_notes[key] = now
        for (channel, pitch), begin in open_notes.items():
            voices[number, channel].append((begin, now, pitch))
    if not voices:
        raise _NoVoicesError(f"{file} holds no note: it may be of drums alone, or of text; leave it out")
    return [voices[key] for key in sorted(voices)]
