"""Which columns follow from others of their row: a total, a product, "hot" from 25 on, a city's country.

Only what holds in every row is a rule, but for rounding. Every term of a sum follows from the others, and
every factor of a product. That one does which they, wherever they may lie, take least beyond where it is in
the data: a total, and none of its parts, which could come out negative.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.data.arithmetic import Number, factors, multiplied, summed, terms_of
from training.data.columns import Column, grid_of
from training.data.dataset import Dataset, Doubles
from training.data.rules import Cuts, Product, Rule, Sum, Table

_FEWEST = 50
"""Rows, without gaps, that a rule is to hold in."""
_MANY = 256
"""Numbers among which no sums are looked for any more."""
_GLANCE = 4000
"""Rows that are looked at first."""
_UNEXPLAINED = 3e-3
"""Share of a number's variance, the most that a sum may leave to rounding."""
_FACTORS = 64
"""Numbers among which no products are looked for any more."""
_EACH = 10
"""Rows for each label that says what another column is."""
_FEW = 8
"""Different values up to which a number may go by thresholds, as a label does."""
_PART = 3
"""Rows in each part between thresholds."""
_VAGUE = 0.01
"""Share of the rows that may be of either side, at a threshold, where numbers were rounded."""


def told(dataset: Dataset, named: Collection[str]) -> Dataset:
    """The same with the rules that its columns keep, but for those that are `named`, and what is to be said
    of them."""
    if len(dataset.values) < _FEWEST:
        return dataset
    search = _Search(dataset, {n for n, c in enumerate(dataset.columns) if c.name in named})
    rules = _ordered([*search.sums(), *search.products(), *search.cuts(), *search.tables()])
    if not rules:
        return dataset
    said = "; ".join(_said(rule, dataset.columns) for rule in rules)
    note = (
        f"in every row {said}. So it will be in samples: what follows is not learnt, but made of what it "
        "follows from; --integer, --continuous or --categorical learn it"
    )
    return replace(dataset, rules=tuple(rules), notes=(*dataset.notes, note))


def _ordered(rules: Sequence[Rule]) -> list[Rule]:
    """The same as the table has them, but for what is made of what is made later."""
    left, found = sorted(rules, key=lambda rule: rule.column), list[Rule]()
    while left:
        late = {rule.column for rule in left}
        found.append(next(rule for rule in left if not late & {*rule.sources}))
        left.remove(found[-1])
    return found


def _said(rule: Rule, columns: Sequence[Column]) -> str:
    how = "is" if isinstance(rule, Sum | Product) else "goes by"
    return f"{columns[rule.column].name!r} {how} {rule.said(columns)}"


