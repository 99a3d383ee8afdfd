"""Windows on the page as what they are: words, pictures, films, music or sound; real ones on the left."""

import base64
import io
from collections.abc import Callable
from html import escape

import numpy as np
from PIL import Image

from contract import forms
from training import natural
from training.data.columns import Column
from training.data.windows import ENDED
from training.evaluation.report import Evidence
from training.evaluation.sides import Rows
from training.evaluation.svg import Frame

_WORDS, _PICTURES, _ROLLS, _WAVES = 75, 64, 6, 5
_LOUDNESS = 90
"""Decibels that a spectrogram shows."""


def words(evidence: Evidence) -> str:
    """Texts in columns."""
    return _pair(evidence, lambda rows, kind: f'<div class="words {kind}">{_words(evidence, rows)}</div>')


def pictures(evidence: Evidence) -> str:
    """A sheet of pictures of each side, in the shades of the real ones."""
    return _sheets(evidence, lambda rows, low, high: natural.sheet(rows[:_PICTURES], low, high))


def films(evidence: Evidence) -> str:
    """Some films of each side, frame beside frame, in the same way."""
    frame = evidence.original.dataset.frame
    assert frame is not None
    return _sheets(
        evidence, lambda rows, low, high: natural.strips(rows.reshape(*rows.shape[:2], *frame), low, high)
    )


def rolls(evidence: Evidence) -> str:
    """Piano rolls, one below the other."""
    columns = evidence.original.dataset.columns
    return "".join(
        _pair(evidence, lambda rows, kind, i=i: _roll(rows[i], columns, kind))  # type: ignore[misc]
        for i in range(_ROLLS)
    )


def waves(evidence: Evidence) -> str:
    """Waveforms, one below the other, then a spectrogram of each side, in the shades of one loudness."""
    real = evidence.original.real
    loudest = float(np.abs(real[real != ENDED]).max())
    lines = "".join(
        _pair(evidence, lambda rows, kind, i=i: _wave(rows[i], loudest, kind))  # type: ignore[misc]
        for i in range(_WAVES)
    )

    def drawn(rows: Rows, kind: str) -> str:
        heard = natural.spectrogram([natural.waveform(row) for row in rows[: 4 * _WAVES]], loudest)
        shades = np.clip(255 * (heard[::-1] + _LOUDNESS) / _LOUDNESS, 0, 255).astype(np.uint8)
        return _image(shades, f"spectrogram of {kind} windows, {_LOUDNESS} decibels from black to white")

    return lines + _pair(evidence, drawn)


NATURAL: dict[forms.Form, Callable[[Evidence], str]] = {
    "text": words,
    "picture": pictures,
    "film": films,
    "music": rolls,
    "sound": waves,
}
"""By form; of a table, which has none, windows are lines."""


def _pair(evidence: Evidence, draw: Callable[[Rows, str], str]) -> str:
    sides = (evidence.original.real, "real"), (evidence.original.other, "generated")
    drawn = "".join(f"<div>{draw(rows, kind)}</div>" for rows, kind in sides)
    return f'<figure class="pair">{drawn}</figure>'


def _image(shades: forms.Pixels, told: str) -> str:
    file = io.BytesIO()
    Image.fromarray(shades).save(file, "PNG")
    content = base64.b64encode(file.getvalue()).decode()
    return f'<img class="sheet" alt="{told}" src="data:image/png;base64,{content}">'


def _wave(window: Rows, loudest: float, kind: str) -> str:
    line = natural.waveform(window)
    frame = Frame(340, 70, (0, max(window.size, 2)), (-loudest, loudest))
    axes = frame.axes([0, window.size], [0])
    return frame.svg(axes, frame.path(range(len(line)), line, f"thin {kind}"), label=f"a {kind} waveform")


def _sheets(evidence: Evidence, sheet: Callable[[Rows, float, float], forms.Pixels]) -> str:
    real = evidence.original.real
    low, high = float(np.nanmin(real)), float(real[np.isfinite(real)].max())

    def drawn(rows: Rows, kind: str) -> str:
        return _image(sheet(rows, low, high), f"{kind} pictures")

    return _pair(evidence, drawn)


def _words(evidence: Evidence, rows: Rows) -> str:
    columns = evidence.original.dataset.columns
    return "".join(f"<span>{escape(natural.said(row, columns))}</span>" for row in rows[:_WORDS])


def _roll(window: Rows, columns: tuple[Column, ...], kind: str) -> str:
    sounds, begun = natural.voices(window, columns)
    pitches = [int(label) for c in columns for label in c.labels if label.isdecimal()]
    frame = Frame(340, 110, (0, len(window)), (min(pitches) - 1, max(pitches) + 1), left=8)
    lines = [
        frame.path((begin + 0.1, end - 0.1), (pitch, pitch), f"roll {kind}")
        for voice in range(len(columns))
        for begin, end, pitch in natural.note_bars(sounds[:, voice], begun[:, voice])
    ]
    bars = range(0, len(window) + 1, 4 * forms.STEPS_A_BEAT)
    return frame.svg(frame.axes(bars), *lines, label=f"{kind} notes, pitch by sixteenth")
