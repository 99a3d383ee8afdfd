"""What is held out: rows that nothing is trained on, by which weights are chosen and copies are told.

Of many sequences whole ones are held out, evenly among them in the order of their conditions, so that each
kind of sequence is on both sides in the share that it has: in a table by store and product every tenth one
may be dairy, and a generator that saw none would make none. One that is the only one of its labels stays,
since samples are asked for by these. Of a few long sequences blocks of time are held out, evenly along
each, and so they are where labels tell sequences from all others and any is long enough. (Not the end
alone: most series change as they go, and what is like their end need not be like them.) A block is one and
a half windows at least, up to half more than was asked for. Where the data are too short for that, nothing
is.
"""

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.data.windows import Windows

if TYPE_CHECKING:
    from training.data.dataset import Dataset

Integers = NDArray[np.int64]

_BLOCK = 4
"""Lengths of a window in a block of time that is held out."""
_WHOLE_SEQUENCES = 5
"""Whole sequences are held out where the share asked for is at least as many."""
_SHIFT = 0.05
"""Between two shares of a label, what is worth saying."""
_SHOWN = 3
"""Combinations of labels that a note names."""


def held_rows(dataset: "Dataset", length: int, share: float) -> NDArray[np.bool_]:
    """Which rows are held out, (rows,), of windows of `length` rows."""
    held = np.zeros(len(dataset.values), bool)
    sizes = np.diff(dataset.bounds)
    whole = np.flatnonzero(sizes >= (1 if dataset.ends else length))
    wanted = round(share * len(whole))
    if share * len(whole) >= _WHOLE_SEQUENCES:
        order, alone = _by_kind(dataset, whole)
        free = order[~alone]
        few = 2 * (len(free) // 2) < wanted  # so that half of what was asked for cannot be had
        if few and not (share * sizes >= length).any():
            free, few = order, False  # none could be held out but the last of their kind
        if not few:
            for i in free[_evenly(len(free), min(wanted, len(free) // 2))]:
                held[dataset.bounds[i] : dataset.bounds[i + 1]] = True
            return held
    for a, b in pairwise(dataset.bounds):
        rows = int(share * (b - a))
        if rows >= length:
            rows = max(rows, math.ceil(1.5 * length))
            blocks = max(1, round(rows / (_BLOCK * length)))
            for middle in _evenly(b - a, blocks):
                first = a + middle - rows // blocks // 2
                held[first : first + rows // blocks] = True
    return held


def notes_on(dataset: "Dataset", windows: Windows) -> list[str]:
    """What to know of the `windows` that are trained on, where they are not as sequences are."""
    return [note for note in (_unasked(dataset, windows), _shifted(dataset, windows)) if note]


def _unasked(dataset: "Dataset", windows: Windows) -> str:
    """That samples cannot be asked for under labels that sequences have and none of `windows` has, for
    people; nothing where there are none."""
    labels = _labels(dataset)
    if not labels.size:
        return ""
    kinds = np.unique(labels, axis=0)
    learnt = set(map(tuple, labels[dataset.sequence_of(windows.starts)].tolist()))
    lost = [kind for kind in kinds.tolist() if tuple(kind) not in learnt]
    if not lost:
        return ""
    columns = [c for c in dataset.statics if c.labels]
    shown = [
        " with ".join(f"{c.name} = {c.labels[int(i)]}" for c, i in zip(columns, kind, strict=True))
        for kind in lost[:_SHOWN]
    ]
    more = f", and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
    return (
        f"no window to train on has {', '.join(shown)}{more}: samples cannot be asked for under "
        f"{'these' if len(lost) > 1 else 'it'}, since their sequences are held out or too short"
    )


def _shifted(dataset: "Dataset", windows: Windows) -> str:
    """That labels are in another share of `windows` than of sequences, for people; nothing where they are
    not: of short sequences there are no windows or few, of long ones many."""
    sequences = dataset.sequence_of(windows.starts)
    farthest, said = _SHIFT, ""
    for i, column in enumerate(dataset.statics):
        if not column.labels:
            continue
        shares = [
            np.bincount(own[:, i].astype(np.int64), minlength=len(column.labels)) / len(own)
            for own in (dataset.static_values, dataset.static_values[sequences])
        ]
        label = int(abs(shares[0] - shares[1]).argmax())
        of_all, own = shares[0][label], shares[1][label]
        if abs(of_all - own) > farthest:
            farthest = abs(of_all - own)
            said = (
                f"{column.name} = {column.labels[label]} is in {of_all:.0%} of the sequences and in "
                f"{own:.0%} of the windows trained on, and so of samples: short sequences have few; "
                f"--where {column.name}=… makes as many of each as you say"
            )
    return said


def _by_kind(dataset: "Dataset", sequences: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """`sequences` by their labels and then by the numbers that they have, and which of these are the only
    one of their labels."""
    if not dataset.statics:
        return sequences, np.zeros(len(sequences), bool)
    labels, own = _labels(dataset)[sequences], dataset.static_values[sequences]
    # Of each column its order alone: least first, and what comes last in the list weighs most.
    order = np.lexsort([*own.T[::-1], *labels.T[::-1]])
    labels = labels[order]
    same = (labels[1:] == labels[:-1]).all(axis=1)  # (sequences - 1,)
    alone = ~np.append(False, same) & ~np.append(same, False)
    return sequences[order], alone


def _labels(dataset: "Dataset") -> NDArray[np.float64]:
    """The labels of each sequence, (sequences, static columns of labels)."""
    return dataset.static_values[:, [i for i, c in enumerate(dataset.statics) if c.labels]]


def _evenly(count: int, parts: int) -> Integers:
    """The middles of `parts` equal parts of 0 … count."""
    return ((np.arange(parts) + 0.5) / parts * count).astype(np.int64)
