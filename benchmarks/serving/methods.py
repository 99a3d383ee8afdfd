"""The servers that are measured, and what a request to each looks like."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.environments import FOLDER, PEERS, interpreter
from cadenza.running import Running, started
from cadenza.server import environment, free_port
from cadenza.traffic import Ask
from contract.errors import CadenzaError
from serving.settings import Settings


class Listed(Ask):
    """As BentoML's batcher wants it: a list of one."""

    def body(self, seed: int) -> bytes:
        """JSON."""
        return b'{"asks":[%s]}' % super().body(seed)


class Tensors(Ask):
    """As Triton wants it (the Open Inference Protocol), with a binary answer."""

    def body(self, seed: int) -> bytes:
        """JSON."""
        fields = {"count": self.count, "length": self.length, "seed": seed}
        inputs = [{"name": n, "shape": [1, 1], "datatype": "INT64", "data": [v]} for n, v in fields.items()]
        outputs = [{"name": "values", "parameters": {"binary_data": True}}]
        return json.dumps({"inputs": inputs, "outputs": outputs}).encode()


@dataclass(frozen=True)
class Method:
    """A server."""

    path: str = "/generate"
    ask: type[Ask] = Ask
    peer: bool = True
    """It has an environment of its own."""

    def asks(self, count: int, length: int) -> Ask:
        """One request to it."""
        return self.ask(count, length, self.path)


METHODS = {
    "cadenza": Method(peer=False),
    "mosec": Method("/inference"),
    "litserve": Method("/predict"),
    "bentoml": Method(ask=Listed),
    "ray": Method(),
    "pytriton": Method("/v2/models/generate/infer", Tensors),
    "fifo": Method(peer=False),
}
SHARED = {"pytriton": "/usr/bin/python3"}
"""PyTriton's process loads the system's libpython, and wants the standard library that belongs to it."""


@dataclass(frozen=True)
class Cores:
    """One for the server and what it is measured against, one for those who ask."""

    server: int
    client: int

    @classmethod
    def found(cls) -> "Cores":
        """Two that this process may use."""
        free = sorted(os.sched_getaffinity(0))
        if len(free) < 2:
            raise CadenzaError("two cores are wanted: one for the server, one for the client")
        return cls(free[0], free[1])

    def here(self, core: int) -> None:
        """This thread, and the processes that it starts, on one of them."""
        os.sched_setaffinity(0, {core})


def prepare(names: list[str]) -> dict[str, str]:
    """Make the environments that are wanted; gives what went wrong where it did."""
    failed = {}
    for name in names:
        try:
            if METHODS[name].peer:
                interpreter(name, SHARED.get(name, sys.executable))
        except (OSError, subprocess.CalledProcessError) as error:
            failed[name] = f"not installed: {getattr(error, 'stderr', None) or error}"[-400:]
    return failed


@contextmanager
def serving(name: str, model: Path, cores: Cores, values: int) -> Iterator[Running]:
    """The server `name` on its core while the block lasts, once it has answered a request whose
    answer holds so many `values` a row-step.

    Raises:
        CadenzaError: it did not start, or its first answer is too short to be one.
    """
    method, port = METHODS[name], free_port()
    base = f"http://127.0.0.1:{port}"
    ask = method.asks(3, 50)
    first = urllib.request.Request(base + ask.path, ask.body(0), {"Content-Type": "application/json"})
    first.add_header("Accept", "application/x-npy")
    settings = environment(model, Settings())
    if name == "cadenza":
        command: list[str | Path] = [
            sys.executable, "-m", "cadenza", "serve", model, "--port", str(port),
        ]  # fmt: skip
    elif name == "fifo":
        command = [sys.executable, "-m", "bentoml", "serve", "benchmarks.serving.fifo:Cadenza"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
    else:
        command = [
            interpreter(name, SHARED.get(name, sys.executable)),
            PEERS / f"serve_{name}.py",
            str(port),
        ]
        settings = {"MODEL": str(model), "PYTHONPATH": str(PEERS), "BENTOML_DO_NOT_TRACK": "True"}
    log = FOLDER / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    cores.here(cores.server)
    with started(command, base, first, log, settings) as running:
        cores.here(cores.client)
        with urllib.request.urlopen(first) as answer:
            if len(answer.read()) < 3 * 50 * values * 4:
                raise CadenzaError(f"{name} answered too little; see {log}")
        yield running
