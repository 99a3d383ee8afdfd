"""The HTTP routes: /generate, /stream, /model, /metrics, /docs.json and the playground at /.

Each handler says what an answer is made of. What every answer has in common, the key and errors in
the one form, is in `_answer`; what is kept of it, in `record.py`; how it goes out, in `answer.py`.
"""

import asyncio
import gzip
import io
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.version import VERSION
from serving import body, schema
from serving.access import Keys
from serving.answer import JSON, Answer, Parts, refused, said
from serving.engine import Engine, Engines
from serving.errors import (
    BodyLost,
    BodyTooSlow,
    Cancelled,
    FormatError,
    InvalidRequest,
    MethodNotAllowed,
    ModelChanged,
    NotFound,
    ServingError,
)
from serving.formats import csv, npy, served, text
from serving.formats import json as json_format
from serving.formats import stream as stream_format
from serving.held import Held, values_of
from serving.jobs import Request
from serving.lines import Lines
from serving.metrics import CONTENT_TYPE, Metrics
from serving.negotiation import choose, gzip_asked
from serving.openapi import describe
from serving.record import Record, of, recorded
from serving.samples import Samples
from serving.settings import Settings

TIMEOUT, MODEL = "X-Cadenza-Timeout", "X-Cadenza-Model"
_OPEN = ("/", "/metrics")
"""Routes that want no key: the page is the same for every model, and a scraper has none."""
_PROBES = ("/livez", "/healthz", "/readyz", "/schema.json")
"""BentoML's own."""
_COMPRESSED = (JSON, csv.MEDIA_TYPE, text.MEDIA_TYPE)
"""Forms that gzip halves. Of an NPY's bits 90 % are left, at 24 ms a megabyte: never worth it."""
_COMPRESSED_FROM = 2**10
"""Bytes: less fits one packet as it is."""
_PLAYGROUND, _PICTURES = (
    Path(__file__).with_name(name) for name in ("playground.html", "playground.pictures.js")
)
"""The page, and a part of its script."""
_SMALL = 2**12
"""Values that are encoded on the event loop: as JSON they take less than a thread is away, 0.1 ms."""
_QUICK_SECONDS = 0.05
"""Work that is done by then is not worth looking whether its client is still there."""
_log = logging.getLogger("bentoml.cadenza")

_T = TypeVar("_T")
Handler = Callable[[Record, Receive], Awaitable[ASGIApp]]


@dataclass(frozen=True)
class _Offer:
    """What is the same for all requests to a model."""

    digest: str
    forms: Mapping[str, ModuleType]
    """By media type."""
    streams: tuple[str, ...]
    fields: tuple[schema.Fields, schema.Fields]
    """Of a body of /generate, and of /stream."""
    about: Mapping[str, str]
    """Headers."""

    @classmethod
    def of(cls, engine: Engine) -> "_Offer":
        spec, settings = engine.spec, engine.settings
        about = {
            MODEL: engine.digest,
            "X-Cadenza-Provider": engine.provider,
            "X-Cadenza-Version": VERSION,
        }
        fields = schema.fields(spec, settings, False), schema.fields(spec, settings, True)
        return cls(engine.digest, served(spec), tuple(stream_format.offered(spec)), fields, about)


