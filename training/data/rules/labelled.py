"""Which labels, and numbers of few values, go by thresholds of a number, or by a label, in every row."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from training.data.dataset import Doubles
from training.data.rules.arithmetic import Number
from training.data.rules.rule import Cuts, Rule, Table
from training.data.rules.search import FEWEST, GLANCE, Search, place

_EACH = 10
"""Rows for each label that says what another column is."""
_FEW = 16
"""Different values up to which a number may go by thresholds, as a label does."""
_PART = 3
"""Rows in each part between thresholds."""
_CHANGES = 3
"""How often values change from row to row for each threshold, so that it is more than one event."""
_VAGUE = 0.01
"""Share of the rows that may be of either side, at each threshold, where numbers were rounded."""


def tables(search: Search) -> Iterator[Rule]:
    """Labels and numbers of few values that go by a label. Of several labels the one that says most,
    since the others may go by it themselves."""
    labelled = [n for n, c in enumerate(search.columns) if c.labels]
    labelled.sort(key=lambda n: -len(search.columns[n].labels))
    for source in labelled:
        if source in search.made:
            continue
        labels = len(search.columns[source].labels)
        if labels * _EACH > len(search.values):
            continue
        which = search.values[:, source].astype(np.int64)  # (rows,), -1 where it is missing
        for n, column in enumerate(search.columns):
            if n == source or not search.may_follow(n, source) or len(column.labels) > labels:
                continue
            if (outcomes := _by_label(search.values[:, n], which, labels)) is not None:
                found = np.where(np.isnan(outcomes), -1, outcomes) if column.labels else outcomes
                yield search.take(Table(n, (source,), tuple(found.tolist()), bool(column.labels)))


def cuts(
    search: Search,
    numbers: Sequence[Number],
    rows: NDArray[np.intp] | None = None,
    ready: Callable[[Cuts], Cuts] = lambda rule: rule,
) -> Iterator[Rule]:
    """Labels, and numbers of few values, that go by thresholds of one of these `numbers`, which are of all
    rows or of some, or of a number's change. Of what is found rules are made `ready`."""
    values = search.values if rows is None else search.values[rows]
    for n, column in enumerate(search.columns):
        if not search.may_follow(n):
            continue
        outcomes = len(column.labels)
        if not outcomes:
            some = values[:GLANCE, n]
            outcomes = len(np.unique(some[~np.isnan(some)]))
            if n not in search.numbers or outcomes > _FEW:
                continue
        # What is learnt first, and of that the finest.
        for number in sorted(numbers, key=lambda one: (place(one.at) in search.made, -one.count)):
            # Of as few values as outcomes it goes by the label as well, and labels are learnt better.
            if number.count <= outcomes or not search.may_follow(n, place(number.at)):
                continue
            if found := cut_by(n, values[:, n], number, outcomes, bool(column.labels)):
                yield search.take(ready(found))
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


def cut_by(at: int, values: Doubles, number: Number, outcomes: int, labelled: bool) -> Cuts | None:
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
    if len(x) < FEWEST or absent[~gone].any() or _cut(x[:GLANCE], y[:GLANCE], outcomes, 1, 1.0) is None:
        return None
    if (found := _cut(x, y, outcomes, _PART, _VAGUE)) is None:
        return None
    cuts, over, parts = found
    seen = {*parts, *missing.tolist()} - ({-1.0} if labelled else set())
    if len(seen) < outcomes or len(set(parts)) < 2:
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
    begins = np.append(0, np.flatnonzero(np.diff(main)) + 1)  # (parts,)
    if not 2 <= len(begins) <= 2 * outcomes or vague > share * len(y) * (len(begins) - 1):
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
