"""Which columns follow from how others change from row to row: bookings from a balance, a return, a trend.

A number's change is one more number that others are sums of, or go by thresholds of, at `~column` beside
the others. In rules it is the number as it is and as it was one row before. A running sum is never made of
what is summed, since what a game makes would wander off in it: what is summed is made of the sum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.data.columns import ordered
from training.data.dataset import Dataset
from training.data.rules.arithmetic import TELLING, Fit, Number, grown
from training.data.rules.keeping import EXACT, kept
from training.data.rules.labelled import cut_by, cuts
from training.data.rules.rule import Begins, Cuts, Rule, Sum
from training.data.rules.search import FEWEST, Search, place
from training.data.rules.sums import sums

_MANY = 64
"""Numbers among whose changes nothing is looked for any more."""
_FIRST = 3
"""Sequences from which on their first rows say what was before them."""
_AGAIN, _BESIDE, _OWN = 0.01, 5, 0.05
"""A value is one of its own that so large a share of the rows have, and so many times as many as have the
values beside it, so many on either side; such are to be so large a share together."""
_EXPLAINED = 0.5
"""Share of a number's variance that a label explains, from which on it goes by it."""
_TOGETHER = 0.5
"""Correlation of two numbers from which on it is no accident that one is never above the other."""


def changes(search: Search, dataset: Dataset, whole: bool) -> Iterator[Rule]:
    """Sums, growth and thresholds of changes. `whole`: sequences are learnt from their first row on."""
    rows = continued(dataset)
    if len(rows) < FEWEST or len(search.numbers) > _MANY:
        return
    now = {n: replace(number, values=number.values[rows]) for n, number in search.numbers.items()}
    now = {n: number for n, number in now.items() if _varies(number.values)}
    before = {n: search.numbers[n].values[rows - 1] for n in now}
    moves = [_change(number, before[n]) for n, number in now.items()]
    moves = [move for move in moves if _varies(move.values)]
    first = first_rows(dataset) if whole else dataset.bounds[:0]
    # Samples are made to keep orders among what is learnt: an opening price is never above the highest.
    bounded = {n for n, number in now.items() if _bounded(number, [*now.values()])}

    labels = [
        dataset.values[rows, n] for n, c in enumerate(dataset.columns) if c.labels and n not in search.made
    ]

    def begun(rule: Rule) -> Begins:
        ways = beginnings(rule, dataset, first)
        return next((begins for begins, broken in ways.items() if not len(broken)), "learnt")

    def summed(fit: Fit) -> Fit | None:
        rule = fit.rule
        if rule.column in bounded:
            search.refuse(rule, "what bounds it in every row would do so no more")
            return None
        if _of_its_own(now[rule.column], labels):
            search.refuse(
                rule, "it has values of its own, as fees do, that differences of samples have not"
            )
            return None
        return replace(fit, rule=replace(rule, begins=begun(rule)))

    def ready(fit: Fit) -> Fit | None:
        if not isinstance(fit.rule, Sum) or min(fit.rule.sources) >= 0:  # no change is in it
            return None
        return summed(replace(fit, rule=_in_rows(fit.rule)))

    def cut(rule: Cuts) -> Cuts:
        at = ~rule.sources[0]
        number = search.numbers[at]
        rule = replace(rule, sources=(at, at), lags=(0, 1), per=number.per, of=number.of)
        return replace(rule, begins=begun(rule))

    for found in filter(None, map(summed, _copies(now, before))):
        if search.allows(found):
            yield search.take(found.rule)
    yield from sums(search, [*now.values(), *moves], ready)
    for fit in _growth(search, now, before):
        rule = replace(fit.rule, begins=begun(fit.rule))
        own = _of_its_own(now[rule.column], labels)
        if rule.column not in bounded and not own and search.allows(Fit(rule, fit.rank)):
            yield search.take(rule)
    yield from cuts(search.but(bounded), moves, rows, cut)


def first_rows(dataset: Dataset) -> NDArray[np.int64]:
    """Those of all sequences, if there are enough of them to say what was before."""
    return dataset.bounds[:-1] if len(dataset.bounds) > _FIRST else dataset.bounds[:0]


