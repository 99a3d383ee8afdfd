"""Samples of every kind of sequence, by figures of that kind: python -m benchmarks.kinds

Each kind is trained from several seeds by the command line, exported, and sampled, each in a child on a
core of its own. A table that is stopped shows what it has, and goes on when it is started again. Where rows
hold labels alone, the same network taught by likelihood alone, for as long, stands beside.
"""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmarks.kinds import figures
from benchmarks.kinds.figures import CLASSES, Figures, Sequences, sides
from benchmarks.kinds.moving import films
from benchmarks.kinds.tables import TABLES
from benchmarks.quality.cases import training_code
from benchmarks.quality.cells import Result, Worker, finished, run_cells, stop_when_terminated
from training.config import RECIPES, TrainConfig
from training.data import load
from training.layout import Layout

FOLDER = Path("build/kinds").absolute()
RESULT = Path("benchmarks/results/kinds.json")


@dataclass(frozen=True)
class Kind:
    """How one kind is trained and measured."""

    steps: int
    """Which take less than 5 CPU minutes."""
    measure: Callable[[Sequences, Sequences, Sequences], Figures]
    hold_out: float
    """Half, where classifiers must learn from one side and be asked about the other."""
    classes: bool
    """Whether as many samples of each class are made, or as many as the data have."""
    alone: int = 0
    """Steps by likelihood alone that take as long: the baseline; 0 where there is none."""
    choices: Mapping[str, Any] = field(default_factory=dict)
    """What else a person says of the data to `cadenza train`."""
    data: str = ""
    """Their name, where that is not the kind's."""


KINDS = {
    "names": Kind(9000, figures.text, 0.1, classes=False, alone=15_000),
    "digits": Kind(19_000, figures.pictures, 0.5, classes=True),
    "moving-digits": Kind(6000, films, 0.5, classes=True),
    "vowels": Kind(6000, figures.utterances, 0.5, classes=True),
    "vowels-gate": Kind(
        6000, figures.utterances, 0.5, classes=True, choices={"endings": "gate"}, data="vowels"
    ),
    "ecg": Kind(3500, figures.beats, 0.1, classes=False),
    "weekdays": Kind(6000, figures.prices, 0.1, classes=False, choices={"id_column": "ticker"}),
    "glucose": Kind(3600, figures.table, 0.1, classes=False, choices={"id_column": "day"}),
    "chorales": Kind(2000, figures.chorales, 0.1, classes=False, alone=3600),
}


METHODS: dict[str, Callable[[Kind], int]] = {
    "cadenza": lambda own: own.steps,
    "likelihood": lambda own: own.alone,
}
"""By name, with the steps that each plays of a kind; none where it cannot."""


@dataclass(frozen=True)
class Cell:
    """One training seed of one kind by one method."""

    kind: str
    seed: int
    method: str
    code: str

    @property
    def key(self) -> str:
        """Names the cell's files."""
        return f"{self.kind}.{self.method}.{self.seed}"

    def facts(self) -> dict[str, Any]:
        """The cell as plain values."""
        return {**asdict(self), "steps": METHODS[self.method](KINDS[self.kind])}


@dataclass(frozen=True)
class Choices:
    """What to measure."""

    kinds: str = ",".join(KINDS)
    """Kinds, with commas."""
    methods: str = ",".join(METHODS)
    """Methods, with commas: `likelihood` is the baseline of kinds of labels alone."""
    seeds: int = 3
    """Training seeds."""
    jobs: int = 1
    """Cells at a time, each on a core of its own."""


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    if sys.argv[1:2] == ["make"]:  # a child of a table's own
        make(*sys.argv[2:])
        return
    choices = tyro.cli(Choices)
    stop_when_terminated()
    wanted, methods = choices.kinds.split(","), choices.methods.split(",")
    for asked, known in ((wanted, KINDS), (methods, METHODS)):
        if unknown := sorted(set(asked) - set(known)):
            raise SystemExit(f"unknown: {', '.join(unknown)}; known are {', '.join(known)}")
    code = training_code()
    cells = [
        Cell(name, seed, method, code)
        for seed in range(choices.seeds)
        for name in wanted
        for method in methods
        if METHODS[method](KINDS[name])
    ]
    for name in TABLES.keys() & set(wanted):
        TABLES[name](FOLDER)
    try:
        run_cells(cells, work, FOLDER, choices.jobs)
    finally:  # also where it was stopped
        _report(finished(cells, FOLDER))


