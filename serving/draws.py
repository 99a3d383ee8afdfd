"""The noise of ticks: drawn into one array, and for the next tick while this one runs.

The runtime works without Python's lock, and so does numpy while it draws. If the same rows go on,
the next tick finds its noise in place; if some do, it copies theirs. What was drawn for others is
dropped: noise is a function of (seed, row, step), and drawing it twice gives the same.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract.noise import NoiseStream

Floats = NDArray[np.float32]

_WORTHWHILE = 2**13
"""Values that must be wanted of another thread: fewer are drawn sooner than it wakes up."""


class Piece(NamedTuple):
    """Some steps of some rows of a seed."""

    seed: int
    rows: range
    start: int
    steps: int


class Draws:
    """Draws the noise of one tick after the other. Not thread-safe."""

    def __init__(self, values: int, size: int) -> None:
        """For ticks of at most so many `values`; `size` is that of one step of one row."""
        self._size = size
        self._streams = NoiseStream(), NoiseStream()  # this thread's and the other's
        self._now, self._next = np.zeros(values, np.float32), np.zeros(values, np.float32)
        self._other = ThreadPoolExecutor(1, "noise")
        self._expected: list[Piece] = []
        self._drawing: Future[Floats] | None = None

    def draw(self, pieces: list[Piece]) -> Floats:
        """Noise (rows, steps, size) of the pieces, one below the other, as many steps as the longest
        has; what lies behind a shorter one's end is left over from others. Good until the next call.
        """
        drawn = self._drawing.result() if self._drawing else None
        self._drawing = None
        if drawn is not None and pieces == self._expected:
            self._now, self._next = self._next, self._now
            return drawn
        there = (
            {} if drawn is None else dict(zip(self._expected, _parts(drawn, self._expected), strict=True))
        )
        noise = self._shaped(self._now, pieces)
        for piece, part in zip(pieces, _parts(noise, pieces), strict=True):
            if piece in there:
                part[:] = there[piece]
            else:
                self._streams[0].steps(piece.seed, piece.rows, piece.start, part)
        return noise

    def expect(self, pieces: list[Piece]) -> None:
        """Begin to draw what the next call will probably ask for."""
        self._expected = pieces
        if sum(len(p.rows) * p.steps for p in pieces) * self._size >= _WORTHWHILE:
            self._drawing = self._other.submit(self._ahead, pieces)

    def close(self) -> None:
        """End the other thread."""
        self._other.shutdown()

    def _ahead(self, pieces: list[Piece]) -> Floats:
        noise = self._shaped(self._next, pieces)
        for piece, part in zip(pieces, _parts(noise, pieces), strict=True):
            self._streams[1].steps(piece.seed, piece.rows, piece.start, part)
        return noise

    def _shaped(self, buffer: Floats, pieces: list[Piece]) -> Floats:
        shape = sum(len(p.rows) for p in pieces), max(p.steps for p in pieces), self._size
        return buffer[: shape[0] * shape[1] * shape[2]].reshape(shape)


def _parts(noise: Floats, pieces: list[Piece]) -> Iterator[Floats]:
    """Each piece's own part of the noise of all: (rows, steps, size)."""
    at = 0
    for piece in pieces:
        yield noise[at : at + len(piece.rows), : piece.steps]
        at += len(piece.rows)
