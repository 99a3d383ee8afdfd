"""CSV in long form: sequence, step, and one column a channel, with its name and labels."""

import csv
import io
from collections.abc import Iterator
from typing import IO

import numpy as np
import orjson

from contract import times
from contract.calendar import Time
from contract.rollout import Array
from contract.spec import Channel, Spec
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".csv", "text/csv"

_ROWS = 2**14
"""Rows that are text cells at a time: a cell as an object is some ten times its bytes."""


def refusal(spec: Spec) -> str | None:
    """This form holds everything."""
    return None


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """The header, then each batch's rows."""
    tabled = plan.spec.tabled
    file.write(_quoted(["sequence", "step", *(c.name for c in tabled)]))
    forms = [None, None, *(plan.spec.cells.get(c.name) for c in tabled)]
    for batch in batches:
        columns = [column for _, column in batch.table()]
        own = [None, None, *tabled]
        for first in range(0, len(columns[0]), _ROWS):
            cells = [
                _texts(channel, column[first : first + _ROWS], form)
                for column, channel, form in zip(columns, own, forms, strict=True)
            ]
            file.write(b"".join(b",".join(row) + b"\n" for row in zip(*cells, strict=True)))


def _texts(channel: Channel | Time | None, column: Array, form: str | None) -> list[bytes]:
    """A column of `Samples.table` as text; without a channel, the number of a sequence or step. Cells have
    the `form` that the data's had, see `Spec.cells`."""
    if isinstance(channel, Time):
        return _times(channel, column)
    if form in ("True", "TRUE"):
        turned = str.upper if form == "TRUE" else str.capitalize
        column = np.array([None if text is None else turned(text) for text in column.tolist()], object)
    elif form is not None:
        numeral = f"%{form}".encode()
        return [b"" if x != x else numeral % x for x in column.tolist()]  # noqa: PLR0124  NaN
    if channel is not None and channel.kind == "integer" and column.dtype == np.float32:
        there = ~np.isnan(column)
        whole = _cells(np.where(there, column, 0).astype(np.int64))
        return [text if own else b"" for text, own in zip(whole, there.tolist(), strict=True)]
    return _cells(column)


def _cells(column: Array) -> list[bytes]:
    """A column's values as text: the shortest that reads back as the same float32; a missing
    value is an empty cell."""
    if column.dtype == object:
        texts = {value: _quoted([value])[:-1] for value in set(column.tolist()) if value is not None}
        return [texts.get(value, b"") for value in column.tolist()]
    if not len(column):
        return []
    # One call formats the whole column, some fifty times as fast as one call a number.
    text = orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY)
    return text[1:-1].replace(b"null", b"").split(b",")


def _times(time: Time, ticks: Array) -> list[bytes]:
    """Times as text. Sequences whose rows are evenly apart have them in common: each is written once."""
    each, place = np.unique(ticks.astype(np.int64), return_inverse=True)
    texts = [text.encode() for text in times.texts(time, each)]
    if "," in time.format:
        texts = [b'"' + text + b'"' for text in texts]
    return [texts[i] for i in place.tolist()]


def _quoted(cells: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()
