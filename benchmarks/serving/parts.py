"""What is measured. Each part gives rows of figures, one a method and load, by interleaved rounds."""

import asyncio
import json
import statistics
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from benchmarks.measure_sampling import widened
from benchmarks.serving.methods import METHODS, Cores, Method, serving
from cadenza.running import Running
from cadenza.traffic import Answer, Ask, Source, arrivals, closed_loop, open_loop
from contract.errors import CadenzaError
from contract.rollout import first_feeds
from contract.seal import load
from contract.spec import Precision
from serving.session import Session

Row = dict[str, Any]

CLIENTS = 8
WARM_SECONDS = 1.0
LARGE = ((256, 24), (256, 320), (1024, 24))
BATCHES = (16, 24, 32, 64, 128, 256)
"""Rows of the bare runtime, of which the best counts."""
SHORT, LONG = (1, 24), (64, 4000)
SHORTS_A_SECOND = 60
LOAD = 0.7
HEAVY = (64, 200)
OVERLOAD = 10
PROBES_A_SECOND = 10


@dataclass(frozen=True)
class Plan:
    """How to measure."""

    run: Path
    """Folder that holds a trained run, of which models of any width are made."""
    methods: Sequence[str]
    rounds: int
    seconds: float
    """Of one measurement."""
    cores: Cores

    def model(self, hidden: int, precision: Precision = "fp32") -> Path:
        """The model of that width, made once."""
        path = self.run / f"{hidden}-{precision}.onnx"
        return path if path.exists() else widened(self.run, hidden, precision)

    def channels(self, model: Path) -> int:
        """Values of a row-step."""
        return len(load(model).spec.channels)

    def middles(self, ways: Mapping[str, Callable[[], Row]]) -> dict[str, Row]:
        """Each way in turn, round after round: medians of the rounds that went well, or why none did."""
        found: dict[str, list[Row]] = {name: [] for name in ways}
        failed: dict[str, Row] = {}
        for _ in range(self.rounds):
            for name, measure in ways.items():
                if name in failed:
                    continue
                try:
                    found[name].append(measure())
                except CadenzaError as error:
                    failed[name] = {"failed": str(error)[-300:]}
        return {
            name: {k: round(statistics.median(r[k] for r in rounds), 3) for k in rounds[0]}
            if rounds
            else failed[name]
            for name, rounds in found.items()
        }


def small(plan: Plan) -> list[Row]:
    """1–4 rows × 20–200 steps, eight clients, hidden 64."""
    model = plan.model(64)

    def mixed(method: Method, number: int) -> Ask:
        return method.asks(1 + number % 4, 20 + 37 * number % 181)

    return _closed(plan, model, "1–4 × 20–200", mixed, [m for m in plan.methods if m != "fifo"])


def large(plan: Plan) -> list[Row]:
    """256 × 24 and up, hidden 256, beside the bare runtime on the same core."""
    model = plan.model(256)
    session = Session(load(model), "cpu")
    rows = []
    for count, length in LARGE:

        def asks(method: Method, number: int, count: int = count, length: int = length) -> Ask:
            return method.asks(count, length)

        bare = {f"bare {b}": partial(_bare, session, b, length, 0.5, plan.cores) for b in BATCHES}
        rows += _closed(
            plan, model, f"{count} × {length}", asks, [m for m in plan.methods if m != "fifo"], bare
        )  # fmt: skip
    return rows


