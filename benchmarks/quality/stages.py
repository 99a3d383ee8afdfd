"""What a cell does inside a child process: bring windows, register a variant, score samples.

`python -m benchmarks.quality.stages STAGE …`; each stage reads files and leaves files.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.quality.cases import base_and_length
from benchmarks.quality.parts import PARTS
from training.config import RECIPES, RecipeName, TrainConfig, steps_in
from training.data import load
from training.data.dataset import Integers
from training.evaluation import judges as judging
from training.evaluation import scores as scoring
from training.evaluation.about import ScoreName
from training.evaluation.report import Subject, evaluate
from training.evaluation.sides import MOST_WINDOWS, Real
from training.stages import mean_length
from training.trainer import recipe_for, shown_at_most, train

FOUND = Path("build/quality/found")
"""What judges found of the same windows before."""


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


def steps(data: str, recipe: RecipeName, seconds: str, each: str, level: str, out: str) -> None:
    """The steps that a recipe plays where so many seconds are asked for, as `cadenza train --minutes`
    counts them: by the seconds of `each`, and of a step of the `level`'s own game."""
    base, length = base_and_length(data)
    config = TrainConfig(recipe=recipe, length=length or None)
    dataset = load(base, config)
    windows, _ = dataset.split(dataset.length, config.stride, config.hold_out)
    own = recipe_for(dataset, config)
    most = shown_at_most(own, dataset, windows)
    hold = steps_in(own, float(seconds), float(each), float(level), mean_length(own, dataset.length))
    Path(out).write_text(str(round(min(hold, most))))


def score(data: str, samples: str, out: str, judges: str, seed: str, *names: str) -> None:
    """Score a file of samples against the real windows of `data`."""
    torch.set_num_threads(1)
    made = np.load(samples)
    if not np.isfinite(made).all():
        raise SystemExit(f"{np.mean(~np.isfinite(made)):.1%} of the samples are no numbers")
    known = tuple(name for name in get_args(ScoreName) if name in names)
    subject = Subject("samples", samples, None)
    for judge in ("discriminative", "predictive"):
        setattr(scoring, judge, remembering(getattr(judging, judge)))
    report, _ = evaluate(_real(data), made, known, int(judges), subject, int(seed), full=True)
    found = {
        "scores": [asdict(s) for s in report.scores],
        "other_times": [asdict(o) for o in report.other_times],
        "memorisation": asdict(report.memorisation),
        "notes": report.notes,
    }
    Path(out).write_text(json.dumps(found))


def remembering(judge: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same judge, who looks up what he found of the very same windows: of real ones against real ones,
    which every cell of a table asks about again."""
    own = hashlib.sha256(Path(judging.__file__).read_bytes()).hexdigest()

    def find(*sides: Any, unseen: tuple[NDArray[Any], ...] = (), tick: Any = None) -> Tensor:
        windows, terms = (*sides[:2], *unseen), sides[2:]
        digest = hashlib.sha256(f"{own} {judge.__name__} {terms}".encode())
        for x in windows:
            digest.update(f"{x.shape} {x.dtype}".encode() + np.ascontiguousarray(x).tobytes())
        kept = FOUND / f"{digest.hexdigest()}.json"
        if kept.exists():
            return torch.tensor(json.loads(kept.read_text()))
        more: dict[str, Any] = {"unseen": unseen} if unseen else {}
        found = judge(*sides, **more)
        FOUND.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(found.tolist()))
        partial.replace(kept)
        return found

    return find


def variant(changes: str, command: str, *rest: str) -> None:
    """`train DATA RUN STEPS SEED` or `export RUN MODEL`, with the default recipe changed by the JSON
    `changes`, see `ablation.VARIANTS`, in this process only."""
    fields = json.loads(changes)
    if part := fields.pop("without", None):
        PARTS[part]()
    RECIPES["relativistic"] = replace(RECIPES["relativistic"], **fields)
    if command == "train":
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
    stages: dict[str, Callable[..., None]] = {
        "prepare": prepare,
        "steps": steps,
        "score": score,
        "variant": variant,
    }
    stages[sys.argv[1]](*sys.argv[2:])
