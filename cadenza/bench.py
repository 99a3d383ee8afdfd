"""`cadenza bench`: what this machine gives for a model: the bare runtime, the scheduler, HTTP.

All three are measured in turns within one run, medians over the rounds, so that a machine that others
use too slows all of them alike. Capacity is measured in a closed loop, latency in an open one at shares
of that capacity.
"""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import orjson

from cadenza.figures import capacity_table, latency_picture, latency_table
from cadenza.running import Running, running
from cadenza.traffic import Answer, Ask, closed_loop, open_loop
from contract.errors import CadenzaError, UsageError
from contract.rollout import first_feeds
from contract.seal import load
from serving.engine import Engine
from serving.errors import ServingError
from serving.formats import npy, npz
from serving.scheduler import Chunk, Request
from serving.session import Session
from serving.settings import Settings

_BATCHES = (1, 16, 64, 256)
"""Rows of the bare runtime's batches, of which the best counts."""
_CLIENTS = 8
_ROUNDS = 3


@dataclass(frozen=True)
class Shape:
    """What every request asks for."""

    name: str
    count: int
    length: int
    media: str
    """The form of the answers."""

    @property
    def row_steps(self) -> int:
        """Work of one request."""
        return self.count * self.length


def bench_model(
    model: Path,
    shapes: Sequence[tuple[int, int | None]],
    loads: Sequence[float],
    seconds: float,
    picture: Path,
    settings: Settings,
) -> None:
    """Measure, print a table and one line of JSON, and draw latency against load.

    `shapes` are counts and lengths of requests (None: the training length); latency is measured with
    the first.

    Raises:
        ContractError, ProviderError, UsageError: see `cadenza serve`.
        CadenzaError: the server answers no such request.
    """
    if not seconds > 0 or not all(0 < share < 1 for share in loads):
        raise UsageError("seconds more than 0 and loads between 0 and 1 are wanted")
    artifact = load(model)
    own = artifact.spec.training_length
    media = npy.MEDIA_TYPE if npy.refusal(artifact.spec) is None else npz.MEDIA_TYPE
    asked = [Shape(f"{count} × {n or own}", count, n or own, media) for count, n in shapes]
    session = Session(artifact, settings.provider, settings.threads)
    engine = Engine.start(model, settings)
    flags = ["--provider", session.provider, "--threads", str(settings.threads)]
    with tempfile.TemporaryDirectory() as folder, running(model, Path(folder, "log"), flags) as server:
        rows = [_capacity(shape, session, engine, server, seconds / _ROUNDS) for shape in asked]
        print(capacity_table(rows))
        capacity = rows[0]["http"]["requests"]
        curve = [_latency(server, asked[0], share, share * capacity, seconds) for share in loads]
        print(latency_table(asked[0].name, curve))
    engine.scheduler.close()
    picture.write_text(latency_picture(asked[0].name, curve))
    print(f"written: {picture}")
    about = {
        "benchmark": "bench",
        "model": artifact.digest,
        "provider": session.provider,
        "threads": settings.threads,
        "ready_seconds": round(server.waited, 2),
        "capacity": rows,
        "latency": curve,
    }
    print(orjson.dumps(about).decode())  # what is not a number becomes null


def parse_shape(text: str) -> tuple[int, int | None]:
    """`4` or `4x200` as count and length.

    Raises:
        UsageError: it is neither.
    """
    count, x, length = text.partition("x")
    if not count.isdigit() or not int(count) or (x and (not length.isdigit() or not int(length))):
        raise UsageError(f"--shapes {text!r}: COUNT or COUNTxLENGTH is wanted, as 64x200")
    return int(count), int(length) if x else None


