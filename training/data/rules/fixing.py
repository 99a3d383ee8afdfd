"""Which columns have one value wherever another column says so: off means no power, and closed no revenue.

In other rows such a column is learnt, or it is made of others there: a refund is the amount, where there is
one. What says so is a label, or a number: one value of it, or all from its least or greatest to a bound.
That something holds in every row may be an accident, where it mostly holds anyway, and rows one after the
other are one event. So stretches of rows are counted, and each were so by chance as often as the rows are
of which nothing is said.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.data.columns import is_plain
from training.data.dataset import Dataset, Doubles
from training.data.rules import turning
from training.data.rules.arithmetic import roundest
from training.data.rules.rule import Fixed, Product, Rule, Sum
from training.data.rules.search import FEWEST, Search
from training.data.rules.sums import products, sums

_MANY = 64
"""Columns among which nothing is looked for any more."""
_EACH = 10
"""Rows that have the value, and rows that say so, at least."""
_FEW = 16
"""Values in all other rows up to which a number may go by a table."""
_ODDS, _OWN_ODDS = 1e-9, 1e-3
"""Of an accident, at most: of all rows that say so, and of those of a single label."""
_COVERED, _BOUNDED = 0.1, 0.5
"""Share of the rows with the value in which it is said: by labels or one value, and by a bound."""
_COMMON = 3
"""Values of a number that are tried."""
_TIMES = 3
"""Columns that say so of one other, at most."""

Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class _Said:
    """That a number has its value by what another column is."""

    rule: Fixed
    rows: Rows
    """(rows,): those in which the other says so."""
    rank: tuple[int, ...]
    """How little it suits beside others."""


def fixed(search: Search, dataset: Dataset) -> Iterator[Rule]:
    """Numbers that have one value where another column says so, with what they are made of elsewhere. Of
    those that have theirs together the last go by the first."""
    if len(search.columns) > _MANY:
        return
    look = _Look(search, dataset)
    for n in reversed(range(len(search.columns))):
        if n not in search.numbers or not search.may_follow(n):
            continue
        if found := [said for k, value in enumerate(_values(search, n)) for said in look(n, value, k == 0)]:
            yield from _with_the_rest(search, dataset, found)


def _values(search: Search, n: int) -> Iterator[float]:
    """The values that a number may have where others say so: its commonest, the next of these, and its
    being missing."""
    values = search.values[:, n]
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    for k in np.argsort(-counts, kind="stable")[:_COMMON].tolist():
        if counts[k] >= _EACH:
            yield float(distinct[k]) + 0.0  # of zeros the one without a sign
    if np.isnan(values).sum() >= _EACH:
        yield math.nan


class _Look:
    """At what columns say of others."""

    def __init__(self, search: Search, dataset: Dataset):
        self.search = search
        self.begins = np.zeros(len(dataset.values), bool)
        self.begins[dataset.bounds[:-1]] = True  # (rows,): where sequences do
        self.each = [np.unique(x, return_inverse=True) for x in search.values.T]
        """Of each column its values, rising, and which of them each row has; NaN, if there is one, last."""
        self.turns = {
            season: np.unique(dataset.turned(season).astype(np.float64), return_inverse=True)
            for season in dataset.seasons
            if turning.parts_of(season)
        }
        """The same of the parts of turns of the calendar."""

    def __call__(self, n: int, value: float, commonest: bool) -> list[_Said]:
        """What says that number `n` has this value, what says so of most rows first. Numbers say so of the
        `commonest` alone, and of none of few values, in which one follows another by chance."""
        search = self.search
        own = search.values[:, n]
        has = np.isnan(own) if math.isnan(value) else own == value  # (rows,)
        told = commonest and len(np.unique(own[~has & ~np.isnan(own)])) > _FEW
        others = [
            Fixed(n, (m,), value)
            for m, column in enumerate(search.columns)
            if (column.labels or (told and m in search.numbers)) and m != n and search.may_follow(n, m)
        ]
        others += [Fixed(n, (), value, turn=season.name, rows=season.rows) for season in self.turns]
        left, found = np.ones(len(has), bool), list[_Said]()
        while len(found) < _TIMES and (has & left).any():
            every = (said for other in others for said in self._said(other, has, left))
            best = min(every, key=lambda said: (-int((said.rows & left).sum()), said.rank), default=None)
            if best is None:
                break
            found.append(best)
            left &= ~best.rows
            others = [o for o in others if (o.sources, o.turn) != (best.rule.sources, best.rule.turn)]
        return found

    def _said(self, rule: Fixed, has: Rows, left: Rows) -> Iterator[_Said]:
        """How another column says that a number has its value, which it `has` (rows,), in rows that are
        `left`."""
        m = rule.sources[0] if rule.sources else -1
        distinct: Doubles
        distinct, which = self.turns[rule.season] if rule.season else self.each[m]
        never = np.bincount(which[left & ~has], minlength=len(distinct)) == 0  # (values,)
        if rule.season or self.search.columns[m].labels:
            if math.isnan(rule.value) and m >= 0:  # of gaps in the same rows see `together`
                never &= distinct >= 0
            odds, most = _odds(has, left, never[which]), math.log(_OWN_ODDS)
            sure = [
                k
                for k in np.flatnonzero(never).tolist()
                if self._accident(odds, (which == k) & left, has) <= most
            ]
            rows = np.isin(which, sure)
            if self._tells(has, left, rows, _COVERED):
                yield _Said(replace(rule, labels=tuple(int(distinct[k]) for k in sure)), rows, (0, m))
        else:
            counts = np.bincount(which[left], minlength=len(distinct))
            if np.isnan(distinct[-1]):
                distinct, never, counts = distinct[:-1], never[:-1], counts[:-1]
            for k, (one, covered) in enumerate(_ranges(rule, distinct, never, counts)):
                rows = one.holds(self.search.values[:, m])
                if not (rows & left & ~has).any() and self._tells(has, left, rows, covered):
                    yield _Said(one, rows, (1 + k, m))

    def _tells(self, has: Rows, left: Rows, rows: Rows, covered: float) -> bool:
        """Whether it is no accident that all `rows` that are `left` have the value, and these are many."""
        said = rows & left
        if said.sum() < max(_EACH, covered * (has & left).sum()) or not (left & ~rows).any():
            return False
        return self._accident(_odds(has, left, rows), said, has) <= math.log(_ODDS)

    def _accident(self, odds: float, rows: Rows, has: Rows) -> float:
        """The logarithm of the chance that each stretch of `rows` has the value, by such odds for one.
        Those in one stretch of rows that have it, `has`, are one."""
        said, held = (some & (self.begins | ~np.concatenate([[False], some[:-1]])) for some in (rows, has))
        touched = len(np.unique(np.cumsum(held)[rows]))
        return float(min(said.sum(), touched)) * math.log(odds)


def _odds(has: Rows, left: Rows, rows: Rows) -> float:
    """How often rows that are `left` and not among these have the value."""
    others = left & ~rows
    return float(((has & others).sum() + 1) / (others.sum() + 2))


def _ranges(
    rule: Fixed, distinct: Doubles, never: Rows, counts: NDArray[np.int64]
) -> Iterator[tuple[Fixed, float]]:
    """Ranges of another number in which it may say so, and the share of the rows that each has to explain:
    a single one of its `distinct` values (values,), which so many rows have, and all at either end that are
    `never` (values,) without."""
    if never.all() or not never.any():
        return
    at = float(distinct[(counts * never).argmax()])
    yield replace(rule, least=at, most=at), _COVERED
    # The outermost values that some row has without it.
    low, high = int(never.argmin()), len(never) - 1 - int(never[::-1].argmin())
    if low > 1:
        yield replace(rule, most=_bound(float(distinct[low - 1]), float(distinct[low]))), _BOUNDED
    if high < len(never) - 2:
        yield replace(rule, least=_bound(float(distinct[high + 1]), float(distinct[high]))), _BOUNDED


def _bound(last: float, beyond: float) -> float:
    """The roundest number from one on that is not as far as another."""
    inside = last + 0.9 * (beyond - last)
    found = roundest(min(last, inside), max(last, inside))
    return last if found is None else found


def _with_the_rest(search: Search, dataset: Dataset, found: list[_Said]) -> Iterator[Rule]:
    """These rules of one column, behind what it is made of in all other rows, if anything."""
    n = found[0].rule.column
    rest = ~np.any([said.rows for said in found], axis=0)  # (rows,)
    made = _made(search, dataset, n, rest)
    if made:
        yield search.take(made)
    # A number, which may come near what it says, is to find near it what goes with that.
    exact = all(said.rule.labels or math.isnan(said.rule.value) for said in found)
    hidden = not made and exact and is_plain(search.values[rest, n])
    for said in found:
        yield replace(said.rule, hidden=hidden)
    search.made[n] = (*search.made.get(n, ()), *(i for said in found for i in said.rule.sources))


def _made(search: Search, dataset: Dataset, n: int, rest: Rows) -> Sum | Product | None:
    """What makes number `n` of others in the rows `rest` (rows,)."""
    part = dataset.only(rest)
    if len(part.values) < FEWEST or n in search.divisors:
        return None
    unknown = np.isnan(part.values).all(axis=0)  # (columns,): as good as constant
    inner = Search(
        replace(part, values=np.where(unknown, 0.0, part.values)), {*range(len(search.columns))} - {n}
    )
    if n not in inner.numbers:
        return None
    for rule in _arithmetic(inner):
        gaps = np.isnan(search.values[:, rule.sources]).any()
        if not gaps and n not in search.behind(rule.sources) and search.divides(rule):
            return replace(rule, elsewhere=True)
    return None


def _arithmetic(search: Search) -> Iterator[Sum | Product]:
    """What makes numbers of others of their row."""
    yield from products(search, plain=True)
    yield from sums(search, [*search.numbers.values()])
    yield from products(search, plain=False)
