"""Which numbers look back over several rows at one other: moving means and sums, what was so many rows ago,
and how much more or how many times as much it is now, as figures beside those of the year before."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Dataset
from training.data.rules.arithmetic import TELLING, Fit, Number
from training.data.rules.keeping import EXACT, kept
from training.data.rules.rule import Begins, Product, Rule, Sum, reach
from training.data.rules.search import FEWEST, Search

_FARTHEST = 60
"""Rows that are looked back at most."""
_MANY = 24
"""Numbers among which none is looked for any more."""
_GLANCE, _GONE = 64, 0.5
"""Rows that are looked at first, and the share of them in which it may be missing."""
_GROWN = ((1.0, 1.0), (100.0, 1.0), (1.0, 0.0), (100.0, 0.0))
"""Times, and less: of how many times as much a number is, in percent or not."""


def looking_back(search: Search, dataset: Dataset, whole: bool) -> Iterator[Rule]:
    """Those of one other, over two rows and more. `whole`: sequences are learnt from their first row on."""
    depth = _depth(dataset)  # (rows,)
    farthest = min(_FARTHEST, int(np.quantile(depth, 0.75)))
    deep = np.flatnonzero(depth >= farthest)
    if farthest < 2 or len(deep) < FEWEST or len(search.numbers) > _MANY:
        return
    some = deep[np.linspace(0, len(deep) - 1, _GLANCE).astype(int)]
    back = {
        n: number.values[some[:, None] - np.arange(farthest + 1)] for n, number in search.numbers.items()
    }  # (_GLANCE, rows back) each
    for n, number in search.numbers.items():
        if not search.may_follow(n) or not number.told_apart or number.telling < TELLING:
            continue
        for at, values in back.items():
            if at == n or not search.may_follow(n, at) or np.isnan(values).all():
                continue
            fits = (
                fit
                for rule in _candidates(number, at, values, number.values[some])
                if (fit := _holding(rule, dataset, whole))
                and _shown(fit, search, dataset)
                and search.allows(fit)
            )
            if (found := next(fits, None)) is not None:
                yield search.take(found.rule)
                break


def _depth(dataset: Dataset) -> NDArray[np.int64]:
    """How many rows come before each in its sequence, with none missing between: (rows,)."""
    edges = np.unique(np.concatenate([dataset.bounds[:-1], dataset.breaks]))
    rows = np.arange(len(dataset.values))
    found: NDArray[np.int64] = rows - edges[np.searchsorted(edges, rows, "right") - 1]
    return found


def _candidates(
    number: Number, at: int, back: NDArray[np.float64], own: NDArray[np.float64]
) -> Iterator[Sum | Product]:
    """Rules of another that is at a column, `back` (some, rows back), that some rows of the number, `own`
    (some,), keep; of few rows first."""
    per, of, n = number.per, number.of, number.at
    own = own[:, None]  # (some, 1)
    now, counts = back[:, :1], np.arange(1, back.shape[1] + 1)
    sums = np.cumsum(back, axis=1)  # (some, rows back)
    within = number.within + EXACT * np.nanmax(np.abs(back))
    near = {
        "mean": _near(sums / counts - own, within),
        "sum": _near(sums - own, within),
        "ago": _near(back - own, within),
        "more": _near(now - back - own, within),
    }  # (rows back,) each
    divides = np.nanmin(np.abs(back)) > 0
    near_grown = {
        (times, less): _near(times * (now / back - less) - own, within)
        for times, less in (_GROWN if divides else ())
    }
    any_near = np.any([*near.values(), *near_grown.values()], axis=0)
    for k in (2 + np.flatnonzero(any_near[2:])).tolist():  # of one row before see `changes`
        over = tuple(range(k + 1))
        if near["mean"][k]:
            yield Sum(n, (at,) * (k + 1), (1 / (k + 1),) * (k + 1), 0.0, per, of, over)
        if near["sum"][k]:
            yield Sum(n, (at,) * (k + 1), (1.0,) * (k + 1), 0.0, per, of, over)
        if near["ago"][k]:
            yield Sum(n, (at,), (1.0,), 0.0, per, of, (k,))
        if near["more"][k]:
            yield Sum(n, (at, at), (1.0, -1.0), 0.0, per, of, (0, k))
        for (times, less), grown in near_grown.items():
            if grown[k]:
                yield Product(n, (at, at), True, times, per, of, -times * less, (0, k))


def _near(off: NDArray[np.float64], within: float) -> NDArray[np.bool_]:
    """Of (some, rows back) where what is known is nothing, and enough is known: (rows back,)."""
    gone = np.isnan(off)
    with np.errstate(invalid="ignore"):
        none = ((np.abs(off) <= within) | gone).all(axis=0)
    found: NDArray[np.bool_] = np.logical_and(none, gone.mean(axis=0) <= _GONE)
    return found


def _shown(fit: Fit, search: Search, dataset: Dataset) -> bool:
    """Whether windows show what a rule makes, in more rows than those that are learnt."""
    if fit.rule.begins != "learnt" or 2 * reach(fit.rule) <= dataset.length:
        return True
    length = 2 * reach(fit.rule)
    search.refuse(fit.rule, f"windows of {dataset.length} rows hardly show it, and --length {length} does")
    return False


def _holding(rule: Sum | Product, dataset: Dataset, whole: bool) -> Fit | None:
    """The rule, if all rows keep it that have enough before them, with what first rows are."""
    edges = np.unique(np.concatenate([dataset.bounds, dataset.breaks])).tolist()
    late = replace(rule, begins="learnt")
    if not all(kept(late, dataset.values[a:b], EXACT).all() for a, b in pairwise(edges)):
        return None
    since = np.arange(len(dataset.values)) - np.repeat(dataset.bounds[:-1], np.diff(dataset.bounds))
    early = dataset.values[since < reach(rule), rule.column]
    begins: Begins = "missing" if whole and np.isnan(early).all() else "learnt"
    return Fit(replace(rule, begins=begins), (0.0,))
