"""A model file in words, for `cadenza inspect` and `cadenza export`."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np

from contract import interface, times
from contract.calendar import Time
from contract.seal import Artifact
from contract.spec import NUMERIC, Channel, Condition, Spec, plainly

_ALIKE = 3
"""Neighbours of one kind that have a line each."""


def describe(artifact: Artifact) -> str:
    """Several lines that tell a person what is in the file."""
    return "\n".join(_lines(artifact))


def parity_line(spec: Spec) -> str:
    """The measured figures in one line."""
    p = spec.parity
    return (
        f"{spec.precision}: raw outputs within {p.network:.1e} of torch's (RMS {p.network_rms:.1e}), "
        f"decoding {_exactly(p.decoding)}, chunked = whole {_exactly(p.chunks)}, "
        f"alone = in company {_exactly(p.company)}"
    )


def _lines(artifact: Artifact) -> Iterator[str]:
    spec = artifact.spec
    yield f"{spec.name}: a recurrent generator, {spec.precision}, {len(artifact.data):,} bytes"
    yield f"sha256      {artifact.digest}"
    yield f"form        {spec.form}"
    step = spec.step if spec.step[:1].isdigit() else f"one {spec.step}"  # 1 day, or one row
    yield f"step        {step}; trained on {_windows(spec)}"
    if spec.time:
        yield f"times       {_times(spec.time)}"
    if spec.derived:
        yield f"derived     from the time: {', '.join(d.name for d in spec.derived)}"
    if spec.seasons:
        turns = ", ".join(f"{s.name} ({s.rows:,} rows)" for s in spec.seasons)
        yield f"seasons     {turns}: values go with the times beside them"
    shown = () if spec.frame else spec.channels
    if spec.frame:
        height, width = spec.frame
        yield f"channels    frames of {height} by {width} pixels, row by row: {_kind(_whole(spec))}"
    else:
        yield "channels"
    names = [*(c.name for c in shown), *(c.name for c in spec.conditions)]
    width = max(map(len, names), default=0)
    for kind, alike in groupby(shown, _of_channel):
        own = [c.name for c in alike]
        if len(own) > _ALIKE:  # the samples of a hop, the pixels of a row
            yield f"  {own[0]} … {own[-1]}  {len(own)}, each {kind}"
            continue
        for name in own:
            yield f"  {name:<{width}}  {kind}"
    yield "conditions" if spec.conditions else "conditions  none"
    for condition in spec.conditions:
        yield f"  {condition.name:<{width}}  {_kind(condition)}"
    for name, tensors in (("inputs", interface.inputs(spec)), ("outputs", interface.outputs(spec))):
        shapes = (f"{t.name} {t.dtype}[{', '.join(map(str, t.shape))}]" for t in tensors)
        yield f"{name:<11} " + ("\n" + " " * 12).join(shapes)
    yield f"noise       {spec.noise.algorithm}, version {spec.noise.version}"
    yield f"measured    {parity_line(spec)}"
    yield "scores" if spec.scores else "scores      none: `cadenza evaluate RUN` before the export"
    for s in spec.scores:
        yield (
            f"  {s.name:<10} {s.value:.4f} ± {s.spread:.4f}, real against real {s.floor:.4f} ± "
            f"{s.floor_spread:.4f} ({s.judges} judges)"
        )
    sequences = f"{spec.data.sequences:,} sequence{'s' * (spec.data.sequences != 1)}"
    yield f"data        {sequences}, {spec.data.rows:,} rows"
    yield f"fingerprint {spec.data.fingerprint}"
    yield f"inside      {spec.data.disclosure}"
    yield "versions    " + ", ".join(f"{k} {v}" for k, v in spec.versions.items())
    yield f"licence     {spec.licence or 'not stated'}"


def _windows(spec: Spec) -> str:
    if not spec.ends:
        return f"windows of {spec.training_length}"
    how = {"length": "how long each is, is drawn first", "gate": "the generator ends each itself"}
    return f"whole sequences of up to {spec.training_length}: {how[str(spec.endings)]}"


def _whole(spec: Spec) -> Channel:
    """A pixel that has the range of all."""
    low = min(c.low for c in spec.channels if c.low is not None)
    high = max(c.high for c in spec.channels if c.high is not None)
    return replace(spec.channels[0], low=low, high=high)


def _times(time: Time) -> str:
    first, last = times.texts(time, np.array(time.begins)[[0, -1]])
    begun = f"sequences begin at {first}" + (f" … {last}" if first != last else "")
    apart = f"the channel {time.gap} says how far apart" if time.gap else "a step apart"
    return f"{time.name}, {begun}, {apart}"


def _of_channel(c: Channel) -> str:
    return _kind(c) + (f", follows: {c.follows}" if c.follows else "")


def _kind(c: Channel | Condition) -> str:
    if c.kind not in NUMERIC:
        shown = ", ".join(map(plainly, c.labels[:8]))
        return f"{c.kind}: {shown}" + (f" and {len(c.labels) - 8} more" if len(c.labels) > 8 else "")
    unit = f" {c.unit}" if isinstance(c, Channel) and c.unit else ""
    return f"{c.kind} from {c.low:,.6g} to {c.high:,.6g}{unit}"


def _exactly(figure: float) -> str:
    return "bit for bit" if figure == 0 else f"within {figure:.1e} of a channel's range"
