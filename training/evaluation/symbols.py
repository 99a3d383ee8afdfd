"""Statistics of rows of labels alone, (windows, length, columns) as a `Dataset` has them.

Each is 0 where nothing differs, or nothing repeats.
"""

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from training.data.windows import ENDED

Rows = NDArray[np.floating]
Integers = NDArray[np.int64]

_BEGIN, _END, _MISSING = 0, 1, 2
_FIRST = 3
"""The symbol of the first label; those before it are what stands around and between labels."""
_BASE = 2**10
"""More symbols than any column has: a number holds several of them."""


def divergence(real: Rows, other: Rows, order: int, ends: bool) -> float:
    """Jensen–Shannon divergence of the distributions of `order` labels in a row, in bits, as a mean over
    columns: ½ KL(p‖m) + ½ KL(q‖m) with m = ½ (p + q) (Lin, "Divergence measures based on the Shannon
    entropy", IEEE Transactions on Information Theory 37, 1991). 0: the same; 1: nothing in common.

    Where sequences end by themselves, the end is a symbol of its own, and so is what is before the
    beginning: "ab" has the pairs ⊢a, ab and b⊣.
    """
    return float(
        np.mean(
            [
                _divergence(*(_grams(x[..., c], order, ends) for x in (real, other)))
                for c in range(real.shape[2])
            ]
        )
    )


def known(windows: Rows, training: Set[bytes]) -> float:
    """Share of windows that are, label by label, one of those trained on, of which these are the keys."""
    return sum(key in training for key in _bytes(windows)) / len(windows)


def repeated(windows: Rows) -> float:
    """1 − the share of windows that are distinct, among as many as there are."""
    return 1 - len(keys(windows)) / len(windows)


def keys(windows: Rows) -> Set[bytes]:
    """What tells windows apart, once each."""
    return set(_bytes(windows))


def _bytes(windows: Rows) -> list[bytes]:
    plain = np.ascontiguousarray(np.where(windows == ENDED, -2, windows), np.int16)
    return [window.tobytes() for window in plain]


def _divergence(one: Integers, two: Integers) -> float:
    grams, index = np.unique(np.concatenate([one, two]), return_inverse=True)
    p, q = (
        np.bincount(part, minlength=len(grams)) / len(part) for part in np.split(index, [len(one)])
    )  # each (grams,)
    m = (p + q) / 2

    def information(share: NDArray[np.float64]) -> float:
        seen = share > 0
        return float((share[seen] * np.log2(share[seen] / m[seen])).sum())

    return (information(p) + information(q)) / 2


def _grams(column: Rows, order: int, ends: bool) -> Integers:
    """Every `order` symbols in a row of (windows, length), two at least, as one number each: (grams,)."""
    label = np.where(column < 0, _MISSING, np.where(column == ENDED, 0, column) + _FIRST)
    symbols = np.where(column == ENDED, _END, label).astype(np.int64)
    if ends:
        symbols = np.pad(symbols, ((0, 0), (order - 1, 0)), constant_values=_BEGIN)
        symbols = np.pad(symbols, ((0, 0), (0, 1)), constant_values=_END)
    count = symbols.shape[1] - order + 1
    parts = [symbols[:, k : k + count] for k in range(order)]  # each (windows, count)
    grams = np.zeros_like(parts[0])
    for part in parts:
        grams = grams * _BASE + part
    there: Integers = grams[parts[-2] != _END]  # the others are behind the end
    return there
