"""Noise as a pure function of (seed, row, step).

Every request is drawn from its own seed before anything is batched, so neighbours, chunking
and threads cannot change an answer, and more rows or more steps never change those already
given. Philox is counter-based (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011): a block of the stream is addressed, not reached by drawing all before it.

    key     = (seed, 0)
    counter = (draws inside the block, block of steps, row, what is drawn)

Within a block, steps are drawn in order with numpy's float32 ziggurat; a part of a block that
starts at its beginning costs only itself. Setting the counter costs about a microsecond, a
new Philox object about twenty: one object is kept and moved.
"""

import hashlib
import struct
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

ALGORITHM = "philox4x64-10/ziggurat-f32"
VERSION = 1
BLOCK_STEPS = 32
MAX_SEED = 2**63 - 1

Floats = NDArray[np.float32]

_LATENT, _NOISE, _UNIFORM = 0, 1, 2


class NoiseStream:
    """Draws the noise of any (seed, row, step). Not thread-safe: one to a thread."""

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=np.zeros(2, np.uint64))
        self._generator = np.random.Generator(self._bits)
        self._state: Any = self._bits.state
        self._counter = np.zeros(4, np.uint64)
        self._key = np.zeros(2, np.uint64)
        self._state["state"] = {"counter": self._counter, "key": self._key}

    def latent(self, seed: int, row: int, size: int) -> Floats:
        """The sequence's own normals, once a sequence: (size,)."""
        self._seek(seed, row, 0, _LATENT)
        return self._generator.standard_normal(size, dtype=np.float32)

    def steps(self, seed: int, row: int, start: int, out: Floats) -> None:
        """Fill `out` (steps, size) with the normals of steps `start` and on."""
        filled, (total, size) = 0, out.shape
        while filled < total:
            block, offset = divmod(start + filled, BLOCK_STEPS)
            self._seek(seed, row, block, _NOISE)
            if offset:
                self._generator.standard_normal((offset, size), dtype=np.float32)
            count = min(BLOCK_STEPS - offset, total - filled)
            self._generator.standard_normal(dtype=np.float32, out=out[filled : filled + count])
            filled += count

    def uniform(self, seed: int, row: int) -> float:
        """One uniform in [0, 1) a sequence, which draws its conditions."""
        self._seek(seed, row, 0, _UNIFORM)
        return float(self._generator.random())

    def _seek(self, seed: int, row: int, block: int, what: int) -> None:
        self._key[0] = seed
        self._counter[:] = (0, block, row, what)
        self._bits.state = self._state


@cache
def digest() -> str:
    """SHA-256 of a fixed probe of the stream, as this numpy draws it."""
    stream, out = NoiseStream(), np.empty((2 * BLOCK_STEPS, 16), np.float32)
    stream.steps(7, 3, 0, out)
    uniform = struct.pack("<d", stream.uniform(7, 3))
    floats = np.concatenate([stream.latent(7, 3, 64), out.ravel()])
    return hashlib.sha256(floats.astype("<f4").tobytes() + uniform).hexdigest()
