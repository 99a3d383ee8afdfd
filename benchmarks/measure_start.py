"""How long `cadenza serve` takes until it is ready, and what it needs when it is idle.

Several starts on a model of `sines`; wall and CPU seconds of all its processes, and their resident memory.
Memory that the processes share is counted once for each.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from cadenza.server import free_port
from export.exporter import export
from training.config import TrainConfig
from training.trainer import train

RESULT = Path(__file__).parent / "results" / "start.json"
STARTS = 5


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.onnx")
        train("sines", Path(folder, "run"), TrainConfig(steps=20))
        export(Path(folder, "run"), model)
        starts = [_start(model) for _ in range(STARTS)]
    figures = {name: round(statistics.median(s[name] for s in starts), 2) for name in starts[0]}
    for name, value in figures.items():
        print(f"{name:<24} {value:>8}")
    line = json.dumps({"benchmark": "start", "starts": STARTS, **figures})
    RESULT.write_text(line + "\n")
    print(line)


def _start(model: Path) -> dict[str, float]:
    """One start: medians are taken over several."""
    port = free_port()
    command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port)]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _await_ready(f"http://127.0.0.1:{port}")
            seconds = time.perf_counter() - begun
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            (worker,) = map(int, children)
            return {
                "seconds to ready": seconds,
                "CPU seconds to ready": _cpu(server.pid) + _cpu(worker),
                "MB of the worker": _resident(worker),
                "MB of its parent": _resident(server.pid),
            }
        finally:
            server.terminate()


def _await_ready(base: str) -> None:
    for _ in range(3000):
        try:
            urllib.request.urlopen(f"{base}/readyz", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
        else:
            return
    raise SystemExit("the server was not ready after 30 s")


def _cpu(pid: int) -> float:
    """Seconds of CPU, user and system, of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    """Resident memory in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
