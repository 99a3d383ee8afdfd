"""What is known of a sequence before its first step: its conditions, its length, and so the time left; and
when it begins, and so where in the day each row is."""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from contract.calendar import Season
from export.nodes import Nodes
from training.conditions import Conditions
from training.ends import SOON
from training.seasons import rows_of, table_of


def encode(n: Nodes, conditions: Conditions) -> str:
    """The conditions as the generator sees them, (batch, given), as `Conditions.encode`."""
    parts = []
    for i, condition in enumerate(conditions.described):
        name = f"condition.{condition.name}"
        column = n.add("Unsqueeze", name, n.integers(1), to=f"given.{i}.column")  # (batch, 1)
        if condition.labels:
            every = n.constant(f"outcomes.{len(condition.labels)}", np.arange(len(condition.labels)))
            hit = n.add("Equal", column, every, to=f"given.{i}.hit")  # (batch, labels)
            parts.append(n.cast(hit, TensorProto.FLOAT, to=f"given.{i}"))
        else:
            mean, scale = (np.full(1, x, np.float32) for x in conditions.scale(i))
            column = n.add("Sub", column, n.constant(f"given.{i}.mean", mean), to=f"given.{i}.centred")
            parts.append(n.add("Mul", column, n.constant(f"given.{i}.scale", scale), to=f"given.{i}"))
    if conditions.told:
        share = n.constant("given.share", np.full(1, 1 / conditions.most, np.float32))
        column = n.add("Unsqueeze", "length", n.integers(1), to="given.length")  # (batch, 1)
        column = n.cast(column, TensorProto.FLOAT, to="given.length.float")
        parts.append(n.add("Mul", column, share, to="given.length.share"))
    return n.add("Concat", *parts, to="given", axis=1)


def first(n: Nodes, seasons: Sequence[Season]) -> list[str]:
    """What is seen of the calendar in the first row: (batch, numbers) for each season."""
    return [seen(n, season, f"season.{season.name}", "first") for season in seasons]


def each(n: Nodes, seasons: Sequence[Season]) -> list[str]:
    """The same in each row: (steps, batch, numbers)."""
    parts = []
    for season in seasons:
        row = n.add("Add", "time", f"season.{season.name}", to=f"{season.name}.row")  # (steps, batch)
        parts.append(seen(n, season, row, "each"))
    return parts


def seen(n: Nodes, season: Season, row: str, what: str) -> str:
    """Of rows (…,) counted from the beginning of any turn, as `Seasons`: (…, numbers)."""
    name = f"{season.name}.{what}"
    table = n.constant(f"{season.name}.table", table_of(season).astype(np.float32))
    row = n.add("Mod", row, n.integers(season.rows), to=f"{name}.row")
    place = n.add("Div", row, n.integers(rows_of(season)), to=f"{name}.place")
    return n.add("Gather", table, place, to=name, axis=0)


def elapsed(n: Nodes, most: int) -> list[str]:
    """What a generator with a gate sees of time, as `ends.elapsed`: (steps, batch, 1)."""
    count = n.cast("time", TensorProto.FLOAT, to="elapsed.float")
    share = n.add("Div", count, n.constant("elapsed.of", np.full(1, most, np.float32)), to="elapsed.share")
    share = n.add("Min", share, n.constant("elapsed.one", np.ones(1, np.float32)), to="elapsed")
    return [n.add("Unsqueeze", share, n.integers(2), to="elapsed.time")]


def clock(n: Nodes, most: int) -> list[str]:
    """What a generator that is told the length sees of time, as `ends.clock_of`: (steps, batch, 1) each."""
    nothing = n.constant("clock.nothing", np.zeros(1, np.int64))
    left = n.add("Sub", "length", "time", to="clock.left.any")
    left = n.add("Max", left, nothing, to="clock.left")
    gone = n.add("Sub", "length", left, to="clock.gone")
    parts = []
    for name, count, whole in (("gone", gone, most), ("left", left, most), ("soon", left, SOON)):
        share = n.cast(count, TensorProto.FLOAT, to=f"clock.{name}.float")
        of = n.constant(f"clock.{name}.of", np.full(1, whole, np.float32))
        share = n.add("Div", share, of, to=f"clock.{name}.share")
        if name == "soon":
            share = n.add("Min", share, n.constant("clock.one", np.ones(1, np.float32)), to="clock.soon")
        parts.append(n.add("Unsqueeze", share, n.integers(2), to=f"clock.{name}.time"))
    return parts