def beginnings(rule: Rule, dataset: Dataset, first: NDArray[np.int64]) -> dict[Begins, NDArray[np.int64]]:
    """What may have been before the `first` rows of sequences, and those of them that say otherwise."""
    if not len(first):
        return {}
    rows = dataset.values[first][:, None]  # (sequences, 1, columns)
    ways: tuple[Begins, ...] = ("missing", "same", "zero")
    return {way: first[~kept(replace(rule, begins=way), rows, EXACT)[:, 0]] for way in ways}


def _varies(values: NDArray[np.float64]) -> bool:
    """Whether numbers (rows,) are known in enough rows, and not all the same."""
    known = values[~np.isnan(values)]
    return len(known) >= FEWEST and bool(np.ptp(known) > 0)


def continued(dataset: Dataset) -> NDArray[np.intp]:
    """The rows that have one before them: in their sequence, and with none missing between."""
    goes_on = np.ones(len(dataset.values), bool)
    goes_on[dataset.bounds[:-1]] = False
    goes_on[dataset.breaks] = False
    return np.flatnonzero(goes_on)


def _bounded(number: Number, others: Sequence[Number]) -> bool:
    """Whether it is in order with another of its kind in every row: they go together."""
    return any(
        _together(number.values, other.values)
        and (ordered(number.values, other.values) or ordered(other.values, number.values))
        for other in others
        if (number.per, number.of) == (other.per, other.of) and number.at != other.at
    )


def _together(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    known = ~np.isnan(one + other)
    if not (_varies(one[known]) and _varies(other[known])):
        return False
    return bool(np.corrcoef(one[known], other[known])[0, 1] > _TOGETHER)


def _of_its_own(number: Number, labels: Sequence[NDArray[np.float64]]) -> bool:
    """Whether a number has values that come again and again among others, or goes by a label and not the
    label by it: what a booking is called says how much it is."""
    known = number.values[~np.isnan(number.values)]
    distinct, counts = np.unique(known, return_counts=True)
    share = 0.0
    for k in np.flatnonzero((counts >= _AGAIN * len(known)) & (distinct != 0)).tolist():
        beside = np.delete(counts[max(0, k - _BESIDE) : k + _BESIDE + 1], min(k, _BESIDE))
        share += counts[k] / len(known) if counts[k] > _BESIDE * beside.mean() else 0.0
    if share >= _OWN:
        return True
    return any(
        _explained(number.values, label) >= _EXPLAINED
        and cut_by(0, label, number, len(np.unique(label[label >= 0])), labelled=True) is None
        for label in labels
    )


def _explained(values: NDArray[np.float64], label: NDArray[np.float64]) -> float:
    """Of the variance of values (rows,) the share that is between those of different labels."""
    there = ~np.isnan(values) & (label >= 0)
    if not _varies(values[there]):
        return 0.0
    _, which = np.unique(label[there], return_inverse=True)
    known = values[there] - values[there].mean()
    count = np.bincount(which)
    means = np.bincount(which, known) / count
    return float((count * means**2).sum() / (known**2).sum())


def _change(now: Number, before: NDArray[np.float64]) -> Number:
    """By how much a number is more than it was `before` (rows,), as a number of its own."""
    moved = now.values - before
    if now.per:
        moved = np.rint(moved * now.per / now.of) * now.of / now.per
    return Number(~now.at, moved, now.per, now.of)


def _copies(now: Mapping[int, Number], before: Mapping[int, NDArray[np.float64]]) -> Iterator[Fit]:
    """Numbers that are what others were one row before, which may be missing where those are not."""
    telling = {n: number for n, number in now.items() if number.told_apart and number.telling >= TELLING}
    for n, number in telling.items():
        for at, values in before.items():
            if at != n and number.is_made(values):
                yield Fit(Sum(n, (at,), (1.0,), 0.0, number.per, number.of, (1,)), (0.0,))


def _in_rows(rule: Sum) -> Sum:
    """The same of numbers as they are and as they were instead of changes."""
    weights = dict[tuple[int, int], float]()
    for source, weight in zip(rule.sources, rule.weights, strict=True):
        now = place(source), 0
        weights[now] = round(weights.get(now, 0.0) + weight, 12)
        if source < 0:
            weights[place(source), 1] = -weight
    weights = {source: weight for source, weight in weights.items() if weight}
    sources, lags = zip(*weights, strict=True)
    return replace(rule, sources=sources, lags=lags, weights=tuple(weights.values()))


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
