"""How an answer goes out, without a server."""

import asyncio

import pytest
from starlette.types import Message

from serving.answer import Answer

CONTENT = bytes(range(256)) * 4096  # a megabyte: several pieces


def sent(answer: Answer, leaves_after: int | None) -> list[Message]:
    """What is sent to a client that leaves after so many messages, or stays; its body was not read."""
    found: list[Message] = []

    async def run() -> None:
        gone, body = asyncio.Event(), [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if body:
                return body.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            found.append(message)
            if len(found) == leaves_after:
                gone.set()

        await answer({"type": "http"}, receive, send)

    asyncio.run(run())
    return found


def test_all_of_a_large_answer_goes_out_though_nobody_read_the_body():
    start, *parts = sent(Answer([CONTENT], "application/x-npy"), None)
    assert start["status"] == 200
    assert len(parts) > 2
    assert b"".join(bytes(p["body"]) for p in parts) == CONTENT
    assert [p["more_body"] for p in parts] == [True] * (len(parts) - 1) + [False]


def test_its_parts_go_out_in_as_few_pieces_as_hold_them():
    """What stands before an array costs no packet, and no turn of the event loop, of its own."""
    parts = [b"head", memoryview(CONTENT)[:200_000], memoryview(CONTENT), b"", b"end"]
    _, *messages = sent(Answer(parts, "application/x-npy"), None)
    assert b"".join(m["body"] for m in messages) == b"".join(parts)
    assert [len(m["body"]) for m in messages[:-1]] == [2**18] * (len(messages) - 1)
    _, only = sent(Answer([], "application/x-npy"), None)
    assert (only["body"], only["more_body"]) == (b"", False)


@pytest.mark.parametrize("after", [2, 3])
def test_to_who_has_left_nothing_more_is_sent(after: int):
    messages = sent(Answer([CONTENT], "application/x-npy"), after)
    assert after <= len(messages) <= after + 2
    assert messages[-1]["more_body"]
