"""What one cell does: train, sample, score, each in child processes of its worker.

Our methods go through the command line, as a user would. Training gets its CPU seconds as steps, by
the measured CPU seconds of a step, so that a busy machine changes nothing but the waiting.
"""

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.quality import environments
from benchmarks.quality.cases import (
    KINDS,
    OURS,
    PEERS,
    Case,
    Judged,
    Made,
    base_and_length,
    sample_count,
)
from benchmarks.quality.cells import CellFailedError, Result, Worker
from training.config import RECIPES

FOLDER = Path("build/quality")
Command = list[str | Path]

CADENZA = (sys.executable, "-m", "cadenza")
STAGES = (sys.executable, "-m", "benchmarks.quality.stages")

_KIND_SAMPLES = 1000
"""Sequences of another kind that are sampled to see what that costs."""
_SHORT, _LONG = 100, 500
"""Steps of the two runs whose difference is the cost of a step."""
_FAR_OFF = 0.15
"""Share by which training may miss its CPU seconds before the row says so."""
_once = threading.Lock()


def work(case: Case, worker: Worker) -> Result:
    """A cell of the table.

    Raises:
        CellFailedError: with its reason.
    """
    if case.made.data in KINDS:
        made = made_once(case.key, asdict(case.made), lambda: _make_kind(case.made, worker), "npz")
        return {**made, **_judge_kind(case, worker)}
    make = _make_ours if case.made.method in OURS else _make_peers
    made = made_once(case.key, asdict(case.made), lambda: make(case.made, worker))
    return {**made, **judge(case.made.data, samples_of(case.key), case.judged, worker)}


def made_once(key: str, facts: Result, make: Callable[[], Result], form: str = "npy") -> Result:
    """What `make` tells of the samples that it left in `samples_of(key, form)`; it is called only if they
    are not there, or are of other `facts`. So a new score costs no training."""
    samples, note = samples_of(key, form), _file("made", f"{key}.json")
    if note.exists() and samples.exists():
        kept: Result = json.loads(note.read_text())
        if kept.pop("of") == facts:
            return kept
    note.unlink(missing_ok=True)
    made = make()
    note.write_text(json.dumps({"of": facts, **made}))
    return made


def make_ours(
    train: Command,
    export: Command,
    key: str,
    data: str,
    seed: int,
    worker: Worker,
) -> Result:
    """Samples of our own by three commands: `train` leaves the run, and `export` the model, that
    `paths(key)` names; the model is sampled. The run is not kept."""
    trained = _trained(train, export, key, data, worker)
    _, model = paths(key)
    real = windows(data, worker)
    count = sample_count("cadenza", *real)
    sample: Command = [*CADENZA, "sample", model, "-o", samples_of(key), "--seed", str(seed)]
    sampled = worker.run([*sample, "-n", str(count), "-l", str(real[1])], environment(data))
    spent = {"sample_cpu": sampled.cpu, "sample_wall": sampled.wall, "samples": count, "note": ""}
    return {**trained, **spent}


def _trained(train: Command, export: Command, key: str, data: str, worker: Worker) -> Result:
    """Steps and cost of a run; its model is where `paths(key)` says."""
    run, _ = paths(key)
    shutil.rmtree(run, ignore_errors=True)
    trained = worker.run(train, environment(data))
    about = json.loads((run / "run.json").read_text())
    worker.run(export, environment(data))
    shutil.rmtree(run)
    return {"steps": about["steps"], "train_cpu": trained.cpu, "train_wall": trained.wall}


def paths(key: str) -> tuple[Path, Path]:
    """Where a cell's run is while it lasts, and its model."""
    return _file("runs", key), _file("models", f"{key}.onnx")


def samples_of(key: str, form: str = "npy") -> Path:
    """Where a cell's samples are."""
    return _file("made", f"{key}.{form}")


def judge(data: str, samples: Path, judged: Judged, worker: Worker) -> Result:
    """Scores of a file of samples, each with its floor."""
    out = samples.with_suffix(".scores.json")
    command: Command = [*STAGES, "score", data, samples, out]
    command += [str(judged.judges), str(judged.seed), *judged.scores]
    used = worker.run(command, environment(data))
    result: Result = json.loads(out.read_text())
    return {**result, "judge_cpu": used.cpu}


def steps_for(data: str, method: str, code: str, seconds: float | None, worker: Worker) -> int:
    """How many steps of one of our recipes a user has who asks for so many CPU seconds."""
    if seconds is None:
        raise CellFailedError(f"{method} needs a time to train for")
    spent = cost(data, method, code, worker)
    found = _file("speed", f"{data}.{method}.steps")
    sizes = [str(x) for x in (seconds, spent["each"], spent["level"])]
    with _once:  # another cell may ask for other seconds
        worker.run([*STAGES, "steps", data, OURS[method], *sizes, found], environment(data))
        return int(found.read_text())


def cost(data: str, method: str, code: str, worker: Worker) -> dict[str, float]:
    """CPU seconds of `each` step, of a step of the `level`'s own game, and of all the `rest` of a run, by
    two short runs without that game, and a third with it, timed once."""
    kept = _file("speed", f"{data}.{method}.{code}.json")
    with _once:
        if not kept.exists():
            run = _file("runs", f"speed.{data}.{method}")
            recipe = RECIPES[OURS[method]]

            def seconds(steps: int, most_of_level: int) -> float:
                shutil.rmtree(run, ignore_errors=True)
                changes = json.dumps({**asdict(recipe), "level": most_of_level})
                command: Command = [*STAGES, "variant", changes, "train", data, run, str(steps), "0"]
                return worker.run(command, environment(data)).cpu

            short, long = seconds(_SHORT, 0), seconds(_LONG, 0)
            of_level = (seconds(_LONG, _LONG) - long) / _LONG if recipe.level else 0.0
            shutil.rmtree(run)
            each = (long - short) / (_LONG - _SHORT)
            found = {"each": each, "level": max(0.0, of_level), "rest": short - _SHORT * each}
            kept.write_text(json.dumps(found))
    timed: dict[str, float] = json.loads(kept.read_text())
    return timed


