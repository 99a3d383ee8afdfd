"""Parquet in long form: columns of the types that the data's had; else labels as dictionaries, yes-or-no as
booleans, codes as whole numbers. Needs pyarrow."""

from collections.abc import Iterator
from typing import IO, Any

from contract.calendar import Time
from contract.rollout import Array
from contract.spec import TEXTS, Channel, Spec
from serving.errors import FormatError
from serving.formats.types import plain, texts, type_of
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
    own = [None, None, *plan.spec.tabled]
    kinds = ["int64", "int64", *(type_of(plan.spec, c) for c in plan.spec.tabled)]
    names = ["sequence", "step", *(c.name for c in plan.spec.tabled)]
    types = [_type(arrow, c, kind) for c, kind in zip(own, kinds, strict=True)]
    schema = arrow.schema(list(zip(names, types, strict=True)))
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for batch in batches:
            columns = [
                _column(arrow, c, kind, column)
                for c, kind, (_, column) in zip(own, kinds, batch.table(), strict=True)
            ]
            table = arrow.Table.from_arrays(columns, names=schema.names).cast(schema)
            writer.write_table(table)


def _type(arrow: Any, column: Channel | Time | None, kind: str) -> Any:
    if kind == "dictionary":
        return arrow.dictionary(arrow.int32(), arrow.string())
    if kind.startswith("timestamp["):
        assert isinstance(column, Time)
        return arrow.timestamp(kind.removeprefix("timestamp[").removesuffix("]"), tz=column.zone)
    return arrow.type_for_alias(kind)


def _column(arrow: Any, channel: Channel | Time | None, kind: str, column: Array) -> Any:
    """A column of `Samples.table` as an Arrow array, still to be cast to its type; without a channel, the
    number of a sequence or step."""
    if kind == "bool":
        return arrow.array([None if value is None else value == "true" for value in column.tolist()])
    if channel is not None and (kind == "dictionary" or kind in TEXTS):
        return arrow.array(texts(channel, column), arrow.string())
    found, there = plain(channel, kind, column)
    return arrow.array(found, mask=~there)
