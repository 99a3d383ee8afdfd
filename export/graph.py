"""The generator as an ONNX graph, written node by node from its weights.

One LSTM node, one linear RNN node a recurrence, and no loop but where a choice is shown to the next
step, in which what lasts of numbers is summed as well: every batch and every number of steps runs.
Inside, tensors are time-major, (steps, batch, …), as the LSTM node wants them, and channels come first
where they are decoded. What the networks give is that of `training/generator.py` but for rounding; the
decoding is operation by operation that of `training/decoder.py`, so that both give the same bytes.
"""

import numpy as np
from onnx import ModelProto, TensorProto, ValueInfoProto, checker, helper

from contract import interface
from contract.spec import Spec, State
from export import ends
from export.choices import LOGITS, choose, gate, gumbels
from export.decoding import decode
from export.home import homes, homeward, level_of
from export.known import clock, each, elapsed, encode, first
from export.layers import Weights, lstm, perceptron, recurrence
from export.nodes import Nodes
from export.scores import SCORES, moving_scores, still_scores, tail_before
from training.conditions import Conditions
from training.data.rules.making import Rules
from training.decoder import Decoding
from training.generator import Generator

OPSET, IR_VERSION = 20, 10
_DTYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


def states_of(generator: Generator, rules: Rules) -> tuple[State, ...]:
    """The recurrent tensors of a generator, in the order of `generator.State`, and what rules carry on."""
    sizes = generator.sizes
    states = (
        State("h", sizes.hidden, 1),
        State("c", sizes.hidden, 1),
        State("total", len(generator.a), 1),
        State("drift", generator.latents, 1),
        State("home", 2 * len(generator.a) * generator.draws_homes, 1),
        State("choice", generator.choices.width, 1),
        State("tail", generator.overlap.hop, 1),
        State("ended", int(generator.gated), 1),
        State("before", rules.state_size, 1),
    )
    return tuple(s for s in states if s.size)


def build(spec: Spec, generator: Generator, decoding: Decoding, conditions: Conditions) -> ModelProto:
    """The whole graph, with exactly the inputs and outputs that `spec` implies."""
    nodes = Nodes(half=spec.precision == "fp16")
    if spec.ends or spec.seasons or decoding.rules.carried or generator.draws_homes:
        ends.time(nodes)
    outcomes = _network(nodes, generator, conditions)
    valid = ""
    if spec.ends:
        valid = ends.valid(nodes, spec.training_length if generator.gated else None)
    decode(nodes, decoding, outcomes, valid)
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


def with_raw(model: ModelProto, generator: Generator, numbers: int) -> ModelProto:
    """A copy that also gives the raw outputs, as far as there are some, to measure parity on."""
    probe = ModelProto()
    probe.CopyFrom(model)
    for name, size in ((SCORES, numbers), (LOGITS, generator.choices.width + generator.gate.width)):
        if size:
            shape: list[str | int | None] = [interface.STEPS, interface.BATCH, size]
            probe.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return probe


def _network(n: Nodes, g: Generator, conditions: Conditions) -> list[str]:
    """Nodes from the inputs to `SCORES` and `LOGITS`; `next.*` on the way, and with a gate "closed"
    (steps, batch). Gives the outcome of each choice, (steps, batch, 1) int64."""
    weights: Weights = {k: v.detach().numpy() for k, v in g.state_dict().items()}
    weights |= {name: getattr(g, name).detach().numpy() for name in ("a", "b", "kept")}
    hidden, components = g.sizes.hidden, len(weights["a"])

    # The state: made anew where a sequence begins, carried where it goes on.
    fresh = n.add("Equal", "position", n.constant("zero", np.array(0, np.int64)), to="fresh.all")
    fresh = n.add("Unsqueeze", fresh, n.integers(0, 2), to="fresh")  # (1, batch, 1)
    rest = n.constant("rest", np.zeros((1, 1, hidden), np.float32))
    h = n.add("Where", fresh, rest, "state.h", to="h")
    given = encode(n, conditions) if conditions.width else ""  # (batch, given)
    level_alone = components and not g.draws_homes
    once = _once(n, g, conditions, given) if g.start or level_alone else ""
    begun = _start(n, weights, once) if g.start else rest
    c = n.add("Where", fresh, begun, "state.c", to="c")
    latent = n.add("Unsqueeze", "latent", n.integers(0), to="latent.time")  # (1, batch, latent)
    drift = n.add("Where", fresh, latent, "state.drift", to="drift")

    # [noise_t, drift_t, given, choice_{t−1}] ─▶ LSTM ─▶ h_t,   h_t, gumbel_t (, total_t) ─▶ choice_t
    noise, normals, latch = _noise(n, g)
    drifts = _drifts(n, g, noise, drift)
    x = _inputs(n, g, conditions, noise, drifts, given)
    level = total = home = ""
    if components:
        if g.draws_homes:
            level, home = homes(n, g, weights, conditions, fresh, drift, drifts, given)
        else:
            level = level_of(n, weights, once)
        total = n.add("Where", fresh, level, "state.total", to="total")  # (1, batch, components)
    push = homeward(n, weights, given, home)
    outcomes: list[str] = []
    one_hots: list[str] = []
    logits: list[str] = []
    if normals:
        logits = ["choices.logits" if latch else LOGITS]
        gumbel = gumbels(n, normals, "gumbel")
        y, one_hot, outcomes = choose(n, g, weights, x, gumbel, fresh, h, c, total, push, logits[0])
        one_hots = [one_hot]
    else:
        layer = lstm(n, weights, "lstm", 0)
        y, _, _ = n.add_many(
            "LSTM", x, *layer, "", h, c, to=["lstm.y", "next.h", "next.c"], hidden_size=hidden
        )
        y = n.add("Squeeze", y, n.integers(1), to="lstm.hidden")  # (steps, batch, hidden)
    if latch:
        logits.append(gate(n, weights, y, latch))
        n.add("Concat", *logits, to=LOGITS, axis=2)  # (steps, batch, width + gate)
        ends.closed(n, logits[-1], fresh)

    if components:
        # (steps, batch, hidden + latent + latents), with labels + width + 2 components
        lasting = ["lasting"] if g.mixed else []
        x = n.add("Concat", y, noise, drifts, *one_hots, *lasting, to="head.in", axis=2)
        tail = tail_before(n, weights, fresh, level) if g.overlap.hop else ""
        moving_scores(n, weights, x, fresh, level, total, push, tail, *lasting)
    else:
        still_scores(n, weights["mean"], y)
    return outcomes


