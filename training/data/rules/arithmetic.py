"""Numbers that are sums, products or ratios of others in every row, within their own rounding.

Of a sum, others each times a weight, orthogonal matching pursuit finds the terms one after another (Pati,
Rezaiifar and Krishnaprasad, Asilomar 1993), and those that it can do without are taken out again. Numbers
that are nearly a sum are none: a price to sell at lies a cent or two over that to buy at, and how many it
are is what is to be learnt. And where rows are few, or between few, any number is a sum of enough others:
so weights of several terms are short, or all of one size.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Doubles
from training.data.rules.rule import Product, Sum

_TERMS = 32
"""Of a sum, at most."""
_SHORT, _EXACT, _LONG = 2, 3, 8
"""Digits of weights: of several terms, of several without rounding, and of one or of all alike."""
TELLING = 10
"""Rows for each term in which a number is another than mostly."""
_GLANCE = 16
"""Of so many rows one that is looked at first."""
_KINDS = 3
"""Different rows for each term, and for the constant."""
_TIES = 0.25
"""Share of the rows that may lie halfway, where it is chance which way a number was rounded."""
_ROUGH = 0.1
"""Of its deviation from a line: how far a number that is made by rounding may be rounded."""
_RATIO = 0.3
"""How much rougher a ratio is taken to be, in powers of ten."""
FINE = 1e-3
"""Of its deviation: how well single precision has to tell a number's values apart."""
_NOISE = 1e-11
"""Of a variance of 1, what is nothing in double precision."""


