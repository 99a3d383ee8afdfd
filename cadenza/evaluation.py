"""`cadenza evaluate`: what is scored, how, and where the report goes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from cadenza.foreign import of_samples
from cadenza.subjects import Values, of_model, of_run
from contract.errors import UsageError
from contract.noise import MAX_SEED
from training.config import TrainConfig
from training.data.folders import holds
from training.data.source import READERS
from training.evaluation import page
from training.evaluation.about import ScoreName
from training.evaluation.report import REPORT_FILE, Report, evaluate


def evaluate_subject(
    subject: str,
    data: str | None,
    out: Path | None = None,
    scores: Sequence[ScoreName] | None = None,
    judges: int = 3,
    seed: int = 0,
    id_column: str | None = None,
    hold_out: float | None = None,
    with_page: bool = True,
    quick: bool = False,
    full: bool = False,
    time_column: str | None = None,
    waveform: str | None = None,
    rate: int | None = None,
    hop: int | None = None,
    categorical: Sequence[str] = (),
    ignore: Sequence[str] = (),
    frames: bool = False,
) -> tuple[Report, list[Path]]:
    """Score `subject` and write the report, as JSON and as a page; gives it back with its files.

    `id_column` tells the sequences of a table apart, `time_column` holds its times, `waveform`, `rate` and
    `hop` say that its column is sound, `categorical` which numbers are labels, `ignore` which columns are
    left out, `frames` that pictures are those of films, as to the training, and `hold_out` what share of
    the data was not trained on; a run remembers all of it. A model is taken to have held out what is held
    out by default; of a file of samples nothing is known, nor taken to be.

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
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"--seed is {seed}; a whole number from 0 to {MAX_SEED} is wanted")
    if scores is not None and not scores:
        raise UsageError("--scores names none; name at least one")
    before: Values | None = None
    given = TrainConfig(
        id_column=id_column, time_column=time_column, waveform=waveform, rate=rate, hop=hop,
        hold_out=TrainConfig.hold_out if hold_out is None else hold_out, categorical=tuple(categorical),
        ignore=tuple(ignore), frames=frames,
    )  # fmt: skip
    run = path.is_dir() and _is_run(path)
    if ignore and (run or path.suffix == ".onnx"):
        raise UsageError("--ignore is for files of samples: a run and a model have the columns they have")
    whole = path.resolve()
    target = out or (path / REPORT_FILE if run else whole.with_name(f"{whole.name}.{REPORT_FILE}"))
    _require_place(target)
    if run:
        sides, before = of_run(path, data, seed)
    elif path.suffix == ".onnx":
        sides = of_model(path, data, seed, given)
    elif path.exists():
        known = given if hold_out else replace(given, hold_out=0.0)
        sides = of_samples(path, data, known)
    else:
        raise UsageError(f"{subject}: there is no such run, model or file")
    chosen = None if scores is None else tuple(dict.fromkeys(scores))
    report, evidence = evaluate(
        sides.real,
        sides.samples,
        chosen,
        judges,
        sides.subject,
        seed,
        sides.conditions,
        quick,
        full,
        before,
    )
    report = replace(report, notes=(*sides.notes, *report.notes))
    report.write(target)
    if not with_page:
        return report, [target]
    page.write(target.with_suffix(".html"), report, evidence)
    return report, [target, target.with_suffix(".html")]


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run, and no folder of samples; it is for `checkpoints` to say why it is not."""
    read = any(holds(folder, suffixes) for suffixes in READERS)
    return any(folder.glob("checkpoint-*")) or not read


def _require_place(target: Path) -> None:
    """Raise a UsageError where the report cannot go: before the work, and not over the data."""
    if target.suffix != ".json":
        raise UsageError(f"-o is {target}: name a file that ends in .json; the page goes beside it")
    if target.is_dir() or not target.parent.is_dir():
        wrong = "is a folder" if target.is_dir() else f"{target.parent} is no folder"
        raise UsageError(f"the report cannot be written to {target}: {wrong}")
