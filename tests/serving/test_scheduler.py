"""Continuous batching gives what running alone gives, loses nothing and stops when asked."""

import threading
import time
from collections.abc import Iterator, Mapping
from queue import SimpleQueue

import numpy as np
import pytest

from contract.rollout import Array, Arrays, rollout
from serving.errors import Cancelled, QueueFull, ServingError, Stopping
from serving.scheduler import Chunk, Request, Scheduler
from serving.session import Session

ROWS, STEPS = 8, 16


class Collected:
    """A consumer that keeps everything."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.outcome: ServingError | None = None
        self.done = threading.Event()

    def __call__(self, item: Chunk | ServingError | None) -> None:
        if isinstance(item, Chunk):
            self.chunks.append(item)
        else:
            self.outcome = item
            self.done.set()

    def values(self) -> np.ndarray:
        assert self.done.wait(60)
        assert self.outcome is None
        return np.concatenate([c.arrays["values"] for c in self.chunks], axis=1)


@pytest.fixture
def scheduler(session: Session) -> Iterator[Scheduler]:
    scheduler = Scheduler(session.spec, session.run, ROWS, STEPS, max_queue=10**9)
    yield scheduler
    scheduler.close()


def alone(session: Session, request: Request) -> np.ndarray:
    rows = range(request.first_row, request.first_row + request.count)
    out = rollout(session.spec, session.run, request.seed, rows, (request.length or 0,))
    return out["values"][:, request.start :]


def test_mixed_requests_are_each_as_if_alone(scheduler: Scheduler, session: Session):
    random = np.random.default_rng(0)
    requests = []
    for i in range(400):
        length = int(random.integers(1, 90))
        start = int(random.integers(0, length)) if i % 3 == 0 else 0
        count = int(random.integers(1, 30 if i % 10 == 0 else 5))
        requests.append(Request(i % 7, count, length, start=start, first_row=int(random.integers(0, 9))))
    collected = [Collected() for _ in requests]
    for request, consume in zip(requests, collected, strict=True):
        scheduler.submit(request, consume)
    for request, consume in zip(requests, collected, strict=True):
        assert consume.values().tobytes() == alone(session, request).tobytes()
    assert scheduler.queued == 0


def test_chunks_come_in_order_and_without_gaps(scheduler: Scheduler):
    consume = Collected()
    scheduler.submit(Request(1, 20, 75, start=5), consume)
    assert consume.values().shape[1] == 70
    ends = [c.start + c.arrays["values"].shape[1] for c in consume.chunks]
    assert [c.start for c in consume.chunks] == [5, *ends[:-1]]


def test_short_ones_do_not_wait_for_long_ones(session: Session):
    order: list[str] = []
    gate = threading.Event()

    def run(feeds: Mapping[str, Array]) -> Arrays:
        gate.wait()
        return session.run(feeds)

    scheduler = Scheduler(session.spec, run, ROWS, STEPS, 10**9)
    done = threading.Event()

    def consumer(name: str):
        def consume(item: Chunk | ServingError | None) -> None:
            if item is None:
                order.append(name)
                if len(order) == 4:
                    done.set()

        return consume

    scheduler.submit(Request(1, ROWS, 50 * STEPS), consumer("long"))
    for i in range(3):
        scheduler.submit(Request(2, 1, STEPS), consumer(f"short {i}"))
    gate.set()
    assert done.wait(60)
    assert order[-1] == "long"
    scheduler.close()


def test_long_ones_are_not_starved_by_short_ones(session: Session):
    scheduler = Scheduler(session.spec, session.run, ROWS, STEPS, 10**9)
    long, stop = Collected(), threading.Event()

    def short(item: Chunk | ServingError | None) -> None:
        # As soon as one short request is done the next one comes: there is always one waiting.
        if item is None and not stop.is_set():
            scheduler.submit(Request(3, ROWS, STEPS), short)

    for _ in range(3):
        scheduler.submit(Request(3, ROWS, STEPS), short)
    scheduler.submit(Request(4, ROWS, 20 * STEPS), long)
    assert long.values().shape == (ROWS, 20 * STEPS, 3)
    stop.set()
    scheduler.close()


def test_a_cancelled_request_stops_and_leaves_the_others(scheduler: Scheduler, session: Session):
    endless, other = Collected(), Collected()
    job = scheduler.submit(Request(1, 2, None), endless)
    request = Request(2, 3, 60)
    scheduler.submit(request, other)
    while not endless.chunks:
        time.sleep(0.001)
    scheduler.cancel(job)
    scheduler.cancel(job)
    assert endless.done.wait(10)
    assert isinstance(endless.outcome, Cancelled)
    assert other.values().tobytes() == alone(session, request).tobytes()
    assert scheduler.queued == 0


def test_what_was_cancelled_waits_no_longer(session: Session):
    scheduler = Scheduler(session.spec, session.run, ROWS, STEPS, 1000, threaded=False)
    gone, other = Collected(), Collected()
    job = scheduler.submit(Request(1, 2, 40 * STEPS, client="a"), gone)
    assert scheduler.step()
    assert scheduler.queued > 1000
    scheduler.cancel(job)
    assert scheduler.queued == 0  # at once: the next tick may be long in coming
    scheduler.submit(Request(2, 1, 1000, client="a"), other)
    while scheduler.step():
        pass
    assert isinstance(gone.outcome, Cancelled)
    assert other.outcome is None and other.values().shape[1] == 1000
    assert scheduler.queued == 0


def test_a_slow_reader_pauses_its_own_rows_only(scheduler: Scheduler, session: Session):
    slow, other = Collected(), Collected()
    job = scheduler.submit(Request(1, 1, None, ahead=2), slow)
    request = Request(2, 1, 40 * STEPS)
    scheduler.submit(request, other)
    assert other.values().tobytes() == alone(session, request).tobytes()
    assert len(slow.chunks) == 2
    scheduler.take(job)
    deadline = time.monotonic() + 10
    while len(slow.chunks) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    assert len(slow.chunks) == 3
    scheduler.cancel(job)


@pytest.mark.parametrize("start", [0, 5, 3 * STEPS, 3 * STEPS + 1])
def test_a_stream_of_more_rows_than_a_tick_holds_goes_on(
    scheduler: Scheduler, session: Session, start: int
):
    request = Request(1, 5 * ROWS + 1, 10 * STEPS + 3, start=start, ahead=1)
    items: SimpleQueue[Chunk | ServingError | None] = SimpleQueue()
    job = scheduler.submit(request, items.put)
    parts = []
    while isinstance(item := items.get(timeout=30), Chunk):
        parts.append(item.arrays["values"])
        scheduler.take(job)
    assert item is None
    assert np.concatenate(parts, axis=1).tobytes() == alone(session, request).tobytes()


def test_a_full_queue_refuses_at_once_and_says_when(session: Session):
    gate = threading.Event()

    def run(feeds: Mapping[str, Array]) -> Arrays:
        gate.wait()
        return session.run(feeds)

    scheduler = Scheduler(session.spec, run, ROWS, STEPS, max_queue=1000)
    first = Collected()
    scheduler.submit(Request(1, 1, 900), first)
    with pytest.raises(QueueFull, match="row-steps wait") as caught:
        scheduler.submit(Request(1, 1, 200), Collected())
    assert caught.value.retry_after >= 1
    gate.set()
    assert first.values().shape[1] == 900
    scheduler.close()


def test_a_failing_model_fails_its_requests_and_the_next_go_on(session: Session):
    fail = threading.Event()
    fail.set()

    def run(feeds: Mapping[str, Array]) -> Arrays:
        if fail.is_set():
            raise RuntimeError("out of memory")
        return session.run(feeds)

    scheduler = Scheduler(session.spec, run, ROWS, STEPS, 10**9)
    broken, sound = Collected(), Collected()
    scheduler.submit(Request(1, 1, 5), broken)
    assert broken.done.wait(10)
    assert broken.outcome is not None
    assert "out of memory" not in str(broken.outcome)
    fail.clear()
    scheduler.submit(Request(1, 1, 5), sound)
    assert sound.values().shape == (1, 5, 3)
    scheduler.close()


def test_a_failing_consumer_costs_only_its_own_request(scheduler: Scheduler):
    def fails(item: object) -> None:
        raise RuntimeError("gone")

    sound = Collected()
    scheduler.submit(Request(1, 1, 100), fails)
    scheduler.submit(Request(1, 1, 100), sound)
    assert sound.values().shape == (1, 100, 3)


def test_closing_finishes_what_was_accepted_and_takes_nothing_new(session: Session):
    scheduler = Scheduler(session.spec, session.run, ROWS, STEPS, 10**9)
    long, endless = Collected(), Collected()
    scheduler.submit(Request(1, 4, 300), long)
    scheduler.submit(Request(1, 1, None, ahead=2), endless)
    scheduler.close()
    assert long.values().shape == (4, 300, 3)
    assert isinstance(endless.outcome, Stopping)
    with pytest.raises(Stopping):
        scheduler.submit(Request(1, 1, 1), Collected())


def test_results_can_be_told_apart_from_padding(scheduler: Scheduler):
    """Rows of one tick need different numbers of steps; none may see another's."""
    consumers: SimpleQueue[tuple[int, Collected]] = SimpleQueue()
    for length in (1, STEPS, STEPS + 1, 2, 3 * STEPS):
        consume = Collected()
        scheduler.submit(Request(5, 1, length), consume)
        consumers.put((length, consume))
    longest = Collected()
    scheduler.submit(Request(5, 1, 3 * STEPS), longest)
    whole = longest.values()
    while not consumers.empty():
        length, consume = consumers.get()
        np.testing.assert_array_equal(consume.values(), whole[:, :length])
