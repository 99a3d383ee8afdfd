"""The basis: how channels are presented to the networks, and how values come back.

Of the numeric channels: labels go to the networks as one-hot vectors, see `training/layout.py`. Two
invertible parts, fitted once:

    values --encode--> normal scores --(n - mean) Wᵀ--> y   what the networks play with
    values <--decode-- normal scores <--y Vᵀ + mean--- y    the second half is in the graph

*Marginals.* A channel that moves fast (Var Δx > 0.02 Var x) is mapped through its own
distribution function to a normal, ties broken by one uniform a window, so that a value that
persists in the data persists in the scores. A slow channel is bent so that its moves have one
size at every level, `training/stabilise.py`, and standardised: its distribution over 24 rows says
nothing of the series. Either way the way back is one table of 512 values at equal distances of
the score, interpolated: continuous, and no record is in it but the smallest and the largest value.
Where one channel bounds another in every row, as a day's high does its close, values are made to
keep that order, `Decoder.not_above`.

*Mixing* (`cowhitened`). Principal components with variance above 1e-6 are whitened, then
rotated to the eigenvectors of the increments' covariance, as in slow feature analysis
(Wiskott and Sejnowski, Neural Computation 14, 2002, section 3): levels become uncorrelated
with variance 1, increments uncorrelated with deviations `increments`, and of each component a
`share` lasts, and is forgotten at a rate of its own, `decay`: `training/memory.py`. `standard` does
neither bending nor mixing.

*Shades.* The pixels of a frame are as they are, in one unit; what is mixed is a few codes of each frame,
`training/screen.py`, whose way back to pixels comes before the tables.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from contract.spec import Channel, ChannelKind
from training import screen
from training.conditions import Conditions
from training.data import Dataset, Windows
from training.data.dataset import Doubles, Integers
from training.layout import Layout
from training.memory import remembered
from training.screen import Layers
from training.stabilise import stabilised

Floats = NDArray[np.float32]

KNOTS = 512
FAST = 0.02
"""Var Δx / Var x above which a channel is made normal by rank."""
FLOOR = 1e-6
"""Variance of a standardised principal component below which it repeats the others."""
_FIT_WINDOWS, _FIT_VALUES = 8192, 2**25
"""Windows that the mixing is fitted on, and values that they have at most."""
_TOUCHING = 1e-3
"""Share of the mean gap between two channels within which they must once have come to be called ordered."""


@dataclass(frozen=True)
class Decoder:
    """Normal scores to values: one interpolated table a channel. Float32 throughout."""

    origin: Floats
    """(channels,): the score of the first knot."""
    scale: Floats
    """(channels,): knots per unit of score."""
    table: Floats
    """(channels, KNOTS): values at the knots, never decreasing."""
    per: Floats
    """(channels,): values are rounded to a whole number of `of`/`per`, as those of the data are; 0: not."""
    of: Floats
    """(channels,): of 1/`per`, how many are the least step: 5 and 100 for prices in steps of 0.05."""
    not_above: Integers
    """(channels, n): each channel is lowered to the least of these; itself, again and again, where it
    need not be."""
    not_below: Integers
    """(channels, m): then each is raised to the greatest of these."""

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
        per = np.where(self.per > 0, self.per, np.float32(1))
        whole = np.rint(values * per / self.of) * self.of / per
        whole = np.where(whole == 0, np.float32(0), whole)  # of a zero's sign runtimes are not of one mind
        values = np.where(self.per > 0, whole, values)
        values = values[..., self.not_above].min(-1)  # (…, channels)
        decoded: Floats = values[..., self.not_below].max(-1)
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
    decay: Doubles
    """(components,): how much of what lasts of y is left after one step, 0 … 1, `training/memory.py`."""
    share: Doubles
    """(components,): how much of y's variance lasts; the rest is noise of each step."""
    axes: Doubles = field(default_factory=lambda: np.zeros((0, 0)))
    """Of a waveform, (components, 2 hop): what the generator says as frames, see `training/overlap.py`;
    rows are then a hop of samples and not y. Empty of all else."""
    screen: Layers = ()
    """Of frames, the way from codes, which are mixed in the channels' place, to scores."""


