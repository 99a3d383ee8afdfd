"""The generator as an ONNX graph, written node by node from its weights.

One LSTM node a layer, one linear RNN node a recurrence and no loop, so every batch and every
number of steps runs. Inside,
tensors are time-major, (steps, batch, …), as the LSTM node wants them; what is small is
transposed, what is wide is not. The order of every addition is that of `training/networks.py`
and `training/basis.py`, so that the results agree.
"""

import math

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, ValueInfoProto, checker, helper

from contract import interface
from contract.spec import Spec, State
from export.nodes import Nodes
from training.basis import Decoder
from training.networks import SLOPE, Generator

OPSET, IR_VERSION = 20, 10
SCORES = "scores"
"""Normal scores (steps, batch, channels): the network's raw output, before the decoding."""

_DTYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


def states_of(generator: Generator) -> tuple[State, ...]:
    """The recurrent tensors of a generator, in the order of `networks.State`."""
    sizes = generator.sizes
    return (
        State("h", sizes.hidden, 1),
        State("c", sizes.hidden, 1),
        State("total", len(generator.a), 1),
        State("drift", sizes.latent, 1),
    )


def build(spec: Spec, generator: Generator, decoder: Decoder) -> ModelProto:
    """The whole graph, with exactly the inputs and outputs that `spec` implies."""
    nodes = Nodes(half=spec.precision == "fp16")
    _decode(nodes, decoder, _network(nodes, generator))
    graph = nodes.graph(
        [_info(t) for t in interface.inputs(spec)], [_info(t) for t in interface.outputs(spec)]
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="cadenza",
    )
    checker.check_model(model, full_check=True)
    return model


def with_scores(model: ModelProto, channels: int) -> ModelProto:
    """A copy that also gives the raw scores, to measure parity on."""
    probe = ModelProto()
    probe.CopyFrom(model)
    shape: list[str | int | None] = [interface.STEPS, interface.BATCH, channels]
    probe.graph.output.append(helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, shape))
    return probe


def _network(n: Nodes, g: Generator) -> str:
    """Nodes from the inputs to `SCORES`; `next.*` on the way."""
    weights = {k: v.detach().numpy() for k, v in g.state_dict().items()}
    hidden, components = g.sizes.hidden, len(weights["a"])

    # The state: made anew where a sequence begins, carried where it goes on.
    fresh = n.add("Equal", "position", n.constant("zero", np.array(0, np.int64)), to="fresh.all")
    fresh = n.add("Unsqueeze", fresh, n.integers(0, 2), to="fresh")  # (1, batch, 1)
    rest = n.constant("rest", np.zeros((1, 1, hidden), np.float32))
    h = n.add("Where", fresh, rest, "state.h", to="h")
    c = n.add("Where", fresh, rest, "state.c", to="c")
    level = _perceptron(n, weights, "level", ("0", "2.0", "2.2"), "latent")  # (batch, components)
    level = n.add("Unsqueeze", level, n.integers(0), to="level")  # (1, batch, components)
    total = n.add("Where", fresh, level, "state.total", to="total")
    latent = n.add("Unsqueeze", "latent", n.integers(0), to="latent.time")  # (1, batch, latent)
    drift = n.add("Where", fresh, latent, "state.drift", to="drift")

    # [noise_t, drift_t] ─▶ LSTM ─▶ h_t
    noise = n.add("Transpose", "noise", to="noise.time", perm=[1, 0, 2])  # (steps, batch, noise)
    rate = np.full(g.sizes.latent, g.drift, np.float32)
    drifts = _recurrence(
        n, rate, math.sqrt(1 - g.drift**2), noise, drift, "drift"
    )  # (steps, batch, latent)
    x = n.add("Concat", noise, drifts, to="x", axis=2)  # (steps, batch, noise + latent)
    lstm = _lstm(n, weights, "lstm", 0)
    y, _, _ = n.add_many("LSTM", x, *lstm, "", h, c, to=["lstm.y", "next.h", "next.c"], hidden_size=hidden)
    y = n.add("Squeeze", y, n.integers(1), to="lstm.hidden")  # (steps, batch, hidden)

    # [h_t, noise_t] ─▶ head + direct ─▶ [u_t, v_t]
    x = n.add("Concat", y, noise, to="head.in", axis=2)  # (steps, batch, hidden + noise)
    direct = n.add("MatMul", x, n.weight("direct.w", weights["direct.weight"].T), to="direct.product")
    direct = n.add("Add", direct, n.constant("direct.b", weights["direct.bias"]), to="direct")
    y = n.add("MatMul", x, n.weight("head.0.w", weights["head.0.weight"].T), to="head.0.product")
    y = n.add("Add", y, n.constant("head.0.b", weights["head.0.bias"]), to="head.0")
    y = n.add("LeakyRelu", y, to="head.0.relu", alpha=SLOPE)  # (steps, batch, head)
    y = n.add("MatMul", y, n.weight("head.2.w", weights["head.2.weight"].T), to="head.2.product")
    y = n.add("Add", y, n.constant("head.2.b", weights["head.2.bias"]), to="head.2")
    y = n.add("Add", y, direct, to="head")
    halves = n.integers(components, components)
    u, v = n.add_many("Split", y, halves, to=["u", "v"], axis=2)  # both (steps, batch, components)

    # total_t = ρ∘total_{t−1} + b∘(v_t − centre), y_t = a∘u_t + total_t
    v = n.add("Sub", v, n.constant("centre", weights["centre"]), to="v.centred")
    totals = _recurrence(n, weights["decay"], weights["b"], v, total, "total")
    u = n.add("Mul", u, n.constant("a", weights["a"]), to="u.scaled")
    y = n.add("Add", u, totals, to="y")  # (steps, batch, components)

    # Mixed back to one normal score a channel.
    scores = n.add("MatMul", y, n.constant("outward", weights["outward"].T), to="scores.product")
    return n.add("Add", scores, n.constant("mean", weights["mean"]), to=SCORES)


