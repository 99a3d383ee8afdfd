"""What takes several nodes wherever it stands: layers, the recurrence, and the way through a table."""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from export.nodes import Nodes
from training.layers import SLOPE

Weights = dict[str, NDArray[np.float32]]
"""The generator's parameters and buffers by their names in torch."""


def lstm(n: Nodes, weights: Weights, name: str, layer: int) -> list[str]:
    """One layer's W, R and B, each (1, …), with torch's gate order i, f, g, o as ONNX's i, o, f, c."""

    def gates(part: str) -> NDArray[np.float32]:
        i, f, g, o = np.split(weights[f"{name}.{part}_l{layer}"], 4)
        return np.concatenate([i, o, f, g])

    bias = np.concatenate([gates("bias_ih"), gates("bias_hh")])
    return [
        n.weight(f"{name}.w{layer}", gates("weight_ih")[None]),
        n.weight(f"{name}.r{layer}", gates("weight_hh")[None]),
        n.constant(f"{name}.b{layer}", bias[None]),
    ]


def perceptron(n: Nodes, weights: Weights, name: str, layers: tuple[str, ...], x: str) -> str:
    """Linear layers with leaky rectifiers between them: (batch, inputs) to (batch, outputs)."""
    for layer in layers:
        weight = n.weight(f"{name}.{layer}.w", weights[f"{name}.{layer}.weight"])
        bias = n.constant(f"{name}.{layer}.b", weights[f"{name}.{layer}.bias"])
        x = n.add("Gemm", x, weight, bias, to=f"{name}.{layer}", transB=1)
        if layer != layers[-1]:
            x = n.add("LeakyRelu", x, to=f"{name}.{layer}.relu", alpha=SLOPE)
    return x


def recurrence(
    n: Nodes,
    rate: NDArray[np.float32],
    gain: NDArray[np.float32] | float,
    push: str,
    before: str,
    name: str,
) -> str:
    """x_t = rate∘x_{t−1} + gain∘push_t over the steps, and `next.NAME`: an RNN node whose
    activation is the identity and whose matrices are diagonal, but for a `gain` (width, pushes) that is one
    itself. (steps, batch, width)."""
    width = len(rate)
    if np.ndim(gain) < 2:
        gain = np.diag(np.broadcast_to(np.float32(gain), width))
    inward = n.constant(f"{name}.gain", np.asarray(gain)[None])
    again = n.constant(f"{name}.rate", np.diag(rate)[None])
    identity = {"activations": ["Affine"], "activation_alpha": [1.0], "activation_beta": [0.0]}
    x, _ = n.add_many(
        "RNN", push, inward, again, "", "", before, to=[f"{name}.all", f"next.{name}"],
        hidden_size=width, **identity,
    )  # fmt: skip
    return n.add("Squeeze", x, n.integers(1), to=f"{name}.steps")


def interpolated(n: Nodes, name: str, at: str, table: NDArray[np.float32], between: str = "") -> str:
    """`at`, in knots, through a table (knots,); or `at` (channels, …) through one a channel, (channels,
    knots), of which it takes the knot before where `between` (channels, 1) is 0."""
    knots = table.shape[-1]
    at = n.add("Max", at, n.constant("knot.first", np.zeros(1, np.float32)), to=f"{name}.at.low")
    at = n.add("Min", at, n.constant(f"{name}.last", np.full(1, knots - 1, np.float32)), to=f"{name}.at")
    below = n.add("Floor", at, to=f"{name}.below.all")
    below = n.add(
        "Min", below, n.constant(f"{name}.last.but", np.full(1, knots - 2, np.float32)), to=f"{name}.below"
    )
    index = n.cast(below, TensorProto.INT32, to=f"{name}.index.own")
    if table.ndim > 1:  # one table behind the other
        own = np.arange(len(table), dtype=np.int32)[:, None] * np.int32(knots)
        index = n.add("Add", index, n.constant(f"{name}.rows", own), to=f"{name}.index")
    # Of constants alone, so that this is done once, when a session starts.
    flat = n.constant(f"{name}.table", table.reshape(-1))
    ends = [n.integers(i) for i in (0, 1, -1, 2**31 - 1)]
    lower = n.add("Slice", flat, ends[0], ends[2], to=f"{name}.knots.lower")
    upper = n.add("Slice", flat, ends[1], ends[3], to=f"{name}.knots.upper")
    slopes = n.add("Sub", upper, lower, to=f"{name}.slopes")
    low = n.add("Gather", flat, index, to=f"{name}.knot")
    slope = n.add("Gather", slopes, index, to=f"{name}.slope")
    share = n.add("Sub", at, below, to=f"{name}.share")
    if between:
        share = n.add("Mul", share, between, to=f"{name}.share.between")
    rise = n.add("Mul", slope, share, to=f"{name}.rise")
    return n.add("Add", low, rise, to=f"{name}.free")


def on_grid(n: Nodes, name: str, values: str, per: str, of: str) -> str:
    """`values` as whole numbers of `of`/`per`, operation by operation as `training/data/columns.py`."""
    whole = n.add("Div", n.add("Mul", values, per, to=f"{name}.small"), of, to=f"{name}.steps")
    whole = n.add("Mul", n.add("Round", whole, to=f"{name}.whole"), of, to=f"{name}.times")
    whole = n.add("Div", whole, per, to=f"{name}.signed")
    zero = n.constant(f"{name}.zero", np.zeros(1, np.float32))
    return n.add("Where", n.add("Equal", whole, zero, to=f"{name}.none"), zero, whole, to=f"{name}.rounded")
