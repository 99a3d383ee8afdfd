"""From cells to rows, and rows as text: for a terminal and for docs/quality.md."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.quality.cells import Result

RESULTS = Path(__file__).parent.parent / "results"

Row = dict[str, Any]


def rows_of(results: Iterable[Result], name: Callable[[Result], tuple[str, ...]]) -> list[Row]:
    """One row for all cells of equal `name` (data, method, terms): means over training seeds, and the
    spread among them (the standard deviation of a sample; none for one seed)."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(name(result), []).append(result)
    return [_row(key, group) for key, group in groups.items()]


def _row(name: tuple[str, ...], cells: list[Result]) -> Row:
    done = [c for c in cells if "failed" not in c]
    reasons = sorted({c["failed"] for c in cells if "failed" in c})
    row: Row = {"name": list(name), "seeds": len(done), "failed": reasons}
    if not done:
        return row
    found: dict[str, list[Row]] = {}
    for score in (s for c in done for s in c["scores"]):
        found.setdefault(score["name"], []).append(score)
    apart: dict[str, list[float]] = {}
    for score in (s for c in done for s in c.get("other_times", ())):
        apart.setdefault(score["name"], []).append(score["value"])
    row["scores"] = {
        name: {
            "value": _mean(s["value"] for s in scores),
            "spread": _spread(s["value"] for s in scores),
            "judges_spread": _mean(s["spread"] for s in scores),
            "floor": _mean(s["floor"] for s in scores),
            **({"other_times": _mean(apart[name])} if name in apart else {}),
        }
        for name, scores in found.items()
    }
    for figure in ("steps", "train_cpu", "train_wall"):
        row[figure] = round(_mean(c[figure] for c in done), 1)
    row["sample_cpu_per_1000"] = round(_mean(1000 * c["sample_cpu"] / c["samples"] for c in done), 2)
    row["samples"] = done[0]["samples"]
    copied = sum(c["memorisation"]["verdict"] == "copied" for c in done if "memorisation" in c)
    row["notes"] = sorted({c["note"] for c in done if c["note"]})
    if copied:
        row["notes"].append(f"copied the training windows in {copied} of {len(done)}")
    return row


def text(rows: Sequence[Row], heads: Sequence[str]) -> str:
    """The table for a terminal; `heads` name what a row's name consists of."""
    return _aligned(_lines(rows, heads), len(heads))


def markdown(rows: Sequence[Row], heads: Sequence[str]) -> str:
    """The table for the documents."""
    first, *others = _lines(rows, heads)
    return "\n".join(f"| {' | '.join(line)} |" for line in [first, ["---"] * len(first), *others])


def _lines(rows: Sequence[Row], heads: Sequence[str]) -> list[list[str]]:
    names = list(dict.fromkeys(n for r in rows for n in r.get("scores", ())))
    lines = [[*heads, "seeds", *names, "train CPU s", "sample CPU s / 1000", "notes"]]
    floors: dict[str, list[Row]] = {}
    for row in rows:
        floors.setdefault(row["name"][0], []).append(row)
    for data, group in floors.items():
        for row in group:
            scores = row.get("scores")
            notes = [*row.get("notes", []), *row["failed"]]
            if scores is None:
                figures = ["–"] * (len(names) + 2)
            else:
                figures = [_score(scores.get(n)) for n in names]
                figures += [f"{row['train_cpu']:.0f}", f"{row['sample_cpu_per_1000']:.2f}"]
                if "samples" in row and row["samples"] < max(r.get("samples", 0) for r in group):
                    notes.append(f"{row['samples']} samples")
            lines.append([*row["name"], str(row["seeds"]), *figures, "; ".join(notes)])
        known = [r["scores"] for r in group if "scores" in r]
        if known:
            for said, figure in (("real against real", "floor"), ("of other times", "other_times")):
                found = [[s[n][figure] for s in known if figure in s.get(n, ())] for n in names]
                if any(found):
                    real = [f"{_mean(own):.4f}" if own else "–" for own in found]
                    lines.append([data, said, *[""] * (len(heads) - 2), "", *real, "", "", ""])
    return lines


def _score(score: dict[str, float | None] | None) -> str:
    if score is None:
        return "–"
    spread = score["spread"]
    return f"{score['value']:.4f}" + ("" if spread is None else f" ± {spread:.4f}")


def _aligned(lines: Sequence[Sequence[str]], left: int) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left or i == last else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _mean(figures: Iterable[float]) -> float:
    return round(statistics.fmean(figures), 5)


def _spread(figures: Iterable[float]) -> float | None:
    values = list(figures)
    return round(statistics.stdev(values), 5) if len(values) > 1 else None