class Basis:
    """A fitted basis over one dataset, which encodes windows on demand."""

    def __init__(self, dataset: Dataset, windows: Windows, kind: Literal["cowhitened", "standard"]):
        covered = windows.covered  # what is held out is not fitted either
        self.layout = dataset.layout
        self.conditions = Conditions.of(dataset, windows)
        own = Conditions.rows_of(dataset, windows)
        self._given = torch.from_numpy(self.conditions.encode(own))  # (windows, given)
        self._outcomes = self.layout.outcomes(dataset.values)  # (rows, choices)
        numbers = dataset.filled  # (rows, channels): the numeric ones
        values = numbers[covered]
        self.rows = len(values)
        """Rows that are trained on."""
        self._windows = windows
        self._rounded = np.array([dataset.columns[i].rounded for i in self.layout.numeric], bool)
        self._shades = np.array([dataset.columns[i].shade for i in self.layout.numeric], bool)
        free = _free(self.layout, self._outcomes)  # (rows, channels)
        self._free = free[covered]
        self._varies = np.ptp(values, axis=0) > 0
        moves = covered[1:] & covered[:-1]
        moves[dataset.bounds[1:-1] - 1] = False  # no increment leads into a sequence's first row
        change = np.diff(numbers, axis=0)[moves]  # (moves, channels)
        fast = (change.var(axis=0) > FAST * values.var(axis=0)) & self._varies & ~self._shades
        self._fast = np.flatnonzero(fast if kind == "cowhitened" else fast & False)
        fitted = [values[self._free[:, i], i] for i in self._fast]
        self._below, self._above = _ranks(fitted, numbers[:, self._fast])
        # What nobody sees is noise: of a number that stood still there, the others would be outliers.
        unseen = ~free[:, self._fast]
        noise = (np.random.default_rng(0).random(int(unseen.sum())) * len(values) + 0.5) / (len(values) + 1)
        self._below[unseen] = self._above[unseen] = noise
        middle = (numbers[1:] + numbers[:-1])[moves] / 2
        common = float(values[:, self._shades].std()) if self._shades.any() else 1.0
        self._curves = [
            _plain(values[:, i], common)
            if self._shades[i]
            else _curve(values[:, i], middle[:, i], change[:, i], bent=kind == "cowhitened")
            for i in range(values.shape[1])
        ]
        self._scores_of_rows = self._straight(numbers)
        self._screen: Layers = ()
        if self._shades.any():
            films = dataset.sequence_of(np.flatnonzero(covered))
            encode, self._screen = screen.fit(self._scores_of_rows[covered], films, windows.length)
            self._scores_of_rows = encode(self._scores_of_rows)  # (rows, codes)
        self.decoder = self._fit_decoder(values)
        self.mixing = self._fit_mixing(kind)

    def encode(self, index: NDArray[np.int64], ties: Doubles) -> torch.Tensor:
        """The windows `index` for the networks: (len(index), length, components + width) float32, 0
        behind an end.

        `ties` (len(index), 1, 1) in [0, 1) places each window's repeated values.
        """
        scores = self._scores(index, ties)  # (windows, length, channels, or codes)
        y = (scores - self.mixing.mean) @ self.mixing.inward.T  # (windows, length, components)
        chosen = self.layout.one_hot(self._outcomes[self._windows.rows(index)])
        encoded = np.concatenate([y.astype(np.float32), chosen], axis=2)
        if self.conditions.most:
            encoded[~self._windows.valid(index)] = 0
        return torch.from_numpy(encoded)

    def given(self, index: NDArray[np.int64]) -> torch.Tensor:
        """The conditions of the windows `index`: (len(index), conditions' width) float32."""
        return self._given[torch.from_numpy(index)]

    def _scores(self, index: NDArray[np.int64], ties: Doubles) -> Doubles:
        rows = self._windows.rows(index)
        scores: Doubles = self._scores_of_rows[rows]
        if len(self._fast):
            below, above = self._below[rows], self._above[rows]  # (windows, length, fast)
            share = torch.from_numpy(below + ties * (above - below))
            scores[..., self._fast] = torch.special.ndtri(share).numpy()
        return scores

    def _straight(self, values: Doubles) -> Doubles:
        """Scores of the slow channels: (rows, channels), the fast ones still to come."""
        scores = [np.interp(v, x, y) for v, (x, y) in zip(values.T, self._curves, strict=True)]
        return np.stack(scores, axis=1) if scores else np.zeros((len(values), 0))

    def _fit_decoder(self, values: Doubles) -> Decoder:
        channels = values.shape[1]
        first, last = (self._straight(edge[None])[0] for edge in (values.min(axis=0), values.max(axis=0)))
        grids = np.linspace(first, last, KNOTS).T  # (channels, KNOTS)
        table = np.zeros((channels, KNOTS))
        for row, (x, y) in enumerate(self._curves):
            table[row] = np.interp(grids[row], y, x)
        edge = float(torch.special.ndtri(torch.tensor(1 - 0.5 / (len(values) + 1), dtype=torch.float64)))
        grid = np.linspace(-edge, edge, KNOTS)
        shares = torch.special.ndtr(torch.from_numpy(grid)).numpy()
        for i in self._fast:
            table[i] = np.quantile(values[self._free[:, i], i], shares, method="hazen")
            first[i], last[i] = -edge, edge
        table[:, 0], table[:, -1] = values.min(axis=0), values.max(axis=0)
        span = np.where(self._varies, last - first, 1.0)
        columns = zip(values.T, self._rounded, strict=True)
        found = [_grid(column) if rounded else (0, 1) for column, rounded in columns]
        per, of = np.array(found, np.float32).reshape(-1, 2).T
        not_above, not_below = _orders(values, per, of, self._free & ~self._shades)
        return Decoder(
            origin=first.astype(np.float32),
            scale=((KNOTS - 1) / span).astype(np.float32),
            table=np.maximum.accumulate(table.astype(np.float32), axis=1).reshape(channels, KNOTS),
            per=np.ascontiguousarray(per),
            of=np.ascontiguousarray(of),
            not_above=not_above,
            not_below=not_below,
        )

    def _fit_mixing(self, kind: Literal["cowhitened", "standard"]) -> Mixing:
        random = np.random.default_rng(0)
        count = len(self._windows)
        most = min(_FIT_WINDOWS, _FIT_VALUES // (self._windows.length * len(self._curves) + 1))
        index = np.sort(random.permutation(count)[: max(2, most)])
        scores = self._scores(index, random.random((len(index), 1, 1)))  # (windows, length, channels)
        valid = self._windows.valid(index)  # (windows, length)
        flat = scores[valid]  # (rows, channels)
        mean, deviation = flat.mean(axis=0), flat.std(axis=0)
        moving = np.flatnonzero(deviation > 1e-9)
        if not len(moving):
            still = np.zeros(0)
            return Mixing(mean, np.zeros((0, len(mean))), np.zeros((len(mean), 0)), still, still, still)
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
            steps = np.diff(scores @ inward.T, axis=1)[valid[:, 1:]]  # (moves, components)
            _, turn = np.linalg.eigh(np.cov(steps.T).reshape(len(variance), len(variance)))
            inward, outward = turn.T @ inward, outward @ turn
        y = (scores - mean) @ inward.T  # (windows, length, components)
        increments = np.diff(y, axis=1)[valid[:, 1:]].std(axis=0)
        memory = remembered(y, valid)
        return Mixing(mean, inward, outward, np.maximum(increments, 1e-4), *memory, screen=self._screen)


def _curve(values: Doubles, middle: Doubles, change: Doubles, bent: bool) -> tuple[Doubles, Doubles]:
    """A slow channel's way to scores as knots (values, scores): mean 0, deviation 1, rising."""
    x = np.array([values.min(), values.max()])
    if x[0] == x[1]:
        return np.array([x[0], x[0] + 1]), np.array([0.0, 1.0])
    x, y = stabilised(middle, np.abs(change), x[0], x[1]) if bent else (x, x)
    scores = np.interp(values, x, y)
    return x, (y - scores.mean()) / scores.std()


def _plain(values: Doubles, common: float) -> tuple[Doubles, Doubles]:
    """The same of one of many shades: as it is, in the common deviation of all."""
    x = np.array([values.min(), max(values.max(), values.min() + 1e-9)])
    return x, x / common


def _free(layout: Layout, outcomes: Integers) -> NDArray[np.bool_]:
    """Where numbers are not the value that is drawn by itself: (rows, channels)."""
    free = np.ones((len(outcomes), len(layout.numeric)), bool)
    for n, k in layout.chosen_numbers.items():
        if layout.choices[k].mass is not None:
            free[:, n] = outcomes[:, k] < layout.choices[k].size - 1
    return free


def _grid(values: Doubles) -> tuple[int, int]:
    """`Decoder.per` and `Decoder.of` for values (rows,) that have at most 6 decimals; 0 and 1 where they
    have more, or more steps than float32 tells apart."""
    distinct = np.unique(values)
    for decimals in range(7):
        per = 10**decimals
        scaled = distinct * per
        steps = np.rint(scaled)
        most = np.abs(steps).max()
        if most >= 2**23:
            return (1, 1) if decimals == 0 and (distinct == steps).all() else (0, 1)
        if (np.abs(scaled - steps) <= 1e-6).all():
            of = max(1, int(np.gcd.reduce(steps.astype(np.int64))))
            shared = math.gcd(of, per)
            return per // shared, of // shared
    return 0, 1


def _orders(values: Doubles, per: Floats, of: Floats, free: NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """`Decoder.not_above` and `Decoder.not_below`: orders of channels that hold in every row of
    `values` (rows, channels) and are not for want of nearness, so more than an accident of units. A channel
    that is not `free` (rows, channels) in every row has none: what is drawn by itself keeps no order.

    What only bounds from below is lowered; then all else is raised, each to the greatest of all that
    lie under it, so that every order holds at once.
    """
    channels = values.shape[1]
    always = np.array([column.all() for column in free.T], bool)  # (channels,)
    over = np.zeros((channels, channels), bool)  # over[i, j]: i is never less than j
    few = values[:: max(1, len(values) // 256)]  # most pairs need no more to be seen apart
    for i in range(channels):
        same = (per == per[i]) & (of == of[i]) & always & always[i]
        for j in np.flatnonzero((few[:, i : i + 1] >= few).all(axis=0) & same):
            gap = values[:, i] - values[:, j]
            over[i, j] = 0 <= gap.min() < _TOUCHING * gap.mean()
    for k in range(channels):  # what is over k is over all that k is over (Warshall)
        over |= over[:, k : k + 1] & over[k]
    own = np.eye(channels, dtype=bool)
    lowest = np.logical_and(over.any(axis=0), ~over.any(axis=1))  # (channels,)
    return _padded(own | (over.T & lowest[:, None])), _padded(own | over)


def _padded(chosen: NDArray[np.bool_]) -> Integers:
    """For each row of `chosen` (channels, channels) where it is true, its own index repeated behind:
    (channels, most)."""
    most = int(chosen.sum(axis=1).max(initial=1))
    result = np.repeat(np.arange(len(chosen))[:, None], most, axis=1)
    for i, row in enumerate(chosen):
        result[i, : row.sum()] = np.flatnonzero(row)
    return result


def _ranks(fitted: Sequence[Doubles], values: Doubles) -> tuple[Doubles, Doubles]:
    """Shares of `fitted`, of each channel, below and not above each of `values`: both (rows, channels),
    strictly inside 0 … 1."""
    below, above = np.empty_like(values), np.empty_like(values)
    for i, own in enumerate(fitted):
        ordered, count = np.sort(own), len(own)
        below[:, i] = (np.searchsorted(ordered, values[:, i], "left") + 0.5) / (count + 1)
        above[:, i] = (np.searchsorted(ordered, values[:, i], "right") + 0.5) / (count + 1)
    return below, above


@dataclass(frozen=True)
class Decoding:
    """What the networks give to what a model answers, in both of its parts."""

    layout: Layout
    decoder: Decoder

    def __call__(self, scores: Floats, logits: Floats) -> tuple[Floats, Integers]:
        """Scores (…, channels) and logits with their noise (…, width) to `values` and `labels`: the twin
        of the exported graph."""
        return self.layout.tensors(self.decoder(scores), self.layout.chosen(logits))

    def rows(self, scores: Floats, logits: Floats) -> Floats:
        """The same as rows (…, columns), as a `Dataset` has them."""
        return self.layout.rows(*self(scores, logits))


def channels_of(dataset: Dataset, decoder: Decoder) -> tuple[Channel, ...]:
    """The Spec's channels: the ranges are those of the table, so the graph cannot leave them."""
    numbers = iter(zip(decoder.per == 1, decoder.table, strict=True))
    channels = []
    for column in dataset.columns:
        kind: ChannelKind = "categorical"
        low = high = None
        if not column.labels:
            integer, table = next(numbers)
            kind = "integer" if integer else "continuous"
            ends = [float(table[0]), float(table[-1]), *([] if column.mass is None else [column.mass])]
            low, high = min(ends), max(ends)
        channels.append(
            Channel(column.name, kind, column.unit, low, high, column.labels, column.missing, column.mass)
        )
    return tuple(channels)
