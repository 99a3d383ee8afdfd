"""Parquet in long form: typed columns, labels as dictionaries. Needs pyarrow."""

from collections.abc import Iterator
from typing import IO, Any

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
            *((c.name, _type(arrow, c)) for c in plan.spec.channels),
        ]
    )
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for batch in batches:
            arrays: list[Array] = [column for _, column in batch.table()]
            columns = [arrow.array(a, from_pandas=True) for a in arrays]
            table = arrow.Table.from_arrays(columns, names=schema.names).cast(schema)
            writer.write_table(table)


def _type(arrow: Any, channel: Channel) -> Any:
    if channel.kind not in NUMERIC:
        return arrow.dictionary(arrow.int32(), arrow.string())
    return arrow.int64() if channel.kind == "integer" else arrow.float32()