@dataclass(frozen=True)
class Number:
    """A column of numbers that vary."""

    at: int
    """Its place among all columns."""
    values: Doubles
    """(rows,)"""
    per: int
    of: int
    """See `Sum`."""

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest."""
        return float(np.nanmin(self.values)), float(np.nanmax(self.values))

    @cached_property
    def spread(self) -> float:
        """Its deviation."""
        return float(np.nanstd(self.values))

    @cached_property
    def wandering(self) -> float:
        """Its deviation from a line through all rows."""
        rows = np.flatnonzero(~np.isnan(self.values))
        known = self.values[rows]
        away = rows - rows.mean()
        return float((known - known.mean() - away * (away @ known) / (away @ away)).std())

    @property
    def precision(self) -> float:
        """What is no difference: samples are of single precision."""
        return 1e-7 * max(map(abs, self.ends)) + 1e-6 * self.spread

    @property
    def rounding(self) -> float:
        """How far a value is from what was rounded, at most."""
        return self.of / self.per / 2 if self.per else self.precision

    @property
    def within(self) -> float:
        """The same, where it may have been halfway."""
        return self.rounding * (1 + 1e-6) + 1e-12 * max(map(abs, self.ends))

    @property
    def told_apart(self) -> bool:
        """Whether single precision shows it."""
        return self.precision <= FINE * self.spread

    @property
    def least_size(self) -> float:
        """How near it comes to 0; 0 of what is on both sides of it."""
        least, most = self.ends
        return 0.0 if least <= 0 <= most else min(abs(least), abs(most))

    @cached_property
    def count(self) -> int:
        """How many values it has."""
        return len(np.unique(self.values))

    @cached_property
    def telling(self) -> int:
        """Rows in which it is not what it mostly is."""
        known = self.values[~np.isnan(self.values)]
        return len(known) - int(np.unique(known, return_counts=True)[1].max())

    @property
    def roughness(self) -> float:
        """How far it was rounded beside how far it goes, in powers of ten: what holds within little was put
        to the test, and what was made by rounding comes before what it was made of."""
        return math.log10(self.rounding / self.spread)

    def is_made(self, made: Doubles) -> bool:
        """Whether it is what was `made` (rows,), rounded, and missing where that is."""
        gone = np.isnan(made)
        if (gone != np.isnan(self.values)).any():
            return False
        off = np.abs(self.values - made)[~gone]
        if not self.per:
            return bool((off <= self.precision).all())
        halfway = np.abs(off - self.rounding) <= self.within - self.rounding
        return bool((off <= self.within).all()) and halfway.mean() <= _TIES


@dataclass(frozen=True)
class Fit:
    """A rule that holds."""

    rule: Sum | Product
    rank: tuple[float, ...]
    """How little it suits, beside others of the same columns."""


def terms_of(x: Doubles, products: Doubles, of: int, bound: float, usable: NDArray[np.bool_]) -> list[int]:
    """Few columns of `x` (rows, numbers), each of mean 0 and deviation 1, `products` the means of theirs,
    that the column `of` is a sum of but for a `bound` in every row; none if it is not. Only what is
    `usable` is one."""
    chosen = list[int]()
    free = usable.copy()
    free[of] = False
    along, left = products[of].copy(), 1.0
    while not chosen or left > max(bound**2, _NOISE) or _off(x, of, chosen) > bound:
        best = int(np.where(free, np.abs(along), -1).argmax())
        if len(chosen) == _TERMS or not free[best] or (chosen and left <= _NOISE):
            return []
        chosen.append(best)
        free[best] = False
        inner = products[np.ix_(chosen, chosen)] + 1e-13 * np.eye(len(chosen))
        weights = np.linalg.solve(inner, products[chosen, of])
        along = products[of] - weights @ products[chosen]
        left = float(along[of])
    for term in chosen[:-1]:
        fewer = [k for k in chosen if k != term]
        if _off(x, of, fewer) <= bound:
            chosen = fewer
    return chosen


def _off(x: Doubles, of: int, terms: Sequence[int]) -> float:
    """By how much the best sum of these columns is off, at most."""
    weights = np.linalg.lstsq(x[:, terms], x[:, of], rcond=None)[0]
    return float(np.abs(x[:, of] - x[:, terms] @ weights).max())


def summed(number: Number, others: Sequence[Number], some: NDArray[np.intp], exact: bool) -> Fit | None:
    """The number as a sum of the others, which at `some` rows are all there, by weights of as few digits as
    do; `exact`, without rounding. None where that does not hold in some row."""
    if number.telling < TELLING * len(others) or not number.told_apart:
        return None
    x, y = np.array([o.values[some] for o in others]).T, number.values[some]  # (some, others), (some,)
    if not exact and number.rounding > _ROUGH * number.wandering:  # a counter, which goes by any other
        return None
    within, most = (1e-3 * number.within, _EXACT) if exact else (number.within, _SHORT)
    for weights, constant in _weighed(x, y, within, most):
        if number.is_made(constant + weights @ [o.values for o in others]):
            copied = len(others) == 1 and weights[0] == 1 and constant == 0
            if not copied and len(np.unique(np.column_stack([x, y]), axis=0)) < _KINDS * (len(others) + 1):
                return None
            sources = tuple(o.at for o in others)
            rule = Sum(number.at, sources, tuple(weights.tolist()), constant, number.per, number.of)
            return Fit(rule, (round(number.roughness, 6), -number.at))
    return None


def _weighed(x: Doubles, y: Doubles, within: float, most: int) -> Iterator[tuple[Doubles, float]]:
    """Weights of `x` (rows, others) and a constant that make y (rows,) but for so much in each row: without
    a constant first, and of few digits before more; of `most` where they are not alike."""
    found = np.linalg.lstsq(x - x.mean(0), y - y.mean(), rcond=None)[0]  # (others,)
    alike = float(np.ptp(np.abs(found))) <= 1e-3 * float(np.abs(found).max())
    if alike:
        found = np.sign(found) * np.abs(found).mean()
        if (factor := _factor(x @ np.sign(found), y, within)) is not None:
            yield factor * np.sign(found), 0.0
    for plain in (True, False):
        for digits in range(1, (_LONG if alike else most) + 1):
            weights = np.array([float(f"{w:.{digits}g}") for w in found])
            rest = y - x @ weights  # (rows,)
            constant = roundest(float(rest.max()) - within, float(rest.min()) + within)
            if constant is not None and (constant == 0 or not plain):
                yield weights, constant


def _factor(x: Doubles, y: Doubles, within: float) -> float | None:
    """The number of the fewest digits that makes y (rows,) of x but for so much in each row, if there is
    one."""
    still = x == 0
    if (np.abs(y[still]) > within).any() or still.all():
        return None
    ratio, slack = y[~still] / x[~still], within / np.abs(x[~still])
    return roundest(float((ratio - slack).max()), float((ratio + slack).min()))


def factors(x: Doubles, y: int, within: float, divides: Sequence[bool]) -> Iterator[tuple[int, int, bool]]:
    """Pairs of `x` (numbers, rows) whose product, or whose ratio where the second `divides`, times a
    constant is y but for so much in each of these rows."""
    others = np.array([k for k in range(len(x)) if k != y])
    for divided in (False, True):
        i, j = np.nonzero(~np.eye(len(others), dtype=bool)) if divided else np.triu_indices(len(others), 1)
        one, other = others[i], others[j]  # (pairs,)
        if divided:
            one, other = one[np.array(divides)[other]], other[np.array(divides)[other]]
        for step in (_GLANCE, 1):  # few rows tell most apart
            some = x[:, ::step]
            with np.errstate(divide="ignore", invalid="ignore"):
                pairs = some[one] / some[other] if divided else some[one] * some[other]  # (pairs, rows)
                ratios, slack = some[y] / pairs, within / np.abs(pairs)
                known = np.isfinite(ratios) & np.isfinite(slack)
                low = np.where(known, ratios - slack, -np.inf).max(axis=1)
                high = np.where(known, ratios + slack, np.inf).min(axis=1)
            may = (low <= high) & ((known.sum(axis=1) >= TELLING) | (step > 1))
            one, other = one[may], other[may]
        yield from ((int(k), int(n), divided) for k, n in zip(one, other, strict=True))


def multiplied(number: Number, one: Number, other: Number, divided: bool, plain: bool) -> Fit | None:
    """The number as the product of two others, or as their ratio, times a constant, which is a power of ten
    of what is `plain`; None where that does not hold in some row. A ratio suits less, since what one is
    off it makes larger."""
    least = TELLING * 2
    if min(number.telling, one.telling, other.telling) < least or not number.told_apart:
        return None
    if number.rounding > _ROUGH * number.spread:  # of few numbers each is a product of much
        return None
    i, j = one.values, other.values
    x = i / j if divided else i * j
    there = ~np.isnan(x) & ~np.isnan(number.values)
    constant = _factor(x[there], number.values[there], number.within)
    if not constant or (plain and abs(math.log10(abs(constant))) % 1 > 1e-9):
        return None
    if not number.is_made(constant * x):
        return None
    if len(np.unique(np.column_stack([i, j])[there], axis=0)) < _KINDS * 3:
        return None
    rule = Product(number.at, (one.at, other.at), divided, constant, number.per, number.of)
    return Fit(rule, (round(number.roughness + _RATIO * divided, 6), -number.at))


def grown(number: Number, other: Number, before: Doubles) -> Fit | None:
    """The number as a constant times what another is by what it was `before` (rows,), or that less the
    constant; None where that does not hold in some row."""
    if min(number.telling, other.telling) < 2 * TELLING or not number.told_apart:
        return None
    if number.rounding > _ROUGH * number.spread:
        return None
    x = other.values / before
    there = np.flatnonzero(~np.isnan(x) & ~np.isnan(number.values))
    for less in (1.0, 0.0):
        if not _factor(x[there[::_GLANCE]] - less, number.values[there[::_GLANCE]], number.within):
            continue
        constant = _factor(x[there] - less, number.values[there], number.within)
        if constant and number.is_made(constant * (x - less)):
            plus = -constant * less
            own = other.at, other.at
            rule = Product(number.at, own, True, constant, number.per, number.of, plus, lags=(0, 1))
            return Fit(rule, (abs(math.log10(abs(constant))) % 1 > 1e-9, -number.at))
    return None


def roundest(low: float, high: float) -> float | None:
    """The number of the fewest digits from one to another; None where there is none."""
    if low <= 0 <= high:
        return 0.0
    for decimals in range(-6, 13):
        found = round((low + high) / 2, decimals)
        if low <= found <= high:
            return found
    return None
