"""How far the generated windows are from real ones that nobody trained on, as one number.

The energy distance (Székely and Rizzo, Journal of Statistical Planning and Inference 143, 2013),

    2 E|X − Y| − E|X − X'| − E|Y − Y'|,

of real windows X and generated ones Y is 0 where both have one distribution, and else larger. It
is taken of decoded rows, as `training/view.py` shows them, so that it needs to know nothing of the
basis: levels are whitened
and increments are set beside them, both fitted on the windows trained on. Pairs of windows that
share rows are left out of E|X − X'|, and a window is no pair with itself.

Nothing here is a score that `cadenza evaluate` reports, and nothing is trained: the same
weights give the same number.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.conditions import Conditions
from training.data import Windows
from training.decoder import Decoding
from training.drawn import sample_rows
from training.generator import Generator
from training.view import View

WINDOWS = 1024
"""Windows compared at most, of either side."""
BLOCKS = 4
"""Blocks that the real windows make at least, see `blocks_of`."""
_FLOOR = 1e-6
"""Variance of a standardised principal component below which it repeats the others."""
_SEED = 20130825
_WANDER = 0.01
"""Of E|X − X'|: by how much two readings differ because training wanders."""


@dataclass(frozen=True)
class Reading:
    """What the yardstick says of a generator."""

    distance: float
    """Energy distance to the real windows, in which a level and an increment each have variance 1."""
    blocks: Tensor
    """(blocks,) float64: each block's part in 2 E|X − Y|; the other terms move with no block."""
    diversity: float
    """E|Y − Y'| / E|X − X'|: 1 is as varied as real windows, 0 is one window again and again."""
    pinned: float
    """Share of generated values at an end of their channel's range, less that of real ones."""
    values: NDArray[np.float64]
    """Some of the generated windows, (windows, length, features)."""


class Yardstick:
    """Real windows that are ready to be compared with."""

    def __init__(
        self, trained: Windows, held_out: Windows, decoding: Decoding, view: View, conditions: Conditions
    ):
        # Windows that all overlap are one window, and say nothing of how far two are from each other.
        self.held_out = len(held_out) >= 2 * BLOCKS and bool(np.ptp(held_out.starts) >= held_out.length)
        windows = held_out if self.held_out else trained
        self.length, self.decoding, self._view = windows.length, decoding, view
        self._conditions = conditions
        index = _spread(len(windows))
        self.real = view(windows.take(index))  # (windows, length, features)
        self._fit(trained)
        self.block = blocks_of(windows.starts, windows.length)[index].unique(return_inverse=True)[1]
        self.counts = torch.bincount(self.block).double()  # (blocks,)
        self._x = self._coordinates(self.real)
        starts = windows.starts[index]
        gaps = np.abs(starts[:, None] - starts)
        apart = torch.from_numpy(gaps >= min(windows.length, max(1, gaps.max())))
        self._within = float(torch.cdist(self._x, self._x)[apart].mean())
        self._ends = self._at_ends(self.real)

    def read(self, generator: Generator) -> Reading:
        """Compare a generator, from the same noise each time."""
        return self.compare(
            sample_rows(generator, self.decoding, self._conditions, WINDOWS, self.length, _SEED)
        )

    def compare(self, rows: NDArray[np.floating]) -> Reading:
        """Compare generated windows (windows, length, columns)."""
        values = self._view(rows)  # (windows, length, features)
        y = self._coordinates(values)
        across = torch.cdist(self._x, y).mean(1).double()  # (windows,)
        among = float(torch.pdist(y).mean())
        blocks = torch.zeros(len(self.counts), dtype=torch.float64).index_add_(0, self.block, 2 * across)
        return Reading(
            distance=float(2 * across.mean()) - self._within - among,
            blocks=blocks,
            diversity=among / self._within,
            pinned=self._at_ends(values) - self._ends,
            values=values,
        )

    def error(self, one: Tensor, other: Tensor) -> float:
        """Standard error of the difference of two readings, given their `blocks`: both saw the same
        real windows, and whole blocks of these are what chance could have exchanged."""
        moves = one - other  # (blocks,)
        centred = moves - moves.sum() * self.counts / self.counts.sum()
        return float((len(moves) / (len(moves) - 1) * centred.square().sum()).sqrt() / self.counts.sum())

    def slack(self, one: Tensor, other: Tensor) -> float:
        """What two readings, given their `blocks`, may differ by and be equally good: their `error`, and
        what training wanders by from look to look."""
        return max(self.error(one, other), _WANDER * self._within)

    def _fit(self, trained: Windows) -> None:
        values = self._view(trained.take(_spread(len(trained))))
        flat = values.reshape(-1, values.shape[2])
        deviation = flat.std(axis=0)
        moving = np.flatnonzero(deviation > 0)
        self._mean = flat.mean(axis=0)
        unit = (flat[:, moving] - self._mean[moving]) / deviation[moving]
        variance, axes = np.linalg.eigh(unit.T @ unit / len(unit))
        kept = variance > _FLOOR
        self._inward = np.zeros((values.shape[2], int(kept.sum())))  # (channels, components)
        self._inward[moving] = axes[:, kept] / np.sqrt(variance[kept]) / deviation[moving, None]
        moves = np.diff((values - self._mean) @ self._inward, axis=1)
        self._pace = np.maximum(moves.std(axis=(0, 1)), 1e-9)  # (components,)

    def _coordinates(self, values: NDArray[np.floating]) -> Tensor:
        """(windows, steps and increments of every component), so scaled that length and channels
        do not change what a distance means."""
        level = (values - self._mean) @ self._inward  # (windows, length, components)
        moves = np.diff(level, axis=1) / self._pace
        flat = np.concatenate([level, moves], axis=1).reshape(len(values), -1)
        return torch.from_numpy((flat / np.sqrt(flat.shape[1])).astype(np.float32))

    def _at_ends(self, values: NDArray[np.floating]) -> float:
        """`values` (windows, length, features), of which the numbers come first."""
        table, rules = self.decoding.decoder.table, self.decoding.rules
        moving = table[:, 0] < table[:, -1]
        if not moving.any():
            return 0.0
        learnt = (rules.numeric.index(i) for i in rules.learnt(rules.numeric))
        numbers = values[..., [*learnt] if rules.each else range(len(table))]
        ends = (numbers <= table[:, 0]) | (numbers >= table[:, -1])
        return float(ends[..., moving].mean())


def blocks_of(starts: NDArray[np.int64], length: int) -> Tensor:
    """(windows,): the block of each. Windows that overlap are in one block; where that gives fewer
    than BLOCKS of them, each is cut into equal parts."""
    runs = np.cumsum(np.append(0, np.diff(starts) >= length))
    parts = -(-BLOCKS // (int(runs[-1]) + 1))
    blocks = np.empty(len(starts), np.int64)
    for run in range(int(runs[-1]) + 1):
        at = np.flatnonzero(runs == run)
        blocks[at] = run * parts + np.arange(len(at)) * parts // len(at)
    _, number = np.unique(blocks, return_inverse=True)
    return torch.from_numpy(number)


def _spread(count: int) -> NDArray[np.int64]:
    """At most WINDOWS numbers below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, WINDOWS)).astype(np.int64))
