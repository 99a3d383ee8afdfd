"""The generator as an ONNX graph, written node by node from its weights.

One LSTM node, one linear RNN node a recurrence, and no loop but where a choice is shown to the next
step: every batch and every number of steps runs. Inside, tensors are time-major, (steps, batch, …), as
the LSTM node wants them; what is small is transposed, what is wide is not. The order of every addition
is that of `training/networks.py` and `training/basis.py`, so that the results agree.
"""

import math

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, checker, helper

from contract import interface
from contract.spec import Spec, State
from export.nodes import Nodes
from training.basis import Decoding
from training.conditions import Conditions
from training.discrete import EDGE, LOUDNESS, SCALE
from training.layout import Layout
from training.networks import SLOPE, SOON, Generator

OPSET, IR_VERSION = 20, 10
SCORES, LOGITS = "scores", "logits"
"""The network's raw outputs, before the decoding: normal scores (steps, batch, channels) and the logits
of all choices with their noise (steps, batch, width)."""

_DTYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


def states_of(generator: Generator) -> tuple[State, ...]:
    """The recurrent tensors of a generator, in the order of `networks.State`."""
    sizes = generator.sizes
    states = (
        State("h", sizes.hidden, 1),
        State("c", sizes.hidden, 1),
        State("total", len(generator.a), 1),
        State("drift", sizes.latent, 1),
        State("choice", generator.choices.width, 1),
        State("tail", generator.overlap.hop, 1),
    )
    return tuple(s for s in states if s.size)


def build(spec: Spec, generator: Generator, decoding: Decoding, conditions: Conditions) -> ModelProto:
    """The whole graph, with exactly the inputs and outputs that `spec` implies."""
    nodes = Nodes(half=spec.precision == "fp16")
    valid = _valid(nodes) if spec.ends else ""
    outcomes = _network(nodes, generator, conditions)
    if decoding.layout.numeric:
        _numbers(nodes, decoding, outcomes, valid)
    if decoding.layout.discrete:
        _labels(nodes, decoding.layout, outcomes, valid)
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


def with_raw(model: ModelProto, layout: Layout) -> ModelProto:
    """A copy that also gives the raw outputs, as far as there are some, to measure parity on."""
    probe = ModelProto()
    probe.CopyFrom(model)
    for name, size in ((SCORES, len(layout.numeric)), (LOGITS, layout.width)):
        if size:
            shape: list[str | int | None] = [interface.STEPS, interface.BATCH, size]
            probe.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return probe


def _network(n: Nodes, g: Generator, conditions: Conditions) -> list[str]:
    """Nodes from the inputs to `SCORES` and `LOGITS`; `next.*` on the way. Gives the outcome of each
    choice, (steps, batch, 1) int64."""
    weights = {k: v.detach().numpy() for k, v in g.state_dict().items()}
    hidden, components = g.sizes.hidden, len(weights["a"])

    # The state: made anew where a sequence begins, carried where it goes on.
    fresh = n.add("Equal", "position", n.constant("zero", np.array(0, np.int64)), to="fresh.all")
    fresh = n.add("Unsqueeze", fresh, n.integers(0, 2), to="fresh")  # (1, batch, 1)
    rest = n.constant("rest", np.zeros((1, 1, hidden), np.float32))
    h = n.add("Where", fresh, rest, "state.h", to="h")
    c = n.add("Where", fresh, rest, "state.c", to="c")
    once = given = ""
    if conditions.width:
        given = _given(n, conditions)  # (batch, given)
        once = n.add("Concat", "latent", given, to="once", axis=1)  # (batch, latent + given)
    latent = n.add("Unsqueeze", "latent", n.integers(0), to="latent.time")  # (1, batch, latent)
    drift = n.add("Where", fresh, latent, "state.drift", to="drift")

    # [noise_t, drift_t, given, choice_{t−1}] ─▶ LSTM ─▶ h_t,   h_t, gumbel_t ─▶ choice_t
    noise = n.add("Transpose", "noise", to="noise.all", perm=[1, 0, 2])  # (steps, batch, noise)
    normals = ""
    if g.choices.width:
        split = n.integers(g.sizes.latent, g.choices.width)
        noise, normals = n.add_many("Split", noise, split, to=["noise.time", "normals"], axis=2)
    rate = np.full(g.sizes.latent, g.drift, np.float32)
    push = math.sqrt(1 - g.drift**2)
    drifts = _recurrence(n, rate, push, noise, drift, "drift")  # (steps, batch, latent)
    parts = [noise, drifts]
    if given:
        shape = n.add("Shape", noise, to="given.shape", start=0, end=2)
        shape = n.add("Concat", shape, n.integers(conditions.width), to="given.full", axis=0)
        given = n.add("Unsqueeze", given, n.integers(0), to="given.once")  # (1, batch, given)
        parts.append(n.add("Expand", given, shape, to="given.time"))  # (steps, batch, given)
    if conditions.most:
        parts += _clock(n, conditions.most)  # (steps, batch, 1) each
    x = n.add("Concat", *parts, to="x", axis=2)  # (steps, batch, noise + latent + given + clock)
    outcomes: list[str] = []
    one_hots: list[str] = []
    if normals:
        y, one_hot, outcomes = _chosen(n, g, weights, x, _gumbel(n, g, normals), fresh, h, c)
        one_hots = [one_hot]
    else:
        lstm = _lstm(n, weights, "lstm", 0)
        y, _, _ = n.add_many(
            "LSTM", x, *lstm, "", h, c, to=["lstm.y", "next.h", "next.c"], hidden_size=hidden
        )
        y = n.add("Squeeze", y, n.integers(1), to="lstm.hidden")  # (steps, batch, hidden)

    if components:
        level = _perceptron(
            n, weights, "level", ("0", "2.0", "2.2"), once or "latent"
        )  # (batch, components)
        level = n.add("Unsqueeze", level, n.integers(0), to="level")  # (1, batch, components)
        total = n.add("Where", fresh, level, "state.total", to="total")
        x = n.add(
            "Concat", y, noise, *one_hots, to="head.in", axis=2
        )  # (steps, batch, hidden + noise + width)
        tail = _tail(n, weights, fresh, level) if g.overlap.hop else ""
        _scores(n, weights, x, total, tail)
    else:
        _still(n, weights["mean"], y)
    return outcomes


