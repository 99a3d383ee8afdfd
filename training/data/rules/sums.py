"""Which numbers are sums, products or ratios of others in every row.

Every term of a sum follows from the others, and every factor of a product: that one does which was rounded
least beside how far it goes, as a total, and none that could come out negative and never is, as its parts.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from training.data.rules.arithmetic import Fit, Number, factors, multiplied, summed, terms_of
from training.data.rules.rule import Product, Sum
from training.data.rules.search import FEWEST, GLANCE, Search, place, whole

_MANY = 256
"""Numbers among which no sums are looked for any more."""
_UNEXPLAINED = 3e-3
"""Share of a number's variance, the most that a sum may leave to rounding."""
_SOME, _FACTORS = 200, 64
"""Rows that products are tried at first, and numbers among which none are looked for any more."""


def sums(
    search: Search, pool: Sequence[Number], ready: Callable[[Fit], Fit | None] = lambda fit: fit
) -> Iterator[Sum | Product]:
    """Numbers that are sums of others of the `pool`, which may have changes of some as well: what is so to
    the last digit first, then what is but for rounding; and what is of few terms before what is of more.
    What is found is made `ready`, or dropped."""
    for exact in (True, False):
        found = True
        while found:
            found = False
            for fit in sorted(
                _sums(search, pool, exact, ready), key=lambda fit: (len(fit.rule.sources), fit.rank)
            ):
                if search.allows(fit):
                    yield search.take(fit.rule)
                    found = True


def _sums(
    search: Search, pool: Sequence[Number], exact: bool, ready: Callable[[Fit], Fit | None]
) -> Iterator[Fit]:
    """For each number that has to do with a sum the best rule of that sum."""
    pool = [n for n in pool if np.isnan(n.values).mean() <= 0.5]
    if not 2 <= len(pool) <= _MANY:
        return
    rows = whole(pool, GLANCE)
    if len(rows) < max(FEWEST, 2 * len(pool)):
        return
    x = np.array([n.values[rows] for n in pool]).T  # (rows, numbers)
    x -= x.mean(0)
    deviations = x.std(0)
    usable = deviations > 0
    x /= np.where(usable, deviations, 1)
    products = x.T @ x / len(x)
    unexplained = 1 / np.diag(np.linalg.inv(products + 1e-12 * np.eye(len(pool))))  # (numbers,)
    learnt = np.array([place(n.at) not in search.made for n in pool])
    tried: set[frozenset[int]] = set()
    own = np.array([n.at >= 0 for n in pool])
    for k in np.flatnonzero(own & usable & (unexplained < _UNEXPLAINED)).tolist():
        # Weights, too, are off where what they weigh was rounded.
        bound = (1e-3 if exact else 1.5) * pool[k].rounding / deviations[k] + 1e-9
        free = usable & np.array([pool[k].at not in search.behind((place(n.at),)) for n in pool])
        # Of what is learnt, or else of what is made as well; and of changes alone, if a copy hides them.
        for among in (free & learnt, free, *([] if own.all() else [free & ~own])):
            terms = terms_of(x, products, k, bound, among)
            members = frozenset((k, *terms))
            if not terms or members in tried:
                continue
            tried.add(members)
            numbers = [pool[i] for i in sorted(members)]
            changing = {place(number.at) for number in numbers if number.at < 0}
            every = (
                summed(number, [*numbers[:n], *numbers[n + 1 :]], rows, exact)
                for n, number in enumerate(numbers)
                if number.at >= 0 and number.at not in changing
            )
            ready_ones = (ready(fit) for fit in every if fit)
            if may := [fit for fit in ready_ones if fit and search.allows(fit)]:
                yield min(may, key=lambda fit: fit.rank)
                break


def products(search: Search, plain: bool) -> Iterator[Sum | Product]:
    """Numbers that are the product or the ratio of two others, times a constant, which is a power of
    ten of the `plain` ones."""
    pool = [*search.numbers.values()]
    if not 3 <= len(pool) <= _FACTORS:
        return
    few = np.linspace(0, len(search.values) - 1, min(_SOME, len(search.values))).astype(int)
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
        if relation not in taken and search.allows(fit):
            yield search.take(fit.rule)
            taken.add(relation)
