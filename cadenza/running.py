"""A server of our own for a while: what `cadenza demo` asks and `cadenza bench` measures."""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cadenza.server import free_port
from contract.errors import CadenzaError

_READY_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A server of our own, on a free port of this machine."""

    base: str
    pid: int
    waited: float
    """Seconds until it was ready."""


@contextmanager
def running(model: Path, log: Path, flags: Sequence[str] = ()) -> Iterator[Running]:
    """Serve while the block lasts, then ask the server to stop and wait for it.

    Raises:
        CadenzaError: it did not start, or ended with an error.
    """
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port), *flags]
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as server:
        try:
            yield Running(base, server.pid, _await_ready(base, server, log))
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(timeout=60)
    if code != 0:
        raise CadenzaError(f"the server ended with {code} when it was asked to stop; see {log}")


def _await_ready(base: str, server: "subprocess.Popen[bytes]", log: Path) -> float:
    begun = time.perf_counter()
    while (waited := time.perf_counter() - begun) < _READY_SECONDS:
        if server.poll() is not None:
            raise CadenzaError(f"the server ended at once: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=2):
                return waited
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise CadenzaError(f"the server was not ready after {_READY_SECONDS} s; see {log}")
