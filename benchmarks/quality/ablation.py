"""What each part of the default recipe brings: python -m benchmarks.quality.ablation

One part at a time is taken out or exchanged; the number of steps stays that of the whole recipe.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import tyro

from benchmarks.quality import table
from benchmarks.quality.cases import Judged, base_and_length, training_code
from benchmarks.quality.cells import Result, Worker, run_cells, stop_when_terminated
from benchmarks.quality.parts import PARTS
from benchmarks.quality.work import (
    FOLDER,
    STAGES,
    Command,
    judge,
    made_once,
    make_ours,
    paths,
    samples_of,
    steps_for,
)

VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "standardised-columns": {"basis": "standard"},
    "non-saturating-loss": {"loss": "non-saturating"},
    "no-penalty": {"penalty": 0.0},
    "penalty-every-step": {"penalty_every": 1},
    "no-game-of-levels": {"level": 0},
    "no-hidden-levels": {"hidden_levels": 0.0},
    "no-moments": {"moments": 0.0},
    "no-weight-average": {"average": 0.0},
    "constant-rate": {"warmup": 0, "final_rate": 1.0},
    "batch-128": {"batch": 128},
    "no-growing-windows": {"shortest": 0},
    **{f"no-{part}": {"without": part} for part in PARTS},
}
"""By the variant's name: fields of `training.config.Recipe` that differ from the default recipe's, or
the part of `benchmarks/quality/parts.py` that it is `without`."""

RESULT = table.RESULTS / "ablation.json"
HEADS = ("data", "recipe")


@dataclass(frozen=True)
class Choices:
    """What to measure."""

    data: str = "google,sines,stocks"
    """Built-in sets, with commas; NAME-LENGTH for windows that are not 24 long."""
    variants: str = ",".join(VARIANTS)
    """Variants, with commas."""
    seeds: int = 3
    """Training seeds."""
    minutes: float = 4.0
    """CPU minutes that the whole recipe trains for; the variants make as many steps."""
    judges: int = 3
    """Judges a score."""
    scores: str = "field,strong"
    """Scores, with commas."""
    jobs: int = 1
    """Cells at a time, each on a core of its own."""
    retry: bool = False
    """Try again what failed."""


@dataclass(frozen=True)
class Trial:
    """One variant on one set of data from one seed."""

    data: str
    variant: str
    seconds: float
    seed: int
    code: str
    changes: str
    """As JSON."""
    judged: Judged

    @property
    def key(self) -> str:
        """Names the cell's files."""
        return f"{self.data}.{self.variant}.{self.seconds:g}s.{self.seed}"

    def facts(self) -> dict[str, Any]:
        """The trial as plain values, for the cell's file."""
        return {**asdict(self), "judged": {**asdict(self.judged), "scores": list(self.judged.scores)}}


def work(trial: Trial, worker: Worker) -> Result:
    """A cell of the table.

    Raises:
        CellFailedError: with its reason.
    """
    data, key = trial.data, f"ablation.{trial.key}"
    facts = {name: value for name, value in trial.facts().items() if name != "judged"}
    steps = steps_for(data, "cadenza", trial.code, trial.seconds, worker)

    def make() -> Result:
        run, model = paths(key)
        varied: Command = [*STAGES, "variant", trial.changes]
        train: Command = [*varied, "train", data, run, str(steps), str(trial.seed)]
        return make_ours(train, [*varied, "export", run, model], key, data, trial.seed, worker)

    return {**made_once(key, facts, make), **judge(data, samples_of(key), trial.judged, worker)}


def trials(choices: Choices) -> Iterator[Trial]:
    """Every cell, in the order of data and seeds."""
    names = choices.variants.split(",")
    if unknown := sorted(set(names) - set(VARIANTS)):
        raise SystemExit(f"unknown variants {', '.join(unknown)}; known are {', '.join(VARIANTS)}")
    judged, code = Judged(choices.judges, tuple(choices.scores.split(","))), training_code()
    for data in choices.data.split(","):
        base_and_length(data)
        for seed in range(choices.seeds):
            for name in names:
                changes = json.dumps(VARIANTS[name])
                yield Trial(data, name, 60 * choices.minutes, seed, code, changes, judged)


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    choices = tyro.cli(Choices, config=(tyro.conf.FlagCreatePairsOff,))
    stop_when_terminated()
    results = run_cells(trials(choices), work, FOLDER / "ablation", choices.jobs, choices.retry)
    rows = table.rows_of(results, lambda r: (r["case"]["data"], r["case"]["variant"]))
    print(table.text(rows, HEADS))
    line = json.dumps({"benchmark": "ablation", "judges": choices.judges, "rows": rows}, ensure_ascii=False)
    RESULT.write_text(line + "\n")
    print(line)


if __name__ == "__main__":
    main()
