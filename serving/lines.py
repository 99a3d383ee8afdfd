"""The log on its way out, on a thread of its own.

A write is a system call, for which Python's lock is let go, and taken by the scheduler: with one for each
request it cost more than the handler. And where the log is a pipe that nobody reads, a write waits for
ever, and would stop the whole server. So lines are written together every tenth of a second, and wait where
writing does: the newest of them, and how many were lost is said.
"""

import io
import logging
import sys
import time
from collections import deque
from contextlib import suppress
from threading import Event, Thread
from typing import TextIO

_TOGETHER_SECONDS, _LOOK_SECONDS = 0.1, 0.005
_KEPT = 10_000
"""Lines that wait at most."""


class Lines:
    """Lines that are written soon, once it has begun. From any thread."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[TextIO, str]] = deque()
        self._due, self._hurry = Event(), Event()
        self._lost, self._busy = 0, False

    def begin(self) -> None:
        """Write from now on, and let what the logging module writes to the terminal go the same way."""
        Thread(target=self._write, name="log", daemon=True).start()
        loggers = [logging.root, *map(logging.getLogger, logging.root.manager.loggerDict)]
        for handler in {handler for logger in loggers for handler in logger.handlers}:
            if isinstance(handler, logging.StreamHandler) and handler.stream in (sys.stdout, sys.stderr):
                handler.setStream(_Through(self, handler.stream))

    def put(self, text: str, stream: TextIO | None = None) -> None:
        """Write whole lines soon, to standard output if no stream is named."""
        if len(self._waiting) >= _KEPT:
            with suppress(IndexError):  # the thread has taken them all meanwhile
                self._waiting.popleft()
                self._lost += 1
        first = not self._waiting
        self._waiting.append((stream or sys.stdout, text))
        if first:
            self._due.set()

    def flush(self, seconds: float) -> None:
        """Wait until all is written, but no longer than so many seconds."""
        self._hurry.set()
        deadline = time.monotonic() + seconds
        while (self._waiting or self._busy) and time.monotonic() < deadline:
            self._due.set()
            time.sleep(_LOOK_SECONDS)

    def _write(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            self._hurry.wait(_TOGETHER_SECONDS)  # others may come
            self._busy = True
            while self._waiting:
                stream, text = self._waiting.popleft()
                texts = [text]
                while self._waiting and self._waiting[0][0] is stream:
                    texts.append(self._waiting.popleft()[1])
                if self._lost:
                    texts.append(f"{self._lost} lines of the log were lost\n")
                    self._lost = 0
                try:
                    stream.write("".join(texts))
                    stream.flush()
                except OSError:  # a full disk, which may have room again
                    self._lost += len(texts)
            self._busy = False


class _Through(io.TextIOBase):
    """A stream that lets another thread write to `stream`."""

    def __init__(self, lines: Lines, stream: TextIO) -> None:
        self._lines, self._stream = lines, stream

    def write(self, text: str) -> int:
        """As of a file."""
        self._lines.put(text, self._stream)
        return len(text)
