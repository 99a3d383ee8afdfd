"""Where sequences end: the number of each step, the gate, and `valid`, as in `training/ends.py`."""

import numpy as np
from onnx import TensorProto

from export.layers import recurrence
from export.nodes import Nodes


def time(n: Nodes) -> None:
    """ "time" (steps, batch), the number of each step in its sequence."""
    steps = n.add("Shape", "noise", to="steps.list", start=1, end=2)
    steps = n.add("Squeeze", steps, n.integers(0), to="steps")
    one, zero = (n.constant(f"scalar.{k}", np.array(k, np.int64)) for k in (1, 0))
    step = n.add("Range", zero, steps, one, to="step")
    step = n.add("Unsqueeze", step, n.integers(1), to="step.time")  # (steps, 1)
    n.add("Add", step, "position", to="time")  # (steps, batch)


def closed(n: Nodes, logits: str, fresh: str) -> None:
    """ "closed" (steps, batch), how often the gate has closed so far, and `next.ended`, from its logits
    (steps, batch, 2). These are whole numbers, so that their sum is exact wherever it is cut."""
    end = n.add("ArgMax", logits, to="gate.outcome", axis=2, keepdims=1)  # (steps, batch, 1)
    later = n.add("Greater", "time", n.constant("scalar.0", np.array(0, np.int64)), to="gate.later")
    later = n.add("Unsqueeze", later, n.integers(2), to="gate.later.wide")
    end = n.add("Where", later, end, n.integers(0), to="gate.closes")  # the first step there always is
    end = n.cast(end, TensorProto.FLOAT, to="gate.push")
    nothing = n.constant("ended.nothing", np.zeros((1, 1, 1), np.float32))
    before = n.add("Where", fresh, nothing, "state.ended", to="ended")
    count = recurrence(n, np.ones(1, np.float32), 1.0, end, before, "ended")
    n.add("Squeeze", count, n.integers(2), to="closed")


def valid(n: Nodes, most: int | None) -> str:
    """`valid`, the steps before `length`, and the same as (steps, batch). With a gate, where `length`
    is 0, it is all steps before it closes, `most` at most."""
    length = "length"
    if most is not None:
        still = n.add("Less", "closed", n.constant("closed.one", np.ones(1, np.float32)), to="gate.open")
        own = n.add("Where", still, n.integers(most), n.integers(0), to="length.own")  # (steps, batch)
        drawn = n.add("Equal", "length", n.integers(0), to="length.drawn")  # (batch,)
        length = n.add("Where", drawn, own, "length", to="length.gated")
    there = n.add("Less", "time", length, to="valid.time")  # (steps, batch)
    n.add("Transpose", there, to="valid", perm=[1, 0])
    return there
