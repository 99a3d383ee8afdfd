"""Which columns follow from others of their row: a total, a product, "hot" from 25 on, a city's country.

Only what holds in every row is a rule, but for rounding. Every term of a sum follows from the others, and
every factor of a product: that one does which was rounded least beside how far it goes, as a total, and
none that could come out negative and never is, as its parts. A column can be made of one that is made.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from training.data.arithmetic import Fit, Number, factors, multiplied, summed, terms_of
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
_SOME, _FACTORS = 200, 64
"""Rows that products are tried at first, and numbers among which none are looked for any more."""
_EACH = 10
"""Rows for each label that says what another column is."""
_FEW = 16
"""Different values up to which a number may go by thresholds, as a label does."""
_PART = 3
"""Rows in each part between thresholds."""
_CHANGES = 3
"""How often values change from row to row for each threshold, so that it is more than one event."""
_SAID = 20
"""Rules that are said one by one."""
_VAGUE = 0.01
"""Share of the rows that may be of either side, at a threshold, where numbers were rounded."""


def told(dataset: Dataset, learnt: Collection[str]) -> Dataset:
    """The same with the rules that its columns keep, but for those that are to be `learnt`, and what is to
    be said of them."""
    if len(dataset.values) < _FEWEST:
        return dataset
    search = _Search(dataset, {n for n, c in enumerate(dataset.columns) if c.name in learnt})
    found = (
        search.products(plain=True),
        search.sums(),
        search.products(plain=False),
        search.cuts(),
        search.tables(),
    )
    rules = _ordered([rule for each in found for rule in each])
    if not rules:
        return dataset
    notes = [f"in every row, and so in every sample, {_said(r, dataset.columns)}" for r in rules[:_SAID]]
    if len(rules) > _SAID:
        more = ", ".join(repr(dataset.columns[rule.column].name) for rule in rules[_SAID:])
        notes.append(f"and so follow {more}")
    first = dataset.columns[rules[0].column]
    named = f"--{'categorical' if first.labels else 'continuous'} {quote(first.name)}"
    notes.append(f"what follows is made of the others and not learnt; name it to learn it, as with {named}")
    return replace(dataset, rules=tuple(rules), notes=(*dataset.notes, *notes))


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
        self.arithmetic: dict[int, Sum | Product] = {}
        self.divisors: set[int] = set()
        gap = dataset.time.gap if dataset.time else None
        self.kept = named | {n for n, c in enumerate(self.columns) if c.name == gap}
        """Those that are learnt, whatever they follow from."""
        self.numbers: dict[int, Number] = {}
        for n, column in enumerate(self.columns):
            values = self.values[:, n]
            if not column.labels and np.nanmin(values) < np.nanmax(values):
                per, of = grid_of(values[~np.isnan(values)])
                self.numbers[n] = Number(n, values, per, of)

    def may_follow(self, column: int, *sources: int) -> bool:
        """Whether a column may be made of others, none of which is made of it."""
        return column not in self.kept | {*self.made} | self._behind(sources)

    def take(self, rule: Rule) -> Rule:
        """Count on a rule from here on."""
        self.made[rule.column] = rule.sources
        if isinstance(rule, Sum | Product):
            self.arithmetic[rule.column] = rule
        if isinstance(rule, Product) and rule.divided:
            self.divisors.add(rule.sources[1])
        return rule

    def _behind(self, sources: Sequence[int]) -> set[int]:
        """These, what they are made of, and so on."""
        return {*sources}.union(*(self._behind(self.made.get(source, ())) for source in sources))

    def sums(self) -> Iterator[Rule]:
        """Numbers that are sums of others: what is so to the last digit first, then what is but for
        rounding; and what is of few terms before what is of more."""
        for exact in (True, False):
            found = True
            while found:
                found = False
                for fit in sorted(self._sums(exact), key=lambda fit: (len(fit.rule.sources), fit.rank)):
                    if self._may(fit):
                        yield self.take(fit.rule)
                        found = True

    def _may(self, fit: Fit) -> bool:
        """Whether this rule can be one beside those that are: nothing is ever divided by 0."""
        rule = fit.rule
        if not self.may_follow(rule.column, *rule.sources) or self._strays(rule):
            return False
        low, high = 1.0, 1.0
        if rule.column in self.divisors:
            low, high = self._box(rule)
        elif isinstance(rule, Product) and rule.divided:
            low, high = self._ends(rule.sources[1])
        return low > 0 or high < 0

    def _ends(self, column: int) -> tuple[float, float]:
        """The least and the greatest that a number can be in samples."""
        made = self.arithmetic.get(column)
        return self._box(made) if made else self.numbers[column].ends

    def _box(self, rule: Sum | Product) -> tuple[float, float]:
        """The same of what a rule makes."""
        ends = np.array([self._ends(source) for source in rule.sources])  # (sources, 2)
        if isinstance(rule, Sum):
            low, high = rule.constant + np.sort(np.array(rule.weights)[:, None] * ends, axis=1).sum(axis=0)
            return float(low), float(high)
        one, other = ends
        corners = rule.constant * (np.divide if rule.divided else np.multiply).outer(one, other)
        return float(corners.min()), float(corners.max())

    def _strays(self, rule: Sum | Product) -> bool:
        """Whether a number could come to another sign, if what all is made of went together in any way."""
        least, most = self.numbers[rule.column].ends
        made, slack = self._shuffled(rule), self.numbers[rule.column].rounding
        return bool((least >= 0 and made.min() < -slack) or (most <= 0 and made.max() > slack))

    def _shuffled(self, rule: Sum | Product) -> Doubles:
        """What a rule makes, (_GLANCE,), of numbers each of another row."""
        sources = []
        for source in rule.sources:
            if source in self.arithmetic:
                sources.append(self._shuffled(self.arithmetic[source]))
            else:
                known = self.values[~np.isnan(self.values[:, source]), source]
                sources.append(np.random.default_rng(source).choice(known, _GLANCE))
        if isinstance(rule, Product):
            return rule.constant * (sources[0] / sources[1] if rule.divided else sources[0] * sources[1])
        made: Doubles = rule.constant + np.array(rule.weights) @ sources
        return made

    def _sums(self, exact: bool) -> Iterator[Fit]:
        """For each number that has to do with a sum the best rule of that sum."""
        pool = [n for n in self.numbers.values() if np.isnan(n.values).mean() <= 0.5]
        if not 2 <= len(pool) <= _MANY:
            return
        rows = self._whole(pool, _GLANCE)
        if len(rows) < max(_FEWEST, 2 * len(pool)):
            return
        x = np.array([n.values[rows] for n in pool]).T  # (rows, numbers)
        x -= x.mean(0)
        deviations = x.std(0)
        usable = deviations > 0
        x /= np.where(usable, deviations, 1)
        products = x.T @ x / len(x)
        unexplained = 1 / np.diag(np.linalg.inv(products + 1e-12 * np.eye(len(pool))))  # (numbers,)
        learnt = np.array([n.at not in self.made for n in pool])
        tried: set[frozenset[int]] = set()
        for k in np.flatnonzero(usable & (unexplained < _UNEXPLAINED)).tolist():
            # Weights, too, are off where what they weigh was rounded.
            bound = (1e-3 if exact else 1.5) * pool[k].rounding / deviations[k] + 1e-9
            free = usable & np.array([pool[k].at not in self._behind((n.at,)) for n in pool])
            for among in (free & learnt, free):  # of what is learnt, or else of what is made as well
                terms = terms_of(x, products, k, bound, among)
                members = frozenset((k, *terms))
                if not terms or members in tried:
                    continue
                tried.add(members)
                numbers = [pool[i] for i in sorted(members)]
                every = (
                    summed(number, [*numbers[:n], *numbers[n + 1 :]], rows, exact)
                    for n, number in enumerate(numbers)
                )
                if may := [fit for fit in every if fit and self._may(fit)]:
                    yield min(may, key=lambda fit: fit.rank)
                    break

    def _whole(self, pool: Sequence[Number], most: int) -> NDArray[np.intp]:
        """Some rows that have all of these numbers, evenly among them."""
        rows = np.flatnonzero(~np.isnan([n.values for n in pool]).any(axis=0))
        some: NDArray[np.intp] = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)
        found: NDArray[np.intp] = rows[some]
        return found

    def products(self, plain: bool) -> Iterator[Rule]:
        """Numbers that are the product or the ratio of two others, times a constant, which is a power of
        ten of the `plain` ones."""
        pool = [*self.numbers.values()]
        if not 3 <= len(pool) <= _FACTORS:
            return
        few = np.linspace(0, len(self.values) - 1, min(_SOME, len(self.values))).astype(int)
        x = np.array([n.values[few] for n in pool])  # (numbers, rows)
        fits = [
            fit
            for y, number in enumerate(pool)
            for i, j, divided in factors(x, y, number.within, [n.least_size > 0 for n in pool])
            if (fit := multiplied(number, pool[i], pool[j], divided, plain))
        ]
        taken: set[frozenset[int]] = set()
        for fit in sorted(fits, key=lambda fit: fit.rank):
            relation = frozenset((fit.rule.column, *fit.rule.sources))  # each is in it in three ways
            if relation not in taken and self._may(fit):
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
            # What is learnt first, and of that the finest.
            for number in sorted(self.numbers.values(), key=lambda one: (one.at in self.made, -one.count)):
                # Of as few values as outcomes it goes by the label as well, and labels are learnt better.
                if number.count <= outcomes or not self.may_follow(n, number.at):
                    continue
                if found := _cuts(n, self.values[:, n], number, outcomes, bool(column.labels)):
                    yield self.take(found)
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


def _cuts(at: int, values: Doubles, number: Number, outcomes: int, labelled: bool) -> Cuts | None:
    """The rule by which thresholds of a number say what `values` (rows,) are, and one value, or that they
    are missing, where it is missing; None where there is none."""
    gone, absent = np.isnan(number.values), (values == -1) if labelled else np.isnan(values)
    missing = values[gone]
    other = -1.0 if labelled else np.nan
    if len(missing) and not absent[gone].all():
        other = float(missing[0])
        if not (missing == other).all():
            return None
    x, y = number.values[~gone], values[~gone]
    # Of some rows a part may have one, and more of them may be at a threshold.
    if len(x) < _FEWEST or absent[~gone].any() or _cut(x[:_GLANCE], y[:_GLANCE], outcomes, 1, 1.0) is None:
        return None
    if (found := _cut(x, y, outcomes, _PART, _VAGUE)) is None:
        return None
    cuts, over, parts = found
    if len({*parts, *missing.tolist()} - {-1.0}) < outcomes or len(set(parts)) < 2:
        return None
    if (np.diff(y) != 0).sum() < _CHANGES * len(cuts):
        return None
    return Cuts(at, (number.at,), cuts, over, parts, other, labelled)


def _cut(
    x: Doubles, y: Doubles, outcomes: int, part: int, share: float
) -> tuple[tuple[float, ...], tuple[bool, ...], tuple[float, ...]] | None:
    """Thresholds, whether each is below its part, and values, see `Cuts`, of rows without gaps: `part` in
    each at least, and no more than a `share` that may be of either side."""
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
    if not 2 <= len(begins) <= 2 * outcomes:
        return None
    rows = np.diff(np.append(first[begins], len(y)))
    if rows.min() < part:
        return None
    found = [_threshold(float(distinct[b - 1]), float(distinct[b])) for b in begins[1:].tolist()]
    cuts, over = zip(*found, strict=True)
    return cuts, over, tuple(main[begins].tolist())


def _threshold(below: float, above: float) -> tuple[float, bool]:
    """The roundest number from one to another, the lower of two, and whether it is the one below."""
    for decimals in range(-12, 13):
        scaled = below * 10.0**decimals
        whole = round(scaled) if math.isclose(scaled, round(scaled), rel_tol=1e-12) else math.ceil(scaled)
        found = whole / 10.0**decimals
        if found <= above:
            return (below, True) if math.isclose(found, below, rel_tol=1e-12) else (found, False)
    return above, False
