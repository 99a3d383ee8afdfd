"""A tick in strips gives what it gives at once."""

from collections.abc import Mapping

import numpy as np
import pytest

from contract.rollout import Array, Arrays, first_feeds
from serving.strips import in_strips
from tests.serving.plain import SPEC, walk


@pytest.mark.parametrize("rows", [1, 5, 6, 7, 23])
@pytest.mark.parametrize("most", [0, 1, 6])
def test_strips_are_joined_in_their_order(rows: int, most: int):
    feeds = first_feeds(SPEC, 3, range(rows), 4)
    whole, cut = walk(feeds), in_strips(SPEC, walk, most)(feeds)
    assert list(whole) == list(cut)
    for name, array in whole.items():
        assert np.array_equal(array, cut[name]) and array.dtype == cut[name].dtype


def test_rows_are_shared_out_evenly():
    """One row left over would be a strip of its own."""
    asked: list[int] = []

    def run(feeds: Mapping[str, Array]) -> Arrays:
        asked.append(len(feeds["noise"]))
        return walk(feeds)

    in_strips(SPEC, run, 6)(first_feeds(SPEC, 0, range(19), 2))
    assert asked == [4, 5, 5, 5]
