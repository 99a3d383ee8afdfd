"""What `cadenza evaluate` compares: a run, a model, or anybody's file of samples, with real data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadenza import recordings
from contract.conditions import draw
from contract.errors import UsageError
from contract.noise import NoiseStream
from contract.spec import Channel, Time
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.data import BUILTIN, Dataset, load
from training.data.columns import Column, relabelled
from training.data.dataset import ENDED, Doubles
from training.data.files import TABLES, names_of, tables_of
from training.evaluation.report import Subject
from training.evaluation.sides import Real
from training.game import sample_rows
from training.layout import Layout
from training.networks import Generator

Values = NDArray[np.floating]


@dataclass(frozen=True)
class Sides:
    """What is compared."""

    subject: Subject
    real: Real
    samples: Values
    """(windows, length, columns) like the rows of the data."""
    conditions: Values | None = None
    """Under which each was made, (windows, conditions), if that is known."""
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
    real = _real(source, checkpoint.config)

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
        channels, length = generator.spec.channels, generator.spec.training_length
        config = replace(given, length=length, whole=generator.spec.ends)
        if generator.spec.form == "text":
            config = replace(config, alphabet="".join(channels[0].labels))
        if generator.spec.form == "sound":  # a table's column gave its name to the samples of a hop
            column = channels[0].name.removesuffix(" 1")
            config = replace(config, waveform=column, rate=generator.spec.rate, hop=len(channels))
        statics = generator.spec.statics
        real = _real_of(source, (*channels, *statics), _timed(config, generator.spec.time))
        if strange := {c.name for c in statics} - {c.name for c in real.dataset.statics}:
            raise UsageError(
                f"{path} has the condition {min(strange)!r}, and nothing of that name is "
                f"constant in the sequences of {source}: name what tells them apart with --id-column"
            )
        labels = {c.name: c.labels for c in (*real.dataset.columns, *real.dataset.statics)}
        for own in (*channels, *statics):
            if own.labels != labels.get(own.name, own.labels):
                raise UsageError(f"{path} and {source} have not the same labels in {own.name!r}")
        made = generator.sample(len(real.chosen()), None, seed)
    finally:
        generator.close()
    rows = Layout.of(generator.spec.channels).rows(made.values, made.labels)
    if made.valid is not None:
        rows[~made.valid] = ENDED
    drawn = draw(generator.spec, {}, NoiseStream(), seed, range(len(rows)))
    conditions = _known(drawn, real.dataset, len(rows))
    notes = _other_data(generator.spec.data.fingerprint, real)
    return Sides(Subject("model", str(path), None), real, rows, conditions, notes)


def of_samples(path: Path, data: str | None, given: TrainConfig) -> Sides:
    """The samples of a file or a folder, by the names of their columns where both sides have some.

    Raises:
        UsageError: nothing says what the data are, or columns or lengths are others.
        DataError: either cannot be read.
    """
    if data is None:
        raise UsageError(f"{path} does not say what it was made from: name the real data with --data")
    if path.suffix == ".npz" and (tensors := _tensors(path)):
        return _of_tensors(path, tensors, data, given)
    names, theirs = names_of(path), () if data in BUILTIN else names_of(Path(data))
    config = TrainConfig(time_column=given.time_column if given.time_column in names else None)
    if theirs and given.id_column in names and given.id_column not in theirs:
        given, id_column = replace(given, id_column=None), given.id_column  # of the samples alone
    else:
        id_column = next((n for n in names if n == given.id_column), None)
    if {"sequence", "step"} <= set(names):  # as `cadenza sample` writes tables
        _require_order(path)
        names = [n for n in names if n not in ("sequence", "step")]
        config = replace(config, columns=tuple(names), id_column="sequence")
    elif id_column is not None:
        names.remove(id_column)
        config = replace(config, columns=tuple(names), id_column=id_column)
    if (sound := _sound(data, given, names)) is not None:
        read = recordings.read(path, names, config, sound)
        read, length, whole = recordings.windows(path, read, sound)
        real = _real(data, replace(given, length=length, whole=whole))
        other, conditions = _arranged(read, real.dataset)
        return Sides(Subject("samples", str(path), None), real, *_compared(other, conditions, real))
    read = load(str(path), config)
    lengths = np.unique(np.diff(read.bounds))
    if len(read.bounds) < 3:
        raise UsageError(f"{path} holds one sequence; several are wanted: (sequences, steps, channels)")
    named = bool(names)
    if read.time:
        given = replace(given, time_column=read.time.name)
    one = int(lengths[0]) if len(lengths) == 1 else None  # of several lengths: whole sequences
    real = _real_of(
        data,
        (*read.columns, *read.statics) if named else (),
        replace(given, length=one, whole=True if one is None else None),
    )
    if named:  # few rows may look evenly apart by chance, or labels like numbers
        labelled = (c.name for c in (*real.dataset.columns, *real.dataset.statics) if c.labels)
        config = replace(config, categorical=tuple(name for name in labelled if name in names))
        _require_columns(path, names, data, real)
        read = load(str(path), _timed(config, real.dataset.time if read.time else None))
    if one is None and not real.dataset.ends:
        raise UsageError(
            f"{path} holds {len(read.bounds) - 1} sequences of {len(lengths)} different lengths, and those "
            f"of {data} are all of one: several of that are wanted"
        )
    other, conditions = _arranged(read, real.dataset)
    compared = _compared(replace(other, ends=one is None), conditions, real)
    notes = _unseen(path, names, one, load(data, given)) if theirs and named else ()
    return Sides(Subject("samples", str(path), None), real, *compared, notes)


def _unseen(path: Path, names: Sequence[str], length: int | None, data: Dataset) -> tuple[str, ...]:
    """What of the data samples with columns of these names, all of one `length` if it is known, lack."""
    gap = None if data.time is None else data.time.gap
    missing = [repr(c.name) for c in (*data.columns, *data.statics) if c.name not in (*names, gap)]
    notes = []
    if missing:
        notes.append(f"{path} has no column {', '.join(missing)}: {data.name} is judged without")
    if length is not None and data.ends:
        notes.append(
            f"every sample has {length} steps, and sequences of {data.name} end by themselves: how long "
            "they are is not compared"
        )
    return tuple(notes)


def _require_order(path: Path) -> None:
    """Raise a UsageError where the steps of a table's sequences do not come one after the other."""
    for table in tables_of(path):
        ids, steps = (np.asarray(table.column(name)) for name in ("sequence", "step"))
        order = np.argsort(ids, kind="stable")
        ids, steps = ids[order], steps[order]
        if ((ids[1:] == ids[:-1]) & (steps[1:] <= steps[:-1])).any():
            raise UsageError(
                f"{path}: the steps of a sequence do not come one after the other: sort rows by step"
            )


