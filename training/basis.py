"""The basis: how channels are presented to the networks, and how values come back.

Two invertible parts, fitted once:

    values --encode--> normal scores --(n - mean) Wᵀ--> y   what the networks play with
    values <--decode-- normal scores <--y Vᵀ + mean--- y    the second half is in the graph

*Marginals.* A channel that moves fast (Var Δx > 0.02 Var x) is mapped through its own
distribution function to a normal, ties broken by one uniform a window, so that a value that
persists in the data persists in the scores. A slow channel is standardised: its distribution
over 24 rows says nothing of the series. Either way the way back is one table of 512 values at
equal distances of the normal score, interpolated: continuous, and no record is in it but the
smallest and the largest value.

*Mixing* (`cowhitened`). Principal components with variance above 1e-6 are whitened, then
rotated to the eigenvectors of the increments' covariance, as in slow feature analysis
(Wiskott and Sejnowski, Neural Computation 14, 2002, section 3): levels become uncorrelated
with variance 1, increments uncorrelated with deviations `increments`. `standard` does no
mixing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from contract.spec import Channel
from training.data import Dataset, Windows
from training.data.dataset import Doubles

Floats = NDArray[np.float32]

KNOTS = 512
FAST = 0.02
"""Var Δx / Var x above which a channel is made normal by rank."""
FLOOR = 1e-6
"""Variance of a standardised principal component below which it repeats the others."""
_FIT_WINDOWS = 8192


@dataclass(frozen=True)
class Decoder:
    """Normal scores to values: one interpolated table a channel. Float32 throughout."""

    origin: Floats
    """(channels,): the score of the first knot."""
    scale: Floats
    """(channels,): knots per unit of score."""
    table: Floats
    """(channels, KNOTS): values at the knots, never decreasing."""
    integer: NDArray[np.bool_]
    """(channels,): rounded to whole numbers."""

    def __call__(self, scores: Floats) -> Floats:
        """Values of `scores` (…, channels): the same operations as in the exported graph, in
        the same order and precision, so that both give the same bytes."""
        knots = self.table.shape[1]
        at = (scores - self.origin) * self.scale  # (…, channels), in knots
        at = np.clip(at, np.float32(0), np.float32(knots - 1))
        below = np.minimum(np.floor(at), np.float32(knots - 2))
        index = below.astype(np.int64) + np.arange(len(self.table)) * knots
        values = self.table.reshape(-1)[index] + self.slopes.reshape(-1)[index] * (at - below)
        values = np.clip(values, self.table[:, 0], self.table[:, -1])
        decoded: Floats = np.where(self.integer, np.rint(values), values)
        return decoded

    @property
    def slopes(self) -> Floats:
        """(channels, KNOTS): the step to the next knot; the last one is never used."""
        return np.diff(self.table, axis=1, append=self.table[:, -1:])


@dataclass(frozen=True)
class Mixing:
    """The linear part, in double precision."""

    mean: Doubles
    """(channels,)"""
    inward: Doubles
    """W (components, channels): scores to y."""
    outward: Doubles
    """V (channels, components): y to scores."""
    increments: Doubles
    """(components,): standard deviation of y's increments."""


