"""Where sequences that go on for ever are at home: in each window on the way to a level that is made as it
begins, as `Generator.drive` does.

A row may stand anywhere in its window when it is asked for, and each row of a batch elsewhere. So of the
windows that begin within these steps as many levels are made as there can be, and each step takes the way
of its own; before the first of these it is what was carried on.
"""

import numpy as np
from onnx import TensorProto

from export.known import seen
from export.layers import Weights, perceptron
from export.nodes import Nodes
from training.conditions import Conditions
from training.generator import Generator


def level_of(n: Nodes, weights: Weights, once: str) -> str:
    """Where sequences begin, (1, batch, components), by `once` (batch, latent + given)."""
    level = perceptron(n, weights, "level", ("0", "2.0", "2.2"), once)  # (batch, components)
    return n.add("Unsqueeze", level, n.integers(0), to="level")


def homes(
    n: Nodes, g: Generator, weights: Weights, conditions: Conditions, fresh: str, drift: str, drifts: str,
    given: str,
) -> tuple[str, str]:  # fmt: skip
    """Where sequences begin, (1, batch, components), and where they are at home at each step, (steps,
    batch, components); and `next.home`. By the latents before the first of these steps, `drift` (1, batch,
    latent), and behind each, `drifts` (steps, batch, latent), and by conditions, `given` (batch, given). A
    sequence that is `fresh`, (1, batch, 1), is at home where it begins."""
    components, rows = len(weights["a"]), n.integers(g.window)
    one, axis = n.integers(1), n.integers(0)
    last = n.add("Sub", "steps.list", one, to="steps.last")  # (1,)

    # Of the windows that begin here: which they are, and at which of these steps.
    above = n.integers(g.window - 1)
    first = n.add("Div", n.add("Add", "position", above, to="window.above"), rows, to="window.first")
    count = n.add("Div", n.add("Add", "steps", above, to="windows.above"), rows, to="windows.list")
    count = n.add("Squeeze", count, axis, to="windows")
    number = n.add("Range", "scalar.0", count, "scalar.1", to="windows.each")
    number = n.add("Unsqueeze", number, one, to="windows.time")  # (windows, 1)
    number = n.add("Add", number, first, to="windows.number")  # (windows, batch)
    begins = n.add("Mul", number, rows, to="windows.begin")  # in the sequence
    at = n.add("Sub", begins, "position", to="windows.at.all")
    at = n.add("Min", at, last, to="windows.at")  # where none begins any more it is never looked up

    # The level of each: of the latents before its first step.
    before = n.add("Concat", drift, drifts, to="latents.all", axis=0)  # (steps + 1, batch, latent)
    before = n.add("Slice", before, axis, n.integers(g.sizes.latent), n.integers(2), to="latents.slow")
    x = _picked(n, before, at, g.sizes.latent, "latents.windows")  # (windows, batch, latent)
    shape = n.add("Shape", at, to="windows.shape")
    parts = [x]
    if given:
        full = n.add("Concat", shape, n.integers(conditions.width), to="windows.given.shape", axis=0)
        parts.append(n.add("Expand", given, full, to="windows.given"))
    calendar = [
        seen(n, s, n.add("Add", begins, f"season.{s.name}", to=f"{s.name}.windows.begin"), "windows")
        for s in conditions.seasons
    ]  # (windows, batch, numbers) each
    if calendar:
        parts.append(n.add("Concat", *calendar, to="windows.calendar", axis=2))
    x = n.add("Concat", *parts, to="windows.in", axis=2) if len(parts) > 1 else x
    inputs = weights["level.0.weight"].shape[1]
    x = n.add("Reshape", x, n.integers(-1, inputs), to="windows.flat")  # (windows · batch, inputs)
    x = perceptron(n, weights, "level", ("0", "2.0", "2.2"), x)
    full = n.add("Concat", shape, n.integers(components), to="windows.level.shape", axis=0)
    levels = n.add("Reshape", x, full, to="windows.level")  # (windows, batch, components)
    home = levels
    if calendar:  # that comes and goes by itself
        goes = n.add("MatMul", parts[-1], n.constant("calendar", weights["calendar"]), to="windows.goes")
        home = n.add("Sub", levels, goes, to="windows.home")
    level = n.add("Slice", levels, axis, one, axis, to="level")  # (1, batch, components)

    return level, _way(n, g, fresh, home, first)


