"""WAV: 16 bits a sample, one channel. Several sequences follow each other, a quarter of a second apart.

A waveform that came as sound is written as loud as it was, unless that was beyond full scale. Of such a
one, and of one in another unit, the largest value that the model can make is full scale, always the same,
so that parts and streams are equally loud.
"""

import wave
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from contract import forms
from contract.spec import Spec
from serving.errors import FormatError
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".wav", "audio/wav"

_WIDTH = 2
"""Bytes of a sample."""
_LOUDEST = 2 ** (8 * _WIDTH - 1) - 1
_HEADROOM = 1.26
"""A model of sounds that keep to full scale is at most 1.25 loud. Louder ones went beyond, as files of
floats can, and would be clipped throughout."""
_PAUSE = 4
"""Of a second, the part that is silent between two sequences."""
_MOST_BYTES = 2**32 - 2**10
"""That the header of a file can count."""
_ENDLESS = b"\xff\xff\xff\xff"


def refusal(spec: Spec) -> str | None:
    """Why this form cannot hold the samples of a model, if it cannot."""
    return None if spec.form == "sound" else f"a {spec.form} is no sound"


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """All sequences, one after the other.

    Raises:
        FormatError: more than a file can count.
    """
    rate = rate_of(plan.spec)
    pause = bytes(_WIDTH * (rate // _PAUSE))
    most = plan.count * (_WIDTH * plan.length * len(plan.spec.channels) + len(pause))
    if most > _MOST_BYTES:
        raise FormatError(
            f"{most:,} bytes of sound are more than the {_MOST_BYTES:,} that a WAV file can count: ask for "
            "fewer sequences, or write npy or npz"
        )
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(_WIDTH)
        sound.setframerate(rate)
        for batch in batches:
            assert batch.values is not None
            for row, (values, length) in enumerate(zip(batch.values, batch.lengths(), strict=True)):
                if batch.first_row + row and not batch.first_step:
                    sound.writeframesraw(pause)
                sound.writeframesraw(pcm(plan.spec, values[:length]))


def rate_of(spec: Spec) -> int:
    """Samples a second."""
    assert spec.rate is not None  # as of every sound
    return spec.rate


def pcm(spec: Spec, values: NDArray[np.float32]) -> bytes:
    """Samples (steps, hop) as a file has them: each by itself, so that parts are the whole."""
    scaled = np.clip(values.astype(np.float64) / _full_scale(spec), -1, 1)
    content: bytes = np.rint(scaled * _LOUDEST).astype("<i2").tobytes()
    return content


def endless(spec: Spec) -> bytes:
    """The header of a sound whose end nobody knows: its lengths are the largest there are, which players
    of streams take for that."""
    rate = rate_of(spec)
    form = b"".join(
        n.to_bytes(w, "little")
        for n, w in ((16, 4), (1, 2), (1, 2), (rate, 4), (rate * _WIDTH, 4), (_WIDTH, 2), (8 * _WIDTH, 2))
    )  # of integers, one channel
    return b"RIFF" + _ENDLESS + b"WAVEfmt " + form + b"data" + _ENDLESS


def _full_scale(spec: Spec) -> float:
    most = max(abs(edge) for c in spec.channels for edge in (c.low, c.high) if edge is not None)
    if spec.channels[0].unit == forms.FULL_SCALE and most <= _HEADROOM:
        return 1.0
    return most or 1.0
