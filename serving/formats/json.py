"""JSON: {"seed", "columns", "sequences": [[[…]]]}; a missing value is null. Where the model has
conditions also "conditions", by name the value of each sequence; where it has times, when each begins."""

from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import orjson

from contract import times
from contract.conditions import begins
from contract.noise import NoiseStream
from contract.rollout import Array
from contract.spec import Spec
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".json", "application/json"


def refusal(spec: Spec) -> str | None:
    """This form holds everything."""
    return None


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """One object. A sequence that comes in several batches of steps is written as one."""
    columns = [c.name for c in plan.spec.channels]
    head = dumps({"seed": plan.seed, "columns": columns} | conditions(plan))
    file.write(head[:-1] + b',"sequences":[')
    before = b""
    for batch in batches:
        text = dumps(sequences(batch))[1:-1]
        if batch.first_step:
            file.write(b"," + text[1:-1])  # goes on with the row that is open
        else:
            file.write(before + text[:-1])
        before = b"],"
    file.write(b"]]}" if before else b"]}")


def conditions(made: Plan | Samples) -> dict[str, Any]:
    """The member that says what each sequence was made under, and when it begins; none of a model that has
    neither."""
    found = {name: _scalars(values) for name, values in made.conditions.items()}
    time = made.spec.time
    if time is not None:
        first, count = (made.first_row, made.shape[0]) if isinstance(made, Samples) else (0, made.count)
        rows = range(first, first + count)
        begun = begins(time, made.given, NoiseStream(), made.seed, rows)
        found[time.name] = times.texts(time, begun)
        if time.kind == "number":
            found[time.name] = (begun / 10**time.digits if time.digits else begun).tolist()
    return {"conditions": found} if found else {}


def sequences(samples: Samples) -> Any:
    """The samples as nested lists, (count, steps, channels), ends cut off."""
    plain = all(c.kind == "continuous" for c in samples.spec.channels)
    if plain and samples.valid is None and samples.values is not None:
        return np.ascontiguousarray(samples.values)
    columns = [_scalars(samples.column(c.name), c.kind == "integer") for c in samples.spec.channels]
    return [
        [list(step) for step in zip(*(c[:length] for c in row), strict=True)]
        for row, length in zip(zip(*columns, strict=True), samples.lengths().tolist(), strict=True)
    ]


def _scalars(column: Array, whole: bool = False) -> list[Any]:
    """(count,) or (count, steps) as nested lists; float32 stays itself, so that it is written as short as
    it is and not as the double next to it, unless it is `whole` numbers with gaps."""
    if whole and column.dtype == np.float32:
        there = ~np.isnan(column)
        numbers = np.where(there, column, 0).astype(np.int64).astype(object)
        column = np.where(there, numbers, np.array(None, object))
    if column.dtype == np.float32:
        return list(column) if column.ndim == 1 else [list(row) for row in column]
    nested: list[Any] = column.tolist()
    return nested


def dumps(value: Any) -> bytes:
    """JSON text of plain values and numpy arrays."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
