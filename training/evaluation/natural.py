"""Windows on the page as what they are: words, pictures or piano rolls; real ones on the left."""

import base64
import io
from collections.abc import Callable
from html import escape

import numpy as np
from PIL import Image

from contract import forms
from training import natural
from training.data.dataset import Column
from training.evaluation.report import Evidence
from training.evaluation.scores import Rows
from training.evaluation.svg import Frame

_WORDS, _PICTURES, _ROLLS = 75, 64, 6


def words(evidence: Evidence) -> str:
    """Texts in columns."""
    return _pair(evidence, lambda rows, kind: f'<div class="words {kind}">{_words(evidence, rows)}</div>')


def pictures(evidence: Evidence) -> str:
    """A sheet of pictures of each side, in the shades of the real ones."""
    real = evidence.original.real
    low, high = float(np.nanmin(real)), float(real[np.isfinite(real)].max())

    def drawn(rows: Rows, kind: str) -> str:
        file = io.BytesIO()
        Image.fromarray(natural.sheet(rows[:_PICTURES], low, high)).save(file, "PNG")
        content = base64.b64encode(file.getvalue()).decode()
        return f'<img class="sheet" alt="{kind} pictures" src="data:image/png;base64,{content}">'

    return _pair(evidence, drawn)


def rolls(evidence: Evidence) -> str:
    """Piano rolls, one below the other."""
    columns = evidence.original.dataset.columns
    return "".join(
        _pair(evidence, lambda rows, kind, i=i: _roll(rows[i], columns, kind))  # type: ignore[misc]
        for i in range(_ROLLS)
    )


NATURAL: dict[forms.Form, Callable[[Evidence], str]] = {"text": words, "picture": pictures, "music": rolls}
"""By form; of a table, which has none, windows are lines."""


def _pair(evidence: Evidence, draw: Callable[[Rows, str], str]) -> str:
    sides = (evidence.original.real, "real"), (evidence.original.other, "generated")
    drawn = "".join(f"<div>{draw(rows, kind)}</div>" for rows, kind in sides)
    return f'<figure class="pair">{drawn}</figure>'


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
