"""The load that `cadenza bench` makes is what it says, and its figures come out whole."""

import asyncio
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from cadenza.bench import parse_shape
from cadenza.figures import latency_picture
from cadenza.traffic import Answer, Ask, arrivals, closed_loop, open_loop
from contract.errors import CadenzaError, UsageError
from tests.conftest import cadenza


def test_arrivals_are_a_poisson_process():
    times = np.array(arrivals(rate=50, seconds=200, seed=1))
    assert len(times) == pytest.approx(10_000, rel=0.04)
    assert (np.diff(times) > 0).all()
    assert times[-1] < 200
    gaps = np.diff(times)
    assert gaps.mean() == pytest.approx(gaps.std(), rel=0.05)  # exponential
    assert arrivals(50, 200, 1) == list(times)


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """A request's head; nothing where the client has left."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def answered(delays: list[float], ask: str) -> list[Answer]:
    """What a server that takes so long for each request in turn, one at a time, looks like."""
    turn = asyncio.Lock()
    waiting = iter(delays)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await head_of(reader):
            await reader.readexactly(int(head.split(b"Content-Length: ")[1].split()[0]))
            async with turn:
                delay = next(waiting, 0.0)
                await asyncio.sleep(delay)
            status = b"429 Busy" if delay < 0 else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        if ask == "closed":
            return await closed_loop(base, lambda n: Ask(2, 3), clients=2, seconds=0.3)
        return await open_loop(base, lambda n: Ask(2, 3), rate=100, seconds=0.5)
    finally:
        server.close()
        await asyncio.sleep(0.01)  # the connections end


def test_an_open_loop_counts_from_when_requests_were_due():
    times = arrivals(100, 0.5, 0)
    answers = asyncio.run(answered([0.4], "open"))
    assert len(answers) == len(times)
    waited = [a.seconds for a, t in zip(answers, times, strict=True) if t < times[0] + 0.2]
    assert min(waited) > 0.15, "those behind the slow one waited as well, and it is told"


def test_a_closed_loop_asks_again_and_statuses_are_kept():
    answers = asyncio.run(answered([0.01, -1, 0.01], "closed"))
    assert len(answers) > 4
    assert sorted({a.status for a in answers}) == [200, 429]
    assert all(a.row_steps == 6 for a in answers)


def test_a_server_that_is_not_there_is_status_0():
    answers = asyncio.run(open_loop("http://127.0.0.1:9", lambda n: Ask(1, 1), rate=1000, seconds=0.05))
    assert {a.status for a in answers} == {0}
    with pytest.raises(CadenzaError, match="http://"):
        asyncio.run(open_loop("ftp://x", lambda n: Ask(1, 1), 1, 1))


def test_shapes_are_counts_and_lengths():
    assert (parse_shape("4"), parse_shape("4x200")) == ((4, None), (4, 200))
    for wrong in ("0", "4x", "x4", "4x0", "four"):
        with pytest.raises(UsageError, match="COUNTxLENGTH"):
            parse_shape(wrong)


def test_it_measures_all_three_and_draws(model: Path, tmp_path: Path):
    out = tmp_path / "b.svg"
    done = cadenza("bench", model, "--seconds", 0.3, "--shapes", 1, "4x30", "--loads", 0.5, "-o", out)
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout.splitlines()[-1])
    assert [row["shape"] for row in about["capacity"]] == ["1 × 12", "4 × 30"]
    for row in about["capacity"]:
        for way in ("bare", "bare_best", "scheduler", "http"):
            assert row[way]["row_steps"] > 0
        assert row["scheduler"]["failed"] == row["http"]["failed"] == 0
    assert about["latency"][0]["failed"] == 0
    assert ElementTree.parse(out).getroot().tag.endswith("svg")


def test_what_the_server_refuses_is_said(model: Path, tmp_path: Path):
    done = cadenza("bench", model, "--seconds", 0.1, "--shapes", "5000x2", "-o", tmp_path / "b.svg")
    assert done.returncode == 1
    assert "no request of 5000 × 2 was answered: the server's status was 422" in done.stderr


def test_a_curve_without_answers_is_still_a_picture():
    nothing = {"load": 0.9, "p50_ms": float("nan"), "p95_ms": float("nan"), "p99_ms": float("nan")}
    picture = latency_picture("1 × 24", [nothing])
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "polyline" not in picture