def _scores(n: Nodes, weights: dict[str, NDArray[np.float32]], x: str, total: str, tail: str) -> None:
    """`SCORES`, `next.total` and, with a tail, `next.tail`, from x (steps, batch, hidden + noise + width)
    and what was before."""
    # [h_t, noise_t, choice_t] ─▶ head + direct ─▶ [u_t, v_t]
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

    # total_t = ρ∘total_{t−1} + b∘(v_t − centre), y_t = a∘u_t + total_t
    v = n.add("Sub", v, n.constant("centre", weights["centre"]), to="v.centred")
    totals = _recurrence(n, weights["decay"], weights["b"], v, total, "total")
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


def _tail(n: Nodes, weights: dict[str, NDArray[np.float32]], fresh: str, level: str) -> str:
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


def _given(n: Nodes, conditions: Conditions) -> str:
    """The conditions as the generator sees them, (batch, given), as `Conditions.encode`."""
    parts = []
    for i, condition in enumerate(conditions.described):
        name = f"condition.{condition.name}"
        column = n.add("Unsqueeze", name, n.integers(1), to=f"given.{i}.column")  # (batch, 1)
        if condition.labels:
            every = n.constant(f"outcomes.{len(condition.labels)}", np.arange(len(condition.labels)))
            hit = n.add("Equal", column, every, to=f"given.{i}.hit")  # (batch, labels)
            parts.append(n.cast(hit, TensorProto.FLOAT, to=f"given.{i}"))
        else:
            mean, scale = (np.full(1, x, np.float32) for x in conditions.scale(i))
            column = n.add("Sub", column, n.constant(f"given.{i}.mean", mean), to=f"given.{i}.centred")
            parts.append(n.add("Mul", column, n.constant(f"given.{i}.scale", scale), to=f"given.{i}"))
    if conditions.most:
        share = n.constant("given.share", np.full(1, 1 / conditions.most, np.float32))
        column = n.add("Unsqueeze", "length", n.integers(1), to="given.length")  # (batch, 1)
        column = n.cast(column, TensorProto.FLOAT, to="given.length.float")
        parts.append(n.add("Mul", column, share, to="given.length.share"))
    return n.add("Concat", *parts, to="given", axis=1)


def _valid(n: Nodes) -> str:
    """`valid`, and the same as (steps, batch, 1); on the way "time" (steps, batch), the number of each
    step in its sequence."""
    steps = n.add("Shape", "noise", to="steps.list", start=1, end=2)
    steps = n.add("Squeeze", steps, n.integers(0), to="steps")
    one, zero = (n.constant(f"scalar.{k}", np.array(k, np.int64)) for k in (1, 0))
    step = n.add("Range", zero, steps, one, to="step")
    step = n.add("Unsqueeze", step, n.integers(1), to="step.time")  # (steps, 1)
    time = n.add("Add", step, "position", to="time")  # (steps, batch)
    valid = n.add("Less", time, "length", to="valid.time")  # (steps, batch)
    n.add("Transpose", valid, to="valid", perm=[1, 0])
    return n.add("Unsqueeze", valid, n.integers(2), to="valid.wide")


