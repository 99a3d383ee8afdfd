"""JSON: {"seed", "columns", "sequences": [[[…]]]}; a missing value is null."""

from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import orjson

from contract.rollout import Array
from contract.spec import Spec
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".json", "application/json"


def refusal(spec: Spec) -> str | None:
    """This form holds everything."""
    return None


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """One object. A sequence that comes in several batches of steps is written as one."""
    columns = orjson.dumps([c.name for c in plan.spec.channels])
    file.write(b'{"seed":%d,"columns":%s,"sequences":[' % (plan.seed, columns))
    before = b""
    for batch in batches:
        text = dumps(sequences(batch))[1:-1]
        if batch.first_step:
            file.write(b"," + text[1:-1])  # goes on with the row that is open
        else:
            file.write(before + text[:-1])
        before = b"],"
    file.write(b"]]}" if before else b"]}")


def sequences(samples: Samples) -> Any:
    """The samples as nested lists, (count, steps, channels), ends cut off."""
    plain = all(c.kind == "continuous" for c in samples.spec.channels)
    if plain and samples.valid is None and samples.values is not None:
        return np.ascontiguousarray(samples.values)
    columns = [_scalars(samples.column(name)) for name in samples.columns]
    return [
        [list(step) for step in zip(*(c[:length] for c in row), strict=True)]
        for row, length in zip(zip(*columns, strict=True), samples.lengths().tolist(), strict=True)
    ]


def _scalars(column: Array) -> list[list[Any]]:
    """(count, steps) as nested lists; float32 stays itself, so that it is written as short as it
    is and not as the double next to it."""
    return [list(row) for row in column] if column.dtype == np.float32 else column.tolist()


def dumps(value: Any) -> bytes:
    """JSON text of plain values and numpy arrays."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