class Application:
    """The routes as one ASGI application, without a framework's router: with six paths it finds nothing
    that a dict does not, and takes longer than a handler."""

    def __init__(
        self, engines: Engines, settings: Settings, keys: Keys, held: Held, metrics: Metrics
    ) -> None:
        self._engines, self._settings = engines, settings
        self._keys, self._held, self._metrics = keys, held, metrics
        self._routes: dict[str, tuple[str, Handler]] = {
            "/generate": ("POST", self._generate),
            "/stream": ("POST", self._stream),
            "/model": ("GET", self._model),
            "/docs.json": ("GET", self._docs),
            "/": ("GET", self._playground),
            "/metrics": ("GET", self._figures),
        }
        self._offered: _Offer | None = None
        self.lines = Lines()
        self._app = recorded(self._respond, metrics, self.lines)

    def knows(self, path: str) -> bool:
        """Whether there is a route of ours."""
        return path in self._routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._app(scope, receive, send)

    async def _generate(self, kept: Record, receive: Receive) -> ASGIApp:
        engine, request, seconds = await self._request(kept, receive, streamed=False)
        offer = self._offer(engine)
        media = choose(kept.headers.get("accept"), list(offer.forms))
        if media == JSON:
            self._refuse_large_json(engine, request, list(offer.forms))
        self._hold(kept, engine, request)
        samples = await _unless_left(receive, engine.samples(request, seconds))
        form = offer.forms[media]
        headers = self._provenance(engine, request) | {"Vary": "Accept, Accept-Encoding"}
        if form is npy:  # the array's own memory: nothing is encoded
            parts = Parts()
            npy.write(parts, samples.plan, iter([samples]))
            return Answer(parts, media, headers)
        try:
            content = await _off_loop(samples, _encoded, form, samples)
        except FormatError as error:
            raise InvalidRequest(str(error), "count") from error
        asked = gzip_asked(kept.headers.get("accept-encoding"))
        if asked and media in _COMPRESSED and len(content) >= _COMPRESSED_FROM:
            content = await asyncio.to_thread(gzip.compress, content, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Answer([content], media, headers)

    async def _stream(self, kept: Record, receive: Receive) -> ASGIApp:
        engine, request, seconds = await self._request(kept, receive, streamed=True)
        media = choose(kept.headers.get("accept"), self._offer(engine).streams)
        stream_format.require(media, request.count)
        self._hold(kept, engine, request)
        parts = engine.parts(request, seconds)
        # Before anything is sent, so that a refusal is still a status.
        first = await _unless_left(receive, anext(parts, None))
        return StreamingResponse(
            _framed(engine, media, first, parts, kept),
            media_type=media,
            headers=self._provenance(engine, request) | {"Cache-Control": "no-store"},
        )

    async def _model(self, kept: Record, receive: Receive) -> ASGIApp:
        engine = self._engines.current
        offer = self._offer(engine)
        limits = {k: v for k, v in asdict(self._settings).items() if k != "api_keys_file"}
        limits["max_queue"] = engine.scheduler.max_queue
        limits["max_held"] = self._held.bound(engine.largest)
        about = {
            "digest": engine.digest,
            "provider": engine.provider,
            "version": VERSION,
            "answers": {"/generate": list(offer.forms), "/stream": offer.streams},
            "tick": {"rows": engine.scheduler.rows, "steps": engine.scheduler.steps},
            "limits": limits,
            "spec": asdict(engine.spec),
        }
        return Answer([json_format.dumps(about)], JSON, offer.about)

    async def _docs(self, kept: Record, receive: Receive) -> ASGIApp:
        engine = self._engines.current
        document = describe(engine.spec, engine.digest, self._settings, locked=bool(self._keys))
        return Answer([json_format.dumps(document)], JSON)

    async def _figures(self, kept: Record, receive: Receive) -> ASGIApp:
        return Answer([self._metrics.text()], CONTENT_TYPE)

    async def _playground(self, kept: Record, receive: Receive) -> ASGIApp:
        page = _PLAYGROUND.read_bytes().replace(b"/* playground.pictures.js */", _PICTURES.read_bytes())
        return Answer([page], "text/html")

    async def _request(
        self, kept: Record, receive: Receive, *, streamed: bool
    ) -> tuple[Engine, Request, float]:
        """The engine, the body as a request within the bounds, and the seconds it may take."""
        settings = self._settings
        content = await body.read(receive, kept.headers, settings.max_body, settings.timeout)
        kept.read = True
        # Only now: a client that sends slowly shall not hold an engine that is being replaced.
        engine = self._engines.current
        kept.digest = engine.digest
        wanted = kept.headers.get(MODEL.lower(), engine.digest)
        if wanted != engine.digest:
            raise ModelChanged(f"{MODEL} is {wanted!r}, and model {engine.digest} is served", MODEL)
        fields = self._offer(engine).fields[streamed]
        kept.request = schema.parse(content, engine.spec, settings, streamed, fields, kept.client)
        return engine, kept.request, self._deadline(kept.headers.get(TIMEOUT.lower()))

    def _hold(self, kept: Record, engine: Engine, request: Request) -> None:
        """Count for the request until it is answered, if there is room."""
        channels = len(engine.spec.channels)
        values = values_of(request, engine.spec.training_length, channels)
        self._held.take(kept.client, values, engine.largest)
        kept.held = values

    def _offer(self, engine: Engine) -> _Offer:
        """What is offered of the engine's model, put together once."""
        if self._offered is None or self._offered.digest != engine.digest:
            self._offered = _Offer.of(engine)
        return self._offered

    def _provenance(self, engine: Engine, request: Request) -> dict[str, str]:
        """What makes the answer again: seed, model, provider and version."""
        return {**self._offer(engine).about, "X-Cadenza-Seed": str(request.seed)}

    def _deadline(self, asked: str | None) -> float:
        """Seconds that an answer may take, or of a stream each chunk."""
        longest = self._settings.timeout
        if asked is None:
            return longest
        try:
            seconds = math.nan if "_" in asked else float(asked)  # Python reads 1_0 as ten
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

    def _too_large(self, headers: Mapping[str, str]) -> bool:
        """Whether a body is, or may be, longer than is worth reading for the sake of the connection."""
        declared = headers.get("content-length", "0")
        return (
            "transfer-encoding" in headers
            or not declared.isdigit()
            or int(declared) > self._settings.max_body
        )

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and let go of a client that reads nothing: it would hold its answer for ever."""
        kept = of(scope)
        try:
            await self._send(kept, await self._answer(kept, receive), scope, receive, send)
        finally:
            self._held.give(kept.client, kept.held)

    async def _send(
        self, kept: Record, answer: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        settings = self._settings
        seconds = settings.stream_timeout if isinstance(answer, StreamingResponse) else settings.timeout

        async def patient(message: Message) -> None:
            try:
                async with asyncio.timeout(seconds):
                    await send(message)
            except TimeoutError as error:
                kept.reason = "not_read"
                raise _BrokenOff from error

        # Without a last part uvicorn closes the connection, and the client knows that it is not whole.
        with suppress(_BrokenOff):
            await answer(scope, receive, patient)

    async def _answer(self, kept: Record, receive: Receive) -> ASGIApp:
        """What the handler gives, or the error that came of it."""
        path, method = kept.path, kept.method
        try:
            if path in _PROBES:  # asked otherwise than BentoML answers them
                raise MethodNotAllowed(f"{path} takes GET, HEAD, not {method}", "GET, HEAD")
            if path not in self._routes:
                raise NotFound(f"there is no {path} here; /docs.json lists what is")
            kept.route = path
            taken, handler = self._routes[path]
            if method != taken and (method, taken) != ("HEAD", "GET"):
                allowed = "GET, HEAD" if taken == "GET" else taken
                raise MethodNotAllowed(f"{path} takes {allowed}, not {method}", allowed)
            if self._keys and path not in _OPEN:
                kept.client = self._keys.name(kept.headers.get("authorization"))
            return await handler(kept, receive)
        # No name may keep an error: it holds this frame, and all would wait for the garbage collector.
        except ServingError as error:
            kept.reason = error.code
            lost = isinstance(error, BodyLost | BodyTooSlow)
            return refused(error, unread=not kept.read and (lost or self._too_large(kept.headers)))
        except ConnectionError as error:
            kept.reason = Cancelled.code
            return refused(Cancelled(str(error)))
        except Exception:  # noqa: BLE001  whatever it is, the client gets an answer
            _log.exception("%s %s failed, id=%s", method, path, kept.id)
            kept.reason = ServingError.code
            return refused(ServingError("something went wrong here; the log says what"))


class _BrokenOff(Exception):
    """An answer ends before its end, and its record says why."""


async def _unless_left(receive: Receive, work: Awaitable[_T]) -> _T:
    """Await `work`, but stop it when the client leaves: nobody else would tell. It is looked for once the
    work has lasted a little: most is done before, and a task each would cost it more than its handler."""
    loop, mine = asyncio.get_running_loop(), asyncio.current_task()
    assert mine is not None
    watch: asyncio.Future[Any] | None = None
    gone = over = False

    def look() -> None:
        nonlocal watch
        watch = asyncio.ensure_future(receive())
        watch.add_done_callback(leave)

    def leave(watch: "asyncio.Future[Any]") -> None:
        nonlocal gone
        if not (watch.cancelled() or over):  # it may be on its way when the work is done
            gone = True
            mine.cancel()

    timer = loop.call_later(_QUICK_SECONDS, look)
    try:
        return await work
    except asyncio.CancelledError:
        if gone:
            mine.uncancel()
            raise Cancelled("the client left") from None
        raise
    finally:
        over = True
        timer.cancel()
        if watch is not None:
            watch.cancel()


async def _framed(
    engine: Engine,
    media: str,
    first: Samples | None,
    parts: AsyncGenerator[Samples],
    kept: Record,
) -> AsyncIterator[bytes]:
    """A stream's bytes, a frame a chunk. A client that leaves closes this, and so the work."""
    async with aclosing(parts):
        ahead = stream_format.opening(media, engine.spec)
        samples = first
        try:
            while samples is not None:
                content = await _off_loop(samples, stream_format.frame, media, samples)
                yield ahead + content
                ahead = b""
                samples = await anext(parts, None)
            yield ahead + stream_format.closing(media)
        except ServingError as error:
            # The status is sent: say it in the stream, or break it off where it cannot be said.
            kept.reason = error.code
            _log.warning("a stream ended early, id=%s: %s", kept.id, error)
            if media != stream_format.NDJSON:
                raise _BrokenOff from error
            yield json_format.dumps(said(error)) + b"\n"


async def _off_loop(samples: Samples, encode: Callable[..., bytes], *arguments: Any) -> bytes:
    """Encode on another thread, so that nobody waits for it; what takes no longer than the way
    there, at once."""
    rows, steps = samples.shape
    if rows * steps * len(samples.spec.channels) <= _SMALL:
        return encode(*arguments)
    return await asyncio.to_thread(encode, *arguments)


def _encoded(form: ModuleType, samples: Samples) -> bytes:
    out = io.BytesIO()
    form.write(out, samples.plan, iter([samples]))
    return out.getvalue()