def _clock(n: Nodes, most: int) -> list[str]:
    """What the generator sees of time, operation by operation as `networks.clock`."""
    nothing = n.constant("clock.nothing", np.zeros(1, np.int64))
    left = n.add("Sub", "length", "time", to="clock.left.any")
    left = n.add("Max", left, nothing, to="clock.left")
    gone = n.add("Sub", "length", left, to="clock.gone")
    parts = []
    for name, count, whole in (("gone", gone, most), ("left", left, most), ("soon", left, SOON)):
        share = n.cast(count, TensorProto.FLOAT, to=f"clock.{name}.float")
        of = n.constant(f"clock.{name}.of", np.full(1, whole, np.float32))
        share = n.add("Div", share, of, to=f"clock.{name}.share")
        if name == "soon":
            share = n.add("Min", share, n.constant("clock.one", np.ones(1, np.float32)), to="clock.soon")
        parts.append(n.add("Unsqueeze", share, n.integers(2), to=f"clock.{name}.time"))
    return parts


def _gumbel(n: Nodes, g: Generator, normals: str) -> str:
    """The Gumbels of these steps, (steps, batch, width), operation by operation as `Choices.gumbel`."""
    table = g.choices.table.numpy()
    at = n.add("Add", normals, n.constant("gumbel.edge", np.full(1, EDGE, np.float32)), to="gumbel.offset")
    at = n.add("Mul", at, n.constant("gumbel.scale", np.full(1, SCALE, np.float32)), to="gumbel.knots")
    return _interpolated(n, "gumbel", at, n.constant("gumbel.table", table), 1, len(table))


def _chosen(
    n: Nodes,
    g: Generator,
    weights: dict[str, NDArray[np.float32]],
    x: str,
    gumbel: str,
    fresh: str,
    h: str,
    c: str,
) -> tuple[str, str, list[str]]:
    """`LOGITS`, `next.h`, `next.c` and `next.choice`, by a Scan over the steps, each of which sees what
    the one before has chosen. Gives the LSTM's output (steps, batch, hidden), all choices as 0 and 1
    (steps, batch, width), and of each its outcome (steps, batch, 1)."""
    sizes, width = g.choices.sizes, g.choices.width
    nothing = n.constant("choice.nothing", np.zeros((1, 1, width), np.float32))
    before = n.add("Where", fresh, nothing, "state.choice", to="choice.once")
    before = n.add("Squeeze", before, n.integers(0), to="choice.before")  # (batch, width)
    carried, stacked = ["next.h", "next.c", "choice.last"], ["lstm.hidden", LOGITS, "choices", "outcomes"]
    n.add_many(
        "Scan", h, c, before, x, gumbel, to=[*carried, *stacked],
        num_scan_inputs=2, body=_step(n.part(), g, weights),
    )  # fmt: skip
    n.add("Unsqueeze", "choice.last", n.integers(0), to="next.choice")  # (1, batch, width)
    names = [f"outcome.{k}" for k in range(len(sizes))]
    outcomes = n.add_many("Split", "outcomes", to=names, axis=2, num_outputs=len(sizes))
    return "lstm.hidden", "choices", outcomes


def _step(n: Nodes, g: Generator, weights: dict[str, NDArray[np.float32]]) -> GraphProto:
    """One step of the Scan: the LSTM, and a choice of each kind."""
    sizes, width, hidden = g.choices.sizes, g.choices.width, g.sizes.hidden
    x = n.add("Concat", "step.x", "step.before", to="step.all", axis=1)
    x = n.add("Unsqueeze", x, n.integers(0), to="step.in")  # (1, batch, inputs)
    lstm = _lstm(n, weights, "lstm", 0)
    y, _, _ = n.add_many(
        "LSTM", x, *lstm, "", "step.h", "step.c", to=["step.y", "step.h.next", "step.c.next"],
        hidden_size=hidden,
    )  # fmt: skip
    y = n.add("Squeeze", y, n.integers(0, 1), to="step.hidden")  # (batch, hidden)
    y = n.add("MatMul", y, n.weight("choices.w", weights["choices.weight"].T), to="choices.product")
    y = n.add("Add", y, n.constant("choices.b", weights["choices.bias"]), to="choices.soft")
    y = n.add("Mul", y, n.constant("choices.loudness", np.full(1, LOUDNESS, np.float32)), to="choices.loud")
    y = n.add("Add", y, "step.gumbel", to="step.logits")  # (batch, width)
    names = [f"choice.{k}" for k in range(len(sizes))]
    parts = n.add_many("Split", y, n.integers(*sizes), to=names, axis=1)
    outcomes, one_hots = [], []
    for part, size in zip(parts, sizes, strict=True):
        outcomes.append(n.add("ArgMax", part, to=f"{part}.outcome", axis=1, keepdims=1))
        every = n.constant(f"outcomes.{size}", np.arange(size))
        hit = n.add("Equal", outcomes[-1], every, to=f"{part}.hit")  # (batch, size)
        one_hots.append(n.cast(hit, TensorProto.FLOAT, to=f"{part}.one"))
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


