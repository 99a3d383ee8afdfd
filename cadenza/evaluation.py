"""`cadenza evaluate`: a run, a model, or anybody's file of samples, against real data."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from contract.errors import UsageError
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.data import BUILTIN, load
from training.evaluation.report import (
    REPORT_FILE,
    JudgeName,
    Report,
    Subject,
    evaluate,
    real_windows,
)
from training.game import sample_scores

Windows = NDArray[np.floating]


def evaluate_subject(
    subject: str,
    data: str | None,
    out: Path | None,
    scores: Sequence[JudgeName],
    judges: int,
    seed: int,
    id_column: str | None = None,
) -> tuple[Report, Path]:
    """Score `subject` and write the report; gives it back with its path. `id_column` tells the
    sequences of a table of real data apart; a run remembers its own.

    Raises:
        UsageError: nothing says what the real data are, or shapes differ.
        RunError, DataError, ContractError: the subject or the data cannot be read.
    """
    torch.set_num_threads(1)  # the judges are too small for two to pay
    path = Path(subject)
    if judges < 1:
        raise UsageError(f"--judges is {judges}; at least 1 is wanted")
    if path.is_dir():
        about, real, other, source = _of_run(path, data, seed)
    elif path.suffix == ".onnx":
        about, real, other, source = _of_model(path, data, seed, id_column)
    elif path.exists():
        about, real, other, source = _of_samples(path, data, id_column)
    else:
        raise UsageError(f"{subject}: there is no such run, model or file")
    report = evaluate(real, other, tuple(scores), judges, about, source, seed)
    target = out or (path / REPORT_FILE if path.is_dir() else path.with_name(f"{path.stem}.{REPORT_FILE}"))
    report.write(target)
    return report, target


_Sides = tuple[Subject, Windows, Windows, str]
"""Subject, real windows, generated windows, source of the real ones."""


def _of_run(path: Path, data: str | None, seed: int) -> _Sides:
    checkpoint, _ = checkpoints.load(path)
    source = data or checkpoint.data.source
    real = _real(source, checkpoint.config)
    scores = sample_scores(checkpoint.generator(), len(real), checkpoint.config.length, seed)
    return Subject("run", str(path), checkpoint.step), real, checkpoint.decoder(scores), source


def _of_model(path: Path, data: str | None, seed: int, id_column: str | None) -> _Sides:
    from serving.sampler import load as load_generator

    generator = load_generator(path)
    try:
        source = data or generator.spec.data.name
        if data is None and source not in BUILTIN:
            raise UsageError(f"{path} was trained on {source!r}: say where that is with --data")
        names = tuple(c.name for c in generator.spec.channels)
        real = _real_of(source, names, generator.spec.training_length, id_column)
        values = generator.sample(len(real), generator.spec.training_length, seed).values
    finally:
        generator.close()
    if values is None:
        raise UsageError(f"{path} has no numeric channel; nothing here can be scored yet")
    return Subject("model", str(path), None), real, values, source


def _of_samples(path: Path, data: str | None, id_column: str | None) -> _Sides:
    if data is None:
        raise UsageError(f"{path} does not say what it was made from: name the real data with --data")
    config = TrainConfig()
    read = load(str(path), config)
    names = [c.name for c in read.columns]
    if {"sequence", "step"} <= set(names):  # as `cadenza sample` writes tables
        columns = tuple(n for n in names if n not in ("sequence", "step"))
        read = load(str(path), replace(config, columns=columns, id_column="sequence"))
    lengths = np.unique(np.diff(read.bounds))
    if len(lengths) != 1 or len(read.bounds) < 3:
        raise UsageError(
            f"{path} holds {len(read.bounds) - 1} sequences of {len(lengths)} different lengths; "
            "several of one length are wanted: (sequences, steps, channels)"
        )
    length = int(lengths[0])
    other = read.values.reshape(-1, length, len(read.columns))
    named = path.suffix in (".csv", ".parquet")
    own = tuple(c.name for c in read.columns) if named else ()
    return Subject("samples", str(path), None), _real_of(data, own, length, id_column), other, data


def _real_of(
    source: str, names: tuple[str, ...], length: int, id_column: str | None
) -> NDArray[np.float64]:
    """Real windows of the very channels that were generated."""
    own_table = source not in BUILTIN and Path(source).suffix in (".csv", ".parquet")
    columns = names if own_table else ()
    return _real(source, TrainConfig(length=length, columns=columns, id_column=id_column))


def _real(source: str, config: TrainConfig) -> NDArray[np.float64]:
    return real_windows(load(source, config).windows(config.length, config.stride))
