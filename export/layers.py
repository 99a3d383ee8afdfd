"""What takes several nodes wherever it stands: layers, the recurrence, and the way through a table."""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from export.nodes import Nodes
from training.networks import SLOPE

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
    activation is the identity and whose matrices are diagonal. (steps, batch, width)."""
    width = len(rate)
    inward = n.constant(f"{name}.gain", np.diag(np.broadcast_to(np.float32(gain), width))[None])
    again = n.constant(f"{name}.rate", np.diag(rate)[None])
    identity = {"activations": ["Affine"], "activation_alpha": [1.0], "activation_beta": [0.0]}
    x, _ = n.add_many(
        "RNN", push, inward, again, "", "", before, to=[f"{name}.all", f"next.{name}"],
        hidden_size=width, **identity,
    )  # fmt: skip
    return n.add("Squeeze", x, n.integers(1), to=f"{name}.steps")


def interpolated(n: Nodes, name: str, at: str, table: str, rows: int, knots: int) -> str:
    """`at` (steps, batch, …), in knots, through a flat table of so many rows, one a channel."""
    at = n.add("Max", at, n.constant("knot.first", np.zeros(1, np.float32)), to=f"{name}.at.low")
    at = n.add("Min", at, n.constant(f"{name}.last", np.full(1, knots - 1, np.float32)), to=f"{name}.at")
    below = n.add("Floor", at, to=f"{name}.below.all")
    below = n.add(
        "Min", below, n.constant(f"{name}.last.but", np.full(1, knots - 2, np.float32)), to=f"{name}.below"
    )
    index = n.cast(below, TensorProto.INT64, to=f"{name}.index.own")
    own = n.constant(f"{name}.rows", np.arange(rows, dtype=np.int64) * knots)
    index = n.add("Add", index, own, to=f"{name}.index")
    above = n.add("Add", index, n.integers(1), to=f"{name}.index.above")
    low = n.add("Gather", table, index, to=f"{name}.table.low")
    high = n.add("Gather", table, above, to=f"{name}.table.high")
    slope = n.add("Sub", high, low, to=f"{name}.slope")
    share = n.add("Sub", at, below, to=f"{name}.share")
    rise = n.add("Mul", slope, share, to=f"{name}.rise")
    return n.add("Add", low, rise, to=f"{name}.free")
