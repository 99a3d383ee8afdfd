"""Scores of generated windows, each with its floor, as one JSON."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contract.errors import UsageError
from contract.spec import Score
from training.data import Windows
from training.evaluation.judges import FIELD, STRONG, discriminative, predictive

REPORT_FILE = "evaluation.json"

JudgeName = Literal["field", "strong", "predictive"]
MOST_WINDOWS = 20_000
"""Real windows that are scored at most; more are thinned out at random."""


@dataclass(frozen=True)
class Subject:
    """What was evaluated."""

    kind: Literal["run", "model", "samples"]
    path: str
    step: int | None
    """The step of a run's checkpoint."""


@dataclass(frozen=True)
class Report:
    """Everything that an evaluation found."""

    subject: Subject
    data: str
    windows: int
    length: int
    scores: tuple[Score, ...]
    notes: tuple[str, ...]
    seconds: float

    def to_json(self) -> str:
        """The report for a program."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def write(self, path: Path) -> None:
        """The report as a file."""
        path.write_text(self.to_json())

    def table(self) -> str:
        """The report for a person."""
        lines = [f"{'score':<12} {'value':>14} {'real against real':>20}   (lower is better)"]
        for s in self.scores:
            value = f"{s.value:.4f} ± {s.spread:.4f}"
            lines.append(f"{s.name:<12} {value:>14} {s.floor:>11.4f} ± {s.floor_spread:.4f}")
        return "\n".join([*lines, *self.notes])


def real_windows(windows: Windows, seed: int = 0) -> NDArray[np.float64]:
    """The windows to be scored, in random order: (windows, length, channels)."""
    index = np.random.default_rng(seed).permutation(len(windows))[:MOST_WINDOWS]
    return windows.take(index)


def evaluate(
    real: NDArray[np.floating],
    generated: NDArray[np.floating],
    names: tuple[JudgeName, ...],
    judges: int,
    subject: Subject,
    data: str,
    seed: int = 0,
) -> Report:
    """Score `generated` against `real`, both (windows, length, channels) in the data's units.

    Raises:
        UsageError: shapes that cannot be compared.
    """
    if real.shape[1:] != generated.shape[1:]:
        raise UsageError(
            f"samples are (steps, channels) {list(generated.shape[1:])}, the data "
            f"{list(real.shape[1:])}: evaluate the same length and channels"
        )
    begun = time.perf_counter()
    low, high = real.min((0, 1)), real.max((0, 1))
    span = np.where(high > low, high - low, 1.0)
    scaled = [((x - low) / span).astype(np.float32) for x in (real, generated)]
    # Real against real: two halves without a window in common.
    halves = [scaled[0][::2], scaled[0][1::2]]
    notes = []
    if real.shape[2] < 2 and "predictive" in names:
        names = tuple(n for n in names if n != "predictive")
        notes.append("predictive: left out, it forecasts one channel from the others")
    scores = []
    for name in names:
        run = _runner(name, judges, seed)
        value, floor = (run(*pair) for pair in (scaled, halves))
        scores.append(Score(name, *_mean_and_spread(value), *_mean_and_spread(floor), judges))
    return Report(
        subject=subject,
        data=data,
        windows=len(real),
        length=real.shape[1],
        scores=tuple(scores),
        notes=tuple(notes),
        seconds=round(time.perf_counter() - begun, 1),
    )


_Runner = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]


def _runner(name: JudgeName, judges: int, seed: int) -> _Runner:
    def run(real: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
        if name == "predictive":
            return predictive(real, other, judges, seed).numpy()
        kind = FIELD if name == "field" else STRONG
        return discriminative(real, other, kind, judges, seed).numpy()

    return run


def _mean_and_spread(figures: NDArray[np.float32]) -> tuple[float, float]:
    return round(float(figures.mean()), 5), round(float(figures.std()), 5)
