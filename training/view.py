"""Rows as plain numbers, so that labels and gaps can be measured and drawn like all else.

One function for both sides: real and generated rows go through the same view before any statistic,
judge, distance or test for copies looks at them. A label becomes a column of 0 and 1 for each outcome (one
column where there are two), so does what a number with gaps, or with a value drawn by itself, is, and the
column's mean stands in for it where it is not. Where sequences end, a last column says whether there is a
row at all, and behind an end the means stand in for numbers, and no label is chosen.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.data import Dataset
from training.data.columns import Column
from training.data.dataset import Doubles
from training.data.windows import ENDED


class View:
    """How the rows of a dataset, and rows made like them, are presented."""

    def __init__(self, dataset: Dataset):
        self._layout = dataset.layout
        numbers = dataset.values[:, list(self._layout.numeric)]
        self._stand_ins = np.nanmean(numbers, axis=0)  # (numeric,)
        columns = [dataset.columns[i] for i in self._layout.numeric]
        self.columns: list[Column] = [Column(c.name, c.unit) for c in columns]
        for choice in self._layout.choices:
            column = dataset.columns[choice.column]
            outcomes = list(column.labels)
            if column.labels and choice.absent is not None:
                outcomes.append("missing")
            if not column.labels:
                outcomes = ["missing", "there"] if choice.absent is not None else ["there"]
                outcomes += [] if choice.mass is None else [f"{choice.mass:g}"]
            names = [f"{column.name} = {outcome}" for outcome in outcomes]
            self.columns += map(Column, names[-1:] if len(names) == 2 else names)
        self._ends = dataset.ends
        if self._ends:
            self.columns.append(Column("not ended"))

    def __call__(self, rows: NDArray[np.floating]) -> Doubles:
        """Rows (…, columns) to (…, features)."""
        ended = rows[..., :1] == ENDED  # (…, 1)
        numbers = rows[..., list(self._layout.numeric)].astype(np.float64)
        parts = [np.where(np.isfinite(numbers), numbers, self._stand_ins)]
        there = np.where(ended, 0, rows)
        one_hot = np.where(ended, 0, self._layout.one_hot(self._layout.outcomes(there)))  # (…, width)
        first = 0
        for size in self._layout.sizes:
            parts.append(one_hot[..., first + (size == 2) : first + size])
            first += size
        if self._ends:
            parts.append(1.0 - ended)
        return np.concatenate(parts, axis=-1)

    def dataset(self, dataset: Dataset) -> Dataset:
        """The same rows in the same sequences, all of them numbers."""
        behind = self(np.full(len(dataset.columns), ENDED))
        return replace(
            dataset, columns=tuple(self.columns), values=self(dataset.values), behind=behind, rules=()
        )
