"""Numbers that are sums, products or ratios of others, within what rounding explains.

Of a sum, others each times a weight, orthogonal matching pursuit finds the terms one after another (Pati,
Rezaiifar and Krishnaprasad, Asilomar 1993), and those that it can do without are taken out again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Doubles
from training.data.rules import Product, Sum

_TERMS = 32
"""Of a sum, at most."""
_ROUGH = 0.05
"""Deviations of a number that rounding of the columns may move it by."""
_LOOSE = 0.05
"""By how much a ratio may waver to be looked at closer."""
_DIGITS = range(1, 9)
"""Of weights: as few as do."""


class Rounded(IntEnum):
    """What was rounded before a number had its value; the first is the better rule."""

    ITSELF = 0
    OTHERS = 1


@dataclass(frozen=True)
class Number:
    """A column of numbers that vary."""

    at: int
    values: Doubles
    """(rows,)"""
    per: int
    of: int
    spread: float
    """Its deviation."""

    @property
    def rounding(self) -> float:
        """How far a value is from what was rounded, at most."""
        return self.of / self.per / 2 if self.per else self.precision

    @property
    def precision(self) -> float:
        """What is no difference: samples are of single precision."""
        return 1e-7 * max(map(abs, self.ends)) + 1e-6 * self.spread

    def explains(self, off: Doubles, slack: Doubles) -> Rounded | None:
        """Whose rounding explains that values are `off` (rows,) what they would be by a rule; that of
        others moves them by `slack`, (rows,) or (). None where rounding does not."""
        if off.max() <= self.precision:
            return Rounded.ITSELF
        for who in Rounded:
            bound = self.rounding + slack * who
            if (off <= bound * (1 + 1e-6)).all() and np.median(bound) <= _ROUGH * self.spread:
                return who
        return None

    def beyond(self, low: float, high: float) -> float:
        """How many times as far as it goes it is from one value to another."""
        least, most = self.ends
        return round((high - low) / (most - least), 3)

    @cached_property
    def count(self) -> int:
        """How many values it has."""
        return len(np.unique(self.values))

    @property
    def least_size(self) -> float:
        """How near it comes to 0; 0 of what is on both sides of it."""
        least, most = self.ends
        return 0.0 if least <= 0 <= most else min(abs(least), abs(most))

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest."""
        return float(np.nanmin(self.values)), float(np.nanmax(self.values))


@dataclass(frozen=True)
class Fit:
    """A rule that holds."""

    rule: Sum | Product
    rank: tuple[float, ...]
    """How little it suits, beside others of the same columns."""


def terms_of(x: Doubles, of: int, rounding: Sequence[float], still: NDArray[np.bool_]) -> list[int]:
    """Few columns of `x` (rows, numbers), each of deviation 1, that the column `of` is a sum of; none if it
    is not."""
    wanted, chosen = x[:, of], list[int]()

    def left(terms: Sequence[int]) -> tuple[Doubles, float]:
        weights = np.linalg.lstsq(x[:, terms], wanted, rcond=None)[0]
        bound = rounding[of] + sum(abs(w) * rounding[k] for w, k in zip(weights, terms, strict=True))
        rest: Doubles = wanted - x[:, terms] @ weights
        return rest, 2 * bound + 1e-6  # means and weights are off by as much again

    rest, bound = wanted, rounding[of]
    while np.abs(rest).max() > bound:
        if len(chosen) == _TERMS:
            return []
        along = np.abs(rest @ x)
        along[[of, *chosen]] = -1
        along[still] = -1
        best = int(along.argmax())
        if along[best] < 0:
            return []
        chosen.append(best)
        rest, bound = left(chosen)
    for term in chosen[:]:
        fewer = [k for k in chosen if k != term]
        if fewer:
            rest, bound = left(fewer)
            if np.abs(rest).max() <= bound:
                chosen = fewer
    return chosen


def summed(number: Number, others: Sequence[Number]) -> Fit | None:
    """The number as a sum of the others, by weights of as few digits as do; None where that does not hold
    in some row. It suits the less where it could come to another sign, and the farther it could go."""
    x = np.array([o.values for o in others]).T  # (rows, others)
    gone = np.isnan(x).any(axis=1)
    if (gone != np.isnan(number.values)).any():
        return None
    x, y = x[~gone], number.values[~gone]
    found = np.linalg.lstsq(x - x.mean(0), y - y.mean(), rcond=None)[0]  # (others,)
    for digits in _DIGITS:
        weights = np.array([float(f"{w:.{digits}g}") for w in found])
        rest = y - x @ weights  # (rows,)
        slack = np.abs(weights) @ [o.rounding for o in others]
        for decimals in range(-6, 9):
            constant = round(float(rest.max() + rest.min()) / 2, decimals)
            if (rounded := number.explains(np.abs(rest - constant), slack)) is not None:
                ends = np.sort(weights[:, None] * [o.ends for o in others], axis=1)  # (others, 2)
                low, high = constant + ends.sum(axis=0)
                least, most = number.ends
                signed = (least >= 0 and low < -number.rounding) or (most <= 0 and high > number.rounding)
                sources = tuple(o.at for o in others)
                rule = Sum(number.at, sources, tuple(weights.tolist()), constant, number.per, number.of)
                return Fit(rule, (signed, rounded, number.beyond(low, high), number.count, -number.at))
    return None


def factors(x: Doubles, y: int, divides: Sequence[bool]) -> Iterator[tuple[int, int, bool]]:
    """Pairs of `x` (numbers, rows) whose product, or whose ratio where the second `divides`, y may be."""
    others = np.array([k for k in range(len(x)) if k != y])
    a, b = x[others][:, None], x[others][None]  # (numbers, 1, rows), (1, numbers, rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        for divided, pairs in ((False, a * b), (True, a / b)):
            size = np.abs(pairs)
            far = (size >= np.median(size, axis=2, keepdims=True)) & (size > 0)  # where rounding is little
            ratios = np.where(far, x[y] / pairs, np.nan)
            ratios[~far.any(axis=2)] = 0
            middle = np.nanmedian(ratios, axis=2)  # (numbers, numbers)
            near = np.nanmax(np.abs(ratios - middle[..., None]), axis=2) <= _LOOSE * np.abs(middle)
            for i, j in np.argwhere(near & far.any(axis=2)).tolist():
                if (divides[others[j]] if divided else i < j) and i != j:
                    yield int(others[i]), int(others[j]), divided


def multiplied(number: Number, one: Number, other: Number, divided: bool) -> Fit | None:
    """The number as the product of two others, or as their ratio; None where that does not hold in some
    row. A ratio suits less, since what one is off it makes larger."""
    gone = np.isnan(one.values) | np.isnan(other.values)
    if (gone != np.isnan(number.values)).any():
        return None
    y, a, b = (n.values[~gone] for n in (number, one, other))
    x = a / b if divided else a * b
    by_one, by_other = (1 / np.abs(b), np.abs(x / b)) if divided else (np.abs(b), np.abs(a))
    slack = by_one * one.rounding + by_other * other.rounding  # (rows,)
    for digits in _DIGITS:
        constant = float(f"{(y @ x) / (x @ x):.{digits}g}")
        rounded = number.explains(np.abs(y - constant * x), abs(constant) * slack)
        if rounded is not None:
            corners = [constant * (i / j if divided else i * j) for i in one.ends for j in other.ends]
            rule = Product(number.at, (one.at, other.at), divided, constant, number.per, number.of)
            return Fit(rule, (rounded, divided, number.beyond(min(corners), max(corners)), -number.at))
    return None
