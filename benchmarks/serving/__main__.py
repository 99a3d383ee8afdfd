"""Cadenza's server beside others, by one command: python -m benchmarks.serving

The same ONNX file, the same client, one thread of the runtime; servers on one core, the client on
another. Each server is started anew for each measurement, one after the other, round after round;
medians. A part that is measured again replaces its own rows in the kept table and leaves the others.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from benchmarks.serving.methods import METHODS, Cores, prepare
from benchmarks.serving.parts import PARTS, Plan
from contract.errors import UsageError
from training.config import TrainConfig
from training.trainer import train

RESULT = Path(__file__).parent.parent / "results" / "serving.json"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Choices:
    """What to measure."""

    methods: str = ",".join(METHODS)
    """Servers, with commas; ratios are to cadenza's own figures in the same run."""
    parts: str = ",".join(PARTS)
    """Parts, with commas."""
    rounds: int = 3
    """Measurements of which medians are taken."""
    seconds: float = 4.0
    """Of one measurement; latencies and the overload take a multiple."""


def main() -> None:
    """Print the tables and the JSON line, and keep the latter."""
    choices = tyro.cli(Choices)
    methods, parts = _known(choices.methods, list(METHODS)), _known(choices.parts, list(PARTS))
    cores = Cores.found()
    failed = prepare(methods)
    rows = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    rows += [{"part": "install", "method": name, "failed": why} for name, why in failed.items()]
    for name, why in failed.items():
        print(f"{name} is left out: {why}")
    with tempfile.TemporaryDirectory() as folder:
        train("stocks", Path(folder, "run"), TrainConfig(steps=1))
        cores.here(cores.client)
        left = [m for m in methods if m not in failed]
        plan = Plan(Path(folder), left, choices.rounds, choices.seconds, cores)
        for part in parts:
            print(f"\n{part}: {PARTS[part].__doc__}")
            measured = [{"part": part, **row} for row in PARTS[part](plan)]
            print(table(measured))
            rows = merged(rows, measured)
            line = json.dumps({"benchmark": "serving", "rows": rows})
            RESULT.write_text(line + "\n")  # now, so that a run that is stopped keeps what it has
    print(line)


def merged(kept: Rows, new: Rows) -> Rows:
    """The kept rows, those of the same part, request and method replaced."""

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["part"], row.get("request"), row["method"]

    replaced = {key(row) for row in new}
    return [row for row in kept if key(row) not in replaced] + new


def table(rows: Rows) -> str:
    """Rows as text: a column for each figure that any of them has."""
    heads = list(dict.fromkeys(name for row in rows for name in row if name != "part"))
    cells = [heads] + [[_say(row.get(name, "")) for name in heads] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in cells)


def _say(figure: Any) -> str:
    if isinstance(figure, float):
        return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"
    return str(figure)


def _known(text: str, names: list[str]) -> list[str]:
    chosen = [part.strip() for part in text.split(",")]
    if wrong := [name for name in chosen if name not in names]:
        raise UsageError(f"{', '.join(wrong)}: there is no such; {', '.join(names)} are")
    return chosen


if __name__ == "__main__":
    main()
