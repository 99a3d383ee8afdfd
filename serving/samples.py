"""Samples: what a generator made, as arrays and as the columns that people know."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.rollout import Array
from contract.spec import NUMERIC, Spec


@dataclass(frozen=True)
class Plan:
    """What a writer knows before the first batch."""

    spec: Spec
    seed: int
    count: int
    length: int
    """Steps, at most."""
    drawn: bool = False
    """Whether each sequence ends by itself."""


@dataclass(frozen=True)
class Samples:
    """Sequences `first_row` … of `seed`, from step `first_step` on."""

    spec: Spec
    seed: int
    values: NDArray[np.float32] | None
    """(count, steps, numeric channels) in the data's units; None if there is no such channel."""
    labels: NDArray[np.int64] | None
    """(count, steps, discrete channels), indices into each channel's labels; or None."""
    valid: NDArray[np.bool_] | None
    """(count, steps): False behind a sequence's end; None where sequences do not end."""
    first_row: int = 0
    first_step: int = 0

    @classmethod
    def of(
        cls, spec: Spec, seed: int, arrays: Mapping[str, Any], first_row: int = 0, first_step: int = 0
    ) -> "Samples":
        """From the generator's arrays by name."""
        return cls(
            spec, seed, arrays.get("values"), arrays.get("labels"), arrays.get("valid"),
            first_row, first_step,
        )  # fmt: skip

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays that are there, by name."""
        named = {"values": self.values, "labels": self.labels, "valid": self.valid}
        return {name: array for name, array in named.items() if array is not None}

    @property
    def shape(self) -> tuple[int, int]:
        """(count, steps)"""
        count, steps = next(iter(self.arrays.values())).shape[:2]
        return count, steps

    @property
    def columns(self) -> tuple[str, ...]:
        """The channels' names, in the data's order."""
        return tuple(c.name for c in self.spec.channels)

    def column(self, name: str) -> Array:
        """One channel, (count, steps): float32, int64 for whole numbers without gaps, or
        objects: labels, and None where a value is missing."""
        channel = next(c for c in self.spec.channels if c.name == name)
        if channel.kind in NUMERIC:
            assert self.values is not None
            values: Array = self.values[..., self.spec.numeric.index(channel)]
            return values.astype(np.int64) if channel.kind == "integer" and not channel.missing else values
        assert self.labels is not None
        names = np.array([*channel.labels, None], object)  # -1 is the last: missing
        labelled: Array = names[self.labels[..., self.spec.discrete.index(channel)]]
        return labelled

    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence: (count,)."""
        count, steps = self.shape
        if self.valid is None:
            return np.full(count, steps, np.int64)
        lengths: NDArray[np.int64] = self.valid.sum(axis=1)
        return lengths

    def save(self, path: str | Path) -> None:
        """Write to a file, in the form that its suffix names.

        Raises:
            FormatError: the suffix is unknown, or cannot hold these samples.
        """
        from serving.formats import save  # the formats import this module

        count, steps = self.shape
        save(Path(path), self.spec, self.seed, count, steps, iter([self]))

    def table(self) -> Iterator[tuple[str, Array]]:
        """Long form: `sequence`, `step` and the channels, each (rows,), ends cut off."""
        count, steps = self.shape
        kept = np.ones(count * steps, bool) if self.valid is None else self.valid.reshape(-1)
        sequence, step = np.divmod(np.arange(count * steps)[kept], steps)
        yield "sequence", sequence + self.first_row
        yield "step", step + self.first_step
        for name in self.columns:
            yield name, self.column(name).reshape(-1)[kept]
