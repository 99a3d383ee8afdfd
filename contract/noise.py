"""Noise as a pure function of (seed, row, step).

Every request is drawn from its own seed before anything is batched, so neighbours, chunking
and threads cannot change an answer, and more rows or more steps never change those already
given. Philox is counter-based (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011): a block of the stream is addressed, not reached by drawing all before it.

    key     = (seed, 0)
    counter = (draws inside the block, block of steps, row, what is drawn)

Within a block, steps are drawn in order with numpy's float32 ziggurat; a part of a block that
starts at its beginning costs only itself. Setting the counter costs half a microsecond, a new
Philox object about twenty: one object is kept and moved. The rest, some five microseconds for a
block of 32 × 16, is the ziggurat itself, and runs without Python's lock.
"""

import hashlib
import struct
from collections.abc import Sequence
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
        # Plain tuples: numpy reads them in a third of the time that it takes for arrays.
        self._at: dict[str, tuple[int, ...]] = {}
        self._state: Any = {**self._bits.state, "buffer": (0, 0, 0, 0), "state": self._at}

    def latents(self, seed: int, rows: Sequence[int], size: int) -> Floats:
        """The sequences' own normals, once a sequence: (rows, size)."""
        latents = np.empty((len(rows), size), np.float32)
        for row, out in zip(rows, latents, strict=True):
            self._fill(seed, row, 0, _LATENT, out)
        return latents

    def steps(self, seed: int, rows: Sequence[int], start: int, out: Floats) -> None:
        """Fill `out` (rows, steps, size) with the normals of steps `start` and on."""
        filled, (_, total, size) = 0, out.shape
        while filled < total:
            block, offset = divmod(start + filled, BLOCK_STEPS)
            count = min(BLOCK_STEPS - offset, total - filled)
            if offset:  # what stands before it in the block is drawn, and dropped
                skipped = np.empty((offset + count, size), np.float32)
                for row, part in zip(rows, out[:, filled : filled + count], strict=True):
                    self._fill(seed, row, block, _NOISE, skipped)
                    part[:] = skipped[offset:]
            else:
                for row, part in zip(rows, out[:, filled : filled + count], strict=True):
                    self._fill(seed, row, block, _NOISE, part)
            filled += count

    def uniform(self, seed: int, row: int) -> float:
        """One uniform in [0, 1) a sequence, which draws its conditions."""
        self._seek(seed, row, 0, _UNIFORM)
        return float(self._generator.random())

    def _fill(self, seed: int, row: int, block: int, what: int, out: Floats) -> None:
        self._seek(seed, row, block, what)
        self._generator.standard_normal(None, np.float32, out)

    def _seek(self, seed: int, row: int, block: int, what: int) -> None:
        self._at["key"] = (seed, 0)
        self._at["counter"] = (0, block, row, what)
        self._bits.state = self._state


@cache
def digest() -> str:
    """SHA-256 of a fixed probe of the stream, as this numpy draws it."""
    stream, out = NoiseStream(), np.empty((1, 2 * BLOCK_STEPS, 16), np.float32)
    stream.steps(7, [3], 0, out)
    uniform = struct.pack("<d", stream.uniform(7, 3))
    floats = np.concatenate([stream.latents(7, [3], 64), out], axis=None)
    return hashlib.sha256(floats.astype("<f4").tobytes() + uniform).hexdigest()
