"""Choices of labels, as `training/discrete.py` makes them: the only loop, since each is shown to those
behind it in its row and to the next step. Beside numbers, what lasts in these is summed in it too, since
labels see it."""

import numpy as np
from onnx import GraphProto, TensorProto, helper

from contract import interface
from export.layers import Weights, interpolated, lstm, perceptron
from export.nodes import Nodes
from export.scores import doubled
from training.discrete import EDGE, LOUDNESS, SCALE, gumbel_table
from training.generator import Generator

LOGITS = "logits"
"""The logits of all choices with their noise, those of the gate behind them, (steps, batch, width): a raw
output, before the decoding."""


def gumbels(n: Nodes, normals: str, name: str) -> str:
    """The Gumbels of these steps, (steps, batch, width), operation by operation as `Choices.gumbel`."""
    table = gumbel_table()
    at = n.add("Add", normals, n.constant("gumbel.edge", np.full(1, EDGE, np.float32)), to=f"{name}.offset")
    scale = n.constant("gumbel.scale", np.full(1, SCALE, np.float32))
    at = n.add("Mul", at, scale, to=f"{name}.knots")
    return interpolated(n, name, at, table)


def gate(n: Nodes, weights: Weights, hidden: str, normals: str) -> str:
    """The logits of the gate with their noise, (steps, batch, 2), from `hidden` (steps, batch, hidden)."""
    y = n.add("MatMul", hidden, n.weight("gate.w", weights["gate.weight"].T), to="gate.product")
    y = n.add("Add", y, n.constant("gate.b", weights["gate.bias"]), to="gate.soft")
    y = n.add("Mul", y, n.constant("gate.loudness", np.full(1, LOUDNESS, np.float32)), to="gate.loud")
    return n.add("Add", y, gumbels(n, normals, "latch"), to="gate.logits")


def choose(
    n: Nodes,
    g: Generator,
    weights: Weights,
    x: str,
    gumbel: str,
    fresh: str,
    h: str,
    c: str,
    total: str,
    homeward: str,
    logits: str,
) -> tuple[str, str, list[str]]:
    """`logits`, `next.h`, `next.c` and `next.choice`, by a Scan over the steps, each of which sees what
    the one before has chosen; with a `total` (1, batch, components) `next.total` too, and "lasting" (steps,
    batch, 2 components), the totals and their moves. Gives the LSTM's output (steps, batch, hidden), all
    choices as 0 and 1 (steps, batch, width), and of each its outcome (steps, batch, 1)."""
    sizes, width = g.choices.sizes, g.choices.width
    nothing = n.constant("choice.nothing", np.zeros((1, 1, width), np.float32))
    before = n.add("Where", fresh, nothing, "state.choice", to="choice.once")
    before = n.add("Squeeze", before, n.integers(0), to="choice.before")  # (batch, width)
    states, carried = [h, c, before], ["next.h", "next.c", "choice.last"]
    stacked = ["lstm.hidden", logits, "choices", "outcomes"]
    if total:
        flat = n.add("Squeeze", total, n.integers(0), to="total.before")  # (batch, components)
        begins = n.cast(
            n.add("Squeeze", fresh, n.integers(0), to="fresh.flat"), TensorProto.FLOAT, to="begins"
        )
        states, carried = [*states, flat, begins], [*carried, "total.last", "begins.last"]
        stacked.append("lasting")
    scanned = [x, gumbel]
    if total and homeward:
        shape = n.add(
            "Concat",
            n.add("Shape", gumbel, to="homeward.steps", start=0, end=2),
            n.integers(len(weights["a"])),
            to="homeward.shape",
            axis=0,
        )
        scanned.append(n.add("Expand", homeward, shape, to="homeward.each"))  # (steps, batch, components)
    n.add_many(
        "Scan", *states, *scanned, to=[*carried, *stacked],
        num_scan_inputs=len(scanned), body=_step(n.part(), g, weights, bool(homeward)),
    )  # fmt: skip
    if total:
        n.add("Unsqueeze", "total.last", n.integers(0), to="next.total")  # (1, batch, components)
    n.add("Unsqueeze", "choice.last", n.integers(0), to="next.choice")  # (1, batch, width)
    names = [f"outcome.{k}" for k in range(len(sizes))]
    outcomes = n.add_many("Split", "outcomes", to=names, axis=2, num_outputs=len(sizes))
    return "lstm.hidden", "choices", outcomes


