"""The basis: how channels are presented to the networks, and how values come back.

Of the numeric channels: labels go to the networks as one-hot vectors, see `training/layout.py`. Two
invertible parts, fitted once:

    values --encode--> normal scores --(n - mean) Wᵀ--> y   what the networks play with
    values <--decode-- normal scores <--y Vᵀ + mean--- y    the second half is in the graph

*Marginals.* A channel that moves fast, by half a deviation in a step or more, is mapped through
its own distribution function to a normal; what lies between the ranks of values that many rows share is a
path of its own, `training/ties.py`. A slow channel is bent so that its moves have one
size at every level, `training/stabilise.py`, and standardised: its distribution over 24 rows says
nothing of the series. Where it rests at a value it has a hidden path, `training/atoms.py`, and so it has
where it rests at many, `training/rests.py`. Either way the way back, `training/decoder.py`, is one table
of 512 values at equal distances of the score, or, where there are many rests, of eight times as many,
interpolated: continuous, and no record is in it but the smallest and the largest value, and rests. Of a
fast channel of few values it is not interpolated: there is nothing between them. Where one channel bounds
another in every row, as a day's high does its close, values are made to keep that order.

*Mixing* (`cowhitened`). Principal components with variance above 1e-6 are whitened, then
rotated to the eigenvectors of the increments' covariance, as in slow feature analysis
(Wiskott and Sejnowski, Neural Computation 14, 2002, section 3): levels become uncorrelated
with variance 1, increments uncorrelated with deviations `increments`, and of each component a
`share` lasts, and is forgotten at a rate of its own, `decay`: `training/memory.py`. `standard` does
neither bending nor mixing. What goes further than all y of the data is mirrored there on the way to
values: a long sample is a sum of many moves, and would lie at the largest value for as long as that sum is
beyond it. So it is at the ends of each slow channel, unless the data rest there: what all y allow together
can still be beyond what one channel has.

*Shades.* The pixels of a frame are as they are, in one unit; what is mixed is a few codes of each frame,
`training/screen.py`, whose way back to pixels comes before the tables.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from training import screen
from training.atoms import atoms_of, banded, hidden
from training.conditions import Conditions
from training.config import window_for
from training.curves import curve_of, mended, persistent, plain, ranks
from training.data import Dataset, Windows
from training.data.columns import grid_of
from training.data.dataset import Doubles, Integers
from training.decoder import FINE, KNOTS, Decoder, ends_of, few, orders_of, quantiles, steps
from training.layout import Floats, Layout
from training.memory import remembered, torn
from training.rests import path_of
from training.screen import Layers
from training.seasons import unseasonal
from training.ties import path_between

FAST, SLOW = 0.25, 0.02
"""Var Δx / Var x, of normal scores of ranks, from which on a channel is made normal by rank; and of values,
up to which it never is. In between, how far it moves differs by its level, which a curve can mend and
ranks make worse; but for what a curve cannot mend, see `curves.mended`."""
STILL = 1e-4
"""Least size of a move: a component with this one hardly moves within a sequence, if at all."""
FLOOR = 1e-6
"""Variance of a standardised principal component below which it repeats the others."""
_PURE = 1e-3
"""Share of a component up to which a channel is taken to have none of it."""
_FIT_WINDOWS, _FIT_VALUES = 8192, 2**25
"""Windows that the mixing is fitted on, and values that they have at most."""


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
    noise: Doubles
    """(components,): deviation of what each step has anew and the next takes back, `training/memory.py`."""
    walk: Doubles
    """(components,): deviation of what is added to y in a step and lasts."""
    low: Doubles = field(default_factory=lambda: np.zeros(0))
    """(components,): the least y of the data, …"""
    high: Doubles = field(default_factory=lambda: np.zeros(0))
    """… and the greatest, where samples are mirrored. Empty of a waveform, both."""
    axes: Doubles = field(default_factory=lambda: np.zeros((0, 0)))
    """Of a waveform, (components, 2 hop): what the generator says as frames, see `training/overlap.py`;
    rows are then a hop of samples and not y. Empty of all else."""
    course: Doubles = field(default_factory=lambda: np.zeros(0))
    """(components,): the mean of y_t − ρ y_{t−1}, not 0 where all sequences begin at one place
    and go to another. Empty of a waveform."""
    homes: Doubles = field(default_factory=lambda: np.zeros((0, 0)))
    """(given, components): by conditions, where y comes back to in series that go on for ever. Empty where
    it is 0, their mean, in all."""
    calendar: Doubles = field(default_factory=lambda: np.zeros((0, 0)))
    """(numbers of seasons, components): how y goes with what is seen of the calendar. Empty where there are
    no seasons."""
    screen: Layers = field(default_factory=dict)
    """Of frames, the way from codes, which are mixed in the channels' place, to scores."""

    @property
    def mixtures(self) -> torch.Tensor:
        """The channels that are no single component's: (channels, components), each of length 1. None of a
        waveform, whose rows are no y."""
        if len(self.axes):
            return torch.zeros(0, len(self.increments))
        size = np.linalg.norm(self.outward, axis=1, keepdims=True)
        axes = self.outward / np.where(size > 0, size, 1)
        return torch.from_numpy(axes[(abs(axes) > _PURE).sum(axis=1) > 1].astype(np.float32))


