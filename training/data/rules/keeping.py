"""Whether rows keep rules: those of the data themselves, but for a few, and samples of any tool."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.columns import grid_of
from training.data.dataset import Doubles
from training.data.rules.making import earlier
from training.data.rules.rule import Fixed, Product, Rule, Sum, reach, taken
from training.data.windows import ENDED

_SINGLE = 1e-6
"""How far single precision puts samples off, as a share of what they are made of; …"""
EXACT = 1e-7
"""… and numbers of the data, which are good for as much as samples of them."""
_HALF = 0.5 + 1e-6
"""Of a number's step: how far rounding puts it off."""


def kept(
    rule: Rule, rows: NDArray[np.floating], precision: float, steps: Mapping[int, float] | None = None
) -> NDArray[np.bool_]:
    """Which of rows (…, steps, columns), as a `Dataset` has them, keep a rule but for rounding and the
    `precision` of numbers: (…, steps). Rows behind an end do, and first rows of which nothing is known.
    `steps` are those of columns that were rounded after the rule was kept. Of what goes by the calendar
    rows say nothing, and all keep it."""
    rows = np.asarray(rows, np.float64)
    own = rows[..., rule.column]  # (…, steps)
    if not rule.sources:
        return np.ones(own.shape, bool)
    sources = [
        np.asarray(earlier(rows[..., i], lag, rule.begins), np.float64) for i, lag in taken(rule)
    ]  # (…, steps) each
    with np.errstate(all="ignore"):  # of what is behind an end
        if isinstance(rule, Sum | Product):
            made, size, within = _exact(rule, sources, steps or {})
        elif isinstance(rule, Fixed):
            made = np.where(rule.holds(sources[0]), rule.value, own)
            size, within = np.abs(made), np.zeros(1)
        else:
            ended = own == ENDED
            made = rule(*(np.where(ended, 0.0, x) for x in sources)).astype(np.float64)
            size, within = np.abs(made), np.zeros(1)
        same: NDArray[np.bool_] = np.abs(own - made) <= within + precision * size
    same |= (np.isnan(own) & np.isnan(made)) | (own == ENDED)
    if rule.begins == "learnt":
        same[..., : reach(rule)] = True
    return same


def tellable(rules: Sequence[Rule]) -> list[Rule]:
    """Those of which rows say by themselves whether they keep them, and not by when they are."""
    by_calendar = {rule.column for rule in rules if isinstance(rule, Fixed) and rule.season}
    return [
        rule
        for rule in rules
        if not (isinstance(rule, Fixed) and rule.season)
        and not (isinstance(rule, Sum | Product) and rule.elsewhere and rule.column in by_calendar)
    ]


def broken(rules: Sequence[Rule], rows: NDArray[np.floating]) -> list[float]:
    """The share of the rows of samples (windows, steps, columns) in which each rule is broken. What the
    data do not round, a file of samples may. All are to be `tellable`."""
    there = rows[..., 0] != ENDED  # (windows, steps)
    shares = []
    for rule in rules:
        steps = {}
        if isinstance(rule, Sum | Product) and not rule.per:
            steps = {i: _step(rows[..., i][there]) for i in {rule.column, *rule.sources}}
        late = there.copy()
        if rule.begins == "learnt":
            late[:, : reach(rule)] = False
        if isinstance(rule, Sum | Product) and rule.elsewhere:
            for other in rules:
                if isinstance(other, Fixed) and other.column == rule.column:
                    late &= ~other.holds(rows[..., other.sources[0]])
        off = (~kept(rule, rows, _SINGLE, steps))[late]
        shares.append(float(off.mean()) if len(off) else 0.0)
    return shares


def _step(values: NDArray[np.floating]) -> float:
    """What values (rows,) are whole numbers of; 0 of others."""
    known = values[~np.isnan(values)].astype(np.float64)
    per, of = grid_of(known) if len(known) else (0, 1)
    return of / per if per else 0.0


def _exact(
    rule: Sum | Product, sources: Sequence[Doubles], steps: Mapping[int, float]
) -> tuple[Doubles, Doubles, Doubles]:
    """What a rule makes of numbers (…, steps) before it is rounded, the size of what it is made of, and how
    far rounding puts it off."""
    half = [_HALF * steps.get(i, 0.0) for i in rule.sources]
    own = _HALF * (rule.of / rule.per if rule.per else steps.get(rule.column, 0.0))
    if isinstance(rule, Sum):
        terms = [weight * x for weight, x in zip(rule.weights, sources, strict=True)]
        constant = np.full(sources[0].shape, rule.constant)
        off = own + sum(abs(weight) * h for weight, h in zip(rule.weights, half, strict=True))
        return sum(terms, constant), sum(map(np.abs, terms), np.abs(constant)), np.asarray(off)
    one, other = sources
    times: Doubles = rule.constant * (one / other if rule.divided else one * other)
    share = sum(h / np.abs(x) for h, x in zip(half, sources, strict=True))
    return times + rule.plus, np.abs(times) + abs(rule.plus), own + np.abs(times) * share
