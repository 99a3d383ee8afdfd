"""Whether rows keep rules: those of the data themselves, but for a few, and samples of any tool."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import ENDED, Doubles
from training.data.rules import Product, Rule, Sum, place, shifted

_SINGLE = 3e-7
"""How far single precision puts samples off, as a share of what they are made of."""
_HALF = 0.5 + 1e-6
"""Of a number's step: how far rounding puts it off."""


def kept(rule: Rule, rows: NDArray[np.floating], precision: float) -> NDArray[np.bool_]:
    """Which of rows (…, steps, columns), as a `Dataset` has them, keep a rule but for rounding and the
    `precision` of numbers: (…, steps). Rows behind an end do, and first rows of which nothing is known."""
    rows = np.asarray(rows, np.float64)
    own = rows[..., rule.column]  # (…, steps)
    columns = (rows[..., place(i)] for i in rule.sources)
    sources = [
        np.asarray(x if i >= 0 else shifted(x, rule.begins), np.float64)
        for i, x in zip(rule.sources, columns, strict=True)
    ]
    with np.errstate(all="ignore"):  # of what is behind an end
        if isinstance(rule, Sum | Product):
            made, size = _exact(rule, sources)
            within = _HALF * rule.of / rule.per if rule.per else 0.0
        else:
            ended = own == ENDED
            made = rule(*(np.where(ended, 0.0, x) for x in sources)).astype(np.float64)
            within, size = 0.0, np.abs(made)
        same: NDArray[np.bool_] = (np.abs(own - made) <= within + precision * size) | (
            np.isnan(own) & np.isnan(made)
        )
    same |= own == ENDED
    if rule.begins == "learnt":
        same[..., 0] = True
    return same


def broken(rules: Sequence[Rule], rows: NDArray[np.floating]) -> list[float]:
    """The share of the rows of samples (windows, steps, columns) in which each rule is broken."""
    there = rows[..., 0] != ENDED  # (windows, steps)
    return [float((~kept(rule, rows, _SINGLE))[there].mean()) for rule in rules]


def _exact(rule: Sum | Product, sources: Sequence[Doubles]) -> tuple[Doubles, Doubles]:
    """What a rule makes of numbers (…, steps) before it is rounded, and the size of what it is made of."""
    if isinstance(rule, Sum):
        terms = [weight * x for weight, x in zip(rule.weights, sources, strict=True)]
        constant = np.full(sources[0].shape, rule.constant)
        return sum(terms, constant), sum(map(np.abs, terms), np.abs(constant))
    one, other = sources
    times: Doubles = rule.constant * (one / other if rule.divided else one * other)
    return times + rule.plus, np.abs(times) + abs(rule.plus)
