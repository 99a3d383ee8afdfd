"""A generator in somebody's own process: its thread, forks, and what is left of it."""

import gc
import os
import threading
import time
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.sampler import load


def threads() -> int:
    return sum(t.name == "scheduler" for t in threading.enumerate())


def test_what_is_forgotten_lets_go_of_its_thread(model: Path):
    before = threads()
    generator = load(model)
    wanted = generator.sample(2, 5, 7).values.tobytes()
    assert threads() == before + 1
    del generator
    gc.collect()
    deadline = time.monotonic() + 10
    while threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == before
    with load(model) as again:
        assert again.sample(2, 5, 7).values.tobytes() == wanted
    assert threads() == before


def test_after_a_fork_it_says_so_and_does_not_wait_for_ever(model: Path):
    with load(model) as generator:
        generator.sample(1, 5, 7)
        child = os.fork()
        if not child:
            try:
                generator.sample(1, 5, 7)
            except ServingError as error:
                os._exit(0 if "forked: load it in each" in str(error) else 1)
            os._exit(2)
        deadline = time.monotonic() + 20
        while (done := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        if not done[0]:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("it waits for a thread that is not there")
        assert os.waitstatus_to_exitcode(done[1]) == 0
