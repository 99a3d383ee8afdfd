"""One tiny generator is trained and exported a session by the real code; every test uses it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import numpy as np
import pytest

from contract.seal import Artifact, load
from export.exporter import export
from serving.sampler import Generator
from serving.sampler import load as load_generator
from serving.session import Session
from training.config import TrainConfig
from training.trainer import train

STEPS = 24


@pytest.fixture(scope="session")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV as a person might have it: a date, prices that walk, a volume of whole numbers."""
    random = np.random.default_rng(5)
    close = 50 + np.cumsum(random.normal(0, 0.4, 400))
    high = close + np.maximum(0, random.normal(0, 0.3, 400))  # never below the close
    volume = random.lognormal(10, 0.5, 400).astype(int)
    days = np.datetime64("2020-01-01") + np.arange(400)
    lines = [f"{d},{c:.3f},{h:.3f},{v}" for d, c, h, v in zip(days, close, high, volume, strict=True)]
    path = tmp_path_factory.mktemp("data") / "prices.csv"
    path.write_text("\n".join(["date,close,high,volume", *lines]) + "\n")
    return path


@pytest.fixture(scope="session")
def run(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on `prices`, a few steps of the default recipe."""
    path = tmp_path_factory.mktemp("runs") / "prices"
    train(str(prices), path, TrainConfig(steps=STEPS, save_every=10, length=12))
    return path


@pytest.fixture(scope="session")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export in fp32."""
    path = tmp_path_factory.mktemp("models") / "prices.onnx"
    export(run, path)
    return path


@pytest.fixture(scope="session")
def artifact(model: Path) -> Artifact:
    return load(model)


@pytest.fixture(scope="session")
def session(artifact: Artifact) -> Session:
    return Session(artifact, "cpu")


@pytest.fixture
def generator(model: Path) -> Iterator[Generator]:
    generator = load_generator(model)
    yield generator
    generator.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    content: bytes

    def json(self) -> dict:
        return json.loads(self.content)

    @property
    def error(self) -> dict:
        return self.json()["error"]


@dataclass(frozen=True)
class Server:
    """A real server in a process of its own."""

    base: str
    pid: int

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._send(urllib.request.Request(self.base + path, headers=dict(headers or {})))

    def post(
        self, path: str, body: object, accept: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = dict(headers or {}) | ({"Accept": accept} if accept else {})
        return self._send(urllib.request.Request(self.base + path, content, sent))

    def _send(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`cadenza serve` on a free port."""
    limits = {"CADENZA_MAX_COUNT": "2000", "CADENZA_MAX_JSON_VALUES": "10000"}
    with booted(model, tmp_path_factory.mktemp("server") / "log", limits) as (server, _):
        yield server


@contextmanager
def booted(
    model: Path, log: Path, settings: Mapping[str, str], command: Sequence[str] = ()
) -> Iterator[tuple[Server, "subprocess.Popen[bytes]"]]:
    """A server that is ready; at the end it must stop cleanly when it is asked to."""
    port = free_port()
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [*(command or (sys.executable, "-m", "cadenza", "serve", str(model))), "--port", str(port)],
            stdout=file,
            stderr=file,
            env=os.environ | {"BENTOML_DO_NOT_TRACK": "True", "CADENZA_DRAIN": "0"} | dict(settings),
        ) as process,
    ):
        server = Server(f"http://127.0.0.1:{port}", process.pid)
        try:
            await_ready(server, process, log)
            yield server, process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert code == 0, log.read_text()


def await_ready(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if server.get("/readyz").status == 200:
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"not ready: {log.read_text()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cadenza(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cadenza", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
    )
