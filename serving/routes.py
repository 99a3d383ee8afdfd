"""The HTTP routes: /generate, /stream, /model, /metrics, /docs.json and the playground at /.

Each handler says what an answer is made of. What every answer has in common, the key and errors in
the one form, is in `_answer`; what is kept of it, in `record.py`.
"""

import asyncio
import gzip
import io
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from contract.version import VERSION
from serving import body, record, schema
from serving.access import Keys
from serving.engine import Engine, Engines
from serving.errors import (
    Cancelled,
    FormatError,
    InvalidRequest,
    MethodNotAllowed,
    ModelChanged,
    NotFound,
    QueueFull,
    ServingError,
    Starting,
    Unauthorized,
)
from serving.formats import csv, served, text
from serving.formats import json as json_format
from serving.formats import stream as stream_format
from serving.metrics import CONTENT_TYPE, Metrics
from serving.negotiation import choose, gzip_asked
from serving.openapi import describe
from serving.samples import Plan, Samples
from serving.scheduler import Request
from serving.settings import Settings

JSON = "application/json"
TIMEOUT, MODEL = "X-Cadenza-Timeout", "X-Cadenza-Model"
_OPEN = ("/", "/metrics")
"""Routes that want no key: the page is the same for every model, and a scraper has none."""
_COMPRESSED = (JSON, csv.MEDIA_TYPE, text.MEDIA_TYPE)
"""Forms that gzip halves. Of an NPY's bits 90 % are left, at 24 ms a megabyte: never worth it."""
_COMPRESSED_FROM = 2**10
"""Bytes: less fits one packet as it is."""
_PLAYGROUND = Path(__file__).with_name("playground.html")
_SMALL = 2**12
"""Values that are encoded on the event loop: as JSON they take less than a thread is away, 0.1 ms."""
_log = logging.getLogger("bentoml.cadenza")

_T = TypeVar("_T")
Handler = Callable[[HttpRequest], Awaitable[Response]]


