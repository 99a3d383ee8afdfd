"""Parquet in long form: typed columns, labels as dictionaries, yes-or-no as booleans, codes as whole
numbers. Needs pyarrow."""

from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from contract import times
from contract.calendar import Time
from contract.rollout import Array
from contract.spec import NUMERIC, Channel, Spec
from serving.errors import FormatError
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".parquet", None


def refusal(spec: Spec) -> str | None:
    """This form holds everything."""
    return None


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """One row group a batch.

    Raises:
        FormatError: pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet
    except ImportError as error:
        raise FormatError("parquet needs pyarrow: pip install 'cadenza[parquet]'") from error
    schema = arrow.schema(
        [
            ("sequence", arrow.int64()),
            ("step", arrow.int64()),
            *((c.name, _type(arrow, c)) for c in plan.spec.tabled),
        ]
    )
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for batch in batches:
            arrays: list[Array] = [column for _, column in batch.table()]
            own = [None, None, *plan.spec.tabled]
            columns = [
                _times(arrow, c, a) if isinstance(c, Time) else arrow.array(_values(c, a), from_pandas=True)
                for c, a in zip(own, arrays, strict=True)
            ]
            table = arrow.Table.from_arrays(columns, names=schema.names).cast(schema)
            writer.write_table(table)


def _values(channel: Channel | None, column: Array) -> Array:
    """A column of `Samples.table`, with what is yes-or-no, or a code, as such."""
    if channel is None or not (channel.truth or channel.code):
        return column
    own = "true".__eq__ if channel.truth else int
    return np.array([None if value is None else own(value) for value in column.tolist()], object)


def _times(arrow: Any, time: Time, ticks: Array) -> Any:
    """Ticks as an Arrow array; of time stamps Arrow wants UTC."""
    if time.kind == "number" and time.digits:
        return arrow.array(ticks / 10**time.digits)
    if time.kind == "date":
        return arrow.array(ticks.astype("datetime64[D]"))
    return arrow.array(ticks - times.offset(time)).cast(_type(arrow, time))


def _type(arrow: Any, channel: Channel | Time) -> Any:
    if isinstance(channel, Channel) and channel.truth:
        return arrow.bool_()
    if isinstance(channel, Time):
        if channel.kind == "date":
            return arrow.date32()
        if channel.kind == "timestamp":
            return arrow.timestamp(times.unit(channel), tz=channel.zone)
        return arrow.float64() if channel.digits else arrow.int64()
    if channel.kind not in NUMERIC and not channel.code:
        return arrow.dictionary(arrow.int32(), arrow.string())
    return arrow.int64() if channel.kind == "integer" or channel.code else arrow.float32()