def beside(plan: Plan) -> list[Row]:
    """1 × 24 at random times, alone and beside 64 × 4000 at 70 % of what is possible, hidden 64."""
    model = plan.model(64)
    names = [m for m in plan.methods if m in ("cadenza", "fifo")]
    channels = plan.channels(model)

    def capacity(name: str) -> Row:
        with serving(name, model, plan.cores, channels) as server:
            _ask(server, _always(METHODS[name].asks(*LONG)), 2, WARM_SECONDS)
            cpu, begun = server.cpu, time.perf_counter()
            shorts, longs = uvloop.run(_both(server, METHODS[name], None, 2 * plan.seconds))
            spent = time.perf_counter() - begun
            row_steps = sum(a.row_steps for a in (*shorts, *longs))
            return {
                "row_steps": row_steps / spent,
                "row_steps_a_cpu_second": row_steps / (server.cpu - cpu),
            }

    capacities = plan.middles({name: partial(capacity, name) for name in names})
    least = min(row["row_steps"] for row in capacities.values())
    rate = LOAD * least / (LONG[0] * LONG[1])

    def latency(name: str) -> Row:
        with serving(name, model, plan.cores, channels) as server:
            method = METHODS[name]
            short = _always(method.asks(*SHORT))
            uvloop.run(open_loop(server.base, short, SHORTS_A_SECOND, WARM_SECONDS))
            alone = uvloop.run(open_loop(server.base, short, SHORTS_A_SECOND, 2 * plan.seconds))
            shorts, longs = uvloop.run(_both(server, method, rate, 6 * plan.seconds))
            return {
                "alone_p50_ms": _quantile(alone, 0.5), "alone_p99_ms": _quantile(alone, 0.99),
                "short_p50_ms": _quantile(shorts, 0.5), "short_p99_ms": _quantile(shorts, 0.99),
                "long_p50_ms": _quantile(longs, 0.5), "longs": len(longs),
                "failed": sum(a.status != 200 for a in (*alone, *shorts, *longs)),
            }  # fmt: skip

    measured = plan.middles({name: partial(latency, name) for name in names})
    rows = [
        {"method": name, "request": "1 × 24 beside 64 × 4000", "load": LOAD, **capacities[name], **row}
        for name, row in measured.items()
    ]
    for row in rows:
        row["p99_over_alone"] = round(row["short_p99_ms"] / row["alone_p99_ms"], 2)
    return rows


def int8(plan: Plan) -> list[Row]:
    """The bare runtime on an LSTM in 8-bit integers, beside fp32 by CPU time, hidden 256."""
    sessions = {p: Session(load(plan.model(256, p)), "cpu") for p in ("fp32", "int8")}
    rows, cpu = [], "row_steps_a_cpu_second"
    for batch in (1, 64):
        ways = {
            name: partial(_bare, session, batch, 32, plan.seconds / 8, plan.cores)
            for name, session in sessions.items()
        }
        found = plan.middles(ways)
        for name, figures in found.items():
            over = round(figures[cpu] / found["fp32"][cpu], 3)
            rows.append({"method": name, "request": f"bare, {batch} × 32", **figures, "over_fp32": over})
    return rows


def overload(plan: Plan) -> list[Row]:
    """Ten times what is possible, hidden 64: what is answered, what it needs, and how it recovers."""
    model = plan.model(64)
    method = METHODS["cadenza"]
    with serving("cadenza", model, plan.cores, plan.channels(model)) as server:
        heavy = _always(method.asks(*HEAVY))
        found = [_ask(server, heavy, CLIENTS, plan.seconds) for _ in range(plan.rounds)]
        rate = statistics.median(f["requests"] for f in found)
        return [uvloop.run(_overloaded(server, method, rate, 15 * plan.seconds))]


async def _overloaded(server: Running, method: Method, rate: float, seconds: float) -> Row:
    """Probes go on before, during and after a load of ten times `rate` requests a second."""
    before, after = seconds / 6, seconds / 2
    whole = before + seconds + after
    memory: list[float] = []
    begun = time.perf_counter()

    async def load_it() -> tuple[list[Answer], float]:
        await asyncio.sleep(before)
        answers = await open_loop(server.base, _always(method.asks(*HEAVY)), OVERLOAD * rate, seconds)
        return answers, time.perf_counter() - begun

    async def watch() -> None:
        while time.perf_counter() - begun < whole:
            memory.append(server.resident)
            await asyncio.sleep(1)

    probes, (answers, over), _ = await asyncio.gather(
        open_loop(server.base, _always(method.asks(*SHORT)), PROBES_A_SECOND, whole), load_it(), watch()
    )
    times = arrivals(PROBES_A_SECOND, whole, 0)
    calm = [a for a, t in zip(probes, times, strict=True) if t < before]
    usual = 2 * _quantile(calm, 0.99) / 1000
    end = before + seconds
    late = [
        t - end
        for a, t in zip(probes, times, strict=True)
        if t >= end and (a.status != 200 or a.seconds > usual)
    ]
    soon = [a for a, t in zip(probes, times, strict=True) if t >= end + 1]
    good = [a for a in answers if a.status == 200]
    possible = rate * HEAVY[0] * HEAVY[1]  # row-steps a second
    made = sum(a.row_steps for a in good) / (over - before)
    with urllib.request.urlopen(f"{server.base}/model") as answer:
        limit = json.load(answer)["limits"]["max_queue"]  # as it was last, when too much came
    seen = [round(m) for m in memory]
    tenth = int(before) + int(seconds) // 6
    return {
        "method": "cadenza", "request": f"{HEAVY[0]} × {HEAVY[1]}", "seconds": seconds,
        "asked": len(answers), "answered": len(good), "refused": sum(a.status == 429 for a in answers),
        "failed": sum(a.status not in (200, 429) for a in (*answers, *probes)),
        "row_steps_share": round(made / possible, 3),
        "p99_ms": _quantile(good, 0.99), "bound_ms": round(1000 * limit / made),
        "probe_before_p99_ms": _quantile(calm, 0.99),
        "probe_a_second_after_p99_ms": _quantile(soon, 0.99),
        "last_late_probe_seconds": round(max(late, default=0.0), 2),
        "late_probes": len(late),
        "drained_after_seconds": round(over - end, 2),
        "memory_mb": {"before": seen[int(before) - 1], "early": seen[tenth], "end": seen[int(end) - 1]},
    }  # fmt: skip