class Basis:
    """A fitted basis over one dataset, which encodes windows on demand."""

    def __init__(self, dataset: Dataset, windows: Windows, kind: Literal["cowhitened", "standard"]):
        covered = windows.covered  # what is held out is not fitted either
        self.layout = dataset.layout
        self.conditions = Conditions.of(dataset, windows)
        given = self.conditions.encode(Conditions.rows_of(dataset, windows))
        self._given = torch.from_numpy(given)  # (windows, given)
        self._outcomes = self.layout.outcomes(dataset.values)  # (rows, choices)
        numbers = dataset.filled  # (rows, channels): the numeric ones
        values = numbers[covered]
        self.rows = len(values)
        """Rows that are trained on."""
        self._windows = windows
        self._for_ever = window_for(np.diff(dataset.bounds).tolist(), windows.length) > 0
        self._rounded = np.array([dataset.columns[i].rounded for i in self.layout.numeric], bool)
        self._shades = np.array([dataset.columns[i].shade for i in self.layout.numeric], bool)
        free = _free(self.layout, self._outcomes)  # (rows, channels)
        self._free = free[covered]
        there = ~np.isnan(dataset.values[:, list(self.layout.numeric)])  # (rows, channels)
        there |= ~there[covered].any(axis=0)
        self._seen = there[covered]
        """What the data have, and no line over a gap."""
        self._varies = np.ptp(values, axis=0) > 0
        moves = covered[1:] & covered[:-1]
        # No increment leads into a sequence's first row, nor over a hole.
        moves[np.concatenate([dataset.bounds[1:-1], dataset.breaks]) - 1] = False
        change = np.diff(numbers, axis=0)[moves]  # (moves, channels)
        middle = (numbers[1:] + numbers[:-1])[moves] / 2  # (moves, channels)
        fast = self._moves_fast(numbers, covered, moves, free)
        self._fast = np.flatnonzero(fast if kind == "cowhitened" else fast & False)
        shown = (free & there)[:, self._fast]  # (rows, fast)
        fitted = [values[shown[covered, n], i] for n, i in enumerate(self._fast)]
        below, above = ranks(fitted, numbers[:, self._fast])  # (rows, fast)
        # What nobody sees is noise: of a number that stood still there, the others would be outliers.
        noise = np.random.default_rng(0).random(int((~shown).sum()))
        below[~shown] = above[~shown] = (noise * len(values) + 0.5) / (len(values) + 1)
        common = float(values[:, self._shades].std()) if self._shades.any() else 1.0
        self._curves = [
            plain(values[:, i], common)
            if self._shades[i]
            else curve_of(values[:, i], middle[:, i], change[:, i], bent=kind == "cowhitened")
            for i in range(values.shape[1])
        ]
        self._scores_of_rows = self._straight(numbers)
        for n, i in enumerate(self._fast):
            self._scores_of_rows[:, i] = path_between(below[:, n], above[:, n], dataset.bounds, covered)
        slow = self._varies & ~fast & ~self._shades & free.all(axis=0)
        self._knots = KNOTS
        if kind == "cowhitened":
            self._hide(np.flatnonzero(slow), numbers, covered, dataset.bounds)
        self._screen: Layers = {}
        if self._shades.any():
            films = dataset.sequence_of(np.arange(len(covered)))
            # What is held out is a film of its own, of which what is trained on sees nothing.
            cuts = (np.diff(films) > 0) | (covered[1:] != covered[:-1])
            films = np.concatenate([[0], np.cumsum(cuts)])  # (rows,)
            encode, self._screen = screen.fit(self._scores_of_rows[covered], films[covered], windows.length)
            self._scores_of_rows = encode(self._scores_of_rows, films)  # (rows, codes)
        self.decoder = self._fit_decoder(values)
        self.mixing = self._fit_mixing(kind)
        self._own = self._components()

    def _hide(self, slow: Integers, numbers: Doubles, covered: NDArray[np.bool_], bounds: Integers) -> None:
        """Give `slow` channels of `numbers` (rows, channels) a hidden path where they rest, fitted on the
        rows `covered`; sequences begin and end at `bounds`."""
        for i in slow:
            rows = np.flatnonzero(covered)[self._seen[:, i]]  # on which it is fitted
            values, curve = numbers[rows, i], self._curves[i]
            found = path_of(curve, values, numbers[:, i], bounds, FINE)
            if found:
                self._knots = FINE
            else:
                cuts = [np.flatnonzero(np.diff(rows) != 1) + 1, np.searchsorted(rows, bounds)]
                curve = banded(curve, values, np.unique(np.concatenate(cuts)))
                found = curve, hidden(curve, numbers[:, i], bounds)
            (x, y), own = found
            offset, deviation = own[covered].mean(), own[covered].std()
            self._curves[i] = x, (y - offset) / deviation
            self._scores_of_rows[:, i] = (own - offset) / deviation

    def encode(self, index: NDArray[np.int64], chance: Doubles, steps: int | None = None) -> torch.Tensor:
        """The windows `index`, or their first `steps`, for the networks: (len(index), length, components +
        width) float32, 0 behind an end, as `Generator.forward` gives them. `chance` is for waves alone."""
        rows = self._windows.rows(index)[:, :steps]
        chosen = self.layout.one_hot(self._outcomes[rows])
        encoded = np.concatenate([self._own[rows], chosen], axis=2)
        return torch.from_numpy(self.conditions.cut(encoded, self._windows.valid(index)[:, :steps]))

    def given(self, index: NDArray[np.int64]) -> torch.Tensor:
        """The conditions of the windows `index`: (len(index), conditions' width) float32."""
        return self._given[torch.from_numpy(index)]

    def _components(self) -> Floats:
        """Of all rows: (rows, components)."""
        own = (self._scores_of_rows - self.mixing.mean) @ self.mixing.inward.T
        return own.astype(np.float32)

    def _scores(self, index: NDArray[np.int64]) -> Doubles:
        scores: Doubles = self._scores_of_rows[self._windows.rows(index)]
        return scores

    def _straight(self, values: Doubles) -> Doubles:
        """Scores of the slow channels: (rows, channels), the fast ones still to come."""
        scores = [np.interp(v, x, y) for v, (x, y) in zip(values.T, self._curves, strict=True)]
        return np.stack(scores, axis=1) if scores else np.zeros((len(values), 0))

    def _moves_fast(
        self,
        numbers: Doubles,
        covered: NDArray[np.bool_],
        moves: NDArray[np.bool_],
        free: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """Which channels do: (channels,). Of `numbers` (rows, channels) those `covered` are looked at, and
        `moves` (rows - 1,) says from which the next row follows."""
        values = numbers[covered]
        change = np.diff(numbers, axis=0)[moves]  # (moves, channels)
        fast = self._varies & ~self._shades & (change.var(axis=0) > SLOW * values.var(axis=0))
        for i in np.flatnonzero(fast & free.all(axis=0)):  # what nobody sees is noise
            below, above = ranks([values[:, i]], numbers[:, i : i + 1])
            scores = torch.special.ndtri(torch.from_numpy((below + above) / 2)).numpy()[:, 0]
            quick = np.diff(scores)[moves].var() >= FAST * scores[covered].var()
            middle = (numbers[1:, i] + numbers[:-1, i])[moves] / 2
            fast[i] = quick or not mended(values[:, i], middle, change[:, i])
        rests = np.array([len(atoms_of(x)) > 0 for x in values.T], bool)
        kept: NDArray[np.bool_] = fast & ~(rests & persistent(change))
        return kept

    def _fit_decoder(self, values: Doubles) -> Decoder:
        channels = values.shape[1]
        first, last = np.array([(y[0], y[-1]) for _, y in self._curves]).reshape(-1, 2).T.copy()
        last = np.where(self._varies, last, first)
        knots = self._knots
        grids = np.linspace(first, last, knots).T  # (channels, knots)
        table = np.zeros((channels, knots))
        for row, (x, y) in enumerate(self._curves):
            table[row] = np.interp(grids[row], y, x)
        edge = float(torch.special.ndtri(torch.tensor(1 - 0.5 / (len(values) + 1), dtype=torch.float64)))
        between = np.ones(channels, np.float32)
        for i in self._fast:
            known = values[self._free[:, i] & self._seen[:, i], i]
            between[i] = not few(known)
            table[i] = quantiles(known, edge, knots) if between[i] else steps(known, edge, knots)
            first[i], last[i] = -edge, edge
        # Of what the data have: a line over a gap may lie off their grid, and beyond them.
        seen = np.where(self._seen, values, np.nan)
        table[:, 0], table[:, -1] = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
        table = np.clip(table, table[:, :1], table[:, -1:])
        span = np.where(self._varies, last - first, 1.0)
        columns = zip(values.T, self._seen.T, self._rounded, strict=True)
        found = [grid_of(column[seen]) if rounded else (0, 1) for column, seen, rounded in columns]
        per, of = np.array(found, np.float32).reshape(-1, 2).T
        not_above, not_below = orders_of(seen, per, of, self._free & ~self._shades)
        ends = ends_of(values)
        ends[:, self._fast] = 0  # ranks end where their normal scores do
        ends[:, self._shades | ~self._varies] = 0
        return Decoder(
            origin=first.astype(np.float32),
            scale=((knots - 1) / span).astype(np.float32),
            table=np.maximum.accumulate(table.astype(np.float32), axis=1).reshape(channels, knots),
            ends=ends,
            between=between,
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
        scores = self._scores(index)  # (windows, length, channels)
        valid = self._windows.valid(index)  # (windows, length)
        flat = scores[valid]  # (rows, channels)
        mean, deviation = flat.mean(axis=0), flat.std(axis=0)
        moving = np.flatnonzero(deviation > 1e-9)
        if not len(moving):
            no = np.zeros(0)
            return Mixing(mean, np.zeros((0, len(mean))), np.zeros((len(mean), 0)), no, no, no, no, no)
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
        moves = np.diff(y, axis=1)[valid[:, 1:]]  # (moves, components)
        increments = moves.std(axis=0)
        # What moves by the same in each step, as time does, has that for a size.
        increments = np.where(increments > STILL, increments, np.maximum(abs(moves.mean(axis=0)), STILL))
        homes = np.zeros((0, 0))
        given = self.given(index)[:, : self.conditions.width].numpy().astype(np.float64)
        own = y
        if self._for_ever and given.size:
            homes = np.linalg.lstsq(given, y.mean(axis=1), rcond=None)[0]  # (given, components)
            own = y - (given @ homes)[:, None]
        # What goes with the calendar comes back by itself, and is not remembered.
        own, calendar = unseasonal(own, self.given(index), self.conditions.seasons)
        decay, share = remembered(own, valid)
        noise, walk = torn(y, valid, increments)
        low, high = y[valid].min(axis=0), y[valid].max(axis=0)
        course = (y[:, 1:] - decay * y[:, :-1])[valid[:, 1:]].mean(axis=0)  # (components,)
        return Mixing(
            mean, inward, outward, increments, decay, share, noise, walk, low, high,
            course=course, homes=homes, calendar=calendar, screen=self._screen,
        )  # fmt: skip


def _free(layout: Layout, outcomes: Integers) -> NDArray[np.bool_]:
    """Where numbers are not the value that is drawn by itself: (rows, channels)."""
    free = np.ones((len(outcomes), len(layout.numeric)), bool)
    for n, k in layout.chosen_numbers.items():
        if layout.choices[k].mass is not None:
            free[:, n] = outcomes[:, k] < layout.choices[k].size - 1
    return free
