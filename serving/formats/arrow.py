"""Arrow IPC stream in long form: the columns of the CSV, typed; a missing value is null.

nanoarrow writes it: 3 MB in the image, where pyarrow is 170. It writes no dictionaries, so labels
are strings; yes-or-no is a boolean, and codes are whole numbers. Readers: `pyarrow.ipc.open_stream`,
`polars.read_ipc_stream`.
"""

import io
from collections.abc import Iterator, Sequence
from typing import IO, Any

import nanoarrow as na
import numpy as np
from nanoarrow.c_array_stream import CArrayStream
from nanoarrow.ipc import StreamWriter
from numpy.typing import NDArray

from contract import times
from contract.calendar import Time
from contract.rollout import Array
from contract.spec import NUMERIC, Channel, Spec
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".arrow", "application/vnd.apache.arrow.stream"

_ROWS = 2**16
"""Rows of a record batch, but for the last: the same bytes in whatever parts the samples come."""


def refusal(spec: Spec) -> str | None:
    """This form holds everything."""
    return None


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """The schema, record batches of so many rows, however the samples come, and the end."""
    file.write(opening(plan.spec))
    for columns in _cut(batches):
        file.write(_record_batch(plan.spec, columns))
    file.write(CLOSING)


def _cut(batches: Iterator[Samples]) -> Iterator[list[Array]]:
    """The columns of all samples, `_ROWS` of them at a time."""
    parts: list[list[Array]] = []
    rows = 0
    for batch in batches:
        parts.append([column for _, column in batch.table()])
        rows += len(parts[-1][0])
        if rows < _ROWS:
            continue
        columns = _joined(parts)
        whole = rows - rows % _ROWS
        for row in range(0, whole, _ROWS):
            yield [column[row : row + _ROWS] for column in columns]
        parts, rows = [[column[whole:] for column in columns]], rows - whole
    if rows:
        yield _joined(parts)


def _joined(parts: list[list[Array]]) -> list[Array]:
    return parts[0] if len(parts) == 1 else [np.concatenate(own) for own in zip(*parts, strict=True)]


def opening(spec: Spec) -> bytes:
    """The schema, as the message that a stream begins with."""
    nothing = CArrayStream.from_c_arrays([], na.c_schema(_schema(spec)), validate=False)
    return _written(nothing, write_schema=True)


def record_batch(samples: Samples) -> bytes:
    """The samples as one message, without a schema."""
    return _record_batch(samples.spec, [column for _, column in samples.table()])


def _record_batch(spec: Spec, columns: Sequence[Array]) -> bytes:
    own = [None, None, *spec.tabled]
    children = [
        _times(channel, column) if isinstance(channel, Time) else _column(channel, column)
        for channel, column in zip(own, columns, strict=True)
    ]
    batch = na.c_array_from_buffers(_schema(spec), len(columns[0]), [None], null_count=0, children=children)
    return _written(batch, write_schema=False)


CLOSING = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""A message of no length: the end of a stream."""


def _written(arrays: Any, *, write_schema: bool) -> bytes:
    out = io.BytesIO()
    writer = StreamWriter.from_writable(out)
    writer.write_stream(arrays, write_schema=write_schema)
    writer.release()
    return out.getvalue()


def _schema(spec: Spec) -> Any:
    index = na.int64(nullable=False)
    fields = {"sequence": index, "step": index} | {c.name: _type(c) for c in spec.tabled}
    return na.struct(fields, nullable=False)


def _type(channel: Channel | Time) -> Any:
    if isinstance(channel, Time):
        return _time_type(channel)
    if channel.truth:
        return na.bool_(nullable=channel.missing)
    if channel.kind not in NUMERIC and not channel.code:
        return na.large_string(nullable=channel.missing)
    kind = na.int64 if channel.kind == "integer" or channel.code else na.float32
    return kind(nullable=channel.missing)


def _time_type(time: Time) -> Any:
    if time.kind == "date":
        return na.date32(nullable=False)
    if time.kind == "timestamp":
        return na.timestamp(times.unit(time), timezone=time.zone, nullable=False)
    return na.float64(nullable=False) if time.digits else na.int64(nullable=False)


def _times(time: Time, ticks: Array) -> Any:
    """Ticks as an Arrow array; of time stamps Arrow wants UTC."""
    there = np.ones(len(ticks), np.bool_)
    if time.kind == "date":
        return _array(_time_type(time), there, [ticks.astype(np.int32)])
    if time.kind == "number" and time.digits:
        return _array(_time_type(time), there, [ticks / 10**time.digits])
    return _array(_time_type(time), there, [ticks - times.offset(time)])


def _column(channel: Channel | None, column: Array) -> Any:
    """A column of `Samples.table` as an Arrow array; without a channel, a number of a sequence or step."""
    if channel is not None and channel.truth:
        there = np.array([value is not None for value in column.tolist()], np.bool_)
        return _array(na.bool_(), there, [np.packbits(column == "true", bitorder="little")])
    if channel is not None and channel.code:
        there = np.array([value is not None for value in column.tolist()], np.bool_)
        return _array(na.int64(), there, [np.where(there, column, 0).astype(np.int64)])
    if column.dtype == object:
        texts = [None if value is None else value.encode() for value in column.tolist()]
        there = np.array([text is not None for text in texts], np.bool_)
        content = [text or b"" for text in texts]
        offsets = np.cumsum([0, *map(len, content)], dtype=np.int64)
        return _array(na.large_string(), there, [offsets, b"".join(content)])
    there = ~np.isnan(column) if column.dtype == np.float32 else np.ones(len(column), np.bool_)
    if channel is None or channel.kind == "integer":
        return _array(na.int64(), there, [np.where(there, column, 0).astype(np.int64)])
    return _array(na.float32(), there, [np.ascontiguousarray(column)])


def _array(kind: Any, there: NDArray[np.bool_], buffers: Sequence[Any]) -> Any:
    """An array of `len(there)` values, of which those that are not `there` are null."""
    missing = int(len(there) - there.sum())
    bitmap = np.packbits(there, bitorder="little") if missing else None
    return na.c_array_from_buffers(kind, len(there), [bitmap, *buffers], null_count=missing)
