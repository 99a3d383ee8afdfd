"""Choices of labels, as `training/discrete.py` makes them: the only loop, since each is shown to those
behind it in its row and to the next step."""

import numpy as np
from onnx import GraphProto, TensorProto, helper

from contract import interface
from export.layers import Weights, interpolated, lstm
from export.nodes import Nodes
from training.discrete import EDGE, LOUDNESS, SCALE, gumbel_table
from training.networks import Generator

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
    logits: str,
) -> tuple[str, str, list[str]]:
    """`logits`, `next.h`, `next.c` and `next.choice`, by a Scan over the steps, each of which sees what
    the one before has chosen. Gives the LSTM's output (steps, batch, hidden), all choices as 0 and 1
    (steps, batch, width), and of each its outcome (steps, batch, 1)."""
    sizes, width = g.choices.sizes, g.choices.width
    nothing = n.constant("choice.nothing", np.zeros((1, 1, width), np.float32))
    before = n.add("Where", fresh, nothing, "state.choice", to="choice.once")
    before = n.add("Squeeze", before, n.integers(0), to="choice.before")  # (batch, width)
    carried, stacked = ["next.h", "next.c", "choice.last"], ["lstm.hidden", logits, "choices", "outcomes"]
    n.add_many(
        "Scan", h, c, before, x, gumbel, to=[*carried, *stacked],
        num_scan_inputs=2, body=_step(n.part(), g, weights),
    )  # fmt: skip
    n.add("Unsqueeze", "choice.last", n.integers(0), to="next.choice")  # (1, batch, width)
    names = [f"outcome.{k}" for k in range(len(sizes))]
    outcomes = n.add_many("Split", "outcomes", to=names, axis=2, num_outputs=len(sizes))
    return "lstm.hidden", "choices", outcomes


def _step(n: Nodes, g: Generator, weights: Weights) -> GraphProto:
    """One step of the Scan: the LSTM, and a choice of each kind."""
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
    inputs = (("step.h", state), ("step.c", state), ("step.before", (batch, width)))
    scanned = (("step.x", (batch, None)), ("step.gumbel", (batch, width)))
    outputs = (
        ("step.h.next", state), ("step.c.next", state), ("step.chosen", (batch, width)),
        ("step.hidden", (batch, hidden)), ("step.logits", (batch, width)),
        ("step.chosen.too", (batch, width)), ("step.outcomes", (batch, len(sizes))),
    )  # fmt: skip
    return n.graph(
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in (*inputs, *scanned)],
        [
            helper.make_tensor_value_info(
                k, TensorProto.INT64 if k == "step.outcomes" else TensorProto.FLOAT, v
            )
            for k, v in outputs
        ],
        "step",
    )
