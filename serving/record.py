"""What is kept of each exchange: one line in the log, and its share in the metrics.

It wraps the application from outside, since only there the last byte of a stream is seen.
"""

import logging
import re
import secrets
import time
from dataclasses import dataclass, field

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import Metrics
from serving.scheduler import Request

_log = logging.getLogger("bentoml.cadenza")
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
KEY = "cadenza.record"


@dataclass
class Record:
    """One exchange. Handlers write down what they learn."""

    id: str
    client: str
    """The name of its API key, else its address."""
    method: str
    route: str = "other"
    """One of ours; a path that is not there is `other`, or anybody could make metrics without end."""
    request: Request | None = None
    digest: str = "-"
    """Of the model that answered."""
    reason: str | None = None
    """The code of the error, of a stream also one that came after its status."""
    status: int = 499
    size: int = 0
    """Bytes of the answer's body."""
    whole: bool = False
    begun: float = field(default_factory=time.perf_counter)


def of(scope: Scope) -> Record:
    """The record of the exchange that this scope belongs to."""
    record = scope[KEY]
    assert isinstance(record, Record)
    return record


def recorded(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """`app`, with a record of every exchange."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        record = scope[KEY] = Record(_id(scope), _address(scope), scope["method"])

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = record.id
            else:
                if not record.size and record.status == 200:
                    metrics.first.labels(record.route).observe(time.perf_counter() - record.begun)
                record.size += len(message.get("body", b""))
            await send(message)
            record.whole = message["type"] == "http.response.body" and not message.get("more_body", False)

        metrics.open.inc()
        try:
            await app(scope, receive, noted)
        finally:
            metrics.open.dec()
            _keep(record, metrics)

    return wrapped


def _keep(record: Record, metrics: Metrics) -> None:
    seconds = time.perf_counter() - record.begun
    metrics.answers.labels(record.route, record.status).inc()
    metrics.seconds.labels(record.route).observe(seconds)
    metrics.sent.labels(record.route).inc(record.size)
    if record.reason is not None:
        metrics.refusals.labels(record.reason).inc()
    if record.method != "POST":
        return
    asked = record.request
    wanted = "" if asked is None else (
        f" seed={asked.seed} count={asked.count} length={asked.length} start={asked.start}"
    )  # fmt: skip
    reason = "" if record.reason is None else f" error={record.reason}"
    cut = "" if record.whole else " cut=true"
    _log.info(
        "id=%s client=%s route=%s status=%d model=%s%s bytes=%d seconds=%.4f%s%s",
        record.id, record.client, record.route, record.status, record.digest[:12], wanted,
        record.size, seconds, reason, cut,
    )  # fmt: skip


def _id(scope: Scope) -> str:
    """The client's own id, if it is one that a log can hold, else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _ID.fullmatch(given) else secrets.token_hex(8)


def _address(scope: Scope) -> str:
    """Where the connection comes from. Not X-Forwarded-For: anybody can write that."""
    return scope["client"][0] if scope.get("client") else "-"
