"""What answers hold until they are read: counted by client, refused beyond, given back."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from serving.errors import HeldFull
from serving.held import Held, values_of
from serving.jobs import Request
from tests.conftest import booted, until
from tests.serving.test_life import stalled


def test_what_is_held_is_given_back_and_one_client_leaves_room_for_another():
    held = Held(1000)
    held.take("greedy", 5000, largest=100)  # what a request may ask for can be had when nothing is held
    with pytest.raises(HeldFull, match="5,000 values, 0 of them yours"):
        held.take("modest", 1, largest=100)
    held.give("greedy", 5000)
    for _ in range(8):
        held.take("greedy", 100, largest=100)
    with pytest.raises(HeldFull, match="800 of them yours"):
        held.take("greedy", 100, largest=100)
    held.take("modest", 100, largest=100)
    held.give("modest", 100)
    for _ in range(8):
        held.give("greedy", 100)
    assert (held.values, held._of) == (0, {})


def test_there_is_room_for_two_of_the_largest_whatever_the_bound():
    held = Held(1000)
    held.take("stream", 10, largest=5000)
    held.take("other", 5000, largest=5000)
    with pytest.raises(HeldFull, match="at most 10,000 may be held"):
        held.take("third", 5000, largest=5000)


@pytest.mark.parametrize(
    ("request_", "values"),
    [
        (Request(0, 3, 10), 3 * 10 * 2),
        (Request(0, 3, None, drawn=True), 3 * 24 * 2),
        (Request(0, 3, None, ahead=4), 3 * 128 * 2),
        (Request(0, 3, 100_000, ahead=4), 3 * 128 * 2),
        (Request(0, 3, 10, ahead=4), 3 * 10 * 2),
    ],
)
def test_how_much_an_answer_holds(request_: Request, values: int):
    assert values_of(request_, 24, 2) == values


def test_streams_that_nobody_reads_fill_no_memory(model: Path, tmp_path: Path):
    settings = {"CADENZA_MAX_HELD": "1000000", "CADENZA_MAX_ROW_STEPS": "100000"}
    body = b'{"count": 500, "length": null}'  # of 3 channels 192,000 values each
    with booted(model, tmp_path / "log", settings) as (server, _), ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(stalled(server.base, body))
        until(lambda: server.figures["cadenza_held_values"] == 4 * 500 * 128 * 3)
        refused = server.post("/stream", {"count": 500, "length": None})
        assert (refused.status, refused.error["code"]) == (429, "held_full")
        assert int(refused.headers["Retry-After"]) >= 1
        assert server.post("/generate", {}).status == 200  # a small one has room
        stack.close()
        until(lambda: server.figures["cadenza_held_values"] == 0)
        assert server.post("/generate", {"count": 500, "length": 128}, "application/x-npy").status == 200
        assert server.figures["cadenza_held_values"] == 0
