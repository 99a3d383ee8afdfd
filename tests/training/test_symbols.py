"""Labels in a row, known and repeated sequences; by hand."""

import numpy as np
import pytest

from training.data.windows import ENDED
from training.evaluation import symbols


def rows(*lines: str) -> np.ndarray:
    """Lines of letters as windows of labels; a dot is behind the end."""
    codes = [[ENDED if c == "." else float(ord(c) - ord("a")) for c in line] for line in lines]
    return np.array(codes)[..., None]


def test_the_same_has_no_divergence_and_nothing_in_common_one_bit():
    assert symbols.divergence(rows("aba", "aab"), rows("aba", "aab"), 2, ends=False) == 0
    assert symbols.divergence(rows("aaa"), rows("bbb"), 2, ends=False) == 1
    assert symbols.divergence(rows("aaa"), rows("bbb"), 3, ends=True) == 1


def test_a_divergence_in_the_head():
    # p: ab 1/2, ba 1/2; q: ab 1. m: 3/4 and 1/4.
    expected = 0.5 * (0.5 * np.log2(0.5 / 0.75) + 0.5 * np.log2(0.5 / 0.25)) + 0.5 * np.log2(1 / 0.75)
    assert symbols.divergence(rows("aba"), rows("ab"), 2, ends=False) == pytest.approx(expected)


def test_beginnings_and_ends_are_symbols_where_sequences_end():
    # Pairs of "ab": ⊢a ab b⊣; of "a": ⊢a a⊣. In common: ⊢a, which is 1/3 here and 1/2 there.
    p, q = np.array([1 / 3, 1 / 3, 1 / 3, 0]), np.array([1 / 2, 0, 0, 1 / 2])
    m = (p + q) / 2
    expected = sum((x[x > 0] * np.log2(x[x > 0] / m[x > 0])).sum() / 2 for x in (p, q))
    found = symbols.divergence(rows("ab"), rows("a."), 2, ends=True)
    assert found == pytest.approx(expected)
    assert symbols.divergence(rows("ab.."), rows("ab"), 3, ends=True) == 0  # padding says nothing


def test_a_missing_label_is_a_symbol_and_columns_count_alike():
    gap = rows("aaa")
    gap[0, 1] = -1
    assert symbols.divergence(gap, rows("aaa"), 2, ends=False) == 1
    both = np.concatenate([rows("aaa"), rows("aaa")], axis=2), np.concatenate([rows("aaa"), rows("bbb")], 2)
    assert symbols.divergence(*both, 2, ends=False) == 0.5


def test_known_and_repeated_sequences_are_counted_label_by_label():
    there = symbols.keys(rows("ab.", "abc"))
    assert symbols.known(rows("ab.", "ba.", "abb", "abc"), there) == 0.5
    assert symbols.repeated(rows("ab.", "ab.", "abb", "abc")) == 0.25
