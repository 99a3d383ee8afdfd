"""The log's lines: whole, in order, and nobody waits for their reader."""

import io
import logging
import os
import threading
from typing import TextIO

import pytest

from serving import lines as module
from serving.lines import Lines
from tests.conftest import until


class Stuck(io.StringIO):
    """A file that takes nothing until it may, and whose disk may be full."""

    def __init__(self) -> None:
        super().__init__()
        self.may, self.full = threading.Event(), False

    def write(self, text: str) -> int:
        self.may.wait(30)
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_lines_are_whole_and_in_their_order_and_the_last_ones_are_waited_for():
    file, lines = io.StringIO(), Lines()
    lines.begin()
    for number in range(1000):
        lines.put(f"{number}\n", file)
    lines.flush(30)
    assert file.getvalue() == "".join(f"{number}\n" for number in range(1000))


def test_a_pipe_whose_reader_is_slow_loses_none():
    reader, writer = os.pipe()
    lines = Lines()
    lines.begin()
    with os.fdopen(writer, "w") as file:
        for number in range(9000):  # more than it holds
            lines.put(f"{number:050}\n", file)
        with os.fdopen(reader) as pipe:
            assert [int(pipe.readline()) for _ in range(9000)] == list(range(9000))
        lines.flush(30)


def test_where_nobody_reads_the_newest_wait_and_the_lost_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_KEPT", 10)
    file, lines = Stuck(), Lines()
    lines.begin()
    lines.put("first\n", file)
    until(lambda: not lines._waiting)  # it is being written
    for number in range(25):
        lines.put(f"{number}\n", file)
    lines.flush(0.05)  # and is not waited for
    file.may.set()
    lines.flush(30)
    kept = "".join(f"{number}\n" for number in range(15, 25))
    assert file.getvalue() == f"first\n{kept}15 lines of the log were lost\n"


def test_a_disk_that_was_full_is_written_to_again():
    file, lines = Stuck(), Lines()
    file.may.set()
    file.full = True
    lines.begin()
    lines.put("a\n", file)
    lines.flush(30)
    file.full = False
    lines.put("b\n", file)
    lines.flush(30)
    assert file.getvalue() == "b\n1 lines of the log were lost\n"


def test_what_is_logged_goes_the_same_way(monkeypatch: pytest.MonkeyPatch):
    file: TextIO = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    logger, lines = logging.getLogger("some.other"), Lines()
    handler = logging.StreamHandler(file)
    logger.addHandler(handler)
    try:
        lines.begin()
        assert handler.stream is not file
        logger.warning("%s", "told")
        lines.flush(30)
    finally:
        logger.removeHandler(handler)
    assert isinstance(file, io.StringIO)
    assert file.getvalue() == "told\n"