class Application:
    """The routes as one ASGI application, without a framework's router: with six paths it finds nothing
    that a dict does not, and takes longer than a handler."""

    def __init__(self, engines: Engines, settings: Settings, keys: Keys, metrics: Metrics) -> None:
        self._engines, self._settings = engines, settings
        self._keys, self._metrics = keys, metrics
        self._routes: dict[str, tuple[str, Handler]] = {
            "/generate": ("POST", self._generate),
            "/stream": ("POST", self._stream),
            "/model": ("GET", self._model),
            "/docs.json": ("GET", self._docs),
            "/": ("GET", self._playground),
            "/metrics": ("GET", self._figures),
        }
        self._app = record.recorded(self._respond, metrics)

    def knows(self, path: str) -> bool:
        """Whether there is a route of ours."""
        return path in self._routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._app(scope, receive, send)

    async def _generate(self, http: HttpRequest) -> Response:
        engine, request, seconds = await self._request(http, streamed=False)
        offered = served(engine.spec)
        media = choose(http.headers.get("accept"), list(offered))
        if media == JSON:
            self._refuse_large_json(engine, request, list(offered))
        samples = await _unless_left(http, engine.samples(request, seconds))
        try:
            content = await _off_loop(samples, _encoded, offered[media], samples)
        except FormatError as error:
            raise InvalidRequest(str(error), "count") from error
        headers = _provenance(engine, request) | {"Vary": "Accept, Accept-Encoding"}
        asked = gzip_asked(http.headers.get("accept-encoding"))
        if asked and media in _COMPRESSED and len(content) >= _COMPRESSED_FROM:
            content = await asyncio.to_thread(gzip.compress, content, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Response(content, media_type=media, headers=headers)

    async def _stream(self, http: HttpRequest) -> Response:
        engine, request, seconds = await self._request(http, streamed=True)
        media = choose(http.headers.get("accept"), stream_format.offered(engine.spec))
        stream_format.require(media, request.count)
        parts = engine.parts(request, seconds)
        # Before anything is sent, so that a refusal is still a status.
        first = await _unless_left(http, anext(parts, None))
        return StreamingResponse(
            _framed(engine, media, first, parts, record.of(http.scope)),
            media_type=media,
            headers=_provenance(engine, request) | {"Cache-Control": "no-store"},
        )

    async def _model(self, http: HttpRequest) -> Response:
        engine = self._engines.current
        limits = {k: v for k, v in asdict(self._settings).items() if k != "api_keys_file"}
        about = {
            "digest": engine.digest,
            "provider": engine.provider,
            "version": VERSION,
            "answers": {
                "/generate": list(served(engine.spec)),
                "/stream": stream_format.offered(engine.spec),
            },
            "tick": {"rows": engine.scheduler.rows, "steps": engine.scheduler.steps},
            "limits": limits,
            "spec": asdict(engine.spec),
        }
        return Response(json_format.dumps(about), media_type=JSON, headers=_about(engine))

    async def _docs(self, http: HttpRequest) -> Response:
        engine = self._engines.current
        document = describe(engine.spec, engine.digest, self._settings, locked=bool(self._keys))
        return Response(json_format.dumps(document), media_type=JSON)

    async def _figures(self, http: HttpRequest) -> Response:
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _playground(self, http: HttpRequest) -> Response:
        return Response(_PLAYGROUND.read_bytes(), media_type="text/html")

    async def _request(self, http: HttpRequest, *, streamed: bool) -> tuple[Engine, Request, float]:
        """The engine, the body as a request within the bounds, and the seconds it may take."""
        declared = http.headers.get("content-length")
        settings = self._settings
        content = await body.read(http.receive, declared, settings.max_body, settings.timeout)
        # Only now: a client that sends slowly shall not hold an engine that is being replaced.
        engine = self._engines.current
        kept = record.of(http.scope)
        kept.digest = engine.digest
        wanted = http.headers.get(MODEL, engine.digest)
        if wanted != engine.digest:
            raise ModelChanged(f"{MODEL} is {wanted!r}, and model {engine.digest} is served", MODEL)
        asked = schema.parse(content, engine.spec, settings, streamed)
        kept.request = replace(asked, client=kept.client)
        return engine, kept.request, self._deadline(http.headers.get(TIMEOUT))

    def _deadline(self, asked: str | None) -> float:
        """Seconds that an answer may take, or of a stream each chunk."""
        longest = self._settings.timeout
        if asked is None:
            return longest
        try:
            seconds = float(asked)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= longest:
            raise InvalidRequest(
                f"{TIMEOUT} is {asked[:60]!r}; seconds, more than 0 and at most {longest:g}, are wanted",
                TIMEOUT,
            )
        return seconds

    def _refuse_large_json(self, engine: Engine, request: Request, offered: list[str]) -> None:
        length = engine.spec.training_length if request.drawn or not request.length else request.length
        values = request.count * length * len(engine.spec.channels)
        if values > self._settings.max_json_values:
            others = ", ".join(m for m in offered if m != JSON)
            raise InvalidRequest(
                f"{values:,} values are too many for JSON; at most {self._settings.max_json_values:,} "
                f"are written: ask for another form with Accept ({others})",
                "Accept",
            )

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(scope, receive, send)
        await (await self._answer(http))(scope, receive, send)

    async def _answer(self, http: HttpRequest) -> Response:
        """What the handler gives, or the error that came of it."""
        kept = record.of(http.scope)
        path, method = http.scope["path"], http.method
        try:
            if path not in self._routes:
                raise NotFound(f"there is no {path} here; /docs.json lists what is")
            kept.route = path
            taken, handler = self._routes[path]
            if method != taken and (method, taken) != ("HEAD", "GET"):
                allowed = "GET, HEAD" if taken == "GET" else taken
                raise MethodNotAllowed(f"{path} takes {allowed}, not {method}", allowed)
            if self._keys and path not in _OPEN:
                kept.client = self._keys.name(http.headers.get("authorization"))
            return await handler(http)
        except (ServingError, ConnectionError) as error:
            said = error if isinstance(error, ServingError) else Cancelled(str(error))
        except Exception:  # noqa: BLE001  whatever it is, the client gets an answer
            _log.exception("%s %s failed, id=%s", method, path, kept.id)
            said = ServingError("something went wrong here; the log says what")
        kept.reason = said.code
        return _error(said)


async def _unless_left(http: HttpRequest, work: Awaitable[_T]) -> _T:
    """Await `work`, but stop it when the client leaves: nobody else would tell."""
    task = asyncio.ensure_future(work)
    left = asyncio.ensure_future(http.receive())
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Cancelled("the client left")
        return task.result()
    finally:
        for waiting in (task, left):
            waiting.cancel()
            with suppress(asyncio.CancelledError, ServingError):
                await waiting


async def _framed(
    engine: Engine,
    media: str,
    first: Samples | None,
    parts: AsyncGenerator[Samples],
    kept: record.Record,
) -> AsyncIterator[bytes]:
    """A stream's bytes, a frame a chunk. A client that leaves closes this, and so the work; one that
    stays and reads nothing is let go after the time that an answer may take."""
    async with aclosing(parts):
        ahead = stream_format.opening(media, engine.spec)
        samples = first
        try:
            while samples is not None:
                content = await _off_loop(samples, stream_format.frame, media, samples)
                with _patience(engine.settings.timeout):
                    yield ahead + content
                ahead = b""
                samples = await anext(parts, None)
            with _patience(engine.settings.timeout):
                yield ahead + stream_format.closing(media)
        except ServingError as error:
            # The status is sent: say it in the stream, or break it off where it cannot be said.
            kept.reason = error.code
            _log.warning("a stream ended early, id=%s: %s", kept.id, error)
            if media != stream_format.NDJSON:
                raise
            yield json_format.dumps(_error_body(error)) + b"\n"


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Cancel this task if its client takes longer than that to read what it is sent."""
    task = asyncio.current_task()
    assert task is not None
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel)
    try:
        yield
    finally:
        timer.cancel()


async def _off_loop(samples: Samples, encode: Callable[..., bytes], *arguments: Any) -> bytes:
    """Encode on another thread, so that nobody waits for it; what takes no longer than the way
    there, at once."""
    rows, steps = samples.shape
    if rows * steps * len(samples.spec.channels) <= _SMALL:
        return encode(*arguments)
    return await asyncio.to_thread(encode, *arguments)


def _encoded(form: Any, samples: Samples) -> bytes:
    out = io.BytesIO()
    form.write(out, Plan(samples.spec, samples.seed, *samples.shape), iter([samples]))
    return out.getvalue()


def _about(engine: Engine) -> dict[str, str]:
    return {
        MODEL: engine.digest,
        "X-Cadenza-Provider": engine.provider,
        "X-Cadenza-Version": VERSION,
    }


def _provenance(engine: Engine, request: Request) -> dict[str, str]:
    """What makes the answer again: seed, model, provider and version."""
    return _about(engine) | {"X-Cadenza-Seed": str(request.seed)}


def _error_body(error: ServingError) -> Mapping[str, Any]:
    return {"error": {"code": error.code, "message": str(error), "field": error.field}}


def _error(error: ServingError) -> Response:
    sent = {}
    if isinstance(error, MethodNotAllowed):
        sent["Allow"] = error.allowed
    if isinstance(error, QueueFull):
        sent["Retry-After"] = str(error.retry_after)
    if isinstance(error, Starting):
        sent["Retry-After"] = "1"
    if isinstance(error, Unauthorized):
        sent["WWW-Authenticate"] = 'Bearer realm="cadenza"'
    if error.status in (408, 413):
        sent["Connection"] = "close"  # the rest of the body is not read
    return Response(json_format.dumps(_error_body(error)), error.status, sent, JSON)
