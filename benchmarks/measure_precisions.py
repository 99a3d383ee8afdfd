"""What a precision costs in sample quality: scores of fp32, fp16 and int8, of one run trained on `google`.

The same weights, exported three times; samples of the same seeds from the runtime that serves, scored by
`cadenza evaluate`. Each score is a mean over seeds, of which samples and judges are drawn. Its noise is the
standard error of that mean, of both precisions together: a difference within twice of it is none.

    python -m benchmarks.measure_precisions [--run RUN] [--minutes 2] [--seeds 3]
"""

import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from cadenza.evaluation import evaluate_subject
from contract.spec import Precision
from export.exporter import export
from training.config import TrainConfig
from training.evaluation.about import ScoreName
from training.trainer import train

RESULT = Path(__file__).parent / "results" / "precisions.json"
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
SCORES: tuple[ScoreName, ...] = ("field", "marginal", "increments", "autocorrelation", "correlation")
JUDGES = 1


@dataclass(frozen=True)
class Choices:
    """What to measure."""

    run: Path | None = None
    """A run on built-in data; without it one is trained on `google`."""
    minutes: float = 2.0
    """Of training."""
    seeds: int = 3
    """Of samples and judges."""


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    choices = tyro.cli(Choices)
    found: dict[tuple[Precision, str], list[float]] = {}
    floors: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = choices.run or Path(folder, "run")
        if choices.run is None:
            train("google", run, TrainConfig(minutes=choices.minutes))
        models = {p: Path(folder, f"{p}.onnx") for p in PRECISIONS}
        errors = {p: export(run, path, p).artifact.spec.parity.network_rms for p, path in models.items()}
        for seed in range(choices.seeds):
            for precision, path in models.items():
                out = Path(folder, "report.json")
                report, _ = evaluate_subject(str(path), None, out, SCORES, JUDGES, seed, with_page=False)
                for score in report.scores:
                    found.setdefault((precision, score.name), []).append(score.value)
                    floors.setdefault(score.name, []).append(score.floor)
    rows: list[dict[str, Any]] = []
    print(f"{'score':<16} {'floor':>8}" + "".join(f"{p:>9}" for p in PRECISIONS) + "   int8 − fp32, noise")
    for name in SCORES:
        means: dict[str, float] = {p: statistics.mean(found[p, name]) for p in PRECISIONS}
        noise = sum(statistics.variance(found[p, name]) / choices.seeds for p in ("fp32", "int8")) ** 0.5
        floor, difference = statistics.mean(floors[name]), means["int8"] - means["fp32"]
        shown = "".join(f"{means[p]:>9.4f}" for p in PRECISIONS)
        print(f"{name:<16} {floor:>8.4f}{shown}   {difference:+.4f}, {noise:.4f}")
        row = {"floor": floor, **means, "difference": difference, "noise": noise}
        rows.append({"score": name, **{k: round(v, 4) for k, v in row.items()}})
        rows[-1]["within"] = abs(difference) <= 2 * noise
    line = json.dumps({"benchmark": "precisions", "seeds": choices.seeds, "rms": errors, "rows": rows})
    RESULT.write_text(line + "\n")
    print(line)


if __name__ == "__main__":
    main()