def _still(n: Nodes, mean: NDArray[np.float32], hidden: str) -> None:
    """`SCORES` of numbers that never move, where there are some: as many as there are steps."""
    if len(mean):
        shape = n.add("Shape", hidden, to="still.shape", start=0, end=2)
        shape = n.add("Concat", shape, n.integers(len(mean)), to="still.full", axis=0)
        n.add("Expand", n.constant("mean", mean), shape, to=SCORES)


def _labels(n: Nodes, layout: Layout, outcomes: list[str], valid: str) -> None:
    """Nodes from outcomes to `labels`, as `Layout.tensors`."""
    columns = []
    for m, choice in enumerate(layout.choices[: len(layout.discrete)]):
        label = outcomes[m]
        if choice.absent is not None:
            gone = n.add("Equal", label, n.integers(choice.absent), to=f"label.{m}.gone")
            label = n.add("Where", gone, n.integers(-1), label, to=f"label.{m}")
        columns.append(label)
    every = n.add("Concat", *columns, to="labels.time", axis=2)  # (steps, batch, discrete)
    if valid:
        every = n.add("Where", valid, every, n.integers(-1), to="labels.valid")
    n.add("Transpose", every, to="labels", perm=[1, 0, 2])  # (batch, steps, discrete)


def _numbers(n: Nodes, decoding: Decoding, outcomes: list[str], valid: str) -> None:
    """Nodes from normal scores to `values`, operation by operation as `Decoder` and `Layout.tensors`."""
    decoder = decoding.decoder
    channels, knots = decoder.table.shape
    at = n.add("Sub", SCORES, n.constant("origin", decoder.origin), to="at.offset")
    at = n.add("Mul", at, n.constant("scale", decoder.scale), to="at.knots")
    table = n.constant("table", decoder.table.reshape(-1))
    values = _interpolated(n, "values", at, table, channels, knots)
    values = n.add("Max", values, n.constant("low", decoder.table[:, 0]), to="values.low")
    values = n.add("Min", values, n.constant("high", decoder.table[:, -1]), to="values.clipped")
    if decoder.per.any():
        known = decoder.per > 0
        per = n.constant("grid.per", np.where(known, decoder.per, np.float32(1)))
        of = n.constant("grid.of", decoder.of)
        whole = n.add("Div", n.add("Mul", values, per, to="grid.small"), of, to="grid.steps")
        whole = n.add("Mul", n.add("Round", whole, to="grid.whole"), of, to="grid.times")
        whole = n.add("Div", whole, per, to="grid.signed")
        zero = n.constant("grid.zero", np.zeros(1, np.float32))
        whole = n.add("Where", n.add("Equal", whole, zero, to="grid.none"), zero, whole, to="grid.rounded")
        values = n.add("Where", n.constant("grid.known", known), whole, values, to="values.rounded")
    bounds = (("ReduceMin", decoder.not_above, "lowered"), ("ReduceMax", decoder.not_below, "raised"))
    for reduce, others, name in bounds:
        if others.shape[1] > 1:
            beside = n.add("Gather", values, n.constant(f"{name}.to", others), to=f"{name}.all", axis=2)
            # (steps, batch, channels, others) to (steps, batch, channels)
            values = n.add(reduce, beside, n.integers(3), to=f"values.{name}", keepdims=0)
    chosen = decoding.layout.chosen_numbers
    if chosen:
        names = [f"values.{i}" for i in range(channels)]
        columns = n.add_many("Split", values, to=names, axis=2, num_outputs=channels)
        for i, k in chosen.items():
            for outcome, value in decoding.layout.choices[k].instead.items():
                hit = n.add("Equal", outcomes[k], n.integers(outcome), to=f"values.{i}.is.{outcome}")
                own = n.constant(f"values.{i}.as.{outcome}", np.full(1, value, np.float32))
                columns[i] = n.add("Where", hit, own, columns[i], to=f"values.{i}.but.{outcome}")
        values = n.add("Concat", *columns, to="values.known", axis=2)  # (steps, batch, channels)
    if valid:
        missing = n.constant("missing", np.array([np.nan], np.float32))
        values = n.add("Where", valid, values, missing, to="values.valid")
    n.add("Transpose", values, to="values", perm=[1, 0, 2])  # (batch, steps, channels)


def _interpolated(n: Nodes, name: str, at: str, table: str, rows: int, knots: int) -> str:
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