def _capacity(
    shape: Shape, session: Session, engine: Engine, server: Running, seconds: float
) -> dict[str, Any]:
    """Requests and row-steps a second of all three, each the median of its rounds."""
    batches = sorted({*_BATCHES, shape.count})
    ways: dict[str, Callable[[], dict[str, float]]] = {
        **{f"bare {b}": partial(_bare, session, b, shape, seconds / len(batches)) for b in batches},
        "scheduler": partial(_scheduled, engine, shape, seconds),
        "http": partial(_asked, server, shape, seconds),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        for name, measure in ways.items():
            found[name].append(measure())
    middle = {
        name: {k: round(statistics.median(r[k] for r in rounds), 3) for k in rounds[0]}
        for name, rounds in found.items()
    }
    best = max((n for n in middle if n.startswith("bare ")), key=lambda n: middle[n]["row_steps"])
    return {
        "shape": shape.name,
        "bare": middle[f"bare {shape.count}"],
        "bare_best": {"batch": int(best.removeprefix("bare ")), **middle[best]},
        "scheduler": middle["scheduler"],
        "http": middle["http"],
    }


def _bare(session: Session, batch: int, shape: Shape, seconds: float) -> dict[str, float]:
    """The runtime alone on one batch, its noise drawn beforehand."""
    feeds = first_feeds(session.spec, 0, range(batch), shape.length)
    session.run(feeds)
    done, begun, cpu = 0, time.perf_counter(), time.process_time()
    while (spent := time.perf_counter() - begun) < seconds:
        session.run(feeds)
        done += 1
    used = time.process_time() - cpu
    return {
        "requests": done / spent,
        "row_steps": done * batch * shape.length / spent,
        "cpu_ms": 1000 * used / max(done, 1),
    }


def _scheduled(engine: Engine, shape: Shape, seconds: float) -> dict[str, float]:
    """The scheduler in this process, with as many requests waiting as HTTP has clients."""
    finished, numbers, over = Event(), itertools.count(), Event()
    running_now, done, failed = [_CLIENTS], [0], [0]

    def submit() -> None:
        request = Request(seed=next(numbers), count=shape.count, length=shape.length)
        engine.scheduler.submit(request, consume)

    def consume(item: Chunk | ServingError | None) -> None:
        if isinstance(item, Chunk):
            return
        done[0] += 1
        failed[0] += item is not None
        if not over.is_set():
            submit()
            return
        running_now[0] -= 1
        if not running_now[0]:
            finished.set()

    begun, cpu = time.perf_counter(), time.process_time()
    for _ in range(_CLIENTS):
        submit()
    time.sleep(seconds)
    over.set()
    finished.wait()
    spent, used = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "requests": done[0] / spent,
        "row_steps": done[0] * shape.row_steps / spent,
        "cpu_ms": 1000 * used / done[0],
        "failed": failed[0],
    }


def _asked(server: Running, shape: Shape, seconds: float) -> dict[str, float]:
    """A closed loop over HTTP; the CPU is the server's."""
    cpu, begun = server.cpu, time.perf_counter()
    answers = asyncio.run(closed_loop(server.base, _source(shape), _CLIENTS, seconds))
    spent, used = time.perf_counter() - begun, server.cpu - cpu
    good = [a for a in answers if a.status == 200]
    if not good:
        seen = ", ".join(str(status or "none") for status in sorted({a.status for a in answers}))
        raise CadenzaError(f"no request of {shape.name} was answered: the server's status was {seen}")
    return {
        "requests": len(good) / spent,
        "row_steps": sum(a.row_steps for a in good) / spent,
        "cpu_ms": 1000 * used / max(len(answers), 1),
        "p50_ms": _quantile(good, 0.5),
        "failed": len(answers) - len(good),
    }


def _latency(server: Running, shape: Shape, share: float, rate: float, seconds: float) -> dict[str, float]:
    """An open loop at a share of the capacity."""
    answers = asyncio.run(open_loop(server.base, _source(shape), rate, seconds))
    good = [a for a in answers if a.status == 200]
    return {
        "load": share,
        "asked": len(answers),
        "requests": round(len(good) / seconds, 2),
        **{f"p{round(100 * q)}_ms": round(_quantile(good, q), 3) for q in (0.5, 0.95, 0.99)},
        "refused": sum(a.status == 429 for a in answers),
        "failed": sum(a.status not in (200, 429) for a in answers),
    }


def _source(shape: Shape) -> Callable[[int], Ask]:
    return lambda number: Ask(shape.count, shape.length, accept=shape.media)


def _quantile(answers: Sequence[Answer], share: float) -> float:
    """Milliseconds; not a number where there is no answer."""
    return float(1000 * np.quantile([a.seconds for a in answers], share)) if answers else float("nan")
