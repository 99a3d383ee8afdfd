"""Load on a server, and what it costs those who ask: closed and open loops over plain sockets.

A **closed** loop asks again when it has its answer: it finds what a server gives at most. An **open**
loop asks at random times that do not depend on the answers, as strangers do, and counts from the time
at which a request was *due*: a server that stalls cannot thin out the questions it is asked.

The client is small on purpose, HTTP/1.1 kept alive over asyncio: what it costs is taken from the server
that it measures.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from contract.errors import CadenzaError

_PATIENCE = 120.0
"""Seconds after which an answer counts as lost."""
_PIECE = 2**18
"""Bytes of an answer that are read at once."""


@dataclass(frozen=True)
class Answer:
    """One request, seen from outside."""

    seconds: float
    """From when it was due until its last byte."""
    status: int
    """0: the connection broke, or nothing came in time."""
    row_steps: int


@dataclass(frozen=True)
class Ask:
    """A request for sequences."""

    count: int
    length: int
    path: str = "/generate"
    accept: str = "application/x-npy"

    def body(self, seed: int) -> bytes:
        """As the server wants it."""
        return b'{"count":%d,"length":%d,"seed":%d}' % (self.count, self.length, seed)


Source = Callable[[int], Ask]
"""The n-th request."""


async def closed_loop(base: str, source: Source, clients: int, seconds: float) -> list[Answer]:
    """`clients` that each ask again as soon as they have their answer, for so long."""
    answers: list[Answer] = []
    numbers = iter(range(10**12))
    until = time.perf_counter() + seconds

    async def client() -> None:
        async with _Connections(base) as connections:
            while (due := time.perf_counter()) < until:
                answers.append(await connections.ask(source, next(numbers), due))

    await _together([client() for _ in range(clients)])
    return answers


async def open_loop(base: str, source: Source, rate: float, seconds: float, seed: int = 0) -> list[Answer]:
    """`rate` requests a second on average for so long, at random times (a Poisson process)."""
    times = arrivals(rate, seconds, seed)
    begun = time.perf_counter()
    async with _Connections(base) as connections:

        async def one(number: int, at: float) -> Answer:
            await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
            return await connections.ask(source, number, begun + at)

        return await _together([one(number, at) for number, at in enumerate(times)])


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """Times of a Poisson process of `rate` a second, in 0 … `seconds`."""
    random = np.random.default_rng(seed)
    gaps = random.exponential(1 / rate, int(rate * seconds + 10 * (rate * seconds) ** 0.5 + 10))
    times = np.cumsum(gaps)
    return [float(t) for t in times[times < seconds]]


async def _together(work: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(w) for w in work]
    return [task.result() for task in tasks]


class _Connections:
    """Kept-alive connections: one that is idle is taken, else a new one is made."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        if parts.scheme != "http" or not parts.hostname:
            raise CadenzaError(f"{base} is not an http:// address")
        self._host, self._port = parts.hostname, parts.port or 80
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> "_Connections":
        return self

    async def __aexit__(self, *error: object) -> None:
        for _, writer in self._idle:
            writer.close()

    async def ask(self, source: Source, number: int, due: float) -> Answer:
        """Ask once and read the whole answer."""
        asked = source(number)
        try:
            async with asyncio.timeout(_PATIENCE):
                status = await self._exchange(asked, number)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            status = 0
        return Answer(time.perf_counter() - due, status, asked.count * asked.length)

    async def _exchange(self, asked: Ask, number: int) -> int:
        streams = self._kept() or await asyncio.open_connection(self._host, self._port)
        reader, writer = streams
        body = asked.body(number)
        head = (
            f"POST {asked.path} HTTP/1.1\r\nHost: {self._host}\r\nAccept: {asked.accept}\r\n"
            "Content-Type: application/json\r\n"
        )
        writer.write(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            fields = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
            left = int(fields[b"content-length"])
            while left:  # not kept: joining megabytes would hold up the other answers
                piece = await reader.read(min(left, _PIECE))
                if not piece:
                    raise asyncio.IncompleteReadError(b"", left)
                left -= len(piece)
        except BaseException:
            writer.close()
            raise
        if fields.get(b"connection") == b"close":
            writer.close()
        else:
            self._idle.append(streams)
        return int(lines[0].split()[1])

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """An idle connection that the server has not closed; servers close what is idle for seconds."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None
