"""What a column that nobody named looks like: one to leave out, or something else than it is taken for."""

import re
from collections.abc import Iterator
from shlex import quote

import numpy as np
import pyarrow as arrow

from training.data import pieces, rising, times
from training.data.columns import Column
from training.data.dataset import Dataset, Doubles

_WRITTEN = re.compile(r"[$€£]?\s?[+-]?\d[\d.,']*(?:[ \u00a0\u202f]\d[\d.,']*)*\s?([^\d\s.,'][^\d\s]{0,5})?")
"""A number as people write it, and its unit. One that Arrow reads never comes to be a label."""
_COMMA, _THOUSANDS = re.compile(r"[+-]?\d+,\d+"), re.compile(r"[+-]?\d{1,3}(,\d{3})+")
"""One with a decimal comma, and one with marks of thousands."""
_DURATION = re.compile(r"-?\d+ days?(,? [+-]?\d+:\d\d:\d\d([.,]\d+)?)?|-?\d{1,4}:\d\d:\d\d([.,]\d+)?")
"""As pandas and Python write them."""
_INDEX = ("", "index", "unnamed: 0")
"""What tools call a column that they number rows in; the first as pandas writes it."""
OWN = ("sequence", "step")
"""Columns that a table of samples has before those of the data."""
_FEWEST_APART = 8
"""Labels whose rows stand together, at least, that may tell sequences apart: fewer are states."""
_STRETCH = 4
"""Rows that each number has at least, of which each may be a sequence's."""
_MANY, _LONG = 32, 96
"""Sequences up to which somebody may want samples of one of them, and rows of most of these at least."""


def otherwise(name: str, column: Column, values: Doubles, alone: bool, timeless: bool) -> Iterator[str]:
    """What to know of a column that nobody named, and that may be something else than what it is taken for;
    `alone`: no column tells sequences apart, `timeless`: none holds the times."""
    labels = column.labels
    written = [match for label in labels if (match := _WRITTEN.fullmatch(label))]
    if labels and len(written) == len(labels) and len({m.group(1) for m in written} - {None}) < 2:
        comma = all(map(_COMMA.fullmatch, labels)) and not all(map(_THOUSANDS.fullmatch, labels))
        what = "a decimal comma" if comma else "units or marks of thousands"
        yield (
            f"{name!r} looks like numbers with {what}, such as {labels[-1]!r}, and is taken for labels: "
            f"write them as 1234.5 to have numbers, or say --continuous {quote(name)} if all have one unit"
        )
    if alone and _one_after_another(values, column):
        yield (
            f"the rows of each {'label' if labels else 'number'} of {name!r} stand together: if each is a "
            f"sequence of its own, name it with --id-column {quote(name)}"
        )
    if not labels and alone and timeless:
        yield from rising.like_times(name, values)


def _one_after_another(values: Doubles, column: Column) -> bool:
    """Whether the rows of each of many labels, or whole numbers, (rows,) stand together, in stretches that
    are none of a series' own states; of numbers in long ones, since a slow count has short ones as well."""
    first = np.flatnonzero(np.append(True, values[1:] != values[:-1]))  # of each stretch
    count, sizes = len(np.unique(values)), np.diff(np.append(first, len(values)))
    if count < _FEWEST_APART or len(first) != count or len(first) - 1 >= len(values) // 2:
        return False
    whole = bool((values == np.rint(values)).all())
    return bool(column.labels) or (whole and sizes.min() >= _STRETCH)


def askable(name: str, dataset: Dataset) -> Iterator[str]:
    """What to know of the column `name`, which tells a few long sequences apart."""
    sizes = np.diff(dataset.bounds)
    few, long = 1 < len(sizes) <= _MANY, np.median(sizes) >= _LONG
    if few and long and not dataset.named and name not in OWN:
        yield (
            f"{name!r} tells sequences apart, and a sample is of none of them in particular: with --static "
            f"{quote(name)} as well they can be asked of one of these {len(sizes)}, by --where"
        )


def left_out(name: str, column: arrow.ChunkedArray, timeless: bool) -> str | None:
    """Why a column that nobody named is no channel; None where it is one. `timeless`: no column holds
    the times, and so one that counts may."""
    if pieces.is_clock(column):
        return "holds times of day and is left out: write hours as numbers, say, to have them learnt"
    if arrow.types.is_duration(column.type) or _durations(column):
        return "holds durations and is left out: write seconds as numbers, say, to have them learnt"
    if arrow.types.is_temporal(column.type) or times.looks_like_times(column):
        return "holds times and is left out"
    if times.written_otherwise(column):
        return (
            f"looks like dates, such as {column[0]}, of which day and month could change places, and is "
            "left out: say how it is written with --time-format %d/%m/%Y, say, to have times"
        )
    if _counts(column) and (name.lower() in _INDEX or (not timeless and column[0].as_py() in (0, 1))):
        return "counts the rows and is left out"
    if name in OWN and _counts(column, again=True):
        return "counts rows, as samples have it, and is left out"
    return None


def _durations(column: arrow.ChunkedArray) -> bool:
    """Whether all texts of a column are durations."""
    if arrow.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (arrow.types.is_string(column.type) or arrow.types.is_large_string(column.type)):
        return False
    texts = column.drop_null().to_pylist()
    return bool(texts) and all(map(_DURATION.fullmatch, texts))


def _counts(column: arrow.ChunkedArray, again: bool = False) -> bool:
    """Whether a column is 0, 1, 2 …, or as much more in every row; `again`: perhaps from 0 or 1 on several
    times, or each number several times."""
    if not arrow.types.is_integer(column.type) or column.null_count:
        return False
    values = column.to_numpy()
    moves = np.diff(values)
    anew = (values[1:] == values[0]) & (0 <= values[0] <= 1)
    return bool(((moves == 1) | (again & (anew | (moves == 0)))).all())
