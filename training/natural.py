"""Sequences drawn as what they are: words, pictures, films frame beside frame, piano rolls, waveforms with
their spectrogram.

Each drawer fills one panel with some of the windows, (windows, length, columns) as a `Dataset` has them; of
films (windows, length, height, width).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from contract import forms
from contract.spec import Channel
from training.data.windows import ENDED
from training.layout import Described

Rows = NDArray[np.floating]

_WORDS, _WORD_COLUMNS, _LONGEST = 75, 3, 24
_PICTURES = 64
_FILMS, _FRAMES = 10, 16
_ROLLS = 6
_WAVES, _HEARD = 5, 32
"""Windows drawn as lines, and samples of a stretch of the spectrogram at least."""
_QUIET = -90.0
"""Decibels at which a spectrogram is black; 0 is a sine as loud as the model can be."""
_WHITE = 255
_VOICES = ("#d1495b", "#edae49", "#2e8b57", "#39568c", "#7b4fa3", "#555555")


def words(panel: Axes, windows: Rows, channels: Sequence[Channel], colour: str) -> None:
    """Texts in columns, in a type of fixed width."""
    down = -(-_WORDS // _WORD_COLUMNS)
    for i, line in enumerate(said(window, channels) for window in windows[:_WORDS]):
        shown = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
        panel.text(
            i // down / _WORD_COLUMNS + 0.02, 1 - (i % down + 1) / (down + 0.5), shown.replace("$", r"\$"),
            family="monospace", fontsize=8, color=colour, va="baseline", transform=panel.transAxes,
        )  # fmt: skip


def pictures(panel: Axes, windows: Rows, channels: Sequence[Channel], colour: str) -> None:
    """A sheet of pictures."""
    low = min(c.low for c in channels if c.low is not None)
    high = max(c.high for c in channels if c.high is not None)
    panel.imshow(
        sheet(windows[:_PICTURES], low, high), cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )


def films(panel: Axes, windows: Rows, channels: Sequence[Channel], colour: str) -> None:
    """Films one below the other, some frames of each side by side."""
    low = min(c.low for c in channels if c.low is not None)
    high = max(c.high for c in channels if c.high is not None)
    panel.imshow(strips(windows, low, high), cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def rolls(panel: Axes, windows: Rows, channels: Sequence[Channel], colour: str) -> None:
    """Piano rolls one above the other, a colour a voice, beats as lines."""
    length = windows.shape[1]
    shown = [voices(window, channels) for window in windows[:_ROLLS]]
    pitches = np.concatenate([sounds[sounds >= 0] for sounds, _ in shown])
    low, high = (int(pitches.min()) - 2, int(pitches.max()) + 2) if len(pitches) else (59, 61)
    for i, (sounds, starts) in enumerate(shown):
        base = -i * (high - low)
        panel.axhline(base, color="#dddddd", linewidth=0.6)
        for voice, (sound, start) in enumerate(zip(sounds.T, starts.T, strict=True)):
            notes = note_bars(sound, start)
            panel.hlines(
                [base + pitch - low for _, _, pitch in notes], [a + 0.08 for a, _, _ in notes],
                [b - 0.08 for _, b, _ in notes], color=_VOICES[voice % len(_VOICES)], linewidth=1.6,
            )  # fmt: skip
    for beat in range(0, length, forms.STEPS_A_BEAT):
        panel.axvline(beat, color="#eeeeee", linewidth=0.8 if beat % 16 == 0 else 0.4, zorder=0)
    for voice, channel in enumerate(channels):
        panel.text(
            voice / len(channels), -0.03, channel.name, fontsize=8, color=_VOICES[voice % len(_VOICES)],
            transform=panel.transAxes,
        )  # fmt: skip
    panel.set_xlim(0, length)
    panel.set_ylim(-(len(shown) - 1) * (high - low) - 1, high - low + 1)


def waves(panel: Axes, windows: Rows, channels: Sequence[Channel], colour: str) -> None:
    """Waveforms one above the other, and below them the spectrogram of some, one after the other."""
    loudest = max(abs(edge) for c in channels for edge in (c.low, c.high) if edge is not None)
    shown = [waveform(window) for window in windows[:_WAVES]]
    upper = panel.inset_axes((0, 0.36, 1, 0.64))
    apart = 1.1 * max(float(np.ptp(line)) for line in shown)
    for i, line in enumerate(shown):
        upper.plot(line - np.median(line) - i * apart, color=colour, linewidth=0.7)
    upper.margins(x=0.005)
    heard = spectrogram([waveform(window) for window in windows[: 4 * _WAVES]], loudest)
    lower = panel.inset_axes((0, 0, 1, 0.33))
    lower.imshow(heard, cmap="magma", vmin=_QUIET, vmax=0, aspect="auto", origin="lower")
    for axes in (upper, lower):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)


DRAWERS: dict[forms.Form, Callable[[Axes, Rows, Sequence[Channel], str], None]] = {
    "text": words,
    "picture": pictures,
    "film": films,
    "music": rolls,
    "sound": waves,
}
"""By form; a table has none, and is drawn channel by channel."""


def said(window: Rows, channels: Sequence[Described]) -> str:
    """The text of a window (length, 1)."""
    there = window[window[:, 0] != ENDED, 0]
    return forms.text(channels[0].labels, there.astype(np.int64))


def waveform(window: Rows) -> NDArray[np.float64]:
    """The samples of a window (hops, hop), up to its end."""
    there: NDArray[np.float64] = window[window[:, 0] != ENDED].reshape(-1).astype(np.float64)
    return there


def spectrogram(lines: Sequence[NDArray[np.float64]], loudest: float) -> NDArray[np.float64]:
    """Power in decibels by frequency and time, of waveforms one after the other: (bins, stretches). A sine
    that reaches `loudest` has 0."""
    size = max(_HEARD, 1 << (max(map(len, lines)) // 8).bit_length())
    window = np.hanning(size + 2)[1:-1]
    parts = []
    for line in lines:
        padded = np.pad(line, (0, max(0, size - len(line))))
        stretches = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 4]
        found = np.fft.rfft((stretches - stretches.mean(1, keepdims=True)) * window)[:, 1:]
        parts.append(np.abs(found) / (loudest * window.sum() / 2))
    return 20 * np.log10(np.concatenate(parts).T + 1e-9)


def sheet(windows: Rows, low: float, high: float) -> forms.Pixels:
    """Pictures with values from `low` (black) to `high` on one sheet, white between: (height, width)."""
    return forms.sheet(_shades(windows, low, high), _WHITE)


def strips(windows: Rows, low: float, high: float) -> forms.Pixels:
    """The beginnings of some films (windows, length, height, width), frame beside frame, in shades as
    `sheet`: (height, width)."""
    return forms.strips(_shades(windows[:_FILMS, :_FRAMES], low, high), _WHITE)


def _shades(windows: Rows, low: float, high: float) -> forms.Pixels:
    ended = windows == ENDED
    return np.where(ended, _WHITE, forms.grey(np.where(ended, low, windows), low, high)).astype(np.uint8)


def voices(window: Rows, channels: Sequence[Described]) -> tuple[forms.Integers, forms.Integers]:
    """What sounds at each step and what begins there, both (steps, voices); up to the end."""
    there = window[window[:, 0] != ENDED].astype(np.int64)
    begun = [forms.onsets(c.labels, there[:, i]) for i, c in enumerate(channels)]
    return np.stack([forms.sounding(voice) for voice in begun], 1), np.stack(begun, 1)


def note_bars(sound: forms.Integers, begun: forms.Integers) -> list[tuple[int, int, int]]:
    """The notes of a voice, both (steps,): first step, the step behind the last, pitch."""
    edges = [*np.flatnonzero((begun != forms.HELD) & (sound >= 0)).tolist(), len(sound)]
    notes = []
    for begin, limit in pairwise(edges):
        rest = np.flatnonzero(sound[begin:limit] != sound[begin])
        notes.append((begin, begin + int(rest[0]) if len(rest) else limit, int(sound[begin])))
    return notes
