"""Forms: what a model's sequences naturally are, and how their rows are read as that.

A table is a table. In the other forms rows mean more than their columns, so that they can be written
and drawn as what they are:

text      one categorical channel; the labels of a sequence, one after the other, are its text.
picture   numeric channels; a step is a row of pixels, from the top, and a channel is a column.
          Black is the smallest value of any channel, and white the largest.
sound     numeric channels; a step is a hop of a waveform, and a channel one of its samples: all of a step,
          then those of the next, are the waveform. `Spec.rate` says how many samples a second has.
film      numeric channels; a step is a frame, and its channels are the pixels, row by row from the top.
music     categorical channels, the voices; a step is a sixteenth. A label is the pitch of a note that
          begins, as a MIDI number (60 is the middle C), `hold` where it goes on, or `rest`.

Nothing in training, in the graph or in the scheduler asks for a form: only writers and drawers do.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Form = Literal["table", "text", "picture", "film", "music", "sound"]

REST, HOLD = "rest", "hold"
FULL_SCALE = "full scale"
"""The unit of a waveform that came as sound: 1 is as loud as a file can say. Of one in another unit, as
millivolts are, the largest value that can be is as loud."""
SHADE = "shade"
"""The unit of a pixel that came as a picture's: 0 is black and 255 white. Of one in another unit, the
data's smallest value is black and the largest white."""
STEPS_A_BEAT = 4
"""Sixteenths of a quarter."""
SILENT, HELD = -1, -2
"""What stands for a pitch where none sounds, and where no note begins and the last one goes on."""
_HIGHEST = 127
"""Of MIDI's pitches."""

Integers = NDArray[np.int64]
Pixels = NDArray[np.uint8]


def misfit(form: Form, labels: Sequence[tuple[str, ...]]) -> str | None:
    """Why channels with these labels (none: a number) cannot be of a form; None if they can."""
    if form == "text" and (len(labels) != 1 or not labels[0]):
        return "a text has one channel, with labels"
    if form in ("picture", "film", "sound") and any(labels):
        return f"the channels of a {form} are numbers"
    if form == "music":
        if not all(labels):
            return "the voices of music have labels"
        for label in (label for voice in labels for label in voice):
            pitch = int(label) if label.isdecimal() else _HIGHEST + 1
            if label not in (REST, HOLD) and pitch > _HIGHEST:
                return f"{label!r} is no pitch from 0 to {_HIGHEST}, and neither {REST!r} nor {HOLD!r}"
    return None


def text(labels: tuple[str, ...], indices: Integers) -> str:
    """What the labels with these indices (steps,) say; a missing one says nothing."""
    return "".join(labels[i] for i in indices.tolist() if i >= 0)


def onsets(labels: tuple[str, ...], indices: Integers) -> Integers:
    """What happens at each step of a voice: the pitch of a note that begins, SILENT, or HELD. Indices of
    labels (…,), -1 where there is none, to (…,)."""
    meant = [{REST: SILENT, HOLD: HELD}.get(label) for label in labels]
    codes = [int(label) if code is None else code for label, code in zip(labels, meant, strict=True)]
    return np.array([*codes, SILENT], np.int64)[indices]  # -1 is the last


def sounding(begun: Integers) -> Integers:
    """The pitch that sounds at each step, else SILENT, of what `onsets` gives: (…, steps). What is held
    from before the first step is not known, and silent."""
    steps = np.arange(begun.shape[-1])
    latest = np.maximum.accumulate(np.where(begun == HELD, 0, steps), axis=-1)
    found: Integers = np.take_along_axis(begun, latest, axis=-1)
    return np.maximum(found, SILENT)


def grey(values: NDArray[np.floating], low: float, high: float) -> Pixels:
    """Values as shades: `low` is 0, black, and `high` 255, white; what is missing is black."""
    share = (np.nan_to_num(values, nan=low) - low) / (high - low if high > low else 1.0)
    shades: Pixels = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    return shades


def sheet(pictures: Pixels, background: int) -> Pixels:
    """Pictures (count, height, width) on one sheet, a pixel apart and about as many across as down."""
    count, height, width = pictures.shape
    across = math.isqrt(count - 1) + 1
    down = -(-count // across)
    made = np.full((down * across, height + 1, width + 1), background, np.uint8)
    made[:count, :-1, :-1] = pictures
    tiled = made.reshape(down, across, height + 1, width + 1).swapaxes(1, 2)
    return tiled.reshape(down * (height + 1), -1)[:-1, :-1]


def strips(films: Pixels, background: int) -> Pixels:
    """Films (count, frames, height, width) one below the other, the frames of each side by side."""
    count, frames, height, width = films.shape
    made = np.full((count, height + 1, frames, width + 1), background, np.uint8)
    made[:, :-1, :, :-1] = films.swapaxes(1, 2)
    return made.reshape(count * (height + 1), -1)[:-1, :-1]
