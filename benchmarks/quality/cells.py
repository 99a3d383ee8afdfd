"""Runs cells so that nothing is lost and nothing is counted twice.

Each cell is one JSON file: there when the cell is done, or has failed with its reason. A table that is
started again goes on with what is missing. What a cell does, it does in child processes: each is
pinned to one core, its CPU seconds are those that the system counted for it and for its own children,
and when it crashes the table goes on.
"""

import json
import os
import queue
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

_NOISE = 400
"""Characters of a child's last words that are kept as a reason."""

Result = dict[str, Any]


class Cell(Protocol):
    """What is run: anything with a key and its facts."""

    @property
    def key(self) -> str:
        """Names the cell's file."""

    def facts(self) -> dict[str, Any]:
        """What the cell is, for its file."""


C = TypeVar("C", bound=Cell)


class CellFailedError(Exception):
    """A cell cannot be finished; the message is kept as its reason."""


@dataclass(frozen=True)
class Usage:
    """What a child process cost."""

    cpu: float
    """Seconds of all its threads and children."""
    wall: float


@dataclass(frozen=True)
class Worker:
    """One core, on which a cell's children run one after the other."""

    core: int
    log: Path
    """Where the children of the cell at hand write."""
    children: set[int] = field(default_factory=set)
    """Process numbers of children that run."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when the table ends early: no child is left running, and none begins."""

    def run(
        self, command: Sequence[str | Path], environment: Mapping[str, str] | None = None,
        cpu_limit: float | None = None,
    ) -> Usage:  # fmt: skip
        """Run a command to its end.

        Raises:
            CellFailedError: it failed, or needed more CPU seconds than `cpu_limit`.
        """
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        whole = {**os.environ, **threads, **(environment or {})}
        begun = time.perf_counter()
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=whole
            )
            self.children.add(child.pid)
            try:
                if self.stopped.is_set():
                    raise KeyboardInterrupt
                os.sched_setaffinity(child.pid, {self.core})
                if cpu_limit is not None:
                    seconds = int(cpu_limit)
                    resource.prlimit(child.pid, resource.RLIMIT_CPU, (seconds, seconds + 5))
                _, status, used = os.wait4(child.pid, 0)
            except BaseException:
                child.kill()
                child.wait()
                raise
            finally:
                self.children.discard(child.pid)
        child.returncode = code = os.waitstatus_to_exitcode(status)
        usage = Usage(round(used.ru_utime + used.ru_stime, 2), round(time.perf_counter() - begun, 2))
        if code == -signal.SIGXCPU:
            raise CellFailedError(f"did not end within {cpu_limit:g} CPU seconds")
        if code in (-signal.SIGINT, -signal.SIGTERM):
            raise KeyboardInterrupt  # stopped from outside: that is not the cell's fault
        if code:
            raise CellFailedError(f"exit {code} after {usage.cpu:g} CPU seconds: {self._last_words()}")
        return usage

    def _last_words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _NOISE))
            return " ".join(log.read().decode(errors="replace").split())


def say_at_once(text: str) -> None:
    """Print so that a log shows it at once."""
    print(text, flush=True)


def stop_when_terminated() -> None:
    """End as by Ctrl-C when the process is told to end, so that its children end with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def run_cells(
    cells: Iterable[C],
    work: Callable[[C, Worker], Result],
    folder: Path,
    jobs: int = 1,
    retry: bool = False,
    say: Callable[[str], None] = say_at_once,
) -> list[Result]:
    """The results of all cells, in their order; only what is missing is run.

    A cell that failed stays failed, unless `retry`. `jobs` cells run at a time, each on a core of its
    own.
    """
    wanted = list(cells)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    missing = [c for c in wanted if (kept := _kept(folder, c)) is None or (retry and "failed" in kept)]
    say(f"{len(wanted)} cells, {len(wanted) - len(missing)} of them done before")
    cores: queue.SimpleQueue[int] = queue.SimpleQueue()
    for core in sorted(os.sched_getaffinity(0))[:jobs]:
        cores.put(core)

    children: set[int] = set()
    stopped = threading.Event()

    def one(cell: C) -> None:
        core = cores.get()
        try:
            if stopped.is_set():
                return
            worker = Worker(core, folder / "logs" / f"{cell.key}.log", children, stopped)
            worker.log.unlink(missing_ok=True)
            begun = time.perf_counter()
            try:
                result = work(cell, worker)
            except CellFailedError as error:
                result = {"failed": str(error)}
            _keep(folder, cell, result)
            outcome = f"failed: {result['failed']}" if "failed" in result else "done"
            say(f"{cell.key}: {outcome} ({time.perf_counter() - begun:.0f} s)")
        except BaseException:
            stopped.set()
            raise
        finally:
            cores.put(core)

    with ThreadPoolExecutor(max(1, cores.qsize())) as pool:
        try:
            for done in [pool.submit(one, cell) for cell in missing]:
                done.result()
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for child in list(children):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGTERM)
            raise
    return [r for cell in wanted if (r := _kept(folder, cell)) is not None]


def finished(cells: Iterable[Cell], folder: Path) -> list[Result]:
    """The results of those of the cells that are done and did not fail."""
    found = [_kept(folder, cell) for cell in cells]
    return [r for r in found if r is not None and "failed" not in r]


def _path(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.key}.json"


def _kept(folder: Path, cell: Cell) -> Result | None:
    """A cell's file, if it is of the very cell: other scores or judges make it another one."""
    try:
        kept: Result = json.loads(_path(folder, cell).read_text())
    except FileNotFoundError:
        return None
    return kept if kept["case"] == cell.facts() else None


def _keep(folder: Path, cell: Cell, result: Result) -> None:
    path = _path(folder, cell)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"case": cell.facts(), **result}, indent=2) + "\n")
    partial.replace(path)
