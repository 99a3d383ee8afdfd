"""`cadenza demo`: the whole road on real data, as a person would walk it."""

import io
import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cadenza.checking import check_model
from cadenza.describe import parity_line
from cadenza.evaluation import evaluate_subject
from cadenza.running import running
from contract.errors import CadenzaError, UsageError
from contract.spec import Spec
from export.exporter import export
from serving.sampler import load as load_generator
from training.config import TrainConfig
from training.data import load
from training.data.windows import ENDED
from training.layout import Layout
from training.picture import draw
from training.trainer import train

_MARK = ".cadenza-demo"
_SEED, _COUNT = 7, 256


def run_demo(data: str, out: Path, minutes: float) -> None:
    """Train, evaluate, export, check, serve, ask, stop and draw; everything goes into `out`.

    Raises:
        CadenzaError: a stage failed; what the stages before it made is there.
    """
    _prepare(out)
    begun = time.perf_counter()
    seconds: dict[str, float] = {}
    run, model = out / "run", out / "model.onnx"

    with _stage("train", seconds):
        checkpoint = train(data, run, TrainConfig(minutes=minutes))
    with _stage("evaluate", seconds):
        report, _ = evaluate_subject(str(run), None, None, None, judges=3, seed=0, quick=True)
        print(report.table())
    with _stage("export", seconds):
        exported = export(run, model)
        print(f"{model}: {len(exported.artifact.data):,} bytes\n{parity_line(exported.artifact.spec)}")
    with _stage("check", seconds):
        check_model(model, as_json=False)
    with _stage("serve and ask", seconds):
        made, headers = _served(model)
        print(f"{_COUNT} sequences over HTTP: seed {headers['X-Cadenza-Seed']}, ", end="")
        print(f"model {headers['X-Cadenza-Model'][:12]}…, {headers['X-Cadenza-Provider']}")
        same = _same_without_server(model, made)
        print(f"the same bytes without a server: {'yes' if same else 'NO'}")
        if not same:
            raise CadenzaError("the server's samples are not those of the same seed in this process")
    with _stage("draw", seconds):
        spec = exported.artifact.spec
        _draw(data, spec, made, out / "samples.png")
        about = {
            "data": data,
            "steps": checkpoint.step,
            "seconds": {name: round(s, 1) for name, s in seconds.items()},
            "scores": [asdict(s) for s in report.scores],
            "parity": asdict(spec.parity),
            "digest": exported.artifact.digest,
            "bytes": len(exported.artifact.data),
            "versions": spec.versions,
        }
        (out / "report.json").write_text(json.dumps(about, indent=2) + "\n")
    print(f"\nDone in {time.perf_counter() - begun:.0f} s. Made:")
    for name, what in (
        ("model.onnx", "the generator: graph, weights, scaling, provenance"),
        ("samples.png", "real beside generated"),
        ("run/evaluation.html", "scores against their floors, pictures, memorisation"),
        ("report.json", "scores, parity, times"),
    ):
        print(f"  {out / name!s:<26} {what}")
    print(
        "Next:\n"
        f"  cadenza inspect {model}\n"
        f"  cadenza sample {model} -n 64 -l 100 --seed 7 -o samples.csv\n"
        f"  cadenza serve {model}\n"
        "  cadenza train your.csv -o runs/yours --minutes 10"
    )


def _prepare(out: Path) -> None:
    """An empty folder; only a folder that an earlier demo made is emptied."""
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / _MARK).exists())):
        raise UsageError(f"{out} holds something that no demo made: name another folder with -o")
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / _MARK).touch()


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    print(f"\n── {name} " + "─" * (60 - len(name)), flush=True)
    begun = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begun
    print(f"({seconds[name]:.1f} s)", flush=True)


def _served(model: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Serve on a free port, ask once as JSON and once as NPZ, and stop; gives the arrays by name."""
    with running(model, model.with_name("serve.log")) as server:
        base = server.base
        print(f"ready after {server.waited:.1f} s on {base}")
        answer = json.loads(_ask(base, {"count": 1, "length": 3, "seed": _SEED})[0])
        print(f'curl {base}/generate -d \'{{"count": 1, "length": 3, "seed": {_SEED}}}\'')
        print(f"  {answer['columns']}\n  " + "\n  ".join(map(str, answer["sequences"][0])))
        content, headers = _ask(base, {"count": _COUNT, "seed": _SEED}, "application/x-npz")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive), headers


def _ask(base: str, body: dict[str, int], accept: str = "application/json") -> tuple[bytes, Any]:
    request = urllib.request.Request(f"{base}/generate", json.dumps(body).encode(), {"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.read(), response.headers


def _same_without_server(model: Path, made: dict[str, np.ndarray]) -> bool:
    generator = load_generator(model)
    try:
        own = generator.sample(_COUNT, seed=_SEED).arrays
    finally:
        generator.close()
    return all(own[name].tobytes() == made[name].tobytes() for name in own)


def _draw(data: str, spec: Spec, made: dict[str, np.ndarray], path: Path) -> None:
    """The answer of the server beside as many windows of the data."""
    windows = load(data, TrainConfig(whole=spec.ends or None)).windows(spec.training_length, 1)
    index = np.random.default_rng(0).permutation(len(windows))[:_COUNT]
    rows = Layout.of(spec.channels).rows(made.get("values"), made.get("labels"))
    if "valid" in made:
        rows[~made["valid"]] = ENDED
    title = f"{spec.name}: as served, seed {_SEED}"
    draw(windows.take(index), rows, spec.channels, spec.form, title, path, spec.frame)
