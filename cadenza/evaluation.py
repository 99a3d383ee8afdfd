"""`cadenza evaluate`: a run, a model, or anybody's file of samples, against real data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
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
from training.data.files import TABLES, names_of
from training.data.folders import holds
from training.data.source import READERS
from training.evaluation import page
from training.evaluation.about import ScoreName
from training.evaluation.report import REPORT_FILE, Report, Subject, evaluate
from training.evaluation.sides import Real
from training.game import sample_rows
from training.layout import Layout
from training.networks import Generator

Values = NDArray[np.floating]


def evaluate_subject(
    subject: str,
    data: str | None,
    out: Path | None,
    scores: Sequence[ScoreName] | None,
    judges: int,
    seed: int,
    id_column: str | None = None,
    hold_out: float | None = None,
    with_page: bool = True,
    quick: bool = False,
    full: bool = False,
    time_column: str | None = None,
    waveform: str | None = None,
    rate: int | None = None,
    hop: int | None = None,
) -> tuple[Report, list[Path]]:
    """Score `subject` and write the report, as JSON and as a page; gives it back with its files.

    `id_column` tells the sequences of a table apart, `time_column` holds its times, `waveform`, `rate` and
    `hop` say that its column is sound, as to the training, and `hold_out` what share of the data was not
    trained on; a run remembers all of it. A model is taken to have held out what is held out by default; of
    a file of samples nothing is known, so nothing is taken to be held out.

    Without `scores` those that fit the data are computed, and if it is to be `quick`, those of them that
    take seconds. `full`: judges of large windows learn as long as those of small ones.

    Raises:
        UsageError: nothing says what the real data are, or shapes differ.
        RunError, DataError, ContractError: the subject or the data cannot be read.
    """
    torch.set_num_threads(1)  # the judges are too small for two to pay
    path = Path(subject)
    if judges < 1:
        raise UsageError(f"--judges is {judges}; at least 1 is wanted")
    if scores is not None and not scores:
        raise UsageError("--scores names none; name at least one")
    before: Values | None = None
    given = TrainConfig(
        id_column=id_column, time_column=time_column, waveform=waveform, rate=rate, hop=hop,
        hold_out=TrainConfig.hold_out if hold_out is None else hold_out,
    )  # fmt: skip
    run = path.is_dir() and _is_run(path)
    if run:
        (about, real, other, under), before = _of_run(path, data, seed)
    elif path.suffix == ".onnx":
        about, real, other, under = _of_model(path, data, seed, given)
    elif path.exists():
        known = given if hold_out else replace(given, hold_out=0.0)
        about, real, other, under = _of_samples(path, data, known)
    else:
        raise UsageError(f"{subject}: there is no such run, model or file")
    chosen = None if scores is None else tuple(dict.fromkeys(scores))
    report, evidence = evaluate(real, other, chosen, judges, about, seed, under, quick, full, before)
    target = out or (path / REPORT_FILE if run else path.with_name(f"{path.stem}.{REPORT_FILE}"))
    if target.suffix == ".html":
        raise UsageError(f"-o is {target}: name the JSON file; the page goes beside it")
    report.write(target)
    if not with_page:
        return report, [target]
    page.write(target.with_suffix(".html"), report, evidence)
    return report, [target, target.with_suffix(".html")]


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run, and no folder of samples; it is for `checkpoints` to say why it is not."""
    read = any(holds(folder, suffixes) for suffixes in READERS)
    return any(folder.glob("checkpoint-*")) or not read


_Sides = tuple[Subject, Real, Values, Values | None]
"""Who, the data, the samples, and under which conditions each was made, if that is known."""


