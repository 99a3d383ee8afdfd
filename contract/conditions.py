"""Conditions: what was asked for, completed by what the data would have.

A condition not given is drawn from the Spec's joint table by (seed, row), among the rows
that agree with the discrete conditions that were given; so is the length, where sequences end.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contract.errors import ConditionError
from contract.noise import NoiseStream
from contract.spec import NUMERIC, Condition, Spec

Given = Mapping[str, object]


def validate(spec: Spec, given: Given) -> dict[str, float]:
    """Names and values as the graph's numbers.

    Raises:
        ConditionError: a name or a value that the model does not know.
    """
    known = {c.name: c for c in spec.conditions}
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ConditionError(
                f"condition.{name}", f"unknown condition {name!r}; this model's conditions: {listed}"
            )
    result = {name: _number(known[name], value) for name, value in given.items()}
    if not _matching(spec, result).any() and spec.conditions:
        raise ConditionError("condition", f"the data never had {dict(given)} together")
    return result


def draw(
    spec: Spec, given: Mapping[str, float], stream: NoiseStream, seed: int, rows: Sequence[int]
) -> dict[str, NDArray[np.generic]]:
    """`condition.NAME` for each of `rows`, an array (len(rows),) per condition of the Spec, and where
    sequences end their `length`."""
    if not spec.condition_table.rows:
        return {}
    table = np.asarray(spec.condition_table.rows, np.float64)  # (distinct, conditions)
    counts = np.where(_matching(spec, given), spec.condition_table.counts, 0)
    edges = np.cumsum(counts) / counts.sum()
    uniforms = [stream.uniform(seed, row) for row in rows]
    chosen = table[np.searchsorted(edges, uniforms, side="right")]  # (rows, conditions)
    result: dict[str, NDArray[np.generic]] = {}
    for column, condition in enumerate(spec.conditions):
        values = chosen[:, column]
        if condition.name in given:
            values = np.full(len(rows), given[condition.name])
        dtype = np.float32 if condition.kind in NUMERIC else np.int64
        result[f"condition.{condition.name}"] = values.astype(dtype)
    if spec.ends:
        result["length"] = chosen[:, -1].astype(np.int64)
    return result


def _matching(spec: Spec, given: Mapping[str, float]) -> NDArray[np.bool_]:
    """Which rows of the joint table agree with the discrete conditions in `given`."""
    keep = np.ones(len(spec.condition_table.rows), bool)
    for column, condition in enumerate(spec.conditions):
        if condition.kind not in NUMERIC and condition.name in given:
            keep &= [row[column] == given[condition.name] for row in spec.condition_table.rows]
    return keep


def _number(condition: Condition, value: object) -> float:
    where = f"condition.{condition.name}"
    if condition.kind not in NUMERIC:
        if value not in condition.labels:
            raise ConditionError(where, f"{value!r} is not one of {_list(condition.labels)}")
        return float(condition.labels.index(str(value)))
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ConditionError(where, f"{value!r} is not a number")
    return float(value)


def _list(labels: Iterable[str], most: int = 20) -> str:
    labels = list(labels)
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more
