"""Columns that follow from others, operation by operation as `training/data/rules/rule.py`.

Here a column is one row of all steps and sequences, (1, steps · batch).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from contract.calendar import Season
from export.layers import on_grid
from export.nodes import Nodes
from training.data.rules import turning
from training.data.rules.making import Rules
from training.data.rules.rule import Begins, Cuts, Fixed, Product, Sum, Table, reach, taken


def follow(n: Nodes, rules: Rules, values: str, labels: Sequence[str], rows: str) -> tuple[str, list[str]]:
    """Of what was learnt, `values` (channels, steps · batch) and `labels`, (steps, batch, 1) each, the same
    of all columns; the empty string where no column is a number. `rows` is [steps, batch]. Puts
    `next.before` where something is carried on."""
    numbers, own = rules.learnt(rules.numeric), rules.learnt(rules.discrete)
    found: dict[int, str] = {}
    if numbers:
        names = [f"learnt.{i}" for i in numbers]
        n.add_many("Split", values, to=names, axis=0, num_outputs=len(numbers))  # (1, steps · batch) each
        found = dict(zip(numbers, names, strict=True))
    for i, label in zip(own, labels, strict=True):
        found[i] = n.add("Reshape", label, n.integers(1, -1), to=f"learnt.{i}")
    before = _Before(n, rules.carried, rows) if rules.carried else None
    for at, rule in enumerate(rules.each):
        name = f"rule.{at}"
        sources = [
            before(f"{name}.{k}", found[i], i, lag, rule.begins) if before and lag else found[i]
            for k, (i, lag) in enumerate(taken(rule))
        ]
        if isinstance(rule, Fixed):
            if rule.season:
                sources.append(_part(n, rule.season, name))
            sources.append(found[rule.column])
        follows = _MADE[type(rule)](n, rule, name, sources)
        if before and rule.begins == "learnt":
            early = before.early(reach(rule))
            follows = n.add("Where", early, found[rule.column], follows, to=f"{name}.later")
        found[rule.column] = follows
    if before:
        before.carry(found)
    if rules.numeric:
        values = n.add("Concat", *(found[i] for i in rules.numeric), to="values.every", axis=0)
    made = {rule.column for rule in rules.each}
    shaped = {i: label for i, label in zip(own, labels, strict=True) if i not in made}
    if len(shaped) < len(rules.discrete):
        shape = n.add("Concat", rows, n.integers(1), to="rules.shape", axis=0)
        for i in rules.discrete:
            if i in made:
                shaped[i] = n.add("Reshape", found[i], shape, to=f"rule.{i}.label")  # (steps, batch, 1)
    return values, [shaped[i] for i in rules.discrete]


class _Before:
    """Numbers, each (1, steps · batch), as they were some rows before, which are `batch` places apart."""

    def __init__(self, n: Nodes, carried: Mapping[int, int], rows: str):
        self.n, self.carried, self.made = n, carried, set[str]()
        self.batch = n.add("Slice", rows, n.integers(1), n.integers(2), to="before.batch")  # [batch]
        state = n.add("Squeeze", "state.before", n.integers(0), to="before.state")  # (batch, state)
        fresh = n.add("Unsqueeze", "fresh.all", n.integers(1), to="before.fresh")  # (batch, 1)
        state = n.add("Where", fresh, _one(n, "before.zero", 0), state, to="before.known")
        state = n.add("Transpose", state, to="before.rows", perm=[1, 0])  # (state, batch)
        names = [f"before.{kind}.{i}" for kind in ("number", "gone") for i in carried]
        n.add_many("Split", state, n.integers(*carried.values(), *carried.values()), to=names, axis=0)
        for i in carried:  # (rows, batch) each
            gone = n.add(
                "Greater", f"before.gone.{i}", _one(n, "before.zero", 0), to=f"before.was.gone.{i}"
            )
            missing = _one(n, "before.missing", np.nan)
            last = n.add("Where", gone, missing, f"before.number.{i}", to=f"before.last.{i}")
            n.add("Reshape", last, n.integers(1, -1), to=f"before.flat.{i}")  # (1, rows · batch)
        self.time = n.add("Reshape", "time", n.integers(1, -1), to="before.time")  # (1, steps · batch)

    def __call__(self, name: str, column: str, which: int, lag: int, begins: Begins | None) -> str:
        """A number that is carried on as it was `lag` rows before."""
        every = self.n.add("Concat", f"before.flat.{which}", column, to=f"{name}.every", axis=1)
        first, end = (self._places(rows) for rows in (self.carried[which] - lag, -lag))
        moved = self.n.add("Slice", every, first, end, self.n.integers(1), to=f"{name}.moved")
        begun = column
        if begins in ("missing", "zero"):
            begun = _one(self.n, f"before.{begins}", np.nan if begins == "missing" else 0)
        return self.n.add("Where", self.early(lag), begun, moved, to=f"{name}.before")

    def early(self, lag: int) -> str:
        """Whether fewer rows came before each of these, (1, steps · batch)."""
        return self._once("Less", self.time, self.n.integers(lag), to=f"before.early.{lag}")

    def carry(self, found: dict[int, str]) -> None:
        """Put `next.before` of all columns: the last of each number, or 0, and which of them is missing."""
        numbers, gone = [], []
        end = self.n.integers(np.iinfo(np.int64).max)
        shape = self.n.add("Concat", self.n.integers(-1), self.batch, to="before.shape", axis=0)
        for i, rows in self.carried.items():
            every = self.n.add("Concat", f"before.flat.{i}", found[i], to=f"before.every.{i}", axis=1)
            last = self.n.add(
                "Slice", every, self._places(-rows), end, self.n.integers(1), to=f"before.next.flat.{i}"
            )
            last = self.n.add("Reshape", last, shape, to=f"before.next.{i}")  # (rows, batch)
            absent = self.n.add("IsNaN", last, to=f"before.next.gone.{i}")
            zero = _one(self.n, "before.zero", 0)
            numbers.append(self.n.add("Where", absent, zero, last, to=f"before.next.number.{i}"))
            gone.append(self.n.cast(absent, TensorProto.FLOAT, to=f"before.next.flag.{i}"))
        state = self.n.add("Concat", *numbers, *gone, to="before.next", axis=0)  # (state, batch)
        state = self.n.add("Transpose", state, to="before.next.rows", perm=[1, 0])
        self.n.add("Unsqueeze", state, self.n.integers(0), to="next.before")  # (1, batch, state)

    def _places(self, rows: int) -> str:
        """So many rows in places, [rows · batch]."""
        return self._once("Mul", self.batch, self.n.integers(rows), to=f"before.places.{rows}")

    def _once(self, op: str, *inputs: str, to: str) -> str:
        """A node that several rules may ask for."""
        if to not in self.made:
            self.made.add(self.n.add(op, *inputs, to=to))
        return to


def _sum(n: Nodes, rule: Sum, name: str, sources: Sequence[str]) -> str:
    found = _one(n, f"{name}.constant", rule.constant)
    for k, (source, weight) in enumerate(zip(sources, rule.weights, strict=True)):
        term = n.add("Mul", source, _one(n, f"{name}.weight.{k}", weight), to=f"{name}.term.{k}")
        found = n.add("Add", found, term, to=f"{name}.sum.{k}")
    return _rounded(n, name, found, rule.per, rule.of)


def _product(n: Nodes, rule: Product, name: str, sources: Sequence[str]) -> str:
    found = n.add("Div" if rule.divided else "Mul", *sources, to=f"{name}.plain")
    found = n.add("Mul", found, _one(n, f"{name}.constant", rule.constant), to=f"{name}.scaled")
    found = n.add("Add", found, _one(n, f"{name}.plus", rule.plus), to=f"{name}.moved")
    return _rounded(n, name, found, rule.per, rule.of)


def _rounded(n: Nodes, name: str, found: str, per: int, of: int) -> str:
    if not per:
        return found
    return on_grid(n, name, found, _one(n, f"{name}.per", per), _one(n, f"{name}.of", of))


def _one(n: Nodes, name: str, value: float) -> str:
    return n.constant(name, np.full(1, value, np.float32))


def _cuts(n: Nodes, rule: Cuts, name: str, sources: Sequence[str]) -> str:
    number = sources[0]
    if len(sources) > 1:
        number = _rounded(
            n, f"{name}.change", n.add("Sub", *sources, to=f"{name}.apart"), rule.per, rule.of
        )
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


def _part(n: Nodes, season: Season, name: str) -> str:
    """Which part of a turn of the calendar each row is in, (1, steps · batch), as `turning.part`."""
    row = n.add("Mod", f"{season.name}.row", n.integers(season.rows), to=f"{name}.row")  # (steps, batch)
    row = n.add("Mul", row, n.integers(turning.parts_of(season)), to=f"{name}.parts")
    row = n.add("Div", row, n.integers(season.rows), to=f"{name}.part")
    return n.add("Reshape", row, n.integers(1, -1), to=f"{name}.flat")


def _fixed(n: Nodes, rule: Fixed, name: str, sources: Sequence[str]) -> str:
    other, own = sources
    if rule.labels:
        each = n.constant(f"{name}.labels", np.array(rule.labels)[:, None])
        hits = n.cast(n.add("Equal", other, each, to=f"{name}.hits"), TensorProto.INT64, to=f"{name}.ones")
        said = n.add("ReduceMax", hits, n.integers(0), to=f"{name}.any", keepdims=1)  # (1, steps · batch)
        said = n.cast(said, TensorProto.BOOL, to=f"{name}.said")
    else:
        ends = [("GreaterOrEqual", rule.least), ("LessOrEqual", rule.most)]
        inside = [
            n.add(op, other, _one(n, f"{name}.{op}.end", end), to=f"{name}.{op}")
            for op, end in ends
            if end is not None
        ]
        said = inside[0] if len(inside) == 1 else n.add("And", *inside, to=f"{name}.said")
    return n.add("Where", said, _one(n, f"{name}.value", rule.value), own, to=name)


_MADE: dict[type, Callable[[Nodes, Any, str, Sequence[str]], str]] = {
    Sum: _sum, Product: _product, Cuts: _cuts, Table: _table, Fixed: _fixed,
}  # fmt: skip