class Basis:
    """A fitted basis over one dataset, which encodes windows on demand."""

    def __init__(self, dataset: Dataset, windows: Windows, kind: Literal["cowhitened", "standard"]):
        covered = windows.covered  # what is held out is not fitted either
        values = dataset.values[covered]
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        self.channels = [c.name for c in dataset.columns]
        self._windows = windows
        self._deviation = np.where(deviation > 0, deviation, 1.0)
        self._offset = mean
        moves = covered[1:] & covered[:-1]
        moves[dataset.bounds[1:-1] - 1] = False  # no increment leads into a sequence's first row
        change = np.diff(dataset.values, axis=0)[moves].var(axis=0)
        fast = (change > FAST * deviation**2) & (deviation > 0)
        self._fast = np.flatnonzero(fast if kind == "cowhitened" else fast & False)
        self._below, self._above = _ranks(values[:, self._fast], dataset.values[:, self._fast])
        self.decoder = self._fit_decoder(values)
        self.mixing = self._fit_mixing(kind)

    def encode(self, index: NDArray[np.int64], ties: Doubles) -> torch.Tensor:
        """The windows `index` for the networks: (len(index), length, components) float32.

        `ties` (len(index), 1, 1) in [0, 1) places each window's repeated values.
        """
        scores = self._scores(index, ties)  # (windows, length, channels)
        y = (scores - self.mixing.mean) @ self.mixing.inward.T  # (windows, length, components)
        return torch.from_numpy(y.astype(np.float32))

    def _scores(self, index: NDArray[np.int64], ties: Doubles) -> Doubles:
        rows = self._windows.rows(index)
        scores: Doubles = (self._windows.values[rows] - self._offset) / self._deviation
        if len(self._fast):
            below, above = self._below[rows], self._above[rows]  # (windows, length, fast)
            share = torch.from_numpy(below + ties * (above - below))
            scores[..., self._fast] = torch.special.ndtri(share).numpy()
        return scores

    def _fit_decoder(self, values: Doubles) -> Decoder:
        channels = values.shape[1]
        low, high = values.min(axis=0), values.max(axis=0)
        first = (low - self._offset) / self._deviation
        last = (high - self._offset) / self._deviation
        table = np.linspace(low, high, KNOTS).T  # (channels, KNOTS)
        edge = float(torch.special.ndtri(torch.tensor(1 - 0.5 / (len(values) + 1)).double()))
        grid = np.linspace(-edge, edge, KNOTS)
        shares = torch.special.ndtr(torch.from_numpy(grid)).numpy()
        for i in self._fast:
            table[i] = np.quantile(values[:, i], shares, method="hazen")
            first[i], last[i] = -edge, edge
        constant = np.ptp(values, axis=0) == 0
        span = np.where(constant, 1.0, last - first)
        integer = (values == np.rint(values)).all(axis=0)
        return Decoder(
            origin=first.astype(np.float32),
            scale=((KNOTS - 1) / span).astype(np.float32),
            table=np.maximum.accumulate(table.astype(np.float32), axis=1).reshape(channels, KNOTS),
            integer=integer,
        )

    def _fit_mixing(self, kind: Literal["cowhitened", "standard"]) -> Mixing:
        random = np.random.default_rng(0)
        count = len(self._windows)
        index = np.sort(random.permutation(count)[:_FIT_WINDOWS])
        scores = self._scores(index, random.random((len(index), 1, 1)))  # (windows, length, channels)
        flat = scores.reshape(-1, scores.shape[2])
        mean, deviation = flat.mean(axis=0), flat.std(axis=0)
        moving = np.flatnonzero(deviation > 1e-9)
        if kind == "standard":
            inward = np.eye(flat.shape[1])[moving] / deviation[moving, None]
            outward = np.eye(flat.shape[1])[:, moving] * deviation[moving]
        else:
            unit = (flat[:, moving] - mean[moving]) / deviation[moving]
            variance, axes = np.linalg.eigh(np.cov(unit.T).reshape(len(moving), len(moving)))
            kept = variance > FLOOR
            variance, axes = variance[kept], axes[:, kept]
            inward = np.zeros((len(variance), flat.shape[1]))
            outward = np.zeros((flat.shape[1], len(variance)))
            inward[:, moving] = (axes / np.sqrt(variance)).T / deviation[moving]
            outward[moving] = deviation[moving, None] * axes * np.sqrt(variance)
            steps = np.diff(scores @ inward.T, axis=1).reshape(-1, len(variance))
            _, turn = np.linalg.eigh(np.cov(steps.T).reshape(len(variance), len(variance)))
            inward, outward = turn.T @ inward, outward @ turn
        y = (scores - mean) @ inward.T
        increments = np.diff(y, axis=1).reshape(-1, len(inward)).std(axis=0)
        return Mixing(mean, inward, outward, np.maximum(increments, 1e-4))


def _ranks(fitted: Doubles, values: Doubles) -> tuple[Doubles, Doubles]:
    """Shares of `fitted` below, and not above, each of `values`: both (rows, channels), strictly
    inside 0 … 1."""
    count = len(fitted)
    below, above = np.empty_like(values), np.empty_like(values)
    for i in range(values.shape[1]):
        ordered = np.sort(fitted[:, i])
        below[:, i] = np.searchsorted(ordered, values[:, i], "left")
        above[:, i] = np.searchsorted(ordered, values[:, i], "right")
    return (below + 0.5) / (count + 1), (above + 0.5) / (count + 1)


def channels_of(dataset: Dataset, decoder: Decoder) -> tuple[Channel, ...]:
    """The Spec's channels: the ranges are those of the table, so the graph cannot leave them."""
    return tuple(
        Channel(
            name=column.name,
            kind="integer" if integer else "continuous",
            unit=column.unit,
            low=float(table[0]),
            high=float(table[-1]),
            labels=(),
            missing=False,
        )
        for column, integer, table in zip(dataset.columns, decoder.integer, decoder.table, strict=True)
    )