def _require_columns(path: Path, names: Sequence[str], data: str, real: Real) -> None:
    """Raise a UsageError where named columns are not those of data that have names as well."""
    wanted = [
        c.name for c in real.dataset.columns if not real.dataset.time or c.name != real.dataset.time.gap
    ]
    array = data not in BUILTIN and Path(data).suffix.lower() in recordings.ARRAYS
    if not array and (missing := [repr(n) for n in wanted if n not in names]):
        raise UsageError(f"{path} has no column {', '.join(missing[:8])}; it has {', '.join(names)}")


def _arranged(samples: Dataset, real: Dataset) -> tuple[Dataset, Values | None]:
    """Samples with the channels of the real data, and the conditions of each sequence, (sequences,
    conditions), if it has them all: they were told apart by what happens to change in the samples.

    Raises:
        DataError: a label that the real data do not have.
    """
    columns = [*samples.columns, *samples.statics]
    values = samples.values  # (rows, columns)
    if samples.statics:
        values = np.hstack([values, np.repeat(samples.static_values, np.diff(samples.bounds), axis=0)])
    place = {column.name: i for i, column in enumerate(columns)}

    def taken(wanted: Sequence[Column]) -> Doubles:
        found = [place[c.name] for c in wanted]
        return relabelled(values[:, found], [columns[i] for i in found], wanted)  # (rows, wanted)

    if not {c.name for c in real.columns} <= set(place):  # columns of other names stand in the same order
        return replace(samples, values=relabelled(samples.values, samples.columns, real.columns)), None
    bare = replace(samples, columns=real.columns, values=taken(real.columns))
    if not real.statics or not {c.name for c in real.statics} <= set(place):
        return bare, None
    return bare, taken(real.statics)[samples.bounds[:-1]]


