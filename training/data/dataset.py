"""Sequences in memory: one table of values and where each sequence begins."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCK = 4
"""Lengths of a window in a block of time that is held out."""
_WHOLE_SEQUENCES = 5
"""Whole sequences are held out where the share asked for is at least as many."""


@dataclass(frozen=True)
class Column:
    """A channel before anything is fitted to it."""

    name: str
    unit: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Sequences one after the other."""

    name: str
    columns: tuple[Column, ...]
    values: Doubles
    """(rows, channels), finite."""
    bounds: Integers
    """(sequences + 1,): sequence i is values[bounds[i]:bounds[i + 1]]."""
    step: str
    """What one row is."""
    notes: tuple[str, ...] = ()
    """What a person should know of how the data were read."""

    @classmethod
    def of(
        cls,
        name: str,
        columns: Sequence[Column],
        sequences: Sequence[Doubles],
        step: str = "row",
        notes: Sequence[str] = (),
    ) -> "Dataset":
        """A dataset of sequences, each (steps, channels).

        Raises:
            DataError: nothing in it, or values that are missing or infinite.
        """
        if not sequences or not sum(map(len, sequences)):
            raise DataError(f"{name} is empty: there is no row to learn from")
        values = np.concatenate(sequences).astype(np.float64)  # (rows, channels)
        bounds = np.cumsum([0, *map(len, sequences)], dtype=np.int64)
        require_whole(name, [c.name for c in columns], values)
        if len(values) == 1:
            raise DataError(f"{name} has 1 row: sequences of several rows are wanted")
        notes = list(notes)
        constant = [c.name for c, v in zip(columns, values.T, strict=True) if np.ptp(v) == 0]
        if len(constant) == len(columns):
            raise DataError(f"{name}: every column is constant; there is nothing to learn")
        if constant:
            notes.append(f"constant, and so in every sample: {', '.join(constant)}")
        return cls(name, tuple(columns), values, bounds, step, tuple(notes))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over values, bounds and names."""
        digest = hashlib.sha256("\0".join(c.name for c in self.columns).encode())
        digest.update(np.ascontiguousarray(self.values, "<f8").tobytes())
        digest.update(np.ascontiguousarray(self.bounds, "<i8").tobytes())
        return digest.hexdigest()

    def windows(self, length: int, stride: int) -> "Windows":
        """Every window of `length` rows inside a sequence, `stride` rows apart.

        Raises:
            DataError: fewer than two windows.
        """
        starts = [
            np.arange(a, b - length + 1, stride)
            for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)
        ]
        all_starts = np.concatenate(starts)
        if len(all_starts) < 2:
            longest = int(np.diff(self.bounds).max())
            raise DataError(
                f"{self.name} gives {len(all_starts)} windows of {length} rows (its longest "
                f"sequence has {longest} {'row' if longest == 1 else 'rows'}): at least 2 are "
                "wanted; bring more rows, or choose a smaller --length"
            )
        return Windows(self.values, all_starts, length)

    def split(self, length: int, stride: int, hold_out: float) -> tuple["Windows", "Windows"]:
        """Windows to train on and windows held out, which have no row in common.

        Of many sequences whole ones are held out, evenly among them. Of a few long ones blocks of
        time are, evenly along each, and the windows that would straddle a block's edge belong to
        neither side. (Not the end alone: most series change as they go, and what is like their
        end need not be like them.) Where the data are too short for that, nothing is held out.

        Raises:
            DataError: fewer than two windows.
        """
        windows = self.windows(length, stride)
        long_enough = np.flatnonzero(np.diff(self.bounds) >= length)
        held = np.zeros(len(self.values), bool)  # (rows,)
        if hold_out * len(long_enough) >= _WHOLE_SEQUENCES:
            for i in long_enough[_evenly(len(long_enough), round(hold_out * len(long_enough)))]:
                held[self.bounds[i] : self.bounds[i + 1]] = True
        else:
            for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True):
                rows = int(hold_out * (b - a))
                if rows >= 1.5 * length:
                    blocks = max(1, round(rows / (_BLOCK * length)))
                    for middle in _evenly(b - a, blocks):
                        first = a + middle - rows // blocks // 2
                        held[first : first + rows // blocks] = True
        touched = np.cumsum(np.append(False, held))  # (rows + 1,): held rows before each
        inside = touched[windows.starts + length] - touched[windows.starts]  # (windows,)
        train, test = inside == 0, inside == length
        if train.sum() < 2:
            train, test = np.ones(len(windows), bool), np.zeros(len(windows), bool)
        return (
            Windows(self.values, windows.starts[train], length),
            Windows(self.values, windows.starts[test], length),
        )


def require_whole(where: str, names: Sequence[str], values: Doubles) -> None:
    """Raise a DataError that names the column and the row if a value of (rows, channels) is
    missing or infinite."""
    for name, column in zip(names, values.T, strict=True):
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            raise DataError(
                f"{where}: column {name!r} is missing or infinite in {len(bad)} of {len(values)} "
                f"rows, first in row {bad[0] + 1}: fill these values, or drop their rows, or name the "
                "columns to train on with --columns"
            )


@dataclass(frozen=True)
class Windows:
    """Windows as views: they cost no memory until they are taken."""

    values: Doubles
    starts: Integers
    length: int

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, index: Integers) -> Integers:
        """Row numbers in `values` of the windows `index`: (len(index), length)."""
        return self.starts[index][:, None] + np.arange(self.length)

    def take(self, index: Integers) -> Doubles:
        """The windows `index`: (len(index), length, channels)."""
        taken: Doubles = self.values[self.rows(index)]
        return taken

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(rows,): which rows of `values` lie in any of the windows."""
        edges = np.zeros(len(self.values) + 1, np.int64)
        np.add.at(edges, self.starts, 1)
        np.add.at(edges, self.starts + self.length, -1)
        return np.cumsum(edges)[:-1] > 0


def _evenly(count: int, parts: int) -> Integers:
    """The middles of `parts` equal parts of 0 … count."""
    return ((np.arange(parts) + 0.5) / parts * count).astype(np.int64)