def _closed(
    plan: Plan,
    model: Path,
    request: str,
    source: Callable[[Method, int], Ask],
    names: Sequence[str],
    bare: Mapping[str, Callable[[], Row]] | None = None,
) -> list[Row]:
    """Eight clients that ask again at once; beside the bare runtime, if there is one."""
    channels = plan.channels(model)

    def measure(name: str) -> Row:
        with serving(name, model, plan.cores, channels) as server:
            asks = partial(source, METHODS[name])
            _ask(server, asks, CLIENTS, WARM_SECONDS)
            return _ask(server, asks, CLIENTS, plan.seconds)

    found = plan.middles({**(bare or {}), **{name: partial(measure, name) for name in names}})
    best = {
        figure: max((row[figure] for name, row in found.items() if name.startswith("bare")), default=None)
        for figure in ("row_steps", "row_steps_a_cpu_second")
    }
    own = found.get("cadenza", {})
    rows = []
    for name, figures in found.items():
        row = {"method": name, "request": request, **figures}
        for figure, value in best.items():
            if value is not None and figure in row:
                row[figure.replace("row_steps", "of_bare")] = round(row[figure] / value, 3)
        if "requests" in row and own.get("requests") and name not in ("cadenza", *(bare or ())):
            row["cadenza_requests_over"] = round(own["requests"] / row["requests"], 3)
            row["cadenza_cpu_over"] = round(own["cpu_ms"] / row["cpu_ms"], 3)
        rows.append(row)
    return rows


def _ask(server: Running, source: Source, clients: int, seconds: float) -> Row:
    cpu, begun = server.cpu, time.perf_counter()
    answers = uvloop.run(closed_loop(server.base, source, clients, seconds))
    spent, used = time.perf_counter() - begun, server.cpu - cpu
    good = [a for a in answers if a.status == 200]
    return {
        "requests": len(good) / spent,
        "row_steps": sum(a.row_steps for a in good) / spent,
        "row_steps_a_cpu_second": sum(a.row_steps for a in good) / max(used, 0.01),
        "p50_ms": _quantile(good, 0.5),
        "p99_ms": _quantile(good, 0.99),
        "cpu_ms": 1000 * used / max(len(answers), 1),
        "failed": len(answers) - len(good),
    }


def _bare(session: Session, batch: int, length: int, seconds: float, cores: Cores) -> Row:
    """The runtime alone on the server's core, its noise drawn beforehand."""
    feeds = first_feeds(session.spec, 0, range(batch), length)
    cores.here(cores.server)
    session.run(feeds)
    done, begun, cpu = 0, time.perf_counter(), time.thread_time()
    while (spent := time.perf_counter() - begun) < seconds:
        session.run(feeds)
        done += 1
    used = time.thread_time() - cpu
    cores.here(cores.client)
    row_steps = done * batch * length
    return {"row_steps": row_steps / spent, "row_steps_a_cpu_second": row_steps / used}


async def _both(
    server: Running, method: Method, rate: float | None, seconds: float
) -> tuple[list[Answer], list[Answer]]:
    """Short requests at random times, and long ones at `rate` a second, or else two at any time."""
    long = _always(method.asks(*LONG))
    longs = (
        closed_loop(server.base, long, 2, seconds)
        if rate is None
        else open_loop(server.base, long, rate, seconds, seed=1)
    )
    return await asyncio.gather(
        open_loop(server.base, _always(method.asks(*SHORT)), SHORTS_A_SECOND, seconds), longs
    )


def _always(ask: Ask) -> Source:
    return lambda number: ask


def _quantile(answers: Sequence[Answer], share: float) -> float:
    """Milliseconds."""
    return round(float(1000 * np.quantile([a.seconds for a in answers], share)), 3) if answers else np.nan


PARTS = {"large": large, "small": small, "beside": beside, "int8": int8, "overload": overload}
