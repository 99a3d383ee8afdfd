"""The body limits: too large a body is refused as it comes, whatever its headers say; so is a slow one."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from serving.errors import BodyTooLarge, BodyTooSlow

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


async def read(receive: Receive, declared: str | None, limit: int, seconds: float) -> bytes:
    """The whole body of a request whose Content-Length is `declared`.

    Raises:
        BodyTooLarge: it is, or is said to be, longer than `limit` bytes; nothing more is read.
        BodyTooSlow: it did not come within `seconds`.
        ConnectionError: the client left before all of it came.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, declared, limit)
    except TimeoutError as error:
        raise BodyTooSlow(f"the body did not come within {seconds:g} s") from error


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
