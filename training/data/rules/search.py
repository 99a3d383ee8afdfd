"""What was found so far of how columns follow from each other, and what may still follow from what."""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from training.data.columns import grid_of
from training.data.dataset import Dataset, Doubles
from training.data.rules.arithmetic import FINE, Fit, Number
from training.data.rules.rule import Product, Rule, Sum, taken

OneRule = TypeVar("OneRule", bound=Rule)
FEWEST = 50
"""Rows, without gaps, that a rule is to hold in."""
GLANCE = 4000
"""Rows that are looked at first."""
_SINGLE = 6e-8
"""How far single precision is off, as a share of a number."""


class Search:
    """Columns, and what is made of what by the rules found so far."""

    def __init__(self, dataset: Dataset, named: set[int]):
        self.columns = dataset.columns
        self.values = dataset.values
        self.made: dict[int, tuple[int, ...]] = {}
        """Columns that are made, and what of."""
        self.arithmetic: dict[int, Sum | Product] = {}
        self.divisors: set[int] = set()
        self.refused: dict[frozenset[int], tuple[Rule, str]] = {}
        """What holds in every row and is learnt all the same, by its columns, and why."""
        gap = dataset.time.gap if dataset.time else None
        self.kept = named | {n for n, c in enumerate(self.columns) if c.name == gap}
        """Those that are learnt, whatever they follow from."""
        self.numbers: dict[int, Number] = {}
        for n, column in enumerate(self.columns):
            values = self.values[:, n]
            if not column.labels and np.nanmin(values) < np.nanmax(values):
                per, of = grid_of(values[~np.isnan(values)])
                self.numbers[n] = Number(n, values, per, of)

    def but(self, learnt: set[int]) -> "Search":
        """The same search, in which these are learnt as well."""
        found = copy(self)
        found.kept = self.kept | learnt
        return found

    def may_follow(self, column: int, *sources: int) -> bool:
        """Whether a column may be made of others, none of which is made of it."""
        return column not in self.kept and self.could_follow(column, *sources)

    def could_follow(self, column: int, *sources: int) -> bool:
        """The same, if nobody wants it to be learnt."""
        return column not in {*self.made} | self.behind(sources)

    def take(self, rule: OneRule) -> OneRule:
        """Count on a rule from here on."""
        self.made[rule.column] = rule.sources
        if isinstance(rule, Sum | Product):
            self.arithmetic[rule.column] = rule
        if isinstance(rule, Product) and rule.divided:
            self.divisors.add(rule.sources[1])
        return rule

    def behind(self, sources: Sequence[int]) -> set[int]:
        """These, what they are made of, and so on."""
        return {*sources}.union(*(self.behind(self.made.get(source, ())) for source in sources))

    def allows(self, fit: Fit) -> bool:
        """Whether this rule can be one beside those that are: nothing is ever divided by 0."""
        rule = fit.rule
        if not self.could_follow(rule.column, *rule.sources) or not self._resolved(rule):
            return False
        if self.gapless(rule):
            self.refuse(rule, "what it is made of has gaps that it has not")
            return False
        if self.strays(rule):
            self.refuse(rule, "made so, it could come out negative, or positive, which it never is")
            return False
        return rule.column not in self.kept and self.divides(rule)

    def divides(self, rule: Sum | Product) -> bool:
        """Whether it divides by nothing that could be 0, nor makes what others divide by so."""
        low, high = 1.0, 1.0
        if rule.column in self.divisors:
            low, high = self._box(rule)
        elif isinstance(rule, Product) and rule.divided:
            low, high = self._ends(rule.sources[1])
        return low > 0 or high < 0

    def gapless(self, rule: Rule) -> bool:
        """Whether what a rule makes has no gaps though what it is made of has, as the last row of what is
        not known yet: in samples these are anywhere."""
        gaps = {i for i in (rule.column, *rule.sources) if np.isnan(self.values[:, i]).any()}
        return bool(gaps) and rule.column not in gaps

    def refuse(self, rule: Rule, why: str) -> None:
        """Keep in mind that a rule holds and is none."""
        self.refused.setdefault(frozenset((rule.column, *rule.sources)), (rule, why))

    def broken_in_samples(self) -> Iterator[tuple[Rule, str]]:
        """What was refused and follows in no other way."""
        for relation, (rule, why) in self.refused.items():
            follows = any(relation - {one} <= self.behind(self.made.get(one, ())) for one in relation)
            if not follows and rule.column not in self.made:
                yield rule, why

    def _resolved(self, rule: Sum | Product) -> bool:
        """Whether single precision, which samples are of, shows what a rule makes: of a balance of millions
        not what is booked."""
        number = self.numbers[rule.column]
        size = abs(rule.constant)
        if isinstance(rule, Sum):
            for source, weight in zip(rule.sources, rule.weights, strict=True):
                size += abs(weight) * max(map(abs, self.numbers[source].ends))
        elif not rule.plus:
            return True
        return _SINGLE * size <= max(number.rounding, FINE * number.spread)

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
        corners = rule.constant * (np.divide if rule.divided else np.multiply).outer(one, other) + rule.plus
        return float(corners.min()), float(corners.max())

    def strays(self, rule: Sum | Product) -> bool:
        """Whether a number could come to another sign, if what all is made of went together in any way."""
        least, most = self.numbers[rule.column].ends
        made, slack = self._shuffled(rule), self.numbers[rule.column].rounding
        return bool((least >= 0 and made.min() < -slack) or (most <= 0 and made.max() > slack))

    def _shuffled(self, rule: Sum | Product) -> Doubles:
        """What a rule makes, (GLANCE,), of numbers each of another row."""
        sources = []
        for at, lag in taken(rule):
            if at in self.arithmetic:
                mixed = self._shuffled(self.arithmetic[at])
            else:
                known = self.values[~np.isnan(self.values[:, at]), at]
                mixed = np.random.default_rng(at).choice(known, GLANCE)
            sources.append(np.roll(mixed, lag))
        if isinstance(rule, Product):
            plain = sources[0] / sources[1] if rule.divided else sources[0] * sources[1]
            return rule.constant * plain + rule.plus
        made: Doubles = rule.constant + np.array(rule.weights) @ sources
        return made


def whole(pool: Sequence[Number], most: int) -> NDArray[np.intp]:
    """Some rows that have all of these numbers, evenly among them."""
    rows = np.flatnonzero(~np.isnan([n.values for n in pool]).any(axis=0))
    some: NDArray[np.intp] = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)
    found: NDArray[np.intp] = rows[some]
    return found


def place(at: int) -> int:
    """The column of a number, or of the change of one, which is at ~column."""
    return at if at >= 0 else ~at
