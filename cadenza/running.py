"""A server of our own for a while: what `cadenza demo` asks and the benchmarks measure."""

import http.client
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cadenza.server import free_port
from contract.errors import CadenzaError

_READY_SECONDS = 60
_STOP_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A server of our own, on a free port of this machine."""

    base: str
    pid: int
    waited: float
    """Seconds until it was ready."""

    @property
    def cpu(self) -> float:
        """CPU seconds of its processes so far; not a number where there is no /proc."""
        if not _proc(self.pid).exists():
            return float("nan")
        return sum(_cpu(pid) for pid in tree(self.pid)) / os.sysconf("SC_CLK_TCK")

    @property
    def resident(self) -> float:
        """Resident memory of its processes in MB; what they share is counted once for each."""
        return sum(megabytes(pid, "VmRSS") for pid in tree(self.pid))


@contextmanager
def running(model: Path, log: Path, flags: Sequence[str] = ()) -> Iterator[Running]:
    """Serve while the block lasts, then ask the server to stop and wait for it.

    Raises:
        CadenzaError: it did not start, or ended with an error.
    """
    base = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port), *flags]
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as server:
        try:
            yield Running(base, server.pid, _await_ready(f"{base}/readyz", server, log))
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(_STOP_SECONDS)
    if code != 0:
        raise CadenzaError(f"the server ended with {code} when it was asked to stop; see {log}")


@contextmanager
def started(
    command: Sequence[str | Path],
    base: str,
    ready: str | urllib.request.Request,
    log: Path,
    environment: Mapping[str, str],
) -> Iterator[Running]:
    """Any server while the block lasts: it is ready when `ready` is answered with a 200, and whatever
    processes of it are left when it was asked to stop are killed.

    Raises:
        CadenzaError: it did not start.
    """
    with (
        log.open("wb") as file,
        subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | environment) as server,
    ):
        try:
            yield Running(base, server.pid, _await_ready(ready, server, log))
        finally:
            processes = tree(server.pid)
            server.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):  # it has had its time, and is killed with the rest
                server.wait(_STOP_SECONDS / 6)
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def tree(pid: int) -> list[int]:
    """A process and its children, and theirs."""
    found = [pid]
    for parent in found:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            for thread in _proc(parent).joinpath("task").iterdir():
                found += map(int, thread.joinpath("children").read_text().split())
    return found


def megabytes(pid: int, what: str) -> float:
    """A figure of /proc/PID/status: `VmRSS`, the resident memory, or `VmHWM`, the most it ever was."""
    return int(_proc(pid).joinpath("status").read_text().split(f"{what}:")[1].split()[0]) / 1024


def _cpu(pid: int) -> int:
    """Ticks of the clock, user and system."""
    fields = _proc(pid).joinpath("stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _proc(pid: int) -> Path:
    return Path(f"/proc/{pid}")


def _await_ready(
    ready: str | urllib.request.Request, server: "subprocess.Popen[bytes]", log: Path
) -> float:
    begun = time.perf_counter()
    while (waited := time.perf_counter() - begun) < _READY_SECONDS:
        if server.poll() is not None:
            raise CadenzaError(f"the server ended at once: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(ready, timeout=5):
                return waited
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
        except http.client.HTTPException as error:
            raise CadenzaError(f"what answers in the server's place is no HTTP: {error!r}") from error
    raise CadenzaError(f"the server was not ready after {_READY_SECONDS} s; see {log}")
