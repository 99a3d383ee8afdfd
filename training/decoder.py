"""The way back: from normal scores to the values of a model's answers, as it is in the graph as well."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from contract.spec import Channel, ChannelKind
from training.data import Dataset
from training.data.columns import Column, on_grid, ordered
from training.data.dataset import Doubles, Integers
from training.data.rules.making import NO_TURNS, Rules, Turns
from training.data.rules.rule import Fixed, Product, Rule, Sum, said_of, unlearnt
from training.layout import Layout, rows_of

Floats = NDArray[np.float32]

KNOTS = 512
"""Of a channel's table."""
FINE = 8 * (KNOTS - 1) + 1
"""Of each, where a channel rests at many values, `training/rests.py`: seven between two of the others."""

_FEW, _SHARED = 32, 3
"""Values of a ranked channel up to which there is none between them, and rows that each must have."""
_RESTS = 0.01
"""Share of the rows that lie at an end of a channel's range from which on samples may lie there too."""


@dataclass(frozen=True)
class Decoder:
    """Normal scores to values: one table a channel, interpolated but where it holds all values there are.
    Float32 throughout."""

    origin: Floats
    """(channels,): the score of the first knot."""
    scale: Floats
    """(channels,): knots per unit of score."""
    table: Floats
    """(channels, knots): values at the knots, never decreasing."""
    ends: Floats
    """(2, channels): 1 where scores before the first knot, and behind the last, are mirrored there; where
    they lie at it, 0."""
    between: Floats
    """(channels,): 1 where there are values between those of the table; 0 where they are all there are."""
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
        first, last = np.float32(0), np.float32(knots - 1)
        at = np.maximum(at, -self.ends[0] * at)
        at = np.minimum(at, self.ends[1] * (last - at) + last)
        at = np.clip(at, first, last)
        below = np.minimum(np.floor(at), np.float32(knots - 2))
        index = below.astype(np.int64) + np.arange(len(self.table)) * knots
        share = (at - below) * self.between
        values = self.table.reshape(-1)[index] + self.slopes.reshape(-1)[index] * share
        values = np.clip(values, self.table[:, 0], self.table[:, -1])
        per = np.where(self.per > 0, self.per, np.float32(1))
        values = np.where(self.per > 0, on_grid(values, per, self.of), values)
        values = values[..., self.not_above].min(-1)  # (…, channels)
        decoded: Floats = values[..., self.not_below].max(-1)
        return decoded

    @property
    def slopes(self) -> Floats:
        """(channels, knots): the step to the next knot; the last one is never used."""
        return np.diff(self.table, axis=1, append=self.table[:, -1:])


@dataclass(frozen=True)
class Decoding:
    """What the networks give to what a model answers, in both of its parts."""

    layout: Layout
    """Of what was learnt."""
    decoder: Decoder
    rules: Rules = field(default_factory=Rules)
    """How other columns follow."""

    def __call__(
        self,
        scores: Floats,
        logits: Floats,
        before: Floats | None = None,
        position: int = 0,
        turns: Turns = NO_TURNS,
    ) -> tuple[Floats, Integers]:
        """Scores (…, steps, channels) and logits with their noise (…, steps, width) to `values` and
        `labels`: the twin of the exported graph. Of `before`, `position` and `turns` see `Rules`."""
        learnt = self.layout.tensors(self.decoder(scores), self.layout.chosen(logits))
        return self.rules(*learnt, before, position, turns)

    def rows(self, scores: Floats, logits: Floats, turns: Turns = NO_TURNS) -> Floats:
        """The same as rows (…, steps, columns), as a `Dataset` has them, of sequences that begin."""
        values, labels = self(scores, logits, turns=turns)
        if not self.rules.each:
            return self.layout.rows(values, labels)
        every = self.rules.numeric, self.rules.discrete
        return rows_of(*every, values, labels)


def channels_of(dataset: Dataset, decoder: Decoder) -> tuple[Channel, ...]:
    """The Spec's channels: the ranges are those of the table, so the graph cannot leave them."""
    made = unlearnt(dataset.rules)
    kept = (i for i in range(len(dataset.columns)) if i not in made)
    found = dict(zip(kept, _learnt(dataset.learnt, decoder), strict=True))
    texts = said_of(dataset.rules, dataset.columns)
    for rule in dataset.rules:
        i, said = rule.column, texts[rule.column]
        sources = [found[source] for source in rule.sources]
        follows = _following(dataset.columns[i], rule, sources, said)
        if i in found:  # it is learnt, or made otherwise, in other rows
            before = found[i]
            ends = [x for x in (before.low, follows.low, before.high, follows.high) if x is not None]
            follows = replace(
                before,
                kind="continuous" if "continuous" in (before.kind, follows.kind) else before.kind,
                low=min(ends, default=None),
                high=max(ends, default=None),
                missing=before.missing or follows.missing,
                follows=said,
            )
        found[i] = follows
    return tuple(found[i] for i in range(len(found)))


