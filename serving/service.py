"""The BentoML service: the shell around the engine, and little else.

    bentoml serve serving.service:Cadenza     with CADENZA_MODEL, or in a bento the model it carries

BentoML is the command, the bento, the image, the probes and the process that starts a dead worker
again. The routes are ours: its own metrics, tracing and access log cost more than an
answer of ours, and its batcher counts requests, not work.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any, cast

import bentoml
from starlette.types import ASGIApp, Receive, Scope, Send

from contract.errors import CadenzaError, SpecError, UsageError
from contract.noise import VERSION as NOISE_VERSION
from contract.seal import load
from serving.access import Keys
from serving.engine import Engine, Engines
from serving.held import Held
from serving.metrics import Metrics
from serving.reload import follow
from serving.routes import Application
from serving.settings import Settings

_log = logging.getLogger("bentoml.cadenza")
# uvicorn believes whoever is on this machine, who could be a new client with each request.
os.environ.setdefault("FORWARDED_ALLOW_IPS", "")

# A service is configured by its decorator, so this is read when the server's process begins.
_settings = Settings.from_environment()
_keys = Keys.from_environment(_settings.api_keys_file)
_engines = Engines()
_held = Held(_settings.max_held)
_metrics = Metrics(_engines, _held)

UV = "0.13.9"
_LOOK_SECONDS = _LAST_WORDS_SECONDS = 1.0
_PARENT = "CADENZA_PARENT"
_image = bentoml.images.Image(
    base_image="python:3.11-slim",
    distro="",  # else BentoML installs a compiler
).run(f"pip install --no-cache-dir uv=={UV}")


_application = Application(_engines, _settings, _keys, _held, _metrics)
# BentoML leaves uvicorn's own access log on, which says less than ours, and shows it to nobody.
logging.getLogger("uvicorn.access").propagate = False
# An answer that is broken off on purpose, so that its reader knows that it is not whole, is no error: its
# line in our log says why.
logging.getLogger("uvicorn.error").addFilter(
    lambda record: "without completing response" not in record.getMessage()
)


class _Ahead:
    """Our routes before BentoML's: its tracing, context and routers cost more than our handlers, and its
    timeout keeps a timer and two futures of every request until that time is over. What is not ours goes
    on, and comes back to us if it is not BentoML's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            # It may add a layer only below its own; what its life begins with is the whole of them.
            whole = scope["app"]
            whole.middleware_stack = _Ahead(whole.middleware_stack)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # there is none here
            return
        ours = scope["type"] == "http" and _application.knows(scope["path"])
        await (_application if ours else self._app)(scope, receive, send)


def _stop_in_time(stop_listening: Callable[[], object]) -> None:
    """Not ready first, then nothing new. Finish what was accepted, but wait no longer for its readers
    than an answer may take: uvicorn would wait for ever for one that reads nothing."""
    _engines.stopping = True
    time.sleep(_settings.drain)
    _engines.refuse()
    stop_listening()
    time.sleep(_settings.timeout)
    _log.warning("some readers did not take their answers in %g s and are cut off", _settings.timeout)
    _application.lines.flush(_LAST_WORDS_SECONDS)
    os._exit(0)


async def _outlive() -> None:
    """Stop when the parent is gone, which nobody else would tell: the port would stay taken."""
    parent = int(os.environ.get(_PARENT, os.getppid()))
    while os.getppid() == parent:
        await asyncio.sleep(_LOOK_SECONDS)
    _log.error("the parent process is gone, so this one stops")
    os.kill(os.getpid(), signal.SIGTERM)


def model_path() -> Path:
    """The model to serve: `CADENZA_MODEL`, else the file that the bento carries."""
    carried = Path(__file__).resolve().parent.parent / "model.onnx"
    path = Path(os.environ["CADENZA_MODEL"]) if "CADENZA_MODEL" in os.environ else carried
    if not path.is_file():
        raise UsageError(f"there is no model at {path}: name one with CADENZA_MODEL")
    return path


@bentoml.service(
    name="cadenza",
    image=_image,
    workers=_settings.workers,
    # Our own deadline comes first and stops the work; this one only gives up waiting.
    traffic={"timeout": _settings.timeout + 5},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
)
@bentoml.asgi_app(_application, path="/")
class Cadenza:
    """A trained recurrent generator over HTTP."""

    @bentoml.on_deployment
    @staticmethod
    def verify() -> None:
        """Once, in the parent: what cannot be served shall not be tried for ever."""
        os.environ[_PARENT] = str(os.getpid())  # its workers inherit it
        artifact = load(model_path())
        # Not the whole session, nor a probe of the noise: the parent would keep the memory that they take.
        version = artifact.spec.noise.version
        if version != NOISE_VERSION:
            raise SpecError(
                f"the model's noise stream is of version {version}; export it anew from its run"
            )
        if _settings.provider == "cuda":
            from serving.session import Session

            Session(artifact, "cuda")

    @bentoml.on_startup
    async def start(self) -> None:
        """Begin to accept connections at once; /readyz says no until the model is warm."""
        _application.lines.begin()
        self._tasks = [asyncio.create_task(work) for work in (self._start(), _outlive())]
        # uvicorn waits for every answer in flight, and only then would a shutdown hook run: a stream
        # without end has to learn of the signal itself.
        before = signal.getsignal(signal.SIGTERM)

        def stop(number: int, frame: FrameType | None) -> None:
            # Not here: the handler may interrupt whoever holds the scheduler's lock.
            then = partial(before, number, frame) if callable(before) else lambda: None
            Thread(target=_stop_in_time, args=[then], daemon=True).start()

        signal.signal(signal.SIGTERM, stop)

    async def _start(self) -> None:
        try:
            path = model_path()
            # Workers are counted from 1, and on where they are all begun anew; GPUs from 0.
            device = max(0, (bentoml.server_context.worker_index or 1) - 1) % _settings.workers
            start = partial(Engine.start, path, _settings, _metrics.ticked, device)
            await follow(path, _engines, _metrics, start, _settings.reload)
        except Exception as error:  # noqa: BLE001  a worker that never will be ready has to end
            own = isinstance(error, CadenzaError)
            _log.error("the model cannot be served: %s", error, exc_info=not own)
            _application.lines.flush(_LAST_WORDS_SECONDS)
            os._exit(1)

    @bentoml.on_shutdown
    def end(self) -> None:
        """Once all is answered."""
        _application.lines.flush(_LAST_WORDS_SECONDS)

    async def __is_ready__(self) -> bool:
        return _engines.ready


cast(Any, Cadenza).add_asgi_middleware(_Ahead)  # the decorators made a bentoml.Service of it
