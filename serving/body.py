"""The whole body or none: too large a one is refused as it comes, whatever its headers say; so is a slow
one, and one of which the server's parser lost a part."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from serving.errors import BodyLost, BodyTooLarge, BodyTooSlow

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


async def read(receive: Receive, headers: Mapping[str, str], limit: int, seconds: float) -> bytes:
    """The whole body of a request with these `headers`, by their names in small letters.

    Raises:
        BodyLost: it is shorter than they say.
        BodyTooLarge: it is, or is said to be, longer than `limit` bytes; nothing more is read.
        BodyTooSlow: it did not come within `seconds`.
        ConnectionError: the client left before all of it came.
    """
    try:
        async with asyncio.timeout(seconds):
            content = await _read(receive, headers.get("content-length"), limit)
    except TimeoutError as error:
        raise BodyTooSlow(f"the body did not come within {seconds:g} s") from error
    declared = headers.get("content-length", "")
    lost = declared.isdigit() and int(declared) != len(content)
    if lost or ("upgrade" in headers and "transfer-encoding" in headers and not content):
        # httptools stops at an upgrade, and uvicorn goes on without the body.
        raise BodyLost("the body was lost: ask again without `Upgrade`, as HTTP/1.1")
    return content


async def _read(receive: Receive, declared: str | None, limit: int) -> bytes:
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
