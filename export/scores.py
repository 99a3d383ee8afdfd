"""From what the LSTM says to normal scores: the head and the sum, then the mixing, the overlap-add of a
waveform's frames (`training/overlap.py`) or the screen of a film's (`training/screen.py`)."""

import numpy as np
from numpy.typing import NDArray

from export.layers import Weights, recurrence
from export.nodes import Nodes
from training.networks import SLOPE

SCORES = "scores"
"""Normal scores, (steps, batch, channels): a raw output, before the decoding."""


def moving_scores(
    n: Nodes, weights: Weights, x: str, fresh: str, level: str, total: str, tail: str
) -> None:
    """`SCORES`, `next.total` and, with a tail, `next.tail`, from x (steps, batch, hidden +
    2 latent + width) and what was before; where a sequence is `fresh`, from its `level`."""
    # [h_t, noise_t, drift_t, choice_t] ─▶ head + direct ─▶ [u_t, v_t]
    direct = n.add("MatMul", x, n.weight("direct.w", weights["direct.weight"].T), to="direct.product")
    direct = n.add("Add", direct, n.constant("direct.b", weights["direct.bias"]), to="direct")
    y = n.add("MatMul", x, n.weight("head.0.w", weights["head.0.weight"].T), to="head.0.product")
    y = n.add("Add", y, n.constant("head.0.b", weights["head.0.bias"]), to="head.0")
    y = n.add("LeakyRelu", y, to="head.0.relu", alpha=SLOPE)  # (steps, batch, head)
    y = n.add("MatMul", y, n.weight("head.2.w", weights["head.2.weight"].T), to="head.2.product")
    y = n.add("Add", y, n.constant("head.2.b", weights["head.2.bias"]), to="head.2")
    y = n.add("Add", y, direct, to="head")
    components = len(weights["a"])
    halves = n.integers(components, components)
    u, v = n.add_many("Split", y, halves, to=["u", "v"], axis=2)  # both (steps, batch, components)

    # total_t = ρ∘total_{t−1} + b∘(v_t − centre), y_t = a∘u_t + total_t; the first total is the level
    v = n.add("Sub", v, n.constant("centre", weights["centre"]), to="v.centred")
    still = n.add("Mul", level, n.constant("kept", weights["kept"]), to="v.still")  # (1, batch, components)
    one, end, time = n.integers(1), n.integers(2**31 - 1), n.integers(0)
    first = n.add("Slice", v, n.integers(0), one, time, to="v.first")  # (1, batch, components)
    first = n.add("Where", fresh, still, first, to="v.begun")
    rest = n.add("Slice", v, one, end, time, to="v.rest")  # (steps - 1, batch, components)
    v = n.add("Concat", first, rest, to="v.all", axis=0)  # (steps, batch, components)
    totals = recurrence(n, weights["decay"], weights["b"], v, total, "total")
    u = n.add("Mul", u, n.constant("a", weights["a"]), to="u.scaled")
    y = n.add("Add", u, totals, to="y")  # (steps, batch, components)

    if tail:
        _overlapped(n, y, tail)
        return
    # Mixed back to one normal score a channel.
    layers = [i for i in range(len(weights)) if f"screen.weight{i}" in weights]
    mixed = n.add("MatMul", y, n.constant("outward", weights["outward"].T), to="scores.product")
    x = n.add("Add", mixed, n.constant("mean", weights["mean"]), to="codes" if layers else SCORES)
    for i in layers:  # of a film, from codes to pixels
        x = n.add("LeakyRelu", x, to=f"screen.{i}.relu", alpha=SLOPE) if i else x
        weight = n.weight(f"screen.{i}.w", weights[f"screen.weight{i}"].T)
        x = n.add("MatMul", x, weight, to=f"screen.{i}.product")
        bias = n.constant(f"screen.{i}.b", weights[f"screen.bias{i}"])
        x = n.add("Add", x, bias, to=SCORES if i == layers[-1] else f"screen.{i}")


def tail_before(n: Nodes, weights: Weights, fresh: str, level: str) -> str:
    """The second half of the frame before the first of these, (1, batch, hop): where a sequence begins, of
    one that says `level` (1, batch, components)."""
    frames = n.weight("frames", weights["overlap.frames"])  # (components, 2 hop)
    hop = weights["overlap.frames"].shape[1] // 2
    begun = n.add("MatMul", level, frames, to="tail.frame")  # (1, batch, 2 hop)
    _, begun = n.add_many("Split", begun, n.integers(hop, hop), to=["tail.unheard", "tail.begun"], axis=2)
    return n.add("Where", fresh, begun, "state.tail", to="tail")


def _overlapped(n: Nodes, y: str, tail: str) -> None:
    """`SCORES` and `next.tail`, from y (steps, batch, components), as `OverlapAdd`."""
    frames = n.add("MatMul", y, "frames", to="frames.all")  # (steps, batch, 2 hop)
    begun, left = n.add_many("Split", frames, to=["frames.begun", "frames.left"], axis=2, num_outputs=2)
    left = n.add("Concat", tail, left, to="frames.tails", axis=0)  # (steps + 1, batch, hop)
    last = n.integers(-1)
    before = n.add("Slice", left, n.integers(0), last, n.integers(0), to="frames.before")
    n.add("Slice", left, last, n.integers(2**31 - 1), n.integers(0), to="next.tail")  # (1, batch, hop)
    n.add("Add", begun, before, to=SCORES)


def still_scores(n: Nodes, mean: NDArray[np.float32], hidden: str) -> None:
    """`SCORES` of numbers that never move, where there are some: as many as there are steps."""
    if len(mean):
        shape = n.add("Shape", hidden, to="still.shape", start=0, end=2)
        shape = n.add("Concat", shape, n.integers(len(mean)), to="still.full", axis=0)
        n.add("Expand", n.constant("mean", mean), shape, to=SCORES)