def _step(n: Nodes, g: Generator, weights: Weights, homeward: bool) -> GraphProto:
    """One step of the Scan: the LSTM, what lasts of numbers, and a choice of each kind."""
    sizes, width, hidden = g.choices.sizes, g.choices.width, g.sizes.hidden
    x = n.add("Concat", "step.x", "step.before", to="step.all", axis=1)
    x = n.add("Unsqueeze", x, n.integers(0), to="step.in")  # (1, batch, inputs)
    layer = lstm(n, weights, "lstm", 0)
    y, _, _ = n.add_many(
        "LSTM", x, *layer, "", "step.h", "step.c", to=["step.y", "step.h.next", "step.c.next"],
        hidden_size=hidden,
    )  # fmt: skip
    y = n.add("Squeeze", y, n.integers(0, 1), to="step.hidden")  # (batch, hidden)
    y = n.add("MatMul", y, n.weight("choices.w", weights["choices.weight"].T), to="choices.product")
    y = n.add("Add", y, n.constant("choices.b", weights["choices.bias"]), to="choices.soft")
    loudness = n.constant("choices.loudness", np.full(1, LOUDNESS, np.float32))
    y = n.add("Mul", y, loudness, to="choices.loud")
    y = n.add("Add", y, "step.gumbel", to="choices.alone")  # (batch, width)
    if g.mixed:
        told = n.add("Mul", _told(n, g, weights, homeward), loudness, to="tells.loud")
        y = n.add("Add", y, told, to="choices.told")
    names = [f"choice.{k}" for k in range(len(sizes))]
    parts = n.add_many("Split", y, n.integers(*sizes), to=names, axis=1)
    outcomes: list[str] = []
    one_hots: list[str] = []
    logits: list[str] = []
    for k, size in enumerate(sizes):
        logits.append(parts[k])
        if k:  # what is chosen before it in the row is known
            known = n.add("Concat", *one_hots, to=f"choice.{k}.known", axis=1)
            u = n.weight(f"choices.among.{k}", weights[f"choices.among.{k - 1}"].T)
            said = n.add("MatMul", known, u, to=f"choice.{k}.said")
            said = n.add("Mul", said, loudness, to=f"choice.{k}.loud")
            logits[k] = n.add("Add", parts[k], said, to=f"choice.{k}.all")
        outcomes.append(n.add("ArgMax", logits[k], to=f"choice.{k}.outcome", axis=1, keepdims=1))
        every = n.constant(f"outcomes.{size}", np.arange(size))
        hit = n.add("Equal", outcomes[-1], every, to=f"choice.{k}.hit")  # (batch, size)
        one_hots.append(n.cast(hit, TensorProto.FLOAT, to=f"choice.{k}.one"))
    n.add("Concat", *logits, to="step.logits", axis=1)  # (batch, width)
    chosen = n.add("Concat", *one_hots, to="step.chosen", axis=1)  # (batch, width)
    n.add("Identity", chosen, to="step.chosen.too")
    n.add("Concat", *outcomes, to="step.outcomes", axis=1)  # (batch, choices)
    batch = interface.BATCH
    state: tuple[str | int, ...] = (1, batch, hidden)
    total, begins = (batch, len(weights["a"])), (batch, 1)
    inputs = [("step.h", state), ("step.c", state), ("step.before", (batch, width))]
    carried = [("step.h.next", state), ("step.c.next", state), ("step.chosen", (batch, width))]
    scanned = [("step.x", (batch, None)), ("step.gumbel", (batch, width))]
    stacked = [
        ("step.hidden", (batch, hidden)), ("step.logits", (batch, width)),
        ("step.chosen.too", (batch, width)), ("step.outcomes", (batch, len(sizes))),
    ]  # fmt: skip
    if g.mixed:
        inputs += [("step.total", total), ("step.begins", begins)]
        scanned += [("step.homeward", total)] * homeward
        carried += [("step.total.next", total), ("step.begins.next", begins)]
        stacked += [("step.lasting", (batch, 2 * len(weights["a"])))]
    return n.graph(
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in inputs + scanned],
        [
            helper.make_tensor_value_info(
                k, TensorProto.INT64 if k == "step.outcomes" else TensorProto.FLOAT, v
            )
            for k, v in carried + stacked
        ],
        "step",
    )


def _told(n: Nodes, g: Generator, weights: Weights, homeward: bool) -> str:
    """What numbers say of labels, (batch, width): first v_t ─▶ total_t, but where a sequence begins; then
    the total and its move ─▶ logits."""
    latent = n.integers(g.sizes.latent + g.latents)
    said = n.add("Slice", "step.x", n.integers(0), latent, n.integers(1), to="step.noise")
    said = n.add("Concat", "step.hidden", said, to="moves.in", axis=1)  # (batch, hidden + latent + latents)
    v = doubled(n, weights, ("moves", "moves_direct"), said, -weights["centre"])  # (batch, components)
    if homeward:
        v = n.add("Add", v, "step.homeward", to="moves.home")
    kept = n.add("Mul", "step.total", n.constant("moves.decay", weights["decay"]), to="total.kept")
    moved = n.add("Mul", v, n.constant("moves.b", weights["b"]), to="total.push")
    moved = n.add("Add", kept, moved, to="total.moved")
    begins = n.add(
        "Greater", "step.begins", n.constant("moves.zero", np.zeros(1, np.float32)), to="step.first"
    )
    total = n.add("Where", begins, "step.total", moved, to="step.total.next")  # (batch, components)
    n.add("Mul", "step.begins", "moves.zero", to="step.begins.next")
    move = n.add("Sub", total, "step.total", to="total.move")
    move = n.add("Div", move, n.constant("moves.increments", weights["increments"]), to="total.move.unit")
    lasting = n.add("Concat", total, move, to="step.lasting", axis=1)  # (batch, 2 components)
    return perceptron(n, weights, "tells", ("0", "2"), lasting)
