"""The whole table of sample quality, by one command: python -m benchmarks.quality

Hours of computing, in cells of minutes: stop it at any time, and the same command goes on. A part of
the table replaces its own rows in the kept one and leaves the others; rows of ours that earlier code
made say so.
"""

import json
from dataclasses import dataclass
from typing import Any

import tyro

from benchmarks.quality import published, table
from benchmarks.quality.cases import (
    DATA,
    KINDS,
    METHODS,
    OURS,
    Judged,
    base_and_length,
    table_cases,
    training_code,
)
from benchmarks.quality.cells import Result, run_cells, stop_when_terminated
from benchmarks.quality.work import FOLDER, work

RESULT = table.RESULTS / "quality.json"
_EARLIER = "by earlier code"
HEADS = ("data", "method", "trained for")


@dataclass(frozen=True)
class Choices:
    """What to measure."""

    data: str = ",".join((*DATA, *KINDS))
    """Built-in sets, with commas; NAME-LENGTH for windows of a table that are not 24 long."""
    methods: str = ",".join(METHODS)
    """Methods, with commas."""
    seeds: int = 3
    """Training seeds."""
    minutes: str = "4"
    """CPU minutes that every method trains for; several, with commas, show what more time brings."""
    limit: float = 60.0
    """CPU minutes after which a peer at its own defaults is given up."""
    judges: int = 3
    """Judges a score."""
    scores: str = "field,strong,predictive,context-fid,correlation"
    """Scores, with commas; those of `cadenza evaluate`."""
    jobs: int = 1
    """Cells at a time, each on a core of its own."""
    retry: bool = False
    """Try again what failed."""
    markdown: bool = False
    """Print the last table for the documents, and measure nothing."""


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    choices = tyro.cli(Choices, config=(tyro.conf.FlagCreatePairsOff,))
    stop_when_terminated()
    if choices.markdown:
        print(markdown())
        return
    judged = Judged(choices.judges, _parts(choices.scores))
    cases = table_cases(
        _parts(choices.data),
        _parts(choices.methods),
        choices.seeds,
        [float(part) for part in _parts(choices.minutes)],
        choices.limit,
        judged,
    )
    results = run_cells(cases, work, FOLDER, choices.jobs, choices.retry)
    rows = table.rows_of(results, _name)
    print(table.text(rows, HEADS))
    rows = merged(rows, training_code())
    kept = {
        "benchmark": "quality",
        "judges": choices.judges,
        "judge_seed": judged.seed,
        "rows": rows,
    }
    line = json.dumps(kept, ensure_ascii=False)
    RESULT.write_text(line + "\n")
    print(line)


def merged(rows: list[table.Row], code: str) -> list[table.Row]:
    """`rows`, made by `code`, among what the kept table has beside them."""
    for row in rows:
        if row["name"][1] in OURS:
            row["code"] = code
    names = [row["name"] for row in rows]
    kept = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    others = [row for row in kept if row["name"] not in names]
    for row in others:
        notes = row.setdefault("notes", [])
        if row["name"][1] in OURS and row.get("code") != code and _EARLIER not in notes:
            notes.append(_EARLIER)
    return sorted([*rows, *others], key=lambda row: _place(*row["name"][:2]))


def _place(data: str, method: str) -> tuple[int, int, int]:
    base, length = base_and_length(data)
    return (*DATA, *KINDS).index(base), length, METHODS.index(method)


def markdown() -> str:
    """The last table that was measured, and what others published."""
    if not RESULT.exists():
        raise SystemExit(f"{RESULT} is not there: measure first, with python -m benchmarks.quality")
    kept: dict[str, Any] = json.loads(RESULT.read_text())
    return (
        f"{table.markdown(kept['rows'], HEADS)}\n\nPublished, not measured here:\n\n{published.markdown()}"
    )


def _name(result: Result) -> tuple[str, ...]:
    made = result["case"]["made"]
    terms = "its defaults" if made["seconds"] is None else f"{made['seconds']:g} CPU s"
    return made["data"], made["method"], terms


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


if __name__ == "__main__":
    main()