def _report(results: list[Result]) -> None:
    """Print what is known of each kind, and keep it with what was known of the others."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        case = result["case"]
        name = case["kind"] if case["method"] == "cadenza" else f"{case['kind']}, {case['method']} alone"
        groups.setdefault(name, []).append(result)
    before = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    rows = [_row(name, own) for name, own in groups.items()]
    rows += [row for row in before if row["name"] not in groups]
    print(table(rows))
    line = json.dumps({"benchmark": "kinds", "rows": rows}, ensure_ascii=False)
    RESULT.write_text(line + "\n")
    print(line)


def table(rows: list[dict[str, Any]]) -> str:
    """A line a figure."""
    lines = [f"{'kind':<24} {'figure':<50} {'samples':>9} {'spread':>8} {'floor':>8}"]
    for row in rows:
        for name, mean, spread, floor in row["figures"]:
            lines.append(f"{row['name']:<24} {name:<50} {mean:>9.4f} {spread:>8.4f} {floor:>8.4f}")
        lines.append(f"{row['name']:<24} {'CPU seconds of training':<50} {row['train_cpu']:>9.0f}")
    return "\n".join(lines)


def _row(name: str, results: list[Result]) -> dict[str, Any]:
    return {
        "name": name,
        "seeds": len(results),
        "steps": results[0]["case"]["steps"],
        "train_cpu": round(float(np.mean([r["train_cpu"] for r in results])), 1),
        "code": results[0]["case"]["code"],
        "figures": [
            [n, *(round(x, 5) for x in numbers)]
            for n, *numbers in figures.shown([r["figures"] for r in results])
        ],
    }


def work(cell: Cell, worker: Worker) -> Result:
    """Train, export, sample and measure."""
    folder = FOLDER / cell.key
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    child = [sys.executable, "-m", "benchmarks.kinds", "make"]
    trained = worker.run([*child, "train", cell.kind, str(cell.seed), cell.method, folder / "run"])
    worker.run([sys.executable, "-m", "cadenza", "export", folder / "run", "-o", folder / "model.onnx"])
    measured = folder / "figures.json"
    worker.run([*child, "measure", cell.kind, str(cell.seed), folder / "model.onnx", measured])
    return {"train_cpu": trained.cpu, "figures": json.loads(measured.read_text())}


def make(what: str, kind: str, seed: str, *rest: str) -> None:
    """`train KIND SEED METHOD RUN` or `measure KIND SEED MODEL OUT`."""
    own = KINDS[kind]
    config = TrainConfig(seed=int(seed), hold_out=own.hold_out, **own.choices)
    data = str(FOLDER / f"{kind}.csv") if kind in TABLES else own.data or kind
    if what == "train":
        from training.trainer import train

        method, run = rest
        if method == "likelihood":
            RECIPES["relativistic"] = replace(RECIPES["relativistic"], likelihood=1.0)
        train(data, Path(run), replace(config, steps=METHODS[method](own)))
    else:
        model, out = rest
        train_side, held = sides(load(data, config), config.hold_out)
        made = _sampled(Path(model), kind, int(seed), len(held.rows))
        Path(out).write_text(json.dumps(own.measure(train_side, held, made)))


def _sampled(model: Path, kind: str, seed: int, count: int) -> Sequences:
    from serving.sampler import load as load_generator

    generator = load_generator(model)
    rows: list[np.ndarray] = []
    classes: list[int] = []
    if KINDS[kind].classes:
        (condition,) = generator.spec.conditions
        asked = [({condition.name: label}, k, CLASSES) for k, label in enumerate(condition.labels)]
    else:
        asked = [({}, 0, max(count, 2000))]
    for given, number, many in asked:
        samples = generator.sample(many, seed=seed, condition=given)
        every = Layout.of(generator.spec.channels).rows(samples.values, samples.labels)
        rows += [x[:n].astype(np.float64) for x, n in zip(every, samples.lengths(), strict=True)]
        classes += [number] * many
    generator.close()
    return Sequences(rows, np.array(classes))


if __name__ == "__main__":
    main()
