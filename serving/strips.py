"""A tick run in strips: a few of its rows at a time.

An LSTM's step reads all of its weights, and what it makes of some 16 rows lies in a core's cache beside
them; of hundreds it does not. So many rows at once are slower, row for row, than few: of an LSTM of 256
by a fifth. What a tick costs besides the inference asks for many rows all the same. Cut into strips it
has both. No row depends on its neighbours, so the answer is the same.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from contract import interface
from contract.rollout import Array, Arrays, Run
from contract.spec import Spec


def in_strips(spec: Spec, run: Run, most: int) -> Run:
    """`run`, called with at most so many rows at a time, which are shared out evenly; with all of them
    where `most` is 0."""
    if not most:
        return run
    inputs = {t.name: t.shape.index(interface.BATCH) for t in interface.inputs(spec)}
    outputs = {t.name: t.shape.index(interface.BATCH) for t in interface.outputs(spec)}

    def cut(feeds: Mapping[str, Array]) -> Arrays:
        rows = len(feeds["noise"])
        if rows <= most:
            return run(feeds)
        strips = -(-rows // most)
        edges = [rows * n // strips for n in range(strips + 1)]
        parts = [
            run({n: _rows(a, inputs[n], *strip) for n, a in feeds.items()}) for strip in pairwise(edges)
        ]
        return {n: np.concatenate([part[n] for part in parts], outputs[n]) for n in parts[0]}

    return cut


def _rows(array: Array, axis: int, first: int, end: int) -> Array:
    """Some rows of an array with the batch on that axis, 0 or 1; not copied."""
    return array[:, first:end] if axis else array[first:end]
