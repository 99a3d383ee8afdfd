"""From raw outputs to what the data have: `values` and `labels`."""

import numpy as np

from export.layers import interpolated
from export.nodes import Nodes
from export.scores import SCORES
from training.decoder import Decoding
from training.layout import Layout


def decode_numbers(n: Nodes, decoding: Decoding, outcomes: list[str], valid: str) -> None:
    """Nodes from normal scores to `values`, operation by operation as `Decoder` and `Layout.tensors`."""
    decoder = decoding.decoder
    channels, knots = decoder.table.shape
    at = n.add("Sub", SCORES, n.constant("origin", decoder.origin), to="at.offset")
    at = n.add("Mul", at, n.constant("scale", decoder.scale), to="at.knots")
    table = n.constant("table", decoder.table.reshape(-1))
    values = interpolated(n, "values", at, table, channels, knots)
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


def decode_labels(n: Nodes, layout: Layout, outcomes: list[str], valid: str) -> None:
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
