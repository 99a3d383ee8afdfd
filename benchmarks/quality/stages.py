"""What a cell does inside a child process: bring windows, register a variant, score samples.

`python -m benchmarks.quality.stages STAGE …`; each stage reads files and leaves files.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality.cases import base_and_length, most_windows
from training.config import RECIPES, TrainConfig
from training.data import load
from training.data.dataset import Integers
from training.evaluation.report import Real, Subject, evaluate


def prepare(data: str, out: str) -> None:
    """The windows of `data`: `real` to score against, `train` for peers (the very ones that cadenza
    trains on), and which of `train` have no row in common."""
    base, length = base_and_length(data)
    config = TrainConfig(length=length)
    dataset = load(base, config)
    train, _ = dataset.split(length, config.stride, config.hold_out)
    real = Real(base, dataset, length, config.stride, config.hold_out).windows()
    np.savez(
        out,
        real=real[: most_windows(length, real.shape[2])],
        train=train.take(np.arange(len(train))).astype(np.float32),
        apart=_apart(train.starts, length),
    )


def score(data: str, samples: str, out: str, judges: str, seed: str, *names: str) -> None:
    """Score `samples` against the real windows of `data`, and ask whether they are copies."""
    torch.set_num_threads(1)
    base, length = base_and_length(data)
    config = TrainConfig(length=length)
    real = Real(base, load(base, config), length, config.stride, config.hold_out)
    made = np.load(samples)
    if not np.isfinite(made).all():
        raise SystemExit(f"{np.mean(~np.isfinite(made)):.1%} of the samples are no numbers")
    subject = Subject("samples", samples, None)
    report, _ = evaluate(real, made, names, int(judges), subject, int(seed))  # type: ignore[arg-type]
    scored = {
        "scores": [asdict(s) for s in report.scores],
        "windows": len(made),
        "memorisation": asdict(report.memorisation),
    }
    Path(out).write_text(json.dumps(scored))


def variant(changes: str, command: str, *rest: str) -> None:
    """`train DATA RUN STEPS SEED` or `export RUN MODEL`, with the default recipe changed by the JSON
    `changes` in this process only."""
    recipe = RECIPES["relativistic"]
    RECIPES["relativistic"] = replace(recipe, **json.loads(changes))
    if command == "train":
        from training.trainer import train

        data, run, steps, seed = rest
        base, length = base_and_length(data)
        train(base, Path(run), TrainConfig(steps=int(steps), seed=int(seed), length=length))
    else:
        from export.exporter import export

        run, model = rest
        export(Path(run), Path(model))


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
