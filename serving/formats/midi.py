"""MIDI: a Standard MIDI File of format 1, one track a voice.

Several sequences come one after the other, each at the beginning of a bar with a bar of rest before
it, and a marker says which begins. A sixteenth is 120 ticks; a minute has 96 quarters.
"""

from collections.abc import Iterator
from typing import IO

import numpy as np

from contract import forms
from contract.spec import Spec
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".mid", "audio/midi"

_TICKS = 120
"""Of a sixteenth."""
_BAR = 16
"""Sixteenths."""
_TEMPO = 60_000_000 // 96
"""Microseconds of a quarter."""
_ON, _OFF, _VELOCITY = 0x90, 0x80, 80
_DRUMS = 9
"""The channel whose notes are drums."""
_END = b"\xff\x2f\x00"


def refusal(spec: Spec) -> str | None:
    """Why this form cannot hold the samples of a model, if it cannot."""
    return None if spec.form == "music" else f"a {spec.form} is no music"


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """A track of the tempo and the markers, then one a voice."""
    bars = -(-plan.length // _BAR) + 1
    conductor = _Track(b"\xff\x51\x03" + _TEMPO.to_bytes(3, "big"))
    voices = [_Voice(c.name, i) for i, c in enumerate(plan.spec.channels)]
    for batch in batches:
        assert batch.labels is not None
        lengths = batch.lengths()
        for row, labels in enumerate(batch.labels):
            begin = (batch.first_row + row) * bars * _BAR
            if not batch.first_step:
                marker = f"sequence {batch.first_row + row}".encode()
                conductor.add(begin, b"\xff\x06" + _length(len(marker)) + marker)
            at = begin + batch.first_step
            for voice, channel, indices in zip(voices, plan.spec.channels, labels.T, strict=True):
                if not batch.first_step:
                    voice.release()
                voice.play(at, forms.onsets(channel.labels, indices[: lengths[row]]))
    for voice in voices:
        voice.release()
    tracks = [conductor, *voices]
    file.write(b"MThd" + b"".join(n.to_bytes(w, "big") for n, w in ((6, 4), (1, 2), (len(tracks), 2))))
    file.write((_TICKS * forms.STEPS_A_BEAT).to_bytes(2, "big"))
    for track in tracks:
        file.write(b"MTrk" + (len(track.data) + 1 + len(_END)).to_bytes(4, "big"))
        file.write(track.data)
        file.write(b"\x00" + _END)


class _Track:
    """Events, each behind the ticks since the one before."""

    def __init__(self, first: bytes) -> None:
        self.data = bytearray(b"\x00" + first)
        self._now = 0

    def add(self, step: int, event: bytes) -> None:
        """An event at a step, in sixteenths."""
        self.data += _length((step - self._now) * _TICKS) + event
        self._now = step


class _Voice(_Track):
    """The notes of one voice, of which one sounds at a time."""

    def __init__(self, name: str, number: int) -> None:
        text = name.encode()
        super().__init__(b"\xff\x03" + _length(len(text)) + text)
        channels = [c for c in range(16) if c != _DRUMS]
        self._channel = channels[number % len(channels)]
        self._pitch: int | None = None
        self._end = 0

    def play(self, step: int, begun: forms.Integers) -> None:
        """What happens at each step from one on, see `forms.onsets`."""
        for i in np.flatnonzero(begun != forms.HELD).tolist():
            self._end = step + i
            self.release()
            if (pitch := int(begun[i])) != forms.SILENT:
                self.add(step + i, bytes((_ON | self._channel, pitch, _VELOCITY)))
                self._pitch = pitch
        if len(begun):
            self._end = step + len(begun)

    def release(self) -> None:
        """End the note that sounds, if one does, where the last steps ended."""
        if self._pitch is not None:
            self.add(self._end, bytes((_OFF | self._channel, self._pitch, 0)))
            self._pitch = None


def _length(number: int) -> bytes:
    """A variable-length quantity: seven bits a byte, the last without the eighth."""
    found = [number & 0x7F]
    while number := number >> 7:
        found.append(number & 0x7F | 0x80)
    return bytes(reversed(found))
