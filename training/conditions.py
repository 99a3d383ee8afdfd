"""Conditions: what is fixed for a whole sequence, as the players see it and as a model file tells it.

Both players get it as numbers beside what they see anyway: labels as one-hot vectors, a number less its
mean over its deviation, both taken from the joint table that travels in the file. How many steps a sequence
has, where each ends by itself, is one more: drawn first, from the same table, and given to both as a share
of the most; or nobody is told, and a gate says when there are no more (`training/ends.py`). And where rows
go with the calendar, which row of each of its turns the first one is (`training/seasons.py`).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contract.calendar import Season
from contract.spec import Condition, ConditionTable
from training.data import Dataset, Windows, seasonal
from training.data.dataset import Doubles
from training.errors import DataError
from training.layout import Floats

MOST_ROWS = 4096
"""Distinct combinations that a model file holds at most."""


@dataclass(frozen=True)
class Conditions:
    """The static columns of a dataset, and how often they occurred together. Rows of them are
    (…, conditions), with the number of steps behind where it is drawn first, and with the place of the
    first row in each season."""

    described: tuple[Condition, ...]
    table: ConditionTable
    most: int = 0
    """Steps of the longest sequence where sequences end by themselves, else 0."""
    gated: bool = False
    """Whether the generator says at every step if there is one; else how many there are is drawn first."""
    seasons: tuple[Season, ...] = ()
    begun: Doubles = field(default_factory=lambda: np.zeros((0, 0)))
    """Rows of some windows, (windows, conditions and seasons), where there are seasons: what goes together
    in the data."""

    @classmethod
    def of(cls, dataset: Dataset, windows: Windows) -> "Conditions":
        """As they are in `windows`, each of which counts once.

        Raises:
            DataError: more different combinations than a file should hold.
        """
        most = windows.length if dataset.ends else 0
        rows = cls.rows_of(dataset, windows)  # (windows, conditions and seasons)
        seasons, begun = dataset.seasons, np.zeros((0, 0))
        if seasons:
            begun = rows[np.random.default_rng(0).permutation(len(rows))[:MOST_ROWS]]
            rows = rows[:, : -len(seasons)]
        if not dataset.statics and (dataset.gated or not dataset.ends):
            return cls((), ConditionTable((), ()), most, dataset.gated, seasons, begun)
        distinct, counts = np.unique(rows, axis=0, return_counts=True)
        if len(distinct) > MOST_ROWS:
            drawn = dataset.ends and not dataset.gated
            lengths = " with the lengths of the sequences" if drawn else ""
            raise DataError(
                f"{dataset.name}: the columns {', '.join(c.name for c in dataset.statics)}, constant in "
                f"each sequence, occur in {len(distinct):,} combinations{lengths}, and a model file holds "
                f"at most {MOST_ROWS:,}: round them, or leave some out with --ignore"
            )
        described = []
        for column, values in zip(dataset.statics, distinct.T, strict=False):
            if column.labels:
                described.append(
                    Condition(column.name, "categorical", None, None, column.labels, column.place)
                )
            else:
                kind = "integer" if (values == np.rint(values)).all() else "continuous"
                low, high = float(values.min()), float(values.max())
                described.append(Condition(column.name, kind, low, high, (), column.place))  # type: ignore[arg-type]
        table = ConditionTable(tuple(map(tuple, distinct.tolist())), tuple(counts.tolist()))
        return cls(tuple(described), table, most, dataset.gated, seasons, begun)

    @staticmethod
    def rows_of(dataset: Dataset, windows: Windows) -> Doubles:
        """What each window has: (windows, conditions and seasons)."""
        sequence = dataset.sequence_of(windows.starts)
        rows = dataset.static_values[sequence] if dataset.statics else np.zeros((len(windows), 0))
        if dataset.seasons:
            return np.column_stack([rows, seasonal.begun(dataset, windows.starts)])
        return np.column_stack([rows, windows.sizes]) if dataset.ends and not dataset.gated else rows

    @property
    def told(self) -> bool:
        """Whether the players are told how many steps there are."""
        return self.most > 0 and not self.gated

    @property
    def width(self) -> int:
        """How many numbers the players see, but for seasons."""
        return sum(len(c.labels) or 1 for c in self.described) + self.told

    @property
    def seen(self) -> tuple[int, int, bool, tuple[Season, ...]]:
        """What the networks are to know of them: `width`, `most`, `gated` and `seasons`."""
        return self.width, self.most, self.gated, self.seasons

    def cut(self, rows: Floats, valid: NDArray[np.bool_]) -> Floats:
        """Encoded windows (windows, length, …) with 0 behind their ends, where there are some; with a gate
        one more column says where there are rows, `valid` (windows, length)."""
        if not self.most:
            return rows
        rows = np.where(valid[..., None], rows, np.float32(0))
        return np.concatenate([rows, valid[..., None]], axis=2, dtype=np.float32) if self.gated else rows

    def scale(self, column: int) -> tuple[np.float32, np.float32]:
        """Of a number: its mean, and 1 over its deviation."""
        values = np.array([row[column] for row in self.table.rows])
        mean = np.average(values, weights=self.table.counts)
        deviation = np.sqrt(np.average((values - mean) ** 2, weights=self.table.counts))
        return np.float32(mean), np.float32(1 / deviation if deviation > 0 else 1)

    def encode(self, rows: NDArray[np.floating]) -> Floats:
        """Conditions (batch, conditions and seasons), labels as indices, to (batch, width + seasons): the
        same operations as in the exported graph."""
        parts = [np.zeros((len(rows), 0), np.float32)]
        for i, condition in enumerate(self.described):
            column = rows[:, i]
            if condition.labels:
                parts.append(np.eye(len(condition.labels), dtype=np.float32)[column.astype(np.int64)])
            else:
                mean, scale = self.scale(i)
                parts.append(((column.astype(np.float32) - mean) * scale)[:, None])
        if self.told:
            parts.append(rows[:, -1:].astype(np.float32) * np.float32(1 / self.most))
        parts.append(rows[:, rows.shape[1] - len(self.seasons) :].astype(np.float32))
        return np.concatenate(parts, axis=1)

    def draw(self, count: int, seed: int) -> Doubles:
        """Rows (count, conditions and seasons) as the data have them."""
        if self.seasons:
            begun: Doubles = self.begun[np.random.default_rng(seed).choice(len(self.begun), count)]
            return begun
        if not self.table.rows:
            return np.zeros((count, 0))
        share = np.array(self.table.counts) / sum(self.table.counts)
        index = np.random.default_rng(seed).choice(len(share), count, p=share)
        drawn: Doubles = np.array(self.table.rows)[index]
        return drawn