def _decode(n: Nodes, decoder: Decoder, scores: str) -> None:
    """Nodes from normal scores to `values`, operation by operation as `Decoder.__call__`."""
    channels, knots = decoder.table.shape
    at = n.add("Sub", scores, n.constant("origin", decoder.origin), to="at.offset")
    at = n.add("Mul", at, n.constant("scale", decoder.scale), to="at.knots")
    at = n.add("Max", at, n.constant("knot.first", np.zeros(1, np.float32)), to="at.low")
    at = n.add("Min", at, n.constant("knot.last", np.full(1, knots - 1, np.float32)), to="at")
    below = n.add("Floor", at, to="below.all")
    below = n.add("Min", below, n.constant("knot.last.but", np.full(1, knots - 2, np.float32)), to="below")
    index = n.cast(below, TensorProto.INT64, to="index.own")
    rows = n.constant("table.rows", np.arange(channels, dtype=np.int64) * knots)
    index = n.add("Add", index, rows, to="index")
    above = n.add("Add", index, n.integers(1), to="index.above")
    table = n.constant("table", decoder.table.reshape(-1))
    low = n.add("Gather", table, index, to="table.low")  # (steps, batch, channels)
    high = n.add("Gather", table, above, to="table.high")
    slope = n.add("Sub", high, low, to="slope")
    share = n.add("Sub", at, below, to="share")
    values = n.add("Mul", slope, share, to="rise")
    values = n.add("Add", low, values, to="values.free")
    values = n.add("Max", values, n.constant("low", decoder.table[:, 0]), to="values.low")
    values = n.add("Min", values, n.constant("high", decoder.table[:, -1]), to="values.clipped")
    if decoder.integer.any():
        whole = n.add("Round", values, to="values.whole")
        values = n.add("Where", n.constant("integer", decoder.integer), whole, values, to="values.rounded")
    bounds = (("ReduceMin", decoder.not_above, "lowered"), ("ReduceMax", decoder.not_below, "raised"))
    for reduce, others, name in bounds:
        if others.shape[1] > 1:
            beside = n.add("Gather", values, n.constant(f"{name}.to", others), to=f"{name}.all", axis=2)
            # (steps, batch, channels, others) to (steps, batch, channels)
            values = n.add(reduce, beside, n.integers(3), to=f"values.{name}", keepdims=0)
    n.add("Transpose", values, to="values", perm=[1, 0, 2])  # (batch, steps, channels)


def _recurrence(
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


def _lstm(n: Nodes, weights: dict[str, NDArray[np.float32]], name: str, layer: int) -> list[str]:
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


def _perceptron(
    n: Nodes, weights: dict[str, NDArray[np.float32]], name: str, layers: tuple[str, ...], x: str
) -> str:
    """Linear layers with leaky rectifiers between them: (batch, inputs) to (batch, outputs)."""
    for layer in layers:
        weight = n.weight(f"{name}.{layer}.w", weights[f"{name}.{layer}.weight"])
        bias = n.constant(f"{name}.{layer}.b", weights[f"{name}.{layer}.bias"])
        x = n.add("Gemm", x, weight, bias, to=f"{name}.{layer}", transB=1)
        if layer != layers[-1]:
            x = n.add("LeakyRelu", x, to=f"{name}.{layer}.relu", alpha=SLOPE)
    return x


def _info(tensor: interface.Tensor) -> ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, _DTYPES[tensor.dtype], tensor.shape)
