"""Sequences in memory: one table of values and where each sequence begins."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contract import times
from contract.calendar import Derived, Season, Time
from contract.forms import Form
from contract.spec import Channel
from training.data.columns import Column, examined, is_number, notes_on, relabelled, together
from training.data.holding import held_rows
from training.data.rules import turning
from training.data.rules.rule import Fixed, Rule, unlearnt
from training.data.windows import ENDED, Windows
from training.errors import DataError
from training.layout import Layout

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Sequences one after the other."""

    name: str
    columns: tuple[Column, ...]
    values: Doubles
    """(rows, channels): numbers, or NaN where one is missing; of a categorical column the index of a
    label, or -1."""
    bounds: Integers
    """(sequences + 1,): sequence i is values[bounds[i]:bounds[i + 1]]."""
    step: str
    """What one row is."""
    notes: tuple[str, ...] = ()
    """What a person should know of how the data were read."""
    statics: tuple[Column, ...] = ()
    """Columns that are constant in each sequence: what a sequence can be conditioned on."""
    static_values: Doubles = field(default_factory=lambda: np.zeros((0, 0)))
    """(sequences, statics): numbers, or indices of labels; nothing is missing."""
    length: int = 24
    """Rows of a window; of the longest, where sequences are learnt whole."""
    ends: bool = False
    """Whether windows are whole sequences of different lengths."""
    gated: bool = False
    """Whether the generator is to end them itself, see `training/ends.py`."""
    form: Form = "table"
    """What a sequence naturally is; only writers and drawers ask."""
    rate: int | None = None
    """Of a sound, samples a second."""
    frame: tuple[int, int] | None = None
    """Height and width of a frame of a film, whose pixels are the columns."""
    behind: Doubles | float = ENDED
    """What stands behind an end, in every column or (channels,)."""
    time: Time | None = None
    """The column of times that rows had, if they had one."""
    derived: tuple[Derived, ...] = ()
    """Columns that follow from the time, and are not learnt."""
    types: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, str] = field(default_factory=dict)
    """What columns were in the data's file, see the Spec."""
    seasons: tuple[Season, ...] = ()
    """Turns of the calendar that rows have to do with; none where sequences end by themselves."""
    ticks: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    """(rows,): when each row is, where there is a column of times."""
    lines: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    """(rows,): which row of its file each was, from 1 on, where there is one file."""
    rules: tuple[Rule, ...] = ()
    """How columns follow from others, which are not learnt; `training/data/rules/following.py`."""
    breaks: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    """Rows, rising, before which many are missing: no window goes over, but where sequences are whole."""

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
            DataError: nothing in it, infinite values, a column without any value, too many labels.
        """
        if not sequences or not sum(map(len, sequences)):
            raise DataError(f"{name} is empty: there is no row in it")
        values = np.concatenate(sequences).astype(np.float64)  # (rows, channels)
        bounds = np.cumsum([0, *map(len, sequences)], dtype=np.int64)
        columns = [examined(name, column, x) for column, x in zip(columns, values.T, strict=True)]
        if len(values) == 1:
            raise DataError(f"{name} has 1 row: sequences of several rows are wanted")
        notes = [*notes, *notes_on(columns, values)]
        constant = [c.name for c, v in zip(columns, values.T, strict=True) if (v == v[0]).all()]
        if constant:
            shown = ", ".join(constant[:8]) + (
                f" and {len(constant) - 8} more" if len(constant) > 8 else ""
            )
            notes.append(f"constant, and so in every sample: {shown}")
        return cls(name, tuple(columns), values, bounds, step, tuple(notes))

    def require_varied(self) -> None:
        """Raise a DataError where every column is constant."""
        if (self.values == self.values[0]).all():
            raise DataError(f"{self.name}: every column is constant; there is nothing to learn")

    @property
    def fingerprint(self) -> str:
        """SHA-256 over values, bounds and names."""
        digest = hashlib.sha256("\0".join(c.name for c in self.columns).encode())
        digest.update(np.ascontiguousarray(self.values, "<f8").tobytes())
        digest.update(np.ascontiguousarray(self.bounds, "<i8").tobytes())
        if self.statics:
            digest.update("".join(f"\0{c.name}" for c in self.statics).encode())
            digest.update(np.ascontiguousarray(self.static_values, "<f8").tobytes())
        if self.seasons:
            digest.update(np.ascontiguousarray(self.ticks, "<i8").tobytes())
        for column in (*self.columns, *self.statics):
            digest.update("".join(f"\0{label}" for label in column.labels).encode())
        return digest.hexdigest()

    @property
    def layout(self) -> Layout:
        """What a row is made of."""
        return Layout.of(self.columns)

    @property
    def filled(self) -> Doubles:
        """The numeric columns without gaps: (rows, numeric), finite. Inside a sequence a gap is bridged
        by a line; where a sequence has no value at all, the column's mean stands in. Where the value is
        the one that is drawn by itself, the middle one of the others does."""
        numbers: Doubles = np.ascontiguousarray(self.values[:, list(self.layout.numeric)])
        for column, i in zip(numbers.T, self.layout.numeric, strict=True):  # views
            at = column == self.columns[i].mass
            if at.any():
                column[at] = np.nanquantile(column[~at], 0.5, method="lower")
            if np.isnan(column).any():
                _fill(column, self.bounds)
        return numbers

    @property
    def learnt(self) -> "Dataset":
        """The same without the columns that follow from others, and without what is hidden where others say
        what they are; of numbers it is said which are missing together."""
        made = unlearnt(self.rules)
        kept = [i for i in range(len(self.columns)) if i not in made]
        every, values = [*self.columns], self.values
        for rule in self.rules:
            if isinstance(rule, Fixed) and rule.hidden:
                values = values.copy() if values is self.values else values
                values[self.where(rule), rule.column] = np.nan
                every[rule.column] = replace(every[rule.column], missing=False, mass=None)
        values = values[:, kept] if made else values
        ruled = {self.columns[r.column].name for r in self.rules if not isinstance(r, Fixed)}
        columns = together([every[i] for i in kept], values, ruled)
        behind = self.behind if isinstance(self.behind, float) else self.behind[kept]
        return replace(self, columns=columns, values=values, behind=behind, rules=())

    def where(self, rule: Fixed) -> NDArray[np.bool_]:
        """The rows, (rows,), in which a number has the value that the rule says."""
        return rule.holds(self.turned(rule.season) if rule.season else self.values[:, rule.sources[0]])

    def turned(self, season: Season) -> Integers:
        """Which part of a turn of the calendar each row is in, (rows,)."""
        assert self.time is not None
        return turning.part(season, times.places(self.time, season, self.ticks))

    def only(self, kept: NDArray[np.bool_]) -> "Dataset":
        """The same of those rows that are `kept` (rows,), some of each sequence."""
        before = np.concatenate([[0], np.cumsum(kept)])  # (rows + 1,): how many are kept before each
        return replace(
            self,
            values=self.values[kept],
            bounds=before[self.bounds],
            ticks=self.ticks[kept] if len(self.ticks) else self.ticks,
            lines=self.lines[kept] if len(self.lines) else self.lines,
            breaks=before[self.breaks],
        )

    def with_statics(self, names: Sequence[str], guess: bool) -> "Dataset":
        """The same with the columns `names` as conditions, and where `guess` with all that are constant
        in each sequence and not in all of them.

        Raises:
            DataError: a column that changes within a sequence, a number that is missing, no column left.
        """
        first = self.values[self.bounds[:-1]]  # (sequences, columns)
        changes = (self.values != np.repeat(first, np.diff(self.bounds), axis=0)) & ~(
            np.isnan(self.values) & np.isnan(np.repeat(first, np.diff(self.bounds), axis=0))
        )
        changing = changes.any(axis=0)
        long = (np.diff(self.bounds) > 1).any()
        chosen = []
        for i, column in enumerate(self.columns):
            if column.name in names and changing[i]:
                at = int(np.searchsorted(self.bounds, changes[:, i].argmax(), "right"))
                raise DataError(
                    f"{self.name}: column {column.name!r} was named with --static, and changes within a "
                    f"sequence (the {at}. of them): leave it a channel, or check the id column"
                )
            varies = bool((first[:, i] != first[0, i]).any())
            guessed = guess and long and not changing[i] and varies and not np.isnan(first[:, i]).any()
            if column.name in names or guessed:
                if np.isnan(first[:, i]).any():
                    raise DataError(
                        f"{self.name}: column {column.name!r} was named with --static, and has no value in "
                        "some sequences: fill it, or make labels of it with --categorical"
                    )
                chosen.append(i)
        if not chosen:
            return self
        kept = [i for i in range(len(self.columns)) if i not in chosen]
        if not kept:
            raise DataError(
                f"{self.name}: every column is constant in each sequence; nothing is left to learn"
            )
        statics, values = [], first[:, chosen]
        for k, i in enumerate(chosen):
            column = replace(self.columns[i], place=sum(other < i for other in kept))
            if column.missing:  # of a whole sequence: one more label
                values[values[:, k] < 0, k] = len(column.labels)
                column = replace(column, labels=(*column.labels, "missing"), missing=False)
            statics.append(column)
        told = ", ".join(repr(c.name) for c in statics)
        note = f"constant in each sequence, and so a condition, not a channel: {told}"
        return replace(
            self, columns=tuple(self.columns[i] for i in kept), values=self.values[:, kept],
            notes=(*self.notes, note), statics=tuple(statics), static_values=values,
        )  # fmt: skip

    def in_kinds_of(self, others: Sequence[Column | Channel]) -> "Dataset":
        """The same with columns of numbers as labels, or of labels as numbers, as `others` of their names.

        Raises:
            DataError: a number that is none of the labels.
        """
        labels = {c.name: c.labels for c in others}

        def turned(was: Sequence[Column], values: Doubles) -> tuple[tuple[Column, ...], Doubles]:
            now = [
                replace(c, labels=own) if all(map(is_number, (*c.labels, *own))) else c
                for c in was
                for own in [labels.get(c.name, c.labels)]
            ]
            values = relabelled(values, was, now)  # (rows, columns)
            found = [
                one if one.labels == before.labels else examined(self.name, one, x)
                for one, before, x in zip(now, was, values.T, strict=True)
            ]
            return tuple(found), values

        columns, values = turned(self.columns, self.values)
        statics, static_values = turned(self.statics, self.static_values)
        changed = {
            i
            for i, (now, was) in enumerate(zip(columns, self.columns, strict=True))
            if now.labels != was.labels
        }
        lost = {r.column for r in self.rules if changed & {r.column, *r.sources}}
        rules = tuple(r for r in self.rules if r.column not in lost)
        return replace(
            self, columns=columns, values=values, statics=statics, static_values=static_values, rules=rules
        )

    @property
    def named(self) -> bool:
        """Whether a condition tells each sequence from all others."""
        names = [x for c, x in zip(self.statics, self.static_values.T, strict=True) if c.labels]
        return any(len(np.unique(x)) == len(x) > 1 for x in names)

    def sequence_of(self, rows: Integers) -> Integers:
        """Which sequence each of these rows is in."""
        return np.searchsorted(self.bounds, rows, "right") - 1

    def windows(self, length: int, stride: int) -> Windows:
        """Every window of `length` rows inside a sequence, `stride` rows apart; where sequences end by
        themselves, each is one window.

        Raises:
            DataError: fewer than two windows, or a sequence that is longer than a window must be.
        """
        if self.ends:
            sizes = np.diff(self.bounds)
            if sizes.max() > length:
                raise DataError(
                    f"{self.name} has a sequence of {sizes.max()} rows, and those learnt whole have at "
                    f"most {length}: choose a greater --length, or none"
                )
            return Windows(self.values, self.bounds[:-1], length, sizes, self.behind)
        starts = [
            np.arange(a, b - length + 1, stride)
            for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)
        ]
        all_starts = np.concatenate(starts)
        ends = all_starts + length - 1
        before = np.searchsorted(self.breaks, [all_starts, ends], "right")  # (2, windows)
        all_starts = all_starts[before[0] == before[1]]
        if len(all_starts) < 2:
            longest = int(np.diff(self.bounds).max())
            whole = ", or --whole True" if len(self.bounds) > 2 else ""
            raise DataError(
                f"{self.name} gives {len(all_starts)} windows of {length} rows (its longest "
                f"sequence has {longest} {'row' if longest == 1 else 'rows'}): at least 2 are "
                f"wanted; bring more rows, or choose a smaller --length{whole}"
            )
        return Windows(self.values, all_starts, length, np.full(len(all_starts), length))

    def split(self, length: int, stride: int, hold_out: float) -> tuple[Windows, Windows]:
        """Windows to train on and windows held out, which have no row in common, see
        `training/data/holding.py`: those that would straddle an edge belong to neither side.

        Raises:
            DataError: fewer than two windows.
        """
        windows = self.windows(length, stride)
        held = held_rows(self, length, hold_out)
        touched = np.cumsum(np.append(False, held))  # (rows + 1,): held rows before each
        inside = touched[windows.starts + windows.sizes] - touched[windows.starts]  # (windows,)
        train, test = inside == 0, inside == windows.sizes
        if train.sum() < 2 or not test.any():
            train, test = np.ones(len(windows), bool), np.zeros(len(windows), bool)
        return windows.some(np.flatnonzero(train)), windows.some(np.flatnonzero(test))


def counted(sequences: int) -> str:
    """How many sequences there are, for people."""
    return f"{sequences} sequence{'s' * (sequences != 1)}"


def _fill(column: Doubles, bounds: Integers) -> None:
    """Fill the gaps of (rows,) in place."""
    there = ~np.isnan(column)
    whole = bool((column[there] == np.rint(column[there])).all())
    rows = np.arange(len(column))
    for a, b in pairwise(bounds):
        known = np.flatnonzero(there[a:b])
        if len(known):
            column[a:b] = np.interp(rows[: b - a], known, column[a:b][known])
    column[np.isnan(column)] = column[there].mean()
    if whole:
        np.rint(column, out=column)
