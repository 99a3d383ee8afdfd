"""The body limit: an oversized body is refused as it comes, whatever its headers say."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from serving.errors import BodyTooLarge

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


async def read(receive: Receive, declared: str | None, limit: int) -> bytes:
    """The whole body of a request whose Content-Length is `declared`.

    Raises:
        BodyTooLarge: it is, or is said to be, longer than `limit` bytes; nothing more is read.
        ConnectionError: the client left before all of it came.
    """
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(f"the body has {int(declared):,} bytes; at most {limit:,} are read")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client left while it was sending")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise BodyTooLarge(f"the body has more than {limit:,} bytes")
        if not message.get("more_body", False):
            return b"".join(parts)