def _learnt(dataset: Dataset, decoder: Decoder) -> Iterator[Channel]:
    """The channels of what was learnt."""
    numbers = iter(zip(decoder.per == 1, decoder.table, strict=True))
    for column in dataset.columns:
        kind: ChannelKind = "categorical"
        low = high = None
        if not column.labels:
            integer, table = next(numbers)
            kind = "integer" if integer else "continuous"
            ends = [float(table[0]), float(table[-1]), *([] if column.mass is None else [column.mass])]
            low, high = min(ends), max(ends)
        yield Channel(
            column.name, kind, column.unit, low, high, column.labels, column.missing, column.missing_with,
            column.mass, None,
        )  # fmt: skip


def _following(column: Column, rule: Rule, sources: Sequence[Channel], said: str) -> Channel:
    """The channel that a rule makes of others."""
    kind: ChannelKind = "categorical"
    low = high = None
    if isinstance(rule, Sum | Product):  # which rises, or falls, with each source, rounded as it is
        ends = np.array([(s.low, s.high) for s in sources], np.float32)  # (sources, 2)
        if rule.begins == "zero":
            ends = np.stack([np.minimum(ends[:, 0], 0), np.maximum(ends[:, 1], 0)], axis=1)
        if isinstance(rule, Sum):
            ends = np.where(np.array(rule.weights)[:, None] < 0, ends[:, ::-1], ends)
        else:
            ends = np.stack([ends[0, [0, 0, 1, 1]], ends[1, [0, 1, 0, 1]]])
        made = rule(*ends)
        low, high = float(made.min()), float(made.max())
        kind = "integer" if rule.per == 1 else "continuous"
    elif not column.labels:
        known = [rule.value] if isinstance(rule, Fixed) else [*rule.outcomes]
        known = [x for x in known if not math.isnan(x)]
        low, high = min(known, default=None), max(known, default=None)
        kind = "integer" if all(x.is_integer() for x in known) else "continuous"
    return Channel(
        column.name, kind, column.unit, low, high, column.labels, column.missing, None, None, said
    )


def few(values: Doubles) -> bool:
    """Whether (rows,) are of few values, each of which many have: settings, between which there is none."""
    _, rows = np.unique(values, return_counts=True)
    return len(rows) <= _FEW and bool((rows >= _SHARED).all())


def quantiles(values: Doubles, edge: float, knots: int) -> Doubles:
    """The value of (rows,) of so many normal scores from −`edge` to `edge`: (knots,). Of no more knots than
    ever, or single records would show."""
    grid, fine = (np.linspace(-edge, edge, count) for count in (KNOTS, knots))
    shares = torch.special.ndtr(torch.from_numpy(grid)).numpy()
    found: Doubles = np.interp(fine, grid, np.quantile(values, shares, method="hazen"))
    return found


def steps(values: Doubles, edge: float, knots: int) -> Doubles:
    """The same of values between which there is none, from each score to the next."""
    grid = np.linspace(-edge, edge, knots)
    shares = torch.special.ndtr(torch.from_numpy(grid + edge / (knots - 1))).numpy()  # halfway
    found: Doubles = np.quantile(values, shares, method="inverted_cdf")
    return found


def ends_of(values: Doubles) -> Floats:
    """`Decoder.ends` (2, channels) of slow channels, `values` (rows, channels): which have a smooth way to
    their ends and do not rest there. Whatever went beyond would otherwise stand still for as long as it is
    beyond: whole windows of a price at its lowest."""
    found = [(values == end).mean(axis=0) < _RESTS for end in (values.min(axis=0), values.max(axis=0))]
    return np.array(found, np.float32)


def orders_of(
    values: Doubles, per: Floats, of: Floats, free: NDArray[np.bool_]
) -> tuple[Integers, Integers]:
    """`Decoder.not_above` and `Decoder.not_below`: orders of channels that hold in every row of
    `values` (rows, channels), NaN where nobody knows one, and are not for want of nearness, so more than an
    accident of units. A channel that is not `free` (rows, channels) in every row has none: what is drawn by
    itself keeps no order.

    What only bounds from below is lowered; then all else is raised, each to the greatest of all that
    lie under it, so that every order holds at once.
    """
    channels = values.shape[1]
    always = np.array([column.all() for column in free.T], bool)  # (channels,)
    over = np.zeros((channels, channels), bool)  # over[i, j]: i is never less than j
    few = values[:: max(1, len(values) // 256)]  # most pairs need no more to be seen apart
    for i in range(channels):
        same = (per == per[i]) & (of == of[i]) & always & always[i]
        for j in np.flatnonzero(~(few[:, i : i + 1] < few).any(axis=0) & same):
            over[i, j] = ordered(values[:, i], values[:, j])
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
