"""Which columns follow from how others change from row to row: bookings from a balance, a return, a trend.

A number's change is one more number that others are sums of, or go by thresholds of. In rules it is the
number as it is and as it was one row before, `~column`. A running sum is never made of what is summed,
since what a game makes would wander off in it: what is summed is made of the sum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.data.arithmetic import Fit, Number, grown
from training.data.columns import ordered
from training.data.dataset import Dataset
from training.data.labelled import cuts
from training.data.rules import Begins, Cuts, Rule, Sum, shifted
from training.data.search import FEWEST, Search
from training.data.sums import sums

_MANY = 64
"""Numbers among whose changes nothing is looked for any more."""
_FIRST = 3
"""Sequences from which on their first rows say what was before them."""


def changes(search: Search, dataset: Dataset, whole: bool) -> Iterator[Rule]:
    """Sums, growth and thresholds of changes. `whole`: sequences are learnt from their first row on."""
    rows = _continued(dataset)
    if len(rows) < FEWEST or len(search.numbers) > _MANY:
        return
    now = {n: replace(number, values=number.values[rows]) for n, number in search.numbers.items()}
    before = {n: number.values[rows - 1] for n, number in search.numbers.items()}
    moves = [_change(number, before[n]) for n, number in now.items()]
    moves = [move for move in moves if np.nanmin(move.values) < np.nanmax(move.values)]
    first = dataset.bounds[:-1] if whole and len(dataset.bounds) > _FIRST else None

    # Samples are made to keep orders among what is learnt: an opening price is never above the highest.
    search = search.but({n for n, number in now.items() if _bounded(number, [*now.values()])})

    def begun(rule: Rule) -> Begins:
        return "learnt" if first is None else _begun(rule, search, first)

    def summed(fit: Fit) -> Fit | None:
        rule = fit.rule
        if not isinstance(rule, Sum) or min(rule.sources) >= 0:  # no change is in it
            return None
        rule = _in_rows(rule)
        return replace(fit, rule=replace(rule, begins=begun(rule)))

    def cut(rule: Cuts) -> Cuts:
        at = ~rule.sources[0]
        number = search.numbers[at]
        rule = replace(rule, sources=(at, ~at), per=number.per, of=number.of)
        return replace(rule, begins=begun(rule))

    yield from sums(search, [*now.values(), *moves], summed)
    for fit in _growth(search, now, before):
        rule = replace(fit.rule, begins=begun(fit.rule))
        if search.allows(Fit(rule, fit.rank)):
            yield search.take(rule)
    yield from cuts(search, moves, rows, cut)


def _continued(dataset: Dataset) -> NDArray[np.intp]:
    """The rows that have one before them: in their sequence, and with none missing between."""
    goes_on = np.ones(len(dataset.values), bool)
    goes_on[dataset.bounds[:-1]] = False
    goes_on[dataset.breaks] = False
    return np.flatnonzero(goes_on)


def _bounded(number: Number, others: Sequence[Number]) -> bool:
    """Whether it is in order with another in every row."""
    return any(
        ordered(number.values, other.values) or ordered(other.values, number.values)
        for other in others
        if (number.per, number.of) == (other.per, other.of) and number.at != other.at
    )


def _change(now: Number, before: NDArray[np.float64]) -> Number:
    """By how much a number is more than it was `before` (rows,), as a number of its own."""
    moved = now.values - before
    if now.per:
        moved = np.rint(moved * now.per / now.of) * now.of / now.per
    return Number(~now.at, moved, now.per, now.of)


def _in_rows(rule: Sum) -> Sum:
    """The same of numbers as they are and as they were instead of changes."""
    weights = dict[int, float]()
    for source, weight in zip(rule.sources, rule.weights, strict=True):
        at = source if source >= 0 else ~source
        weights[at] = round(weights.get(at, 0.0) + weight, 12)
        if source < 0:
            weights[source] = -weight
    weights = {source: weight for source, weight in weights.items() if weight}
    return replace(rule, sources=tuple(weights), weights=tuple(weights.values()))


def _growth(
    search: Search, now: Mapping[int, Number], before: Mapping[int, NDArray[np.float64]]
) -> Iterator[Fit]:
    """Numbers that say how many times as much another is as it was one row before, or how much more."""
    for n, number in now.items():
        if not search.may_follow(n):
            continue
        fits = (
            grown(number, other, before[at])
            for at, other in now.items()
            if search.may_follow(n, at) and search.numbers[at].least_size > 0
        )
        if found := [fit for fit in fits if fit]:
            yield min(found, key=lambda fit: fit.rank)


def _begun(rule: Rule, search: Search, first: Sequence[int] | NDArray[np.int64]) -> Begins:
    """What was before the `first` rows of sequences, by what the column is there."""
    own = search.values[first, rule.column]  # (sequences,)
    labelled = bool(search.columns[rule.column].labels)
    options: tuple[Begins, ...] = ("missing", "same", "zero")
    for begins in options:
        sources = [
            x if i >= 0 else shifted(x, begins)
            for i in rule.sources
            for x in [
                search.values[first, i if i >= 0 else ~i][:, None].astype(np.float32)
            ]  # (sequences, 1)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            made = rule(*sources)[:, 0].astype(np.float64)
        if labelled:
            same = made == own
        else:
            off = np.abs(made - own)
            within = search.numbers[rule.column].within + 1e-6 * np.abs(own)
            same = (off <= within) | (np.isnan(made) & np.isnan(own))
        if same.all():
            return begins
    return "learnt"