class _Search:
    """Columns, and what is made of what by the rules found so far."""

    def __init__(self, dataset: Dataset, named: set[int]):
        self.columns = dataset.columns
        self.values = dataset.values
        self.made: dict[int, tuple[int, ...]] = {}
        """Columns that are made, and what of."""
        gap = dataset.time.gap if dataset.time else None
        self.kept = named | {n for n, c in enumerate(self.columns) if c.name == gap}
        """Those that are learnt, whatever they follow from."""
        self.numbers: dict[int, Number] = {}
        for n, column in enumerate(self.columns):
            values = self.values[:, n]
            if not column.labels and np.nanmin(values) < np.nanmax(values):
                per, of = grid_of(values[~np.isnan(values)])
                self.numbers[n] = Number(n, values, per, of, float(np.nanstd(values)))

    def may_follow(self, column: int, *sources: int) -> bool:
        """Whether a column may be made of others, none of which is made of it."""
        return column not in self.kept | {*self.made} | self._behind(sources)

    def take(self, rule: Rule) -> Rule:
        """Count on a rule from here on."""
        self.made[rule.column] = rule.sources
        return rule

    def _behind(self, sources: Sequence[int]) -> set[int]:
        """These, what they are made of, and so on."""
        return {*sources}.union(*(self._behind(self.made.get(source, ())) for source in sources))

    def sums(self) -> Iterator[Rule]:
        """Numbers that are sums of others."""
        pool = [n for n in self.numbers.values() if np.isnan(n.values).mean() <= 0.5]
        whole = np.ones(len(self.values), bool)
        for number in pool:
            whole &= ~np.isnan(number.values)
        rows = np.flatnonzero(whole)
        if not 2 <= len(pool) <= _MANY or len(rows) < max(_FEWEST, 2 * len(pool)):
            return
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, _GLANCE).astype(int))]
        barren: set[int] = set()
        while rule := self._sum([n for n in pool if n.at not in self.made], rows, barren):
            yield self.take(rule)

    def _sum(self, pool: Sequence[Number], rows: NDArray[np.intp], barren: set[int]) -> Rule | None:
        """One more sum, of as few terms as any, tried at some rows that have all numbers. Numbers that are
        no sum become `barren`."""
        x = np.array([n.values[rows] for n in pool]).T  # (rows, numbers)
        x = x - x.mean(0)
        deviations = x.std(0)
        still = deviations == 0
        x = x / np.where(still, 1, deviations)
        within = np.linalg.inv(x.T @ x / len(x) + 1e-12 * np.eye(len(pool)))
        unexplained = 1 / np.diag(within)  # (numbers,): share of each variance that no sum says
        rounding = [n.rounding / d for n, d in zip(pool, np.where(still, 1, deviations), strict=True)]
        found: list[Rule] = []
        for k in np.flatnonzero(~still & (unexplained < _UNEXPLAINED)).tolist():
            if pool[k].at not in barren:
                terms = terms_of(x, k, rounding, still)
                rule = self._best([pool[i] for i in sorted((k, *terms))]) if terms else None
                if rule is None:
                    barren.add(pool[k].at)
                else:
                    found.append(rule)
        return min(found, key=lambda rule: len(rule.sources), default=None)

    def _best(self, numbers: Sequence[Number]) -> Rule | None:
        """Of numbers that go together in a sum the rule that makes the best one of the others."""
        every = (summed(number, [*numbers[:n], *numbers[n + 1 :]]) for n, number in enumerate(numbers))
        found = sorted((fit for fit in every if fit), key=lambda fit: fit.rank)
        may = [fit for fit in found if self.may_follow(fit.rule.column, *fit.rule.sources)]
        # Where the total is to be learnt no part of it is made that would be negative now and then.
        if not may or may[0].rank[0] > found[0].rank[0]:
            return None
        return may[0].rule

    def products(self) -> Iterator[Rule]:
        """Numbers that are the product or the ratio of two others."""
        pool = [n for n in self.numbers.values() if n.at not in self.made]
        if not 3 <= len(pool) <= _FACTORS:
            return
        there = np.flatnonzero(~np.isnan([n.values for n in pool]).any(axis=0))
        if len(there) < _FEWEST:
            return
        some = there[np.unique(np.linspace(0, len(there) - 1, _FEWEST).astype(int))]
        x = np.array([n.values[some] for n in pool])  # (numbers, rows)
        found = [
            fit
            for y, number in enumerate(pool)
            for i, j, divided in factors(x, y, [n.least_size > 0 for n in pool])
            if (fit := multiplied(number, pool[i], pool[j], divided))
        ]
        taken: set[frozenset[int]] = set()
        for fit in sorted(found, key=lambda fit: fit.rank):
            relation = frozenset((fit.rule.column, *fit.rule.sources))  # each is in it in three ways
            if relation not in taken and self.may_follow(fit.rule.column, *fit.rule.sources):
                yield self.take(fit.rule)
            taken.add(relation)

    def tables(self) -> Iterator[Rule]:
        """Labels and numbers of few values that go by a label. Of several labels the one that says most,
        since the others may go by it themselves."""
        labelled = [n for n, c in enumerate(self.columns) if c.labels]
        labelled.sort(key=lambda n: -len(self.columns[n].labels))
        for source in labelled:
            if source in self.made:
                continue
            labels = len(self.columns[source].labels)
            if labels * _EACH > len(self.values):
                continue
            which = self.values[:, source].astype(np.int64)  # (rows,), -1 where it is missing
            for n, column in enumerate(self.columns):
                if n == source or not self.may_follow(n, source) or len(column.labels) > labels:
                    continue
                if (outcomes := _by_label(self.values[:, n], which, labels)) is not None:
                    found = np.where(np.isnan(outcomes), -1, outcomes) if column.labels else outcomes
                    yield self.take(Table(n, (source,), tuple(found.tolist()), bool(column.labels)))

    def cuts(self) -> Iterator[Rule]:
        """Labels, and numbers of few values, that go by thresholds of a number."""
        for n, column in enumerate(self.columns):
            if not self.may_follow(n):
                continue
            outcomes = len(column.labels)
            if not outcomes:
                some = self.values[:_GLANCE, n]
                outcomes = len(np.unique(some[~np.isnan(some)]))
                if n not in self.numbers or outcomes > _FEW:
                    continue
            # What is learnt first, and of that the finest.
            for number in sorted(self.numbers.values(), key=lambda one: (one.at in self.made, -one.count)):
                # Of as few values as outcomes it goes by the label as well, and labels are learnt better.
                if number.count <= outcomes or not self.may_follow(n, number.at):
                    continue
                if parts := _parts(self.values[:, n], number, outcomes, bool(column.labels)):
                    cuts, found = parts
                    yield self.take(Cuts(n, (number.at,), cuts, found, bool(column.labels)))
                    break


