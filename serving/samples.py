"""Samples: what a generator made, as arrays and as the columns that people know."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract import times
from contract.calendar import Time
from contract.conditions import Values, begins, under
from contract.errors import UsageError
from contract.noise import NoiseStream
from contract.rollout import Array, Arrays
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
    given: Values = field(default_factory=dict)
    """Conditions that were asked for; of values for each sequence, row 0 has the first."""

    @property
    def conditions(self) -> Arrays:
        """See `Samples.conditions`, of all sequences."""
        return under(self.spec, self.given, NoiseStream(), self.seed, range(self.count))


@dataclass(frozen=True, repr=False)
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
    elapsed: NDArray[np.int64] | None = None
    """(count,): ticks from step 0 to `first_step`, where times are sums of gaps; None at step 0."""
    given: Values = field(default_factory=dict)
    """Conditions that were asked for, see `Plan.given`."""

    @classmethod
    def of(
        cls,
        spec: Spec,
        seed: int,
        arrays: Mapping[str, Any],
        first_row: int = 0,
        first_step: int = 0,
        elapsed: NDArray[np.int64] | None = None,
        given: Values | None = None,
    ) -> "Samples":
        """From the generator's arrays by name."""
        return cls(
            spec, seed, arrays.get("values"), arrays.get("labels"), arrays.get("valid"),
            first_row, first_step, elapsed, given or {},
        )  # fmt: skip

    def __repr__(self) -> str:
        """As a session shows it: what there is, not all of it."""
        count, steps = self.shape
        shown = ", ".join(f"{name} {array.shape}" for name, array in self.arrays.items())
        return f"Samples({self.spec.name!r}, {count} × {steps} steps, seed={self.seed}, {shown})"

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

    @cached_property
    def conditions(self) -> Arrays:
        """By name what each sequence was made under, asked for or drawn, (count,) each: labels as objects,
        whole numbers as int64, others as float32."""
        rows = range(self.first_row, self.first_row + self.shape[0])
        return under(self.spec, self.given, NoiseStream(), self.seed, rows)

    def column(self, name: str) -> Array:
        """One channel, (count, steps): float32, int64 for whole numbers without gaps, or
        objects: labels, and None where a value is missing.

        Raises:
            UsageError: there is no channel of this name.
        """
        channel = next((c for c in self.spec.channels if c.name == name), None)
        if channel is None:
            raise UsageError(f"there is no channel {name!r}; there are {', '.join(self.columns)}")
        if channel.kind in NUMERIC:
            assert self.values is not None
            values: Array = self.values[..., self.spec.numeric.index(channel)]
            if channel.kind != "integer" or channel.missing:
                return values
            return np.nan_to_num(values).astype(np.int64)  # NaN stands behind an end alone
        assert self.labels is not None
        names = np.array([*channel.labels, None], object)  # -1 is the last: missing
        labelled: Array = names[self.labels[..., self.spec.discrete.index(channel)]]
        return labelled

    def times(self) -> NDArray[np.int64] | None:
        """When each row is, (count, steps), in ticks of the Spec's column of times; None without one."""
        time = self.spec.time
        if time is None:
            return None
        count, steps = self.shape
        rows = range(self.first_row, self.first_row + count)
        begun, which = np.unique(
            begins(time, self.given, NoiseStream(), self.seed, rows), return_inverse=True
        )
        if time.gap is not None:
            return begun[which, None] + self._clock()[:, :-1]
        step = self.first_step + np.arange(steps)
        every = [times.at(replace(time, start=start), step) for start in begun.tolist()]
        return np.stack(every)[which]  # (count, steps)

    def since(self, step: int) -> "Samples":
        """The same from a later step on; maybe without any."""
        skipped = min(max(0, step - self.first_step), self.shape[1])
        if not skipped:
            return self
        cut = {name: array[:, skipped:] for name, array in self.arrays.items()}
        elapsed = self._clock()[:, skipped] if self.clocked else None
        begin = self.first_step + skipped
        return Samples.of(self.spec, self.seed, cut, self.first_row, begin, elapsed, self.given)

    @property
    def clocked(self) -> bool:
        """Whether times are sums of gaps, and so known only to whoever made all steps before."""
        return self.spec.time is not None and self.spec.time.gap is not None

    @property
    def end(self) -> NDArray[np.int64] | None:
        """`elapsed` of the samples that follow."""
        return self._clock()[:, -1] if self.clocked else None

    def _clock(self) -> NDArray[np.int64]:
        """Ticks from step 0 to each row and to the one behind: (count, steps + 1)."""
        time = self.spec.time
        assert time is not None and self.values is not None
        place = [c.name for c in self.spec.numeric].index(str(time.gap))
        gaps = np.nan_to_num(self.values[..., place]).astype(np.int64) * time.step  # (count, steps)
        begun = np.zeros(len(gaps), np.int64) if self.elapsed is None else self.elapsed
        ticks: NDArray[np.int64] = np.cumsum(np.column_stack([begun, gaps]), axis=1)
        return ticks

    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence: (count,)."""
        count, steps = self.shape
        if self.valid is None:
            return np.full(count, steps, np.int64)
        lengths: NDArray[np.int64] = self.valid.sum(axis=1)
        return lengths

    @property
    def plan(self) -> Plan:
        """What makes these again, if they are all."""
        return Plan(self.spec, self.seed, *self.shape, given=self.given)

    def save(self, path: str | Path) -> None:
        """Write to a file, in the form that its suffix names.

        Raises:
            FormatError: the suffix is unknown, or cannot hold these samples.
        """
        from serving.formats import save  # the formats import this module

        save(Path(path), self.plan, iter([self]))

    def table(self) -> Iterator[tuple[str, Array]]:
        """Long form: `sequence`, `step` and the columns that the data had (`Spec.tabled`), each (rows,),
        ends cut off; times in ticks. Of a sound a row is a sample, and so is a step."""
        count, steps = self.shape
        hop = len(self.spec.channels) if self.spec.form == "sound" else 1
        valid = np.ones((count, steps), bool) if self.valid is None else self.valid
        kept = np.repeat(valid, hop, axis=1).reshape(-1)  # (rows,)
        sequence, step = np.divmod(np.arange(count * steps * hop)[kept], steps * hop)
        yield "sequence", sequence + self.first_row
        yield "step", step + self.first_step * hop
        ticks, derived = self.times(), {d.name: d for d in self.spec.derived}
        for column in self.spec.tabled:
            if column.name in self.conditions:
                yield column.name, self.conditions[column.name][sequence]
                continue
            found: Array | None = self.values
            if column.name in derived:
                assert self.spec.time is not None
                assert ticks is not None
                found = times.derived(self.spec.time, derived[column.name], ticks)
            elif self.spec.form != "sound":
                found = ticks if isinstance(column, Time) else self.column(column.name)
            assert found is not None
            yield column.name, found.reshape(-1)[kept]