def _way(n: Nodes, g: Generator, fresh: str, home: str, first: str) -> str:
    """Where each step is at home, (steps, batch, components), and `next.home`: where that is as each window
    ends, `home` (windows, batch, components), of those from the `first` (batch,) on that begin here."""
    components, rows = len(g.a), n.integers(g.window)
    one, axis = n.integers(1), n.integers(0)

    # Where each window's begins and ends: the one under way, and those that begin here.
    ends = n.add_many("Split", "state.home", to=["home.left", "home.right"], axis=2, num_outputs=2)
    begun = n.add("Slice", home, axis, one, axis, to="home.first")
    right = n.add("Where", fresh, begun, ends[1], to="home.here")  # a sequence begins at its own
    after = n.add("Concat", right, home, to="homes.ends", axis=0)  # (1 + windows, batch, components)
    before = n.add("Slice", after, axis, n.integers(-1), axis, to="homes.known")
    before = n.add("Concat", ends[0], before, to="homes.begins", axis=0)
    pairs = n.add("Concat", before, after, to="homes.pairs", axis=2)  # (1 + windows, batch, 2 components)

    # And of these what each step is at, on a straight way from one to the other.
    own = n.add("Div", "time", rows, to="window.own")  # (steps, batch)
    behind = n.add("Sub", "time", n.add("Mul", own, rows, to="window.begin"), to="window.behind")
    own = n.add("Sub", own, first, to="window.ahead")
    own = n.add("Add", own, one, to="window.which")
    pair = _picked(n, pairs, own, 2 * components, "home.pair")  # (steps, batch, 2 components)
    n.add("Slice", pair, n.integers(-1), n.integers(2**31 - 1), axis, to="next.home")
    begin, end = n.add_many("Split", pair, to=["home.begin", "home.end"], axis=2, num_outputs=2)
    step = n.cast(n.add("Add", behind, one, to="window.step"), TensorProto.FLOAT, to="window.steps")
    share = n.add(
        "Div", step, n.constant("window.rows", np.full(1, g.window, np.float32)), to="window.share"
    )
    share = n.add("Unsqueeze", share, n.integers(2), to="window.shares")  # (steps, batch, 1)
    way = n.add("Mul", n.add("Sub", end, begin, to="home.far"), share, to="home.gone")
    return n.add("Add", begin, way, to="home")  # (steps, batch, components)


def homeward(n: Nodes, weights: Weights, given: str, home: str) -> str:
    """What is added to v, as `Generator._homeward`: (steps, batch, components), or without a `home` (1,
    batch, components); nothing where there is neither."""
    parts = []
    if home:
        share = n.constant("homes.drawn", weights["drawn"] * weights["kept"])
        parts.append(n.add("Mul", home, share, to="homeward.home"))
    if weights["homes"].any():
        known = n.add(
            "MatMul", given, n.constant("homes", weights["homes"] * weights["kept"]), to="homeward.known"
        )
        parts.append(n.add("Unsqueeze", known, n.integers(0), to="homeward.once"))
    return n.add("Add", *parts, to="homeward") if len(parts) > 1 else "".join(parts)


def _picked(n: Nodes, x: str, index: str, size: int, to: str) -> str:
    """Of x (…, batch, size) the rows `index` (n, batch): (n, batch, size)."""
    wide = n.add("Unsqueeze", index, n.integers(2), to=f"{to}.index")
    shape = n.add(
        "Concat", n.add("Shape", index, to=f"{to}.rows"), n.integers(size), to=f"{to}.shape", axis=0
    )
    wide = n.add("Expand", wide, shape, to=f"{to}.index.wide")
    return n.add("GatherElements", x, wide, to=to, axis=0)
