"""From raw outputs to what the data have: `values` and `labels`."""

import numpy as np
from numpy.typing import NDArray

from export.layers import interpolated, on_grid
from export.nodes import Nodes
from export.rules import follow
from export.scores import SCORES
from training.decoder import Decoder, Decoding
from training.layout import Layout


def decode(n: Nodes, decoding: Decoding, outcomes: list[str], valid: str) -> None:
    """Nodes from what the networks give to `values` and `labels`; `valid` is (steps, batch)."""
    layout, rules = decoding.layout, decoding.rules
    values = _numbers(n, decoding, outcomes) if layout.numeric else ""
    labels = _labels(n, layout, outcomes)
    rows = n.add("Shape", labels[0] if labels else SCORES, to="rows.shape", start=0, end=2)
    if rules.each:
        values, labels = follow(n, rules, values, labels, rows)
    if values:
        _put_values(n, values, rows, valid)
    if labels:
        _put_labels(n, labels, valid)


def _numbers(n: Nodes, decoding: Decoding, outcomes: list[str]) -> str:
    """Nodes from normal scores to numbers, (channels, steps · batch), operation by operation as `Decoder`
    and `Layout.tensors`.

    Channels come first here, and steps and batch are one axis behind them: what is known of a channel is
    one number for a long run of values, which the runtime adds or compares several times as fast as a few
    numbers to each row.
    """
    decoder = decoding.decoder
    channels = len(decoder.table)
    at = n.add("Transpose", SCORES, to="scores.channels", perm=[2, 0, 1])  # (channels, steps, batch)
    at = n.add("Reshape", at, n.integers(channels, -1), to="scores.flat")  # (channels, steps · batch)
    at = n.add("Sub", at, _own(n, "origin", decoder.origin), to="at.offset")
    at = n.add("Mul", at, _own(n, "scale", decoder.scale), to="at.knots")
    if decoder.ends.any():
        at = _mirrored(n, decoder, at)
    between = _own(n, "between", decoder.between) if (decoder.between == 0).any() else ""
    values = interpolated(n, "values", at, decoder.table, between)
    values = n.add("Max", values, _own(n, "low", decoder.table[:, 0]), to="values.low")
    values = n.add("Min", values, _own(n, "high", decoder.table[:, -1]), to="values.clipped")
    if decoder.per.any():
        values = _rounded(n, decoder, values)
    bounds = (("ReduceMin", decoder.not_above, "lowered"), ("ReduceMax", decoder.not_below, "raised"))
    for reduce, others, name in bounds:
        if others.shape[1] > 1:  # by way of (channels, others, steps · batch)
            beside = n.add("Gather", values, n.constant(f"{name}.to", others), to=f"{name}.all", axis=0)
            values = n.add(reduce, beside, n.integers(1), to=f"values.{name}", keepdims=0)
    chosen = decoding.layout.chosen_numbers
    if chosen:
        columns = n.add_many(
            "Split", values, to=[f"values.{i}" for i in range(channels)], axis=0, num_outputs=channels
        )  # (1, steps · batch) each
        for i, k in chosen.items():
            # (steps, batch, 1) to (1, steps · batch)
            outcome = n.add("Reshape", outcomes[k], n.integers(1, -1), to=f"values.{i}.outcome")
            for which, value in decoding.layout.choices[k].instead.items():
                hit = n.add("Equal", outcome, n.integers(which), to=f"values.{i}.is.{which}")
                own = n.constant(f"values.{i}.as.{which}", np.full(1, value, np.float32))
                columns[i] = n.add("Where", hit, own, columns[i], to=f"values.{i}.but.{which}")
        values = n.add("Concat", *columns, to="values.known", axis=0)  # (channels, steps · batch)
    return values


def _put_values(n: Nodes, values: str, rows: str, valid: str) -> None:
    """The output `values` of (channels, steps · batch); `rows` is [steps, batch]."""
    if valid:
        there = n.add("Reshape", valid, n.integers(1, -1), to="valid.flat")  # (1, steps · batch)
        missing = n.constant("missing", np.array([np.nan], np.float32))
        values = n.add("Where", there, values, missing, to="values.valid")
    # In two turns, each of which moves one axis: the runtime moves both at once several times as slowly.
    values = n.add("Transpose", values, to="values.flat", perm=[1, 0])  # (steps · batch, channels)
    shape = n.add("Concat", rows, n.integers(-1), to="values.shape", axis=0)
    values = n.add("Reshape", values, shape, to="values.time")  # (steps, batch, channels)
    n.add("Transpose", values, to="values", perm=[1, 0, 2])  # (batch, steps, channels)


def _mirrored(n: Nodes, decoder: Decoder, at: str) -> str:
    """`at`, in knots, turned back at those ends of channels that ask for it; beyond others it stays."""
    below, above = decoder.ends
    back = n.add("Mul", at, _own(n, "end.below", -below), to="at.below.back")
    at = n.add("Max", at, back, to="at.below")
    last = n.constant("end.last", np.full(1, decoder.table.shape[1] - 1, np.float32))
    left = n.add("Sub", last, at, to="at.above.left")
    back = n.add(
        "Add", n.add("Mul", left, _own(n, "end.above", above), to="at.above.some"), last, to="at.above.back"
    )
    return n.add("Min", at, back, to="at.above")


def _rounded(n: Nodes, decoder: Decoder, values: str) -> str:
    """`values` on the grids of those channels that have one."""
    known = decoder.per > 0
    per = _own(n, "grid.per", np.where(known, decoder.per, np.float32(1)))
    of = _own(n, "grid.of", decoder.of)
    whole = on_grid(n, "grid", values, per, of)
    return n.add("Where", _own(n, "grid.known", known), whole, values, to="values.rounded")


def _own(n: Nodes, name: str, each: NDArray[np.generic]) -> str:
    """A number of each channel, (channels,), beside (channels, steps · batch)."""
    return n.constant(name, each[:, None])


def _labels(n: Nodes, layout: Layout, outcomes: list[str]) -> list[str]:
    """Nodes from outcomes to labels, (steps, batch, 1) each, as `Layout.tensors`."""
    columns = []
    for m, choice in enumerate(layout.choices[: len(layout.discrete)]):
        label = outcomes[m]
        if choice.absent is not None:
            gone = n.add("Equal", label, n.integers(choice.absent), to=f"label.{m}.gone")
            label = n.add("Where", gone, n.integers(-1), label, to=f"label.{m}")
        columns.append(label)
    return columns


def _put_labels(n: Nodes, columns: list[str], valid: str) -> None:
    """The output `labels` of (steps, batch, 1) each."""
    every = n.add("Concat", *columns, to="labels.time", axis=2)  # (steps, batch, discrete)
    if valid:
        there = n.add("Unsqueeze", valid, n.integers(2), to="valid.wide")  # (steps, batch, 1)
        every = n.add("Where", there, every, n.integers(-1), to="labels.valid")
    n.add("Transpose", every, to="labels", perm=[1, 0, 2])  # (batch, steps, discrete)
