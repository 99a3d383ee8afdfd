"""All rules of a table: what they make of what was learnt, row by row and from the rows before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from contract.calendar import Turn
from training.data.rules import turning
from training.data.rules.rule import (
    Begins,
    Fixed,
    Floats,
    Integers,
    Made,
    Named,
    Rule,
    reach,
    taken,
    unlearnt,
)

Turns = Mapping[Turn, Integers]
"""Of each turn of the calendar the row of it that each sequence begins in, (…)."""
NO_TURNS: Turns = MappingProxyType({})


@dataclass(frozen=True)
class Rules:
    """All of a table's, and which of its columns are numbers and which labels."""

    each: tuple[Rule, ...] = ()
    """In an order in which sources that are made are made before."""
    numeric: tuple[int, ...] = ()
    """The columns of `values`, in its order, learnt or not; and …"""
    discrete: tuple[int, ...] = ()
    """… those of `labels`."""

    @classmethod
    def of(cls, each: Sequence[Rule], columns: Sequence[Named]) -> "Rules":
        """Those of such columns."""
        numeric = tuple(i for i, c in enumerate(columns) if not c.labels)
        discrete = tuple(i for i, c in enumerate(columns) if c.labels)
        return cls(tuple(each), numeric, discrete)

    @property
    def made(self) -> frozenset[int]:
        """The columns that are not learnt."""
        return unlearnt(self.each)

    @property
    def hidden(self) -> frozenset[int]:
        """The columns that are learnt as plain numbers, whatever they are where they are fixed."""
        return frozenset(rule.column for rule in self.each if isinstance(rule, Fixed) and rule.hidden)

    @property
    def carried(self) -> dict[int, int]:
        """The numbers that later rows ask for, and of how many rows before these."""
        most: dict[int, int] = {}
        for rule in self.each:
            for i, lag in taken(rule):
                if lag:
                    most[i] = max(lag, most.get(i, 0))
        return dict(sorted(most.items()))

    @property
    def state_size(self) -> int:
        """Of what is carried on, numbers and behind them which are missing."""
        return 2 * sum(self.carried.values())

    def learnt(self, columns: Sequence[int]) -> tuple[int, ...]:
        """Those of `columns` that are."""
        made = self.made
        return tuple(i for i in columns if i not in made)

    def __call__(
        self,
        values: Floats,
        labels: Integers,
        before: Floats | None = None,
        position: int = 0,
        turns: Turns = NO_TURNS,
    ) -> tuple[Floats, Integers]:
        """Of `values` (…, steps, numeric) and `labels` (…, steps, discrete) that were learnt those of all
        columns; the first of these rows is at a `position` in its sequence, and `before` (…, state) is what
        the graph carries on to it, None where sequences begin. Of `turns` see `Turns`."""
        if not self.each:
            return values, labels
        found: dict[int, Made] = dict(
            zip(self.learnt(self.numeric), np.moveaxis(values, -1, 0), strict=True)
        )  # (…, steps) each
        found |= dict(zip(self.learnt(self.discrete), np.moveaxis(labels, -1, 0), strict=True))
        last = dict(self._last(before))
        at = position + np.arange(values.shape[-2])  # (steps,)
        for rule in self.each:
            sources = [earlier(found[i], lag, rule.begins, last.get(i), position) for i, lag in taken(rule)]
            if isinstance(rule, Fixed):
                if rule.season:
                    sources.append(turning.part(rule.season, turns[rule.season.name][..., None] + at))
                sources.append(found[rule.column])
            made = rule(*sources)
            if rule.begins == "learnt":
                made = np.where(at < reach(rule), found[rule.column], made)
            found[rule.column] = made
        nothing = np.zeros((*values.shape[:-1], 0))
        numbers, indices = (
            np.concatenate([nothing, *(found[i][..., None] for i in own)], -1)
            for own in (self.numeric, self.discrete)
        )
        return numbers.astype(np.float32), indices.astype(np.int64)

    def _last(self, before: Floats | None) -> Iterator[tuple[int, Floats]]:
        """What each of the numbers that are carried on was, (…, rows)."""
        if before is not None:
            numbers, gone = np.split(before, 2, axis=-1)  # (…, rows of all) each
            known = np.where(gone > 0, np.float32(np.nan), numbers)
            cuts = np.cumsum([*self.carried.values()])[:-1]
            yield from zip(self.carried, np.split(known, cuts, axis=-1), strict=True)


def earlier(
    column: Made, lag: int, begins: Begins | None, last: Floats | None = None, position: int = 0
) -> Made:
    """A number (…, steps) as it was `lag` rows before, the first of these at `position` in its sequence.
    Before them it was `last` (…, rows), and before the sequence began what the rule says."""
    if not lag:
        return column
    steps = column.shape[-1]
    if last is None:
        last = np.zeros((*column.shape[:-1], lag), np.float32)
    first = last.shape[-1] - lag
    moved = np.concatenate([last, column], -1)[..., first : first + steps]
    begun = {"missing": np.full_like(column, np.nan), "zero": np.zeros_like(column)}.get(
        begins or "", column
    )
    found: Made = np.where(position + np.arange(steps) < lag, begun, moved)
    return found
