"""What a cell does inside a child process: bring windows, register a variant, score samples.

`python -m benchmarks.quality.stages STAGE …`; each stage reads files and leaves files.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from benchmarks.quality.cases import base_and_length
from benchmarks.quality.parts import PARTS
from training.config import RECIPES, TrainConfig
from training.data import load
from training.data.dataset import Integers
from training.evaluation.about import ScoreName
from training.evaluation.report import Subject, evaluate
from training.evaluation.sides import MOST_WINDOWS, Real


def prepare(data: str, out: str) -> None:
    """The windows of `data` that peers train on, the very ones that cadenza does: `train`; which of
    them have no row in common: `apart`; and how many real ones are `scored`, their length and
    channels."""
    real = _real(data)
    train, _ = real.dataset.split(real.length, real.stride, real.hold_out)
    values = train.take(np.arange(len(train))).astype(np.float32)
    count = min(len(real.dataset.windows(real.length, real.stride)), MOST_WINDOWS)
    scored = np.array([count, *values.shape[1:]])
    np.savez(out, train=values, apart=_apart(train.starts, real.length), scored=scored)


def score(data: str, samples: str, out: str, judges: str, seed: str, *names: str) -> None:
    """Score a file of samples against the real windows of `data`."""
    torch.set_num_threads(1)
    made = np.load(samples)
    if not np.isfinite(made).all():
        raise SystemExit(f"{np.mean(~np.isfinite(made)):.1%} of the samples are no numbers")
    known = tuple(name for name in get_args(ScoreName) if name in names)
    subject = Subject("samples", samples, None)
    report, _ = evaluate(_real(data), made, known, int(judges), subject, int(seed), full=True)
    found = {
        "scores": [asdict(s) for s in report.scores],
        "other_times": [asdict(o) for o in report.other_times],
        "memorisation": asdict(report.memorisation),
        "notes": report.notes,
    }
    Path(out).write_text(json.dumps(found))


def variant(changes: str, command: str, *rest: str) -> None:
    """`train DATA RUN STEPS SEED` or `export RUN MODEL`, with the default recipe changed by the JSON
    `changes`, see `ablation.VARIANTS`, in this process only."""
    fields = json.loads(changes)
    if part := fields.pop("without", None):
        PARTS[part]()
    RECIPES["relativistic"] = replace(RECIPES["relativistic"], **fields)
    if command == "train":
        from training.trainer import train

        data, run, steps, seed = rest
        base, length = base_and_length(data)
        train(base, Path(run), TrainConfig(steps=int(steps), seed=int(seed), length=length))
    else:
        from export.exporter import export

        run, model = rest
        export(Path(run), Path(model))


def _real(data: str) -> Real:
    base, length = base_and_length(data)
    config = TrainConfig(length=length)
    return Real(base, load(base, config), length, config.stride, config.hold_out)


def _apart(starts: Integers, length: int) -> Integers:
    """Numbers of windows that share no row, as many as there are."""
    chosen, end = [], -1
    for i, start in enumerate(starts):
        if start >= end:
            chosen.append(i)
            end = start + length
    return np.array(chosen)


if __name__ == "__main__":
    stages: dict[str, Callable[..., None]] = {"prepare": prepare, "score": score, "variant": variant}
    stages[sys.argv[1]](*sys.argv[2:])
