"""What `cadenza evaluate` compares with real data: a run, or a model. Of other samples see `foreign.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.calendar import Time
from contract.conditions import draw
from contract.errors import UsageError
from contract.noise import NoiseStream
from contract.spec import Channel, Spec
from contract.times import unit
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.data import BUILTIN, Dataset, heeded, heeds, load, require_heeded, seasonal
from training.data.columns import Column, is_number
from training.data.files import names_of
from training.data.windows import ENDED
from training.drawn import sample_rows
from training.evaluation.report import Subject
from training.evaluation.sides import Real
from training.generator import Generator
from training.layout import Layout

Values = NDArray[np.floating]


@dataclass(frozen=True)
class Sides:
    """What is compared."""

    subject: Subject
    real: Real
    samples: Values
    """(windows, length, columns) like the rows of the data."""
    conditions: Values | None = None
    """Under which each was made, (windows, conditions), if that is known, see `evaluate`."""
    notes: tuple[str, ...] = ()


def _other_data(fingerprint: str, real: Real) -> tuple[str, ...]:
    """What is to be said where the data are not those with this fingerprint."""
    if real.dataset.fingerprint == fingerprint:
        return ()
    return (
        f"{real.source} is not what was trained on, or was read otherwise: what counts as held out may "
        "have been trained on",
    )


def of_run(path: Path, data: str | None, seed: int) -> tuple[Sides, Values | None]:
    """The sides, and samples of the generator before the game, where likelihood came first."""
    checkpoint, _ = checkpoints.load(path)
    source = data or checkpoint.data.source
    if data is None and source not in BUILTIN and not Path(source).exists():
        raise UsageError(
            f"{path} was trained on {source}, which is not there: say where it is now with --data"
        )
    real = real_side(source, heeded(source, checkpoint.config))
    real = replace(real, dataset=real.dataset.in_kinds_of(checkpoint.channels))

    def made(generator: Generator) -> Values:
        return sample_rows(
            generator, checkpoint.decoding, checkpoint.conditions, len(real.chosen()), real.length, seed
        )

    rows = made(checkpoint.generator())
    first = checkpoint.by_likelihood()
    before = made(first) if first else None
    conditions = checkpoint.conditions.draw(len(rows), seed)  # as `sample_rows` drew them
    notes = _other_data(checkpoint.data.fingerprint, real)
    return Sides(Subject("run", str(path), checkpoint.step), real, rows, conditions, notes), before


def of_model(path: Path, data: str | None, seed: int, given: TrainConfig) -> Sides:
    """As many samples of a model as there are windows.

    Raises:
        UsageError: nothing says what the data are, or their labels or conditions are others.
        ContractError, DataError: the model or the data cannot be read.
    """
    from serving.sampler import load as load_generator

    generator = load_generator(path)
    try:
        source = data or generator.spec.data.name
        if data is None and source not in BUILTIN:
            raise UsageError(f"{path} was trained on {source!r}: say where that is with --data")
        require_heeded(given, source)
        channels, length = generator.spec.channels, generator.spec.training_length
        config = replace(given, length=length, whole=generator.spec.ends)
        if generator.spec.form == "text":
            config = replace(config, alphabet="".join(channels[0].labels))
        if generator.spec.form == "film":
            config = replace(config, frames=True)  # of pictures, if the data are a folder of some
        if generator.spec.form == "sound":  # a table's column gave its name to the samples of a hop
            column = channels[0].name.removesuffix(" 1")
            config = replace(config, waveform=column, rate=generator.spec.rate, hop=len(channels))
        config = heeded(source, timed(config, generator.spec.time))
        statics = generator.spec.statics
        real = real_of(source, (*channels, *statics), config)
        if strange := {c.name for c in statics} - {c.name for c in real.dataset.statics}:
            told = ": name what tells them apart with --id-column" if "id_column" in heeds(source) else ""
            raise UsageError(
                f"{path} has the condition {min(strange)!r}, and nothing of that name is constant in the "
                f"sequences of {source}{told}"
            )
        labels = {c.name: c.labels for c in (*real.dataset.columns, *real.dataset.statics)}
        for own in (*channels, *statics):
            if own.labels != labels.get(own.name, own.labels):
                raise UsageError(f"{path} and {source} have not the same labels in {own.name!r}")
        made = generator.sample(len(real.chosen()), None, seed, _begun(generator.spec, real))
    finally:
        generator.close()
    rows = Layout.of(generator.spec.channels).rows(made.values, made.labels)
    if made.valid is not None:
        rows[~made.valid] = ENDED
    drawn = draw(generator.spec, {}, NoiseStream(), seed, range(len(rows)))
    conditions = known_conditions(drawn, real.dataset, len(rows))
    if generator.spec.seasons == real.dataset.seasons != ():  # samples begin when these windows do
        conditions = with_seasons(conditions, seasonal.begun(real.dataset, real.chosen().starts))
    notes = _other_data(generator.spec.data.fingerprint, real)
    return Sides(Subject("model", str(path), None), real, rows, conditions, notes)


def _begun(spec: Spec, real: Real) -> dict[str, list[str]]:
    """When sequences begin that are to be like the windows of `real`: as these do, where that matters."""
    time = real.dataset.time
    if spec.time is None or not spec.seasons or time is None or time.kind == "number":
        return {}
    moments = real.dataset.ticks[real.chosen().starts].astype(f"datetime64[{unit(time)}]")
    iso: list[str] = np.datetime_as_string(moments.astype(f"datetime64[{unit(spec.time)}]")).tolist()
    return {spec.time.name: iso}


def with_seasons(conditions: Values | None, begun: NDArray[np.integer]) -> Values:
    """Conditions (windows, conditions), if there are some, with the rows of seasons that windows begin in,
    (windows, seasons), behind."""
    return np.column_stack([begun[:, :0] if conditions is None else conditions, begun])


def known_conditions(tensors: Mapping[str, Any], real: Dataset, count: int) -> Values | None:
    """From `condition.NAME` of `count` samples all conditions of the data, (count, conditions); None where
    one of them is not there."""
    columns = [tensors.get(f"condition.{c.name}") for c in real.statics]
    known = [column for column in columns if column is not None and len(column) == count]
    return np.column_stack(known) if known and len(known) == len(columns) else None


def timed(config: TrainConfig, time: Time | None) -> TrainConfig:
    """The same, with the column of times taken as it was."""
    if time is None:
        return config
    return replace(
        config, time_column=time.name, time_format=time.format or None, gaps=time.gap is not None
    )


def real_of(source: str, columns: Sequence[Column | Channel], config: TrainConfig) -> Real:
    """The data, of the very channels that were generated, and of their kinds."""
    if source in BUILTIN or config.waveform or not names_of(Path(source)):
        return real_side(source, config)
    gap = f"{config.time_column} gap"
    columns = [c for c in columns if config.time_column is None or c.name != gap]
    words = [c.name for c in columns if not all(map(is_number, c.labels)) and c.name != config.id_column]
    asked = [c.name for c in columns if c.name == config.id_column]  # and so a condition
    chosen = replace(
        config,
        columns=tuple(c.name for c in columns),
        categorical=(*config.categorical, *words),
        static=(*config.static, *asked),
    )
    real = real_side(source, chosen)
    told = [c for c in columns if isinstance(c, Channel) or not (c.labels or c.name in config.categorical)]
    return replace(real, dataset=real.dataset.in_kinds_of(told))


def real_side(source: str, config: TrainConfig) -> Real:
    """The data as they are.

    Raises:
        UsageError: no sequence is as long as samples are.
    """
    dataset = load(source, config)
    dataset.require_varied()
    longest = int(np.diff(dataset.bounds).max())
    if config.length is not None and longest < config.length and not dataset.ends:
        raise UsageError(
            f"samples have {config.length} steps, and the longest sequence of {source} has {longest}: "
            "bring more of the data, or samples that are no longer"
        )
    return Real(source, dataset, dataset.length, config.stride, config.hold_out)
