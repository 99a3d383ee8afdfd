"""One tiny generator is trained and exported a session by the real code; every test uses it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import numpy as np
import onnx
import pytest

from cadenza.cli import main
from cadenza.server import free_port
from contract.seal import DIGEST_KEY, UNSEALED, Artifact, load, seal
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


def resealed(model: Path, out: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    """The same model with a change, sealed anew."""
    changed = onnx.load(model)
    change(changed)
    for entry in changed.metadata_props:
        if entry.key == DIGEST_KEY:
            entry.value = UNSEALED
    out.write_bytes(seal(changed.SerializeToString(deterministic=True)))
    return out


@dataclass(frozen=True)
class Server:
    """A real server in a process of its own."""

    base: str
    pid: int
    log: Path

    @property
    def figures(self) -> dict[str, float]:
        """Its metrics as they are now."""
        lines = self.get("/metrics").content.decode().splitlines()
        return {name: float(x) for name, x in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    @property
    def queued(self) -> float:
        """Row-steps that wait or are being made."""
        return self.figures["cadenza_queue_row_steps"]

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
        server = Server(f"http://127.0.0.1:{port}", process.pid, log)
        try:
            await_ready(server, process)
            yield server, process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert code == 0, log.read_text()


def await_ready(server: Server, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, server.log.read_text()
        try:
            if server.get("/readyz").status == 200:
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"not ready: {server.log.read_text()}")


def until(condition: Callable[[], bool]) -> None:
    """Wait for what has to come."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def cadenza(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """The command line: in this process, since to load torch anew takes longer than most commands do; but
    `serve`, which becomes the server, in its own."""
    if arguments[:1] == ("serve",):
        return cadenza_process(*arguments, cwd=cwd)
    command = ["cadenza", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        chdir(cwd or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", command)
        patch.setenv("COLUMNS", "80")  # as where there is no terminal
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def cadenza_process(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """The command line in a process of its own, as a person starts it."""
    return subprocess.run(
        [sys.executable, "-m", "cadenza", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
    )