def _tensors(path: Path) -> dict[str, Any]:
    """The arrays of an archive as `cadenza sample` writes it; none of another."""
    with np.load(path, allow_pickle=False) as archive:
        own = all(n in ("values", "labels", "valid") or n.startswith("condition.") for n in archive.files)
        return {name: archive[name] for name in archive.files} if own else {}


def _of_tensors(path: Path, tensors: dict[str, Any], data: str, given: TrainConfig) -> Sides:
    values, labels, valid = (tensors.get(name) for name in ("values", "labels", "valid"))
    first = next(array for array in (values, labels) if array is not None)
    real = _real(data, replace(given, length=first.shape[1], whole=valid is not None or None))
    layout = real.dataset.layout
    found = [0 if array is None else array.shape[2] for array in (values, labels)]
    if found != [len(layout.numeric), len(layout.discrete)]:
        raise UsageError(
            f"{path} holds {found[0]} channels of numbers and {found[1]} of labels, and {data} "
            f"{len(layout.numeric)} and {len(layout.discrete)}: name the data that the model was trained on"
        )
    rows = layout.rows(values, labels)
    if valid is not None:
        rows[~valid] = ENDED
    conditions = _known(tensors, real.dataset, len(rows))
    return Sides(Subject("samples", str(path), None), real, rows, conditions)


def _known(tensors: Mapping[str, Any], real: Dataset, count: int) -> Values | None:
    """From `condition.NAME` of `count` samples all conditions of the data, (count, conditions); None where
    one of them is not there."""
    columns = [tensors.get(f"condition.{c.name}") for c in real.statics]
    known = [column for column in columns if column is not None and len(column) == count]
    return np.column_stack(known) if known and len(known) == len(columns) else None


def _compared(samples: Dataset, conditions: Values | None, real: Real) -> tuple[Values, Values | None]:
    """Samples side by side, (windows, length, columns), and the conditions of each, (windows, …)."""
    windows = samples.windows(real.length, real.length)
    under = None if conditions is None else conditions[samples.sequence_of(windows.starts)]
    return windows.take(np.arange(len(windows))), under


def _sound(source: str, given: TrainConfig, names: Sequence[str]) -> Dataset | None:
    """The data, if they are sound. A table is where it was said, and nothing else is where samples, the
    columns of which are `names`, have several."""
    table = source not in BUILTIN and Path(source).suffix.lower() in TABLES
    if given.waveform is None and (table or len(names) > 1):
        return None
    dataset = load(source, given)
    return dataset if dataset.form == "sound" else None


def _timed(config: TrainConfig, time: Time | None) -> TrainConfig:
    """The same, with the column of times taken as it was."""
    return replace(config, time_column=time.name, gaps=time.gap is not None) if time else config


def _real_of(source: str, columns: Sequence[Column | Channel], config: TrainConfig) -> Real:
    """The data, of the very channels that were generated, and of their kinds."""
    if source in BUILTIN or Path(source).suffix.lower() not in TABLES or config.waveform:
        return _real(source, config)
    gap = f"{config.time_column} gap"
    chosen = replace(
        config,
        columns=tuple(c.name for c in columns if config.time_column is None or c.name != gap),
        categorical=(*config.categorical, *(c.name for c in columns if c.labels)),
    )
    return _real(source, chosen)


def _real(source: str, config: TrainConfig) -> Real:
    dataset = load(source, config)
    return Real(source, dataset, dataset.length, config.stride, config.hold_out)