def _of_run(path: Path, data: str | None, seed: int) -> tuple[_Sides, Values | None]:
    """The sides, and samples of the generator before the game, where likelihood came first."""
    checkpoint, _ = checkpoints.load(path)
    real = _real(data or checkpoint.data.source, checkpoint.config)

    def made(generator: Generator) -> Values:
        return sample_rows(
            generator, checkpoint.decoding, checkpoint.conditions, len(real.chosen()), real.length, seed
        )

    rows = made(checkpoint.generator())
    first = checkpoint.by_likelihood()
    before = made(first) if first else None
    conditions = checkpoint.conditions.draw(len(rows), seed)  # as `sample_rows` drew them
    return (Subject("run", str(path), checkpoint.step), real, rows, conditions), before


def _of_model(path: Path, data: str | None, seed: int, given: TrainConfig) -> _Sides:
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
    return Subject("model", str(path), None), real, rows, conditions


def _of_samples(path: Path, data: str | None, given: TrainConfig) -> _Sides:
    if data is None:
        raise UsageError(f"{path} does not say what it was made from: name the real data with --data")
    if path.suffix == ".npz" and (tensors := _tensors(path)):
        return _of_tensors(path, tensors, data, given)
    names = names_of(path)
    config = TrainConfig(time_column=given.time_column if given.time_column in names else None)
    if {"sequence", "step"} <= set(names):  # as `cadenza sample` writes tables
        names = [n for n in names if n not in ("sequence", "step")]
        config = replace(config, columns=tuple(names), id_column="sequence")
    elif id_column := next((n for n in names if n == given.id_column), None):
        names.remove(id_column)
        config = replace(config, columns=tuple(names), id_column=id_column)
    if (sound := _sound(data, given, names)) is not None:
        read = recordings.read(path, names, config, sound)
        read, length, whole = recordings.windows(path, read, sound)
        real = _real(data, replace(given, length=length, whole=whole))
        other, conditions = _arranged(read, real.dataset)
        return Subject("samples", str(path), None), real, *_compared(other, conditions, real)
    read = load(str(path), config)
    lengths = np.unique(np.diff(read.bounds))
    if len(read.bounds) < 3:
        raise UsageError(f"{path} holds one sequence; several are wanted: (sequences, steps, channels)")
    named = path.suffix in TABLES
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
        read = load(str(path), _timed(config, real.dataset.time if read.time else None))
    if one is None and not real.dataset.ends:
        raise UsageError(
            f"{path} holds {len(read.bounds) - 1} sequences of {len(lengths)} different lengths, and those "
            f"of {data} are all of one: several of that are wanted"
        )
    other, conditions = _arranged(read, real.dataset)
    compared = _compared(replace(other, ends=one is None), conditions, real)
    return Subject("samples", str(path), None), real, *compared


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


def _of_tensors(path: Path, tensors: dict[str, Any], data: str, given: TrainConfig) -> _Sides:
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
    return Subject("samples", str(path), None), real, rows, _known(tensors, real.dataset, len(rows))


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
    table = source not in BUILTIN and Path(source).suffix in TABLES
    if given.waveform is None and (table or len(names) > 1):
        return None
    dataset = load(source, given)
    return dataset if dataset.form == "sound" else None


def _timed(config: TrainConfig, time: Time | None) -> TrainConfig:
    """The same, with the column of times taken as it was."""
    return replace(config, time_column=time.name, gaps=time.gap is not None) if time else config


def _real_of(source: str, columns: Sequence[Column | Channel], config: TrainConfig) -> Real:
    """The data, of the very channels that were generated, and of their kinds."""
    if source in BUILTIN or Path(source).suffix not in TABLES or config.waveform:
        return _real(source, config)
    gap = f"{config.time_column} gap"
    chosen = replace(
        config,
        columns=tuple(c.name for c in columns if config.time_column is None or c.name != gap),
        categorical=tuple(c.name for c in columns if c.labels),
    )
    return _real(source, chosen)


def _real(source: str, config: TrainConfig) -> Real:
    dataset = load(source, config)
    return Real(source, dataset, dataset.length, config.stride, config.hold_out)
