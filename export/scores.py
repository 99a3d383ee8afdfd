"""From what the LSTM says to normal scores: the head and the sum, unless labels wait for that
(`export/choices.py`), then the mixing, the overlap-add of a waveform's frames (`training/overlap.py`) or
the screen of a film's (`training/screen.py`)."""

import numpy as np
from numpy.typing import NDArray

from export.layers import Weights, perceptron, recurrence
from export.nodes import Nodes
from training.layers import SLOPE
from training.screen import DEPTHS, LASTING

SCORES = "scores"
"""Normal scores, (steps, batch, channels): a raw output, before the decoding."""


def moving_scores(
    n: Nodes, weights: Weights, x: str, fresh: str, level: str, total: str, homeward: str, tail: str,
    lasting: str = "",
) -> None:  # fmt: skip
    """`SCORES`, `next.total` and, with a tail, `next.tail`, from x (steps, batch, said) and what was
    before; where a sequence is `fresh`, from its `level`. What there is `homeward` (…, batch, components)
    is added to v. With what is `lasting` (steps, batch, 2 components) the totals are made already, and
    `next.total`."""
    components = len(weights["a"])
    shape = n.add("Shape", x, to="shape", start=0, end=2)
    size = (1 if lasting else 2) * components
    y = _stepped(n, _head(n, weights, x), shape, size, "head.steps")
    if homeward and not lasting:  # of v alone
        padded = n.add("Pad", homeward, n.integers(0, 0, components, 0, 0, 0), to="homeward.all")
        y = n.add("Add", y, padded, to="head.homeward")
    y = _begun(n, weights, y, fresh, "" if lasting else level)  # (steps, batch, size)

    # total_t = ρ∘total_{t−1} + b∘v_t, y_t = a∘u_t + total_t
    if lasting:
        u = y
        totals, _ = n.add_many("Split", lasting, to=["totals", "totals.moves"], axis=2, num_outputs=2)
    else:
        u, v = n.add_many("Split", y, to=["u", "v"], axis=2, num_outputs=2)
        totals = recurrence(n, weights["decay"], weights["b"], v, total, "total")
    u = n.add("Mul", u, n.constant("a", weights["a"]), to="u.scaled")
    y = n.add("Add", u, totals, to="y")  # (steps, batch, components)

    if tail:
        _overlapped(n, y, tail)
        return
    y = n.add("Reshape", y, n.integers(-1, components), to="y.flat")  # (steps · batch, components)
    for reduce, edge in (("Min", "high"), ("Max", "low")):  # mirrored where the data end
        twice = n.constant(f"{edge}.twice", 2 * weights[edge])
        y = n.add(reduce, y, n.add("Sub", twice, y, to=f"y.{edge}.mirrored"), to=f"y.{edge}")
    # Mixed back to one normal score a channel.
    outward, mean = n.constant("outward", weights["outward"]), n.constant("mean", weights["mean"])
    x = n.add("Gemm", y, outward, mean, to="mixed", transB=1)
    channels = len(weights["mean"])
    if "screen.pixels_bias" in weights:
        x, channels = _screened(n, weights, x, channels), len(weights["screen.pixels_bias"])
    _stepped(n, x, shape, channels, SCORES)


def _screened(n: Nodes, weights: Weights, x: str, codes: int) -> str:
    """Pixels of codes, (steps · batch, codes) to (steps · batch, pixels), as `Screen`."""

    def linear(name: str, x: str) -> str:
        weight = n.weight(f"screen.{name}.w", weights[f"screen.{name}_weight"])
        bias = n.constant(f"screen.{name}.b", weights[f"screen.{name}_bias"])
        return n.add("Gemm", x, weight, bias, to=f"screen.{name}", transB=1)

    if "screen.what0_bias" in weights:
        parts = ["screen.what.codes", "screen.where.codes"]
        ends = n.add_many("Split", x, n.integers(LASTING, codes - LASTING), to=parts, axis=1)
        for k, (name, depth) in enumerate(DEPTHS.items()):
            for i in range(depth):
                if i:
                    ends[k] = n.add("LeakyRelu", ends[k], to=f"screen.{name}{i}.relu", alpha=SLOPE)
                ends[k] = linear(f"{name}{i}", ends[k])
        x = n.add("Mul", *ends, to="screen.seen")  # (steps · batch, features)
    return linear("pixels", x)


def _head(n: Nodes, weights: Weights, x: str) -> str:
    """What the LSTM says ─▶ head + direct ─▶ [u_t, v_t − centre], or u_t alone, x (steps, batch, said) to
    (steps · batch, …)."""
    components, said = len(weights["a"]), weights["direct.weight"].shape[1]
    x = n.add("Reshape", x, n.integers(-1, said), to="head.flat")  # (steps · batch, said)
    added = np.zeros(len(weights["direct.bias"]), np.float32)
    added[components:] -= weights["centre"][: len(added) - components]
    return doubled(n, weights, ("head", "direct"), x, added)


def doubled(n: Nodes, weights: Weights, names: tuple[str, str], x: str, added: NDArray[np.float32]) -> str:
    """A perceptron and a linear layer beside it, (batch, inputs) to (batch, outputs), and something
    `added` (outputs,). Products of plain matrices begin with what is to be added."""
    name, direct = names
    bias = n.constant(
        f"{direct}.b", weights[f"{direct}.bias"] + weights[f"{name}.2.bias"] + added
    )  # (outputs,)
    weight = n.weight(f"{direct}.w", weights[f"{direct}.weight"])
    along = n.add("Gemm", x, weight, bias, to=direct, transB=1)
    y = perceptron(n, weights, name, ("0",), x)
    y = n.add("LeakyRelu", y, to=f"{name}.0.relu", alpha=SLOPE)
    return n.add("Gemm", y, n.weight(f"{name}.2.w", weights[f"{name}.2.weight"]), along, to=name, transB=1)


def _begun(n: Nodes, weights: Weights, y: str, fresh: str, level: str) -> str:
    """u and v side by side, (steps, batch, 2 components), or without a level u alone; where a sequence is
    `fresh`, the first row lies at its `level` but for what is fleeting in it."""
    share, still = weights["unsettled"], ""
    if level:
        nothing = np.zeros_like(share)
        share = np.concatenate([share, nothing])
        kept = np.concatenate([np.diag(nothing), np.diag(weights["kept"])], axis=1)
        still = n.add("MatMul", level, n.constant("kept", kept), to="first.still")  # (1, batch, …)
    one, end, time = n.integers(1), n.integers(2**31 - 1), n.integers(0)
    first = n.add("Slice", y, n.integers(0), one, time, to="first")  # (1, batch, …)
    begun = n.add("Mul", first, n.constant("first.share", share), to="first.some")
    begun = n.add("Add", begun, still, to="first.fresh") if still else begun
    first = n.add("Where", fresh, begun, first, to="first.begun")
    rest = n.add("Slice", y, one, end, time, to="first.behind")  # (steps - 1, batch, …)
    return n.add("Concat", first, rest, to="first.all", axis=0)  # (steps, batch, …)


def _stepped(n: Nodes, flat: str, shape: str, size: int, to: str) -> str:
    """(steps · batch, size) to (steps, batch, size), with `shape` (steps, batch)."""
    shape = n.add("Concat", shape, n.integers(size), to=f"{to}.shape", axis=0)
    return n.add("Reshape", flat, shape, to=to)


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
