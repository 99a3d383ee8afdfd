"""What the servers are held against is held to the same answers, and the kept table loses nothing."""

import json
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from benchmarks.serving.__main__ import _known, merged, table
from benchmarks.serving.methods import METHODS
from benchmarks.serving.padded import MOST, Fifo
from contract.errors import UsageError
from contract.rollout import rollout
from serving.errors import Stopping
from serving.scheduler import Chunk, Request
from tests.serving.plain import SPEC, walk


def taken(items: "SimpleQueue[Any]") -> Chunk:
    chunk = items.get(timeout=10)
    assert items.get(timeout=10) is None
    assert isinstance(chunk, Chunk)
    return chunk


def test_padded_batches_give_each_request_what_it_has_alone():
    fifo = Fifo(SPEC, walk, 64, 32, 2**20)
    asked = [Request(seed, 1 + seed % 3, 5 + 7 * seed % 20) for seed in range(20)]
    answers: list[SimpleQueue[Any]] = [SimpleQueue() for _ in asked]
    for request, items in zip(asked, answers, strict=True):
        fifo.submit(request, items.put)
    for request, items in zip(asked, answers, strict=True):
        wanted = rollout(SPEC, walk, request.seed, range(request.count), [request.length or 0])
        assert np.array_equal(taken(items).arrays["values"], wanted["values"])
    fifo.close()
    with pytest.raises(Stopping):
        fifo.submit(asked[0], answers[0].put)


def test_a_padded_batch_keeps_its_bound_and_the_order():
    batches: list[tuple[int, int]] = []

    def run(feeds: Any) -> Any:
        batches.append(feeds["noise"].shape[:2])
        return walk(feeds)

    fifo = Fifo(SPEC, run, 64, 32, 2**20)
    items: SimpleQueue[Any] = SimpleQueue()
    for length in (MOST + 1, 10, 20, MOST // 2, 30):
        fifo.submit(Request(1, 1, length), items.put)
    fifo.close()
    assert batches[0] == (1, MOST + 1), "alone it may be more"
    assert all(rows * steps <= MOST for rows, steps in batches[1:])
    assert sum(rows for rows, _ in batches) == 5


def test_every_peer_is_asked_for_the_same():
    for method in METHODS.values():
        body = json.loads(method.asks(3, 50).body(7))
        asked = body.get("asks", [body])[0]
        if "inputs" in asked:
            asked = {tensor["name"]: tensor["data"][0] for tensor in asked["inputs"]}
        assert asked == {"count": 3, "length": 50, "seed": 7}


def test_rows_measured_again_replace_their_own():
    kept = [{"part": "small", "method": "mosec", "requests": 1}, {"part": "int8", "method": "fp32"}]
    new = [{"part": "small", "method": "mosec", "requests": 2}]
    assert merged(kept, new) == [kept[1], *new]
    assert table(merged(kept, new)).splitlines()[-1].split() == ["mosec", "2"]


def test_a_name_that_is_not_there_is_said():
    assert _known("mosec, ray", list(METHODS)) == ["mosec", "ray"]
    with pytest.raises(UsageError, match="cadenza, mosec"):
        _known("mosek", list(METHODS))
