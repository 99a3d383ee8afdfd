"""Bach's four-part chorales, from the scores that come with music21.

The scores are read as the files they are, a zip with a MusicXML file each; music21 itself is not
imported, and would take minutes.
"""

import functools
import zipfile
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from contract.forms import STEPS_A_BEAT, Integers
from training.data.music import Note, grid
from training.errors import DataError

VOICES = ("soprano", "alto", "tenor", "bass")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@functools.cache
def four_part(folder: Path) -> tuple[Integers, ...]:
    """The scores in `folder` with four parts of one note at a time, as `training.data.music.grid` has
    them; each (sixteenths, voices).

    Raises:
        DataError: there is none.
    """
    found = []
    for path in sorted(folder.glob("*.mxl")):
        parts = _parts(path)
        if len(parts) == len(VOICES) and all(parts):
            found.append(grid(parts))
    if not found:
        raise DataError(f"{folder} holds no score in four parts")
    return tuple(found)


def _parts(path: Path) -> list[list[Note]]:
    with zipfile.ZipFile(path) as archive:
        (name, *_) = [n for n in archive.namelist() if n.endswith("xml") and not n.startswith("META-INF")]
        score = ElementTree.fromstring(archive.read(name))  # noqa: S314  of a package that is trusted to run
    return [_notes(part) for part in score.iter("part")]


def _notes(part: Element) -> list[Note]:
    """The notes of a part; of tied ones one, and of a chord each."""
    notes: list[Note] = []
    divisions, measure_begins = 1.0, 0.0  # of a quarter; sixteenths
    for measure in part.iter("measure"):
        now = latest = begun = measure_begins
        for event in measure:
            if event.tag == "attributes":
                divisions = float(event.findtext("divisions", str(divisions)))
            length = float(event.findtext("duration", "0")) * STEPS_A_BEAT / divisions
            if event.tag == "backup":
                now -= length
            elif event.tag == "forward":
                now += length
            elif event.tag == "note" and event.find("grace") is None:
                if event.find("chord") is None:
                    begun, now = now, now + length
                if (pitch := event.find("pitch")) is not None:
                    _add(notes, (begun, begun + length, _number(pitch)), event)
            latest = max(latest, now)
        measure_begins = latest
    return notes


def _add(notes: list[Note], note: Note, event: Element) -> None:
    """Add a note, or what it is tied to gets longer."""
    tied = any(tie.get("type") == "stop" for tie in event.iter("tie"))
    if tied and notes and notes[-1][1:] == (note[0], note[2]):
        notes[-1] = (notes[-1][0], note[1], note[2])
    else:
        notes.append(note)


def _number(pitch: Element) -> int:
    """As MIDI counts."""
    octave, alter = int(pitch.findtext("octave", "4")), float(pitch.findtext("alter", "0"))
    return 12 * (octave + 1) + _STEPS[pitch.findtext("step", "C")] + round(alter)
