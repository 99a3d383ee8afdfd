"""The generator as an ONNX graph, written node by node from its weights.

One LSTM node a layer and no loop, so every batch and every number of steps runs. Inside,
tensors are time-major, (steps, batch, …), as the LSTM node wants them; what is small is
transposed, what is wide is not. The order of every addition is that of `training/networks.py`
and `training/basis.py`, so that the results agree.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, ValueInfoProto, checker, helper

from contract import interface
from contract.spec import Spec, State
from export.nodes import Nodes
from training.basis import Decoder
from training.networks import Generator

OPSET, IR_VERSION = 20, 10
SCORES = "scores"
"""Normal scores (steps, batch, channels): the network's raw output, before the decoding."""

_DTYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


def states_of(generator: Generator) -> tuple[State, ...]:
    """The recurrent tensors of a generator, in the order of `networks.State`."""
    hidden, components = generator.sizes.hidden, len(generator.a)
    return State("h", hidden, 1), State("c", hidden, 1), State("total", components, None)


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

    # The state: made from the latent where a sequence begins, carried where it goes on.
    fresh = n.add("Equal", "position", n.constant("zero", np.array(0, np.int64)), to="fresh")
    fresh_lstm = n.add("Unsqueeze", fresh, n.integers(0, 2), to="fresh.lstm")  # (1, batch, 1)
    fresh_total = n.add("Unsqueeze", fresh, n.integers(1), to="fresh.total")  # (batch, 1)
    first = _perceptron(n, weights, "first", ("0", "2"), "latent")  # (batch, 2 hidden)
    first_h, first_c = n.add_many(
        "Split", first, n.integers(hidden, hidden), to=["first.h", "first.c"], axis=1
    )
    first_h = n.add("Tanh", first_h, to="first.h.tanh")
    first_h = n.add("Unsqueeze", first_h, n.integers(0), to="first.h.lstm")  # (1, batch, hidden)
    first_c = n.add("Unsqueeze", first_c, n.integers(0), to="first.c.lstm")  # (1, batch, hidden)
    h = n.add("Where", fresh_lstm, first_h, "state.h", to="h")
    c = n.add("Where", fresh_lstm, first_c, "state.c", to="c")
    nought = n.constant("nought", np.zeros((1, components), np.float32))
    total = n.add("Where", fresh_total, nought, "state.total", to="total")  # (batch, components)

    # [noise_t, latent] ─▶ LSTM ─▶ h_t
    noise = n.add("Transpose", "noise", to="noise.time", perm=[1, 0, 2])  # (steps, batch, noise)
    shape = n.add("Shape", noise, to="noise.shape", end=2)
    shape = n.add("Concat", shape, n.integers(g.sizes.latent), to="wide.shape", axis=0)
    wide = n.add("Unsqueeze", "latent", n.integers(0), to="latent.time")  # (1, batch, latent)
    wide = n.add("Expand", wide, shape, to="wide")  # (steps, batch, latent)
    x = n.add("Concat", noise, wide, to="x", axis=2)  # (steps, batch, noise + latent)
    lstm = _lstm(n, weights, "lstm", 0)
    y, _, _ = n.add_many("LSTM", x, *lstm, "", h, c, to=["lstm.y", "next.h", "next.c"], hidden_size=hidden)
    y = n.add("Squeeze", y, n.integers(1), to="lstm.hidden")  # (steps, batch, hidden)

    # y_t = level(latent) + a·u_t + Σ b·v_s
    y = n.add("Concat", y, noise, to="head.in", axis=2)  # (steps, batch, hidden + noise)
    y = n.add("MatMul", y, n.weight("head.w", weights["head.weight"].T), to="head.product")
    y = n.add("Add", y, n.constant("head.b", weights["head.bias"]), to="head")
    halves = n.integers(components, components)
    u, v = n.add_many("Split", y, halves, to=["u", "v"], axis=2)  # both (steps, batch, components)
    v = n.add("Mul", v, n.constant("b", weights["b"]), to="v.scaled")
    carry = n.add("Unsqueeze", total, n.integers(0), to="carry")  # (1, batch, components)
    sums = n.add("Concat", carry, v, to="sums.in", axis=0)  # (1 + steps, batch, components)
    sums = n.add("CumSum", sums, n.constant("zero", np.array(0, np.int64)), to="sums.all")
    end = n.integers(np.iinfo(np.int64).max)
    sums = n.add("Slice", sums, n.integers(1), end, n.integers(0), to="sums")  # (steps, …)
    last = n.add("Slice", sums, n.integers(-1), end, n.integers(0), to="sums.last")
    n.add("Squeeze", last, n.integers(0), to="next.total")  # (batch, components)
    level = _perceptron(n, weights, "level", ("0", "2.0", "2.2"), "latent")  # (batch, components)
    level = n.add("Unsqueeze", level, n.integers(0), to="level.time")  # (1, batch, components)
    u = n.add("Mul", u, n.constant("a", weights["a"]), to="u.scaled")
    u = n.add("Add", level, u, to="level.u")
    y = n.add("Add", u, sums, to="y")  # (steps, batch, components)

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
        values = n.add("Where", n.constant("integer", decoder.integer), whole, values, to="values.time")
    n.add("Transpose", values, to="values", perm=[1, 0, 2])  # (batch, steps, channels)


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
            x = n.add("LeakyRelu", x, to=f"{name}.{layer}.relu", alpha=0.2)
    return x


def _info(tensor: interface.Tensor) -> ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, _DTYPES[tensor.dtype], tensor.shape)
