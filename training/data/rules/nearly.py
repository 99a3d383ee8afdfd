"""What nearly holds: rules that a few rows break, which may be mistakes.

One wrong cell ends a rule, and nobody sees why. So rules are looked for in parts of the rows as well: a few
wrong cells leave some part as it is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Dataset
from training.data.rules.changes import beginnings, continued, first_rows
from training.data.rules.keeping import EXACT, kept
from training.data.rules.rule import Rule, reach
from training.data.rules.search import FEWEST, GLANCE, Search

_PARTS = 4
_FEW, _SHARE = 3, 0.002
"""Rows, and share of the rows, that may break what nearly holds: the larger of both."""
_TOLD = 0.1
"""Of the rows in which a column is not what it mostly is the share that may break what nearly holds: what
happens a few times is not explained by what does not happen then."""
_FIRST = 0.02
"""Share of the first rows that may."""
_MANY = 64
"""Columns among which nothing is looked for any more."""

Finder = Callable[[Search, Dataset], Iterator[Rule]]


def nearly(dataset: Dataset, search: Search, find: Finder) -> Iterator[tuple[Rule, NDArray[np.intp]]]:
    """Rules of columns that follow from nothing, with the rows that break them. `find` finds those of a
    part of the data."""
    if len(dataset.columns) > _MANY:
        return
    best = dict[frozenset[int], tuple[Rule, NDArray[np.intp]]]()
    for part in _parts(dataset):
        inner = Search(part, {*search.made})
        for rule in find(inner, part):
            broken = _breaking(rule, dataset)
            relation = frozenset((rule.column, *rule.sources))
            few = _FEW * (1 + reach(rule))  # a wrong cell breaks all rows that look back at it
            most = max(few, _SHARE * len(dataset.values))
            most = min(most, _TOLD * _telling(dataset, rule.column))
            if not 0 < len(broken) <= most:
                continue
            if relation not in best or len(broken) < len(best[relation][1]):
                best[relation] = rule, broken
    told: set[int] = set()
    for rule, broken in sorted(best.values(), key=lambda one: (len(one[1]), one[0].column)):
        if rule.column not in told and search.could_follow(rule.column, *rule.sources):
            told.add(rule.column)
            yield rule, broken


def begun_nearly(rules: Sequence[Rule], dataset: Dataset) -> Iterator[tuple[Rule, NDArray[np.intp]]]:
    """Rules whose first rows are learnt, since a few first rows of whole sequences are as no others are."""
    first = first_rows(dataset)
    for rule in rules:
        if rule.begins == "learnt" and reach(rule) == 1 and len(first):
            way, broken = min(beginnings(rule, dataset, first).items(), key=lambda one: len(one[1]))
            if 0 < len(broken) <= max(1, _FIRST * len(first)):
                yield replace(rule, begins=way), broken


def running(dataset: Dataset, search: Search) -> Iterator[tuple[int, int]]:
    """Numbers that add up another, anew now and then, as a total of the month does, and that. The graph has
    no such rule."""
    rows = continued(dataset)[:GLANCE]
    free = [n for n in search.numbers.values() if n.at not in search.made]
    if len(rows) < FEWEST or len(free) > _MANY:
        return
    for total in free:
        now, before = total.values[rows], total.values[rows - 1]
        within = 2 * total.within + EXACT * np.abs(now)
        for part in free:
            if part.at == total.at or frozenset((part.at, total.at)) in search.refused:
                continue
            added = part.values[rows]
            seen = np.abs(added) > within  # and not lost in how the total is rounded
            goes_on = np.abs(now - before - added) <= within
            anew = np.abs(now - added) <= within
            told = 2 * seen.sum() >= (added != 0).sum() > 0 and len(np.unique(now[goes_on])) > 1
            if told and goes_on.mean() >= 0.5 and (goes_on | anew).all():
                yield total.at, part.at
                break


def _parts(dataset: Dataset) -> Iterator[Dataset]:
    """Stretches of the rows, so long that rules can be found in them."""
    count = min(_PARTS, len(dataset.values) // (2 * FEWEST))
    if count < 2:
        return
    edges = np.linspace(0, len(dataset.values), count + 1).astype(np.int64)
    if len(dataset.bounds) > 4 * count:  # between sequences
        edges = dataset.bounds[np.searchsorted(dataset.bounds, edges)]
    for first, end in pairwise(edges.tolist()):
        inside = dataset.bounds[(dataset.bounds > first) & (dataset.bounds < end)]
        values = dataset.values[first:end]
        if (np.isnan(values).all(axis=0)).any():
            continue
        yield replace(
            dataset,
            values=values,
            bounds=np.concatenate([[first], inside, [end]]) - first,
            breaks=dataset.breaks[(dataset.breaks > first) & (dataset.breaks < end)] - first,
            ticks=dataset.ticks[first:end],
            lines=dataset.lines[first:end],
        )


def _breaking(rule: Rule, dataset: Dataset) -> NDArray[np.intp]:
    """The rows that break a rule."""
    edges = np.unique(np.concatenate([dataset.bounds, dataset.breaks]))
    holds = [kept(rule, dataset.values[a:b], EXACT) for a, b in pairwise(edges.tolist())]
    return np.flatnonzero(~np.concatenate(holds))


def _telling(dataset: Dataset, column: int) -> int:
    """Rows in which a column is not what it mostly is."""
    _, counts = np.unique(dataset.values[:, column], return_counts=True)
    return len(dataset.values) - int(counts.max())