def windows(data: str, worker: Worker) -> tuple[int, int, int]:
    """Bring the windows of `data` if they are not there: how many are scored, length, channels."""
    path = _prepared(data)
    with _once:
        if not path.exists():
            partial = path.with_suffix(".partial.npz")
            worker.run([*STAGES, "prepare", data, partial], environment(data))
            partial.replace(path)
    with np.load(path) as file:
        count, length, channels = file["scored"].tolist()
    return count, length, channels


def environment(data: str) -> dict[str, str]:
    """Variables under which the children find this very tree, and the field's data."""
    paths = [str(Path.cwd())]
    if base_and_length(data)[0] in ("google", "energy"):
        paths.append(str(environments.data_folder()))
    return {"PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])}


def _make_ours(made: Made, worker: Worker) -> Result:
    return _with_cost(
        made, make_ours(*_commands(made, worker), made.key, made.data, made.seed, worker), worker
    )


def _make_kind(made: Made, worker: Worker) -> Result:
    """The same of another kind than tables: its windows are its own, and may end."""
    train, export = _commands(made, worker)
    trained = _trained(train, export, made.key, made.data, worker)
    _, model = paths(made.key)
    sample: Command = [*CADENZA, "sample", model, "-n", str(_KIND_SAMPLES), "--seed", str(made.seed)]
    sampled = worker.run([*sample, "-o", samples_of(made.key, "npz")], environment(made.data))
    spent = {"sample_cpu": sampled.cpu, "sample_wall": sampled.wall, "samples": _KIND_SAMPLES, "note": ""}
    return _with_cost(made, {**trained, **spent}, worker)


def _judge_kind(case: Case, worker: Worker) -> Result:
    """Scores of as many samples of a model as there are real windows, with floors, as anybody has them."""
    _, model = paths(case.key)
    out = _file("made", f"{case.key}.scores.json")
    judged = case.judged
    command: Command = [*CADENZA, "evaluate", model, "-o", out, "--no-page", "--judges", str(judged.judges)]
    command += ["--seed", str(judged.seed), "--scores", *judged.scores]
    used = worker.run(command, environment(case.made.data))
    report = json.loads(out.read_text())
    names = ("scores", "other_times", "memorisation", "notes")
    return {name: report[name] for name in names} | {"judge_cpu": used.cpu}


def _commands(made: Made, worker: Worker) -> tuple[Command, Command]:
    """How a user trains and exports it."""
    base, length = base_and_length(made.data)
    run, model = paths(made.key)
    steps = steps_for(made.data, made.method, made.code, made.seconds, worker)
    train: Command = [*CADENZA, "train", base, "-o", run, "--steps", str(steps), "--seed", str(made.seed)]
    train += [*_length(length), "--recipe", OURS[made.method]]
    return train, [*CADENZA, "export", run, "-o", model]


def _length(length: int) -> Command:
    return ["--length", str(length)] if length else []


def _with_cost(made: Made, result: Result, worker: Worker) -> Result:
    """The same, with what of it was training."""
    spent = cost(made.data, made.method, made.code, worker)
    result["fit_cpu"] = round(result["train_cpu"] - spent["rest"], 2)
    if made.seconds and abs(result["fit_cpu"] / made.seconds - 1) > _FAR_OFF:
        # A step costs more CPU while others fill the caches than when it was timed, or less.
        result["note"] = f"{result['fit_cpu']:.0f} s of training"
    return result


def _make_peers(made: Made, worker: Worker) -> Result:
    real = windows(made.data, worker)
    script = "par" if made.method == "par" else "keras_models"
    python = environments.interpreter(PEERS[made.method])
    samples = samples_of(made.key)
    job, report = samples.with_suffix(".job"), samples.with_suffix(".report")
    count = sample_count(made.method, *real)
    job.write_text(
        json.dumps(
            {
                "method": made.method,
                "windows": str(_prepared(made.data)),
                "seconds": made.seconds,
                "count": count,
                "seed": made.seed,
                "samples": str(samples),
                "report": str(report),
            }
        )
    )
    # Twice the budget and a half: what starting and sampling cost is not training.
    limit = made.limit if made.seconds is None else 2.5 * made.seconds + 300
    command = [python, environments.PEERS / f"{script}.py", job]
    whole = worker.run(command, {"PYTHONPATH": ""}, cpu_limit=limit)
    told: Result = json.loads(report.read_text())
    return {
        "steps": told["steps"],
        "train_cpu": round(whole.cpu - told["sample_cpu"], 2),
        "train_wall": round(whole.wall - told["sample_wall"], 2),
        "fit_cpu": told["train_cpu"],
        "sample_cpu": told["sample_cpu"],
        "sample_wall": told["sample_wall"],
        "samples": count,
        "note": told["note"],
    }


def _prepared(data: str) -> Path:
    return _file("data", f"{data}.npz")


def _file(kind: str, name: str) -> Path:
    folder = FOLDER / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute() / name
