"""What is kept of each exchange: one line in the log, and its share in the metrics.

It wraps the application from outside, since only there the last byte of a stream is seen.
"""

import itertools
import logging
import re
import secrets
import time
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import Cancelled
from serving.jobs import Request
from serving.lines import Lines
from serving.metrics import Metrics

_log = logging.getLogger("bentoml.cadenza")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ADDRESS = re.compile(r"[A-Za-z0-9.:%_-]{1,64}")
_LISTS = ("accept", "accept-encoding")
"""Fields that may come in several lines, which are one list."""
_NUMBERS = itertools.count(secrets.randbits(63))
"""Of exchanges, from anywhere on: asking the system for each costs as much as a write."""
KEY = "cadenza.record"


@dataclass(slots=True)
class Record:
    """One exchange. Handlers write down what they learn."""

    id: str
    client: str
    """The name of its API key, else its address."""
    method: str
    path: str
    headers: dict[str, str]
    """By their names in small letters; of one that comes several times, and is no list, the first."""
    route: str = "other"
    """One of ours; a path that is not there is `other`, or anybody could make metrics without end."""
    request: Request | None = None
    digest: str = "-"
    """Of the model that answered."""
    held: int = 0
    """Values that count for it, `held.py`."""
    read: bool = False
    """Whether the request's body was."""
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


def recorded(app: ASGIApp, metrics: Metrics, lines: Lines) -> ASGIApp:
    """`app`, with a record of every exchange."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in reversed(scope["headers"])}
        if len(headers) < len(scope["headers"]):
            for name in _LISTS:
                found = [v.decode("latin-1") for n, v in scope["headers"] if n.decode("latin-1") == name]
                headers |= {name: ", ".join(found)} if found else {}
        identity = _id(headers.get("x-request-id"))
        record = scope[KEY] = Record(identity, _address(scope), scope["method"], scope["path"], headers)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"].append((b"x-request-id", identity.encode()))
            else:
                if not record.size and record.status == 200:
                    metrics.first.observe(time.perf_counter() - record.begun, record.route)
                record.size += len(message.get("body", b"")) if record.method != "HEAD" else 0
            await send(message)
            record.whole = message["type"] == "http.response.body" and not message.get("more_body", False)

        metrics.open += 1
        try:
            await app(scope, receive, noted)
        finally:
            metrics.open -= 1
            _keep(record, metrics, lines)

    return wrapped


def _keep(record: Record, metrics: Metrics, lines: Lines) -> None:
    seconds = time.perf_counter() - record.begun
    metrics.answers.add(record.route, str(record.status))
    metrics.seconds.observe(seconds, record.route)
    metrics.sent.add(record.route, amount=record.size)
    if record.reason is not None:
        metrics.refusals.add(record.reason)
    elif not record.whole:  # the client left in the middle of it
        metrics.refusals.add(Cancelled.code)
    if record.method != "POST":
        return
    asked = record.request
    wanted = "" if asked is None else (
        f" seed={asked.seed} count={asked.count} length={asked.length} start={asked.start}"
    )  # fmt: skip
    reason = "" if record.reason is None else f" error={record.reason}"
    cut = "" if record.whole else " cut=true"
    if not _log.isEnabledFor(logging.INFO):
        return
    # The logging module's own records cost as much as a handler.
    lines.put(
        f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} [INFO] [requests] "
        f"id={record.id} client={record.client} route={record.route} status={record.status} "
        f"model={record.digest[:12]}{wanted} bytes={record.size} seconds={seconds:.4f}{reason}{cut}\n"
    )


def _id(given: str | None) -> str:
    """The client's own id, if it is one that a log can hold, else a new one."""
    return given if given is not None and _ID.fullmatch(given) else f"{next(_NUMBERS):016x}"


def _address(scope: Scope) -> str:
    """Where the connection comes from, or what a proxy says that is trusted, see `service.py`."""
    host = scope["client"][0] if scope.get("client") else "-"
    return host if _ADDRESS.fullmatch(host) else "-"
