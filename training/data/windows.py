"""Windows of rows: where they begin, how long they are, and what stands behind an end."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

ENDED = np.inf
"""What stands in every column of a window behind the end of its sequence."""


@dataclass(frozen=True)
class Windows:
    """Windows as views: they cost no memory until they are taken."""

    values: Doubles
    starts: Integers
    length: int
    sizes: Integers
    """(windows,): rows of each, `length` at most."""
    behind: Doubles | float = ENDED
    """What stands behind an end, in every column or (channels,)."""

    def __len__(self) -> int:
        return len(self.starts)

    def some(self, index: Integers) -> "Windows":
        """The windows `index` alone."""
        return replace(self, starts=self.starts[index], sizes=self.sizes[index])

    def rows(self, index: Integers) -> Integers:
        """Row numbers in `values` of the windows `index`, the last one again and again behind an end:
        (len(index), length)."""
        step = np.minimum(np.arange(self.length), self.sizes[index][:, None] - 1)
        return self.starts[index][:, None] + step

    def valid(self, index: Integers) -> NDArray[np.bool_]:
        """Where the windows `index` have a row: (len(index), length)."""
        return np.arange(self.length) < self.sizes[index][:, None]

    def take(self, index: Integers) -> Doubles:
        """The windows `index`: (len(index), length, channels)."""
        taken: Doubles = self.values[self.rows(index)]
        taken[~self.valid(index)] = self.behind
        return taken

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(rows,): which rows of `values` lie in any of the windows."""
        edges = np.zeros(len(self.values) + 1, np.int64)
        np.add.at(edges, self.starts, 1)
        np.add.at(edges, self.starts + self.sizes, -1)
        return np.cumsum(edges)[:-1] > 0


def held_back(held: Windows, share: float) -> str:
    """How many windows are held out, for people, and why there are none though a `share` was asked for."""
    if len(held) or not share:
        return f"{len(held)} held out"
    return f"none held out: {share:.0%} of so few rows hold no whole window; a greater --hold-out may"
