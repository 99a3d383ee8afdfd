"""An answer as it goes out: the parts of its body, in pieces.

A large array is the memory that the samples were made in. Pieces are copied as they go out, and others have
their turn between: six megabytes at once stop the event loop for a tick.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from serving.errors import (
    MethodNotAllowed,
    QueueFull,
    ServingError,
    Starting,
    Unauthorized,
)
from serving.formats import json

JSON = "application/json"
_PIECE = 2**18
"""Bytes that are copied to the socket in a tenth of a millisecond."""

Part = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, as an ASGI application."""

    parts: list[Part]
    media: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as far as the client stays for it."""
        size = sum(map(len, self.parts))
        text = self.media.startswith("text/") and "charset=" not in self.media
        fields = {
            "content-length": str(size),
            "content-type": self.media + "; charset=utf-8" * text,
            **self.headers,
        }
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        pieces = _pieces(self.parts)
        if len(pieces) > 1 and not await _sent(pieces[:-1], receive, send):
            return
        await send({"type": "http.response.body", "body": b"".join(pieces[-1]), "more_body": False})


def _pieces(parts: list[Part]) -> list[list[memoryview]]:
    """What goes out at once: views of the parts, not copied; at least one piece, and none too large."""
    pieces: list[list[memoryview]] = [[]]
    room = _PIECE
    for part in parts:
        view, at = memoryview(part), 0
        while at < len(view):
            if not room:
                pieces.append([])
                room = _PIECE
            pieces[-1].append(view[at : at + room])
            at += len(pieces[-1][-1])
            room -= len(pieces[-1][-1])
    return pieces


async def _sent(pieces: list[list[memoryview]], receive: Receive, send: Send) -> bool:
    """Send all but the last piece; False if the client has left, which `send` keeps to itself."""
    left = asyncio.ensure_future(_left(receive))
    try:
        for piece in pieces:
            # Copied: what a client that went on reading nothing leaves in a buffer would keep it all.
            await send({"type": "http.response.body", "body": b"".join(piece), "more_body": True})
            await asyncio.sleep(0)
            if left.done():
                return False
    finally:
        left.cancel()
    return True


async def _left(receive: Receive) -> None:
    """Wait until the client leaves; what was not read of its body, as of a GET, comes before."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Parts(list[Part]):
    """A file that keeps what is written to it, uncopied."""

    def write(self, part: bytes | memoryview) -> int:
        """As of a file."""
        self.append(part if isinstance(part, bytes) else part.cast("B"))
        return len(self[-1])


def said(error: ServingError) -> Mapping[str, object]:
    """An error as the body of an answer."""
    return {"error": {"code": error.code, "message": str(error), "field": error.field}}


def refused(error: ServingError, unread: bool = False) -> Answer:
    """The answer that says an error. It is the connection's last where a body is left `unread`, which would
    be read to its end, however far that is."""
    headers = {}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    if isinstance(error, QueueFull):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Starting):
        headers["Retry-After"] = "1"
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="cadenza"'
    if unread:
        headers["Connection"] = "close"
    return Answer([json.dumps(said(error))], JSON, headers, error.status)