def _noise(n: Nodes, g: Generator) -> tuple[str, str, str]:
    """The noise of these steps, the normals of the choices and those of the gate, each (steps, batch, …);
    the empty string where there are none."""
    noise = n.add("Transpose", "noise", to="noise.all", perm=[1, 0, 2])
    sizes = {"noise.time": g.sizes.latent, "normals": g.choices.width, "latch": g.gate.width}
    sizes = {name: size for name, size in sizes.items() if size}
    if len(sizes) == 1:
        return noise, "", ""
    parts = n.add_many("Split", noise, n.integers(*sizes.values()), to=list(sizes), axis=2)
    return parts[0], "normals" * ("normals" in parts), "latch" * ("latch" in parts)


def _once(n: Nodes, g: Generator, conditions: Conditions, given: str) -> str:
    """What is known before the first step, (batch, latent + given + what is seen of seasons), without the
    latents that forget soon."""
    latent = "latent"
    if g.latents > g.sizes.latent:
        latent = n.add(
            "Slice", latent, n.integers(0), n.integers(g.sizes.latent), n.integers(1), to="latent.slow"
        )
    known = [name for name in (given, *first(n, conditions.seasons)) if name]
    return n.add("Concat", latent, *known, to="once", axis=1) if known else latent


def _drifts(n: Nodes, g: Generator, noise: str, drift: str) -> str:
    """The latent as it drifts, (steps, batch, latents)."""
    size = g.sizes.latent
    gain = np.eye(g.latents, size, dtype=np.float32) + np.eye(g.latents, size, -size, dtype=np.float32)
    gain *= (1 - g.rates**2).sqrt().numpy()[:, None]  # what forgets soon is of the same noise
    return recurrence(n, g.rates.numpy(), gain, noise, drift, "drift")


def _inputs(n: Nodes, g: Generator, conditions: Conditions, noise: str, drifts: str, given: str) -> str:
    """What the LSTM sees at each step besides what it chose: (steps, batch, inputs)."""
    parts = [noise, drifts]  # (steps, batch, latent), (steps, batch, latents)
    if given:
        shape = n.add("Shape", noise, to="given.shape", start=0, end=2)
        shape = n.add("Concat", shape, n.integers(conditions.width), to="given.full", axis=0)
        given = n.add("Unsqueeze", given, n.integers(0), to="given.once")  # (1, batch, given)
        parts.append(n.add("Expand", given, shape, to="given.time"))  # (steps, batch, given)
    parts += each(n, conditions.seasons)  # (steps, batch, numbers) each
    if conditions.most:
        see = elapsed if g.gated else clock
        parts += see(n, conditions.most)  # (steps, batch, 1) each
    return n.add("Concat", *parts, to="x", axis=2)


def _start(n: Nodes, weights: Weights, once: str) -> str:
    """The cell that sequences begin with, (1, batch, hidden)."""
    cell = perceptron(n, weights, "start", ("0", "2"), once)  # (batch, hidden)
    return n.add("Unsqueeze", cell, n.integers(0), to="start")


def _info(tensor: interface.Tensor) -> ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, _DTYPES[tensor.dtype], tensor.shape)
