"""What a row is made of: numbers, and choices among labels. Numpy only.

A categorical column is a choice among its labels; where it has gaps, "missing" is one more outcome
behind them. A numeric column with gaps is a number and a choice: missing, or there. So is one of which
many rows have one value (no rain today): there, or that value. Numbers that are missing in the very rows
in which another column is have no choice of their own. All of them side by side, as one-hot
vectors, are `width` columns, which the players see beside the numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class Described(Protocol):
    """A column of data, or a channel of the Spec."""

    @property
    def name(self) -> str:
        """Its own."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Of a categorical one."""

    @property
    def missing(self) -> bool:
        """Whether it has gaps."""

    @property
    def missing_with(self) -> str | None:
        """Of a numeric one, the column in whose gaps it has its own."""

    @property
    def mass(self) -> float | None:
        """The value of a numeric one that is drawn by itself."""


@dataclass(frozen=True)
class Choice:
    """One of the choices of a row."""

    column: int
    size: int
    """How many outcomes there are."""
    absent: int | None
    """The outcome that says that the value is missing, if it can be."""
    mass: float | None = None
    """Of a number, the value that the last outcome says that it has."""

    @property
    def instead(self) -> dict[int, np.float32]:
        """Of a number that has it, or is missing with it: the outcomes that say what it is, whatever else
        it were."""
        values = {} if self.absent is None else {self.absent: np.float32(np.nan)}
        return values if self.mass is None else values | {self.size - 1: np.float32(self.mass)}


@dataclass(frozen=True)
class Layout:
    """Which columns are numbers and which are labels, and all choices in a fixed order."""

    columns: int
    numeric: tuple[int, ...]
    """The columns of `values`, in its order."""
    discrete: tuple[int, ...]
    """The columns of `labels`, in its order."""
    choices: tuple[Choice, ...]
    """Those of the discrete columns, then those of the numeric ones that have some."""
    leaders: tuple[int, ...]
    """Of each numeric column the one whose choice says where it is missing: itself, or another."""

    @classmethod
    def of(cls, columns: Sequence[Described]) -> "Layout":
        """As it follows from labels and gaps."""
        numeric = tuple(i for i, c in enumerate(columns) if not c.labels)
        discrete = tuple(i for i, c in enumerate(columns) if c.labels)
        choices = []
        for i in discrete:
            labels, missing = len(columns[i].labels), columns[i].missing
            choices.append(Choice(i, labels + missing, labels if missing else None))
        for i in numeric:
            missing, mass = columns[i].missing, columns[i].mass
            if (missing and not columns[i].missing_with) or mass is not None:
                choices.append(Choice(i, 1 + missing + (mass is not None), 0 if missing else None, mass))
        place = {c.name: i for i, c in enumerate(columns)}
        leaders = tuple(place[columns[i].missing_with or columns[i].name] for i in numeric)
        return cls(len(columns), numeric, discrete, tuple(choices), leaders)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Outcomes of each choice."""
        return tuple(c.size for c in self.choices)

    @property
    def width(self) -> int:
        """Outcomes of all choices together."""
        return sum(self.sizes)

    @property
    def chosen_numbers(self) -> dict[int, int]:
        """For each number with a choice, its own or its leader's, by its place in `values` that of it."""
        places = {c.column: k for k, c in enumerate(self.choices)}
        return {n: places[i] for n, i in enumerate(self.leaders) if i in places}

    def outcomes(self, rows: Array) -> Integers:
        """Rows (…, columns) to the outcome of each choice, (…, choices)."""
        made = np.zeros((*rows.shape[:-1], len(self.choices)), np.int64)
        for k, choice in enumerate(self.choices):
            column = rows[..., choice.column]
            if choice.column in self.numeric:
                if choice.absent is not None:
                    made[..., k] = ~np.isnan(column)
                if choice.mass is not None:  # samples are of single precision
                    at = column.astype(np.float32) == np.float32(choice.mass)
                    made[..., k] = np.where(at, choice.size - 1, made[..., k])
            else:
                made[..., k] = np.where(column < 0, choice.size - 1, column)
        return made

    def one_hot(self, outcomes: Integers) -> Floats:
        """Outcomes (…, choices) to (…, width)."""
        parts = [np.eye(size, dtype=np.float32)[outcomes[..., k]] for k, size in enumerate(self.sizes)]
        nothing = np.zeros((*outcomes.shape[:-1], 0), np.float32)
        return np.concatenate([nothing, *parts], axis=-1)

    def chosen(self, logits: Floats) -> Integers:
        """The outcome with the largest logit of each choice, the first of equals: (…, width) to
        (…, choices)."""
        made = np.zeros((*logits.shape[:-1], len(self.choices)), np.int64)
        first = 0
        for k, size in enumerate(self.sizes):
            made[..., k] = logits[..., first : first + size].argmax(-1)
            first += size
        return made

    def tensors(self, numbers: Floats, outcomes: Integers) -> tuple[Floats, Integers]:
        """Numbers (…, numeric) without gaps and outcomes (…, choices) to what a model answers: `values`,
        NaN where missing, and `labels`, -1 where missing."""
        values = numbers.copy()
        for n, k in self.chosen_numbers.items():
            for outcome, value in self.choices[k].instead.items():
                values[..., n] = np.where(outcomes[..., k] == outcome, value, values[..., n])
        labels = np.zeros((*outcomes.shape[:-1], len(self.discrete)), np.int64)
        for m, choice in enumerate(self.choices[: len(self.discrete)]):
            picked = outcomes[..., m]
            absent = -1 if choice.absent is None else choice.absent
            labels[..., m] = np.where(picked == absent, -1, picked)
        return values, labels

    def rows(self, values: Array | None, labels: Integers | None) -> Floats:
        """What a model answers as rows (…, columns), as in `Dataset.values`."""
        return rows_of(self.numeric, self.discrete, values, labels)


def rows_of(
    numeric: Sequence[int], discrete: Sequence[int], values: Array | None, labels: Integers | None
) -> Floats:
    """`values` (…, numeric) and `labels` (…, discrete) as rows (…, columns), where each is in its place."""
    shape = next(x.shape[:-1] for x in (values, labels) if x is not None)
    rows = np.zeros((*shape, len(numeric) + len(discrete)), np.float32)
    if values is not None:
        rows[..., list(numeric)] = values
    if labels is not None:
        rows[..., list(discrete)] = labels
    return rows
