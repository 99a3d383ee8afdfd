"""Columns that follow from others, operation by operation as `training/data/rules.py`.

Here a column is one row of all steps and sequences, (1, steps · batch).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from export.layers import on_grid
from export.nodes import Nodes
from training.data.rules import Cuts, Product, Rules, Sum, Table


def follow(n: Nodes, rules: Rules, values: str, labels: Sequence[str], rows: str) -> tuple[str, list[str]]:
    """Of what was learnt, `values` (channels, steps · batch) and `labels`, (steps, batch, 1) each, the same
    of all columns; the empty string where no column is a number. `rows` is [steps, batch]."""
    numbers, own = rules.learnt(rules.numeric), rules.learnt(rules.discrete)
    found: dict[int, str] = {}
    if numbers:
        names = [f"learnt.{i}" for i in numbers]
        n.add_many("Split", values, to=names, axis=0, num_outputs=len(numbers))  # (1, steps · batch) each
        found = dict(zip(numbers, names, strict=True))
    for i, label in zip(own, labels, strict=True):
        found[i] = n.add("Reshape", label, n.integers(1, -1), to=f"learnt.{i}")
    for rule in rules.each:
        made = _MADE[type(rule)]
        found[rule.column] = made(n, rule, f"rule.{rule.column}", [found[i] for i in rule.sources])
    if rules.numeric:
        values = n.add("Concat", *(found[i] for i in rules.numeric), to="values.every", axis=0)
    shaped = dict(zip(own, labels, strict=True))
    if len(shaped) < len(rules.discrete):
        shape = n.add("Concat", rows, n.integers(1), to="rules.shape", axis=0)
        for i in set(rules.discrete) - set(own):
            shaped[i] = n.add("Reshape", found[i], shape, to=f"rule.{i}.label")  # (steps, batch, 1)
    return values, [shaped[i] for i in rules.discrete]


def _sum(n: Nodes, rule: Sum, name: str, sources: Sequence[str]) -> str:
    found = _one(n, f"{name}.constant", rule.constant)
    for k, (source, weight) in enumerate(zip(sources, rule.weights, strict=True)):
        term = n.add("Mul", source, _one(n, f"{name}.weight.{k}", weight), to=f"{name}.term.{k}")
        found = n.add("Add", found, term, to=f"{name}.sum.{k}")
    return _rounded(n, name, found, rule.per, rule.of)


def _product(n: Nodes, rule: Product, name: str, sources: Sequence[str]) -> str:
    found = n.add("Div" if rule.divided else "Mul", *sources, to=f"{name}.plain")
    found = n.add("Mul", found, _one(n, f"{name}.constant", rule.constant), to=f"{name}.scaled")
    return _rounded(n, name, found, rule.per, rule.of)


def _rounded(n: Nodes, name: str, found: str, per: int, of: int) -> str:
    if not per:
        return found
    return on_grid(n, name, found, _one(n, f"{name}.per", per), _one(n, f"{name}.of", of))


def _one(n: Nodes, name: str, value: float) -> str:
    return n.constant(name, np.full(1, value, np.float32))


def _cuts(n: Nodes, rule: Cuts, name: str, sources: Sequence[str]) -> str:
    (number,) = sources
    cuts = n.constant(f"{name}.cuts", rule.least[:, None])
    above = n.add("GreaterOrEqual", number, cuts, to=f"{name}.above")  # (cuts, steps · batch)
    above = n.cast(above, TensorProto.INT64, to=f"{name}.ones")
    part = n.add("ReduceSum", above, n.integers(0), to=f"{name}.part", keepdims=1)
    dtype = np.int64 if rule.labelled else np.float32
    table = n.constant(f"{name}.outcomes", np.array(rule.outcomes, dtype))
    found = n.add("Gather", table, part, to=f"{name}.of.part")
    absent = n.constant(f"{name}.absent", np.full(1, rule.absent, dtype))
    return n.add("Where", n.add("IsNaN", number, to=f"{name}.gone"), absent, found, to=name)


def _table(n: Nodes, rule: Table, name: str, sources: Sequence[str]) -> str:
    (label,) = sources  # -1, where it is missing, is the last of the table
    dtype = np.int64 if rule.labelled else np.float32
    table = n.constant(f"{name}.outcomes", np.array(rule.outcomes, dtype))
    return n.add("Gather", table, label, to=name)


_MADE: dict[type, Callable[[Nodes, Any, str, Sequence[str]], str]] = {
    Sum: _sum, Product: _product, Cuts: _cuts, Table: _table,
}  # fmt: skip
