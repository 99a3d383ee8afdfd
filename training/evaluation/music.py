"""The field's statistics of music, and how far those of samples are from those of real windows.

Dong et al., "MusPy: a toolkit for symbolic music generation" (ISMIR 2020), section 4, collects them
from Mogren, "C-RNN-GAN" (2016), section 4, and Dong et al., "MuseGAN" (AAAI 2018), section 5. Here each
is taken of a window, (length, voices), and averaged over windows; a window without a note has none of
them but empty beats. A note is what begins in the window: of what is held from before, the pitch is not
known.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contract import forms
from training.data.columns import Column
from training.data.windows import ENDED

Doubles = NDArray[np.float64]
Begun = forms.Integers
"""(windows, length, voices), see `contract.forms.onsets`; BEHIND where a sequence has ended."""

BEHIND = -3
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_OCTAVE = 12


def begun(rows: NDArray[np.floating], columns: Sequence[Column]) -> Begun:
    """Rows (windows, length, voices) of labels as what begins at each step."""
    ended = rows == ENDED
    indices = np.where(ended, -1, rows).astype(np.int64)
    made = np.stack([forms.onsets(c.labels, indices[..., i]) for i, c in enumerate(columns)], -1)
    return np.where(ended, BEHIND, made)


def scale_consistency(windows: Begun) -> Doubles:
    """Share of the notes that lie in the scale which holds most of them, of the 12 major scales; each is
    also the natural minor of its sixth: (windows with notes,)."""
    counts = _classes(windows)  # (windows, 12)
    inside = [counts[:, [(root + step) % _OCTAVE for step in _MAJOR]].sum(1) for root in range(_OCTAVE)]
    notes = counts.sum(1)
    shares: Doubles = np.max(inside, axis=0)[notes > 0] / notes[notes > 0]
    return shares


def polyphony(windows: Begun) -> Doubles:
    """How many notes sound at once, over the steps at which any does: (windows with notes,)."""
    sounds = (_sounding(windows) >= 0).sum(2)  # (windows, length)
    steps = (sounds > 0).sum(1)
    found: Doubles = sounds.sum(1)[steps > 0] / steps[steps > 0]
    return found


def empty_beats(windows: Begun) -> Doubles:
    """Share of the quarters in which nothing sounds: (windows,). Of a sequence that ends within a quarter
    that one counts."""
    silent = (_sounding(windows) < 0).all(2)
    there = (windows != BEHIND).any(2)
    pad = -windows.shape[1] % forms.STEPS_A_BEAT
    beats = [
        np.pad(x, ((0, 0), (0, pad)), constant_values=fill).reshape(len(x), -1, forms.STEPS_A_BEAT)
        for x, fill in ((silent | ~there, True), (there, False))
    ]  # each (windows, beats, 4)
    counted = beats[1].any(2)
    share: Doubles = (beats[0].all(2) & counted).sum(1) / np.maximum(counted.sum(1), 1)
    return share


def pitch_range(windows: Begun) -> Doubles:
    """Semitones between the lowest and the highest note: (windows with notes,)."""
    notes = windows >= 0
    some = notes.any((1, 2))
    high = np.where(notes, windows, -1).max((1, 2))[some]
    low = np.where(notes, windows, 128).min((1, 2))[some]
    semitones: Doubles = (high - low).astype(np.float64)
    return semitones


def pitch_classes(windows: Begun) -> Doubles:
    """Share of each of C, C sharp, … B among all notes: (12,)."""
    counts = _classes(windows).sum(0)
    shares: Doubles = counts / max(1, counts.sum())
    return shares


def off(real: Doubles, other: Doubles) -> float:
    """|mean of the others − mean of the real| / mean of the real; 1 where the others have none."""
    if not len(real) or not len(other):
        return float(len(real) != len(other))
    expected = float(real.mean())
    return abs(float(other.mean()) - expected) / expected if expected else float(other.mean() > 0)


def apart(real: Doubles, other: Doubles) -> float:
    """|mean of the others − mean of the real|, of shares."""
    return abs(float(other.mean()) - float(real.mean()))


def variation(real: Doubles, other: Doubles) -> float:
    """Total variation of two distributions: ½ Σ |p − q|."""
    return float(np.abs(real - other).sum() / 2)


def _classes(windows: Begun) -> Doubles:
    """How many notes of each pitch class: (windows, 12)."""
    notes = np.where(windows >= 0, windows % _OCTAVE, -1)
    return np.stack([(notes == k).sum((1, 2)) for k in range(_OCTAVE)], 1).astype(np.float64)


def _sounding(windows: Begun) -> forms.Integers:
    return forms.sounding(windows.swapaxes(1, 2)).swapaxes(1, 2)
