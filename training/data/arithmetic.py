"""Numbers that are sums, products or ratios of others, within what rounding explains.

Of a sum, others each times a weight, orthogonal matching pursuit finds the terms one after another (Pati,
Rezaiifar and Krishnaprasad, Asilomar 1993), and those that it can do without are taken out again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Doubles
from training.data.rules import Product

_TERMS = 32
"""Of a sum, at most."""
_ROUGH = 0.05
"""Deviations of a number that rounding of the columns may move it by."""
_LOOSE = 0.05
"""By how much a ratio may waver to be looked at closer."""
_DIGITS = range(1, 9)
"""Of weights: as few as do."""


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

    def explains(self, off: Doubles, slack: Doubles) -> bool:
        """Whether values are `off` (rows,) what they would be by a rule for rounding alone: their own, or
        beside it that of others, which moves them by `slack`, (rows,) or ()."""
        if off.max() <= self.precision:
            return True
        return any(
            bool((off <= bound * (1 + 1e-6)).all()) and float(np.median(bound)) <= _ROUGH * self.spread
            for bound in (np.array(self.rounding), self.rounding + slack)
        )

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


def fitted(number: Number, others: Sequence[Number]) -> tuple[tuple[float, ...], float] | None:
    """Weights of the others, of as few digits as do, and the constant; None where the rule does not hold in
    some row."""
    x = np.array([o.values for o in others]).T  # (rows, others)
    gone = np.isnan(x).any(axis=1)
    if (gone != np.isnan(number.values)).any():
        return None
    x, y = x[~gone], number.values[~gone]
    middle = x.mean(0)
    found = np.linalg.lstsq(x - middle, y - y.mean(), rcond=None)[0]  # (others,)
    for digits in _DIGITS:
        weights = [float(f"{w:.{digits}g}") for w in found]
        rest = y - x @ weights
        slack = sum(abs(w) * o.rounding for w, o in zip(weights, others, strict=True))
        middle_of = float((rest.max() + rest.min()) / 2)
        for decimals in range(-6, 9):
            constant = round(middle_of, decimals)
            if number.explains(np.abs(rest - constant), np.array(slack)):
                return tuple(weights), constant
    return None


def beyond(
    number: Number, others: Sequence[Number], weights: Sequence[float], constant: float
) -> tuple[bool, float, int]:
    """How little a sum suits a number: whether it could come to another sign, how many times as far as the
    number goes it could go, and how many values it has, of which fewer follow from more."""
    ends = [sorted((w * o.ends[0], w * o.ends[1])) for w, o in zip(weights, others, strict=True)]
    low, high = (constant + sum(end[i] for end in ends) for i in (0, 1))
    least, most = number.ends
    signed = (least >= 0 and low < -number.rounding) or (most <= 0 and high > number.rounding)
    return signed, round((high - low) / (most - least), 3), number.count


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


def multiplied(number: Number, one: Number, other: Number, divided: bool) -> Product | None:
    """The rule that makes a number of two; None where it does not hold in some row."""
    gone = np.isnan(one.values) | np.isnan(other.values)
    if (gone != np.isnan(number.values)).any():
        return None
    y, a, b = (n.values[~gone] for n in (number, one, other))
    x = a / b if divided else a * b
    slack = one.rounding / np.abs(b) + np.abs(x / b) * other.rounding if divided else (
        np.abs(b) * one.rounding + np.abs(a) * other.rounding
    )  # fmt: skip
    for digits in _DIGITS:
        constant = float(f"{(y @ x) / (x @ x):.{digits}g}")
        if number.explains(np.abs(y - constant * x), abs(constant) * slack):
            return Product(number.at, (one.at, other.at), divided, constant, number.per, number.of)
    return None


def too_far(rule: Product, number: Number, one: Number, other: Number) -> float:
    """How many times as far as a number goes a product could go."""
    corners = np.array([(a, b) for a in one.ends for b in other.ends])
    made = corners[:, 0] / corners[:, 1] if rule.divided else corners[:, 0] * corners[:, 1]
    least, most = number.ends
    return round(abs(rule.constant) * float(np.ptp(made)) / (most - least), 3)