def _by_label(values: Doubles, which: NDArray[np.int64], labels: int) -> Doubles | None:
    """What the values (rows,) of each label are, and behind them where it is missing, if each has one: NaN
    where that is missing. None where some label has several, or all have the same."""
    found = np.full(labels + 1, np.nan)
    found[which[::-1]] = values[::-1]  # of several the first
    alike = (found[which] == values) | (np.isnan(found[which]) & np.isnan(values))
    if not alike.all():
        return None
    seen = found[:labels]
    return found if len(np.unique(seen[~np.isnan(seen)])) > 1 else None


def _parts(
    values: Doubles, number: Number, outcomes: int, labelled: bool
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Thresholds of a number, and the value of each part between them, that say what `values` (rows,) are;
    None where there are no such ones."""
    gone = np.isnan(number.values)
    if (gone != ((values == -1) if labelled else np.isnan(values))).any():
        return None
    x, y = number.values[~gone], values[~gone]
    # Of some rows a part may have one, and more of them may be at a threshold.
    if len(x) < _FEWEST or _cut(x[:_GLANCE], y[:_GLANCE], outcomes, 1, 1.0) is None:
        return None
    found = _cut(x, y, outcomes, _PART, _VAGUE)
    return found if found and len(set(found[1])) == outcomes > 1 else None


def _cut(
    x: Doubles, y: Doubles, outcomes: int, part: int, share: float
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Thresholds and values as in `_parts`, of rows without gaps: `part` in each at least, and no more than
    a `share` that may be of either side."""
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    distinct, first = np.unique(x, return_index=True)
    sure = np.minimum.reduceat(y, first) == np.maximum.reduceat(y, first)  # (distinct,)
    if len(distinct) < 2 or (~sure).sum() > 2 * outcomes:
        return None
    if not sure.all() and len(distinct) < 20:
        return None
    main = y[first].copy()  # of each distinct number what most of its rows have
    ends = np.append(first[1:], len(y))
    vague = 0
    for k in np.flatnonzero(~sure).tolist():
        seen, counts = np.unique(y[first[k] : ends[k]], return_counts=True)
        near = {main[j] for j in (k - 1, k + 1) if 0 <= j < len(main) and sure[j]}
        if not set(seen.tolist()) <= near:  # it is at no threshold
            return None
        main[k] = seen[counts.argmax()]
        vague += int(counts.sum() - counts.max())
    if vague > share * len(y):
        return None
    begins = np.append(0, np.flatnonzero(np.diff(main)) + 1)  # (parts,)
    if len(begins) > 2 * outcomes:
        return None
    rows = np.diff(np.append(first[begins], len(y)))
    if rows.min() < part:
        return None
    cuts = (_round(distinct[b - 1], distinct[b]) for b in begins[1:].tolist())
    return tuple(cuts), tuple(main[begins].tolist())


def _round(below: float, above: float) -> float:
    """The roundest number that is more than one and no more than another."""
    for decimals in range(-12, 13):
        scale = 10.0**decimals
        if (found := np.floor(above * scale) / scale) > below:
            return float(found)
    return above
