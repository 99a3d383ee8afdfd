"""What the server's worker needs at most: idle, after the largest NPY answers, Arrow ones, CSV ones.

Four requests of 4096 × 256 at once each, on a model of `stocks` (six channels); peak resident memory.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cadenza.server import free_port
from export.exporter import export
from training.config import TrainConfig
from training.trainer import train

RESULT = Path(__file__).parent / "results" / "memory.json"
AT_ONCE = 4


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    base = f"http://127.0.0.1:{(port := free_port())}"
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.onnx")
        train("stocks", Path(folder, "run"), TrainConfig(steps=20))
        export(Path(folder, "run"), model)
        command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                _await_ready(base)
                figures = {"idle": _peak(server.pid)}
                for media in ("application/x-npy", "application/vnd.apache.arrow.stream", "text/csv"):
                    with ThreadPoolExecutor(AT_ONCE) as pool:
                        list(pool.map(lambda seed, m=media: _ask(base, m, seed), range(AT_ONCE)))
                    figures[media] = _peak(server.pid)
            finally:
                server.terminate()
    for name, megabytes in figures.items():
        print(f"{name:<20} {megabytes:>6} MB")
    line = json.dumps({"benchmark": "memory", "unit": "MB, peak of the worker so far", **figures})
    RESULT.write_text(line + "\n")
    print(line)


def _await_ready(base: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{base}/readyz", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server was not ready after 30 s")


def _ask(base: str, media: str, seed: int) -> None:
    body = json.dumps({"count": 4096, "length": 256, "seed": seed}).encode()
    request = urllib.request.Request(f"{base}/generate", body, {"Accept": media})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                return
        except urllib.error.HTTPError as refused:
            if refused.code != 429:
                raise
            time.sleep(int(refused.headers["Retry-After"]))  # as many as the queue takes from one client


def _peak(parent: int) -> int:
    """Largest resident memory, in MB, that a child of `parent` ever had."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    status = [Path(f"/proc/{child}/status").read_text() for child in children]
    return max(int(text.split("VmHWM:")[1].split()[0]) // 1024 for text in status)


if __name__ == "__main__":
    main()
