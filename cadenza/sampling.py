"""`cadenza sample`: to a file of any size, without a server."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from contract import times
from contract.errors import UsageError
from contract.spec import NUMERIC, Spec
from serving import formats
from serving.sampler import load
from serving.samples import Samples
from serving.settings import Settings

_FOR_EVER = 4
"""Windows that sequences have in the mean where they are taken to go on for ever, `training.config`."""


def sample_to_file(
    model: Path,
    out: Path,
    count: int,
    length: int | None,
    seed: int | None,
    where: Sequence[str],
    settings: Settings,
    start_time: str | None = None,
) -> None:
    """Write samples and say what was written.

    `start_time` is the first time of each sequence, in a form that holds times.

    Raises:
        CadenzaError: see `serving.sampler.Generator.batches` and `serving.formats.save`.
    """
    formats.by_suffix(out)  # a wrong suffix shall not cost a model's loading
    generator = load(model, settings)
    try:
        asked = _conditions(generator.spec, where)
        if start_time is not None:
            asked |= _begun(generator.spec, start_time, asked)
        plan = generator.plan(count, length, seed, asked)
        formats.save(out, plan, _shown(generator.batches(plan), plan.count * plan.length))
    finally:
        generator.close()
    for note in (*said_of_times(generator.spec, asked), *said_of_length(generator.spec, plan.length)):
        print(note)
    print(
        f"{out}: {plan.count} sequence{'s' * (plan.count > 1)} of {'up to ' * plan.drawn}{plan.length} "
        f"step{'s' * (plan.length > 1)}, seed {plan.seed}, "
        f"model {generator.digest[:12]}…, {generator.provider}"
    )


def said_of_length(spec: Spec, length: int) -> Iterator[str]:
    """What to know of samples that are longer than what the data show."""
    data, known = spec.data, spec.training_length
    if not spec.ends:
        if data.rows >= _FOR_EVER * known * data.sequences:
            return  # long series, which go on as they are
        known = max(known, data.rows // data.sequences)
    if length > known:
        how = "at most" if spec.ends else "in the mean"
        yield (
            f"sequences of the data have {known} rows {how}: what lies behind these was not learnt, and "
            "may go anywhere"
        )


def said_of_times(spec: Spec, asked: Mapping[str, object]) -> Iterator[str]:
    """What to know of first times: that they are drawn or, of those that were asked for, that rows have
    others, and turns of the calendar that values do not go with."""
    time = spec.time
    if time is None:
        return
    if time.name not in asked:
        if time.begins[0] < time.begins[-1]:
            first, last = times.texts(time, np.array(time.begins)[[0, -1]])
            yield f"each sequence begins as the data's do, from {first} to {last}: --start-time says when"
        return
    given = asked[time.name]
    for one in dict.fromkeys(given if isinstance(given, list) else [given]):
        begun = times.parse(time, str(one))
        moved = times.at(replace(time, start=begun), np.zeros(1, np.int64))
        if moved[0] != begun:
            wanted, had = times.texts(time, np.array([begun, moved[0]]))
            yield f"rows are not at {wanted}: samples begin at {had}"
    lacking = [season.name for season in times.seasons(time) if season not in spec.seasons]
    if lacking:
        turns = " and no ".join(lacking)
        yield f"values go with no {turns}: none was learnt, see --seasons of cadenza train"


def _begun(spec: Spec, start_time: str, asked: Mapping[str, object]) -> dict[str, object]:
    """The first time as a condition, by the name of the column of times."""
    if spec.time is None:
        raise UsageError(f"{spec.name} had no column of times, so samples cannot start at {start_time!r}")
    if spec.time.name in asked:
        raise UsageError(f"--start-time and --where {spec.time.name}=… say the same: give one of them")
    return {spec.time.name: _number(start_time) if spec.time.kind == "number" else start_time}


def _shown(batches: Iterator[Samples], total: int) -> Iterator[Samples]:
    """The same batches, with progress if it takes longer than two seconds."""
    with tqdm(total=total, unit="row", unit_scale=True, delay=2, file=sys.stderr, desc="sampling") as bar:
        for batch in batches:
            yield batch
            rows, steps = batch.shape
            bar.update(rows * steps)


def _conditions(spec: Spec, where: Sequence[str]) -> dict[str, object]:
    """NAME=VALUE as the condition's own type; of a name that is there several times, a list. The names of
    conditions, which may have a mark of equality in them, are those of the data."""
    names = [*(c.name for c in spec.conditions), *([spec.time.name] if spec.time else [])]
    known = sorted(names, key=len, reverse=True)
    numeric = {c.name for c in spec.conditions if c.kind in NUMERIC}
    if spec.time is not None and spec.time.kind == "number":
        numeric.add(spec.time.name)
    found: dict[str, list[object]] = {}
    for part in where:
        if "=" not in part:
            raise UsageError(f"--where {part}: NAME=VALUE is wanted")
        name = next((name for name in known if part.startswith(f"{name}=")), part.partition("=")[0])
        value = part[len(name) + 1 :]
        found.setdefault(name, []).append(_number(value, f"--where {part}: ") if name in numeric else value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _number(text: str, where: str = "--start-time: ") -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{where}{text!r} is not a number") from error
