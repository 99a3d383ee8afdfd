"""The bitwise promise: an answer is the same bytes alone, in any company, streamed or not.

Ten thousand random requests are thrown from several threads at schedulers under load, which cut
their ticks differently and whose sessions have one, two and three threads. Every answer, also the
part that a cancelled request got, is compared with its rows, each of which was run alone: one row,
from its first step to the last, in one inference. One request in a hundred is run alone as a whole
besides, just as it was asked for.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
import pytest

from contract.rollout import rollout
from contract.seal import Artifact
from serving.errors import Cancelled, ServingError
from serving.scheduler import Chunk, Job, Request, Scheduler
from serving.session import Session
from serving.strips import in_strips

REQUESTS, CLIENTS = 10_000, 4
SEEDS, ROWS, STEPS = 8, 16, 80
TICKS = {1: (64, 32, 24), 2: (17, 24, 0), 3: (8, 64, 3)}
"""By the session's threads: rows and steps of a tick, and the rows of it that are run at once; 0: all."""


class Reading:
    """A request, and what came of it; of a stream a chunk is taken a while after it came."""

    def __init__(self, scheduler: Scheduler, request: Request, cancel: bool, late: SimpleQueue) -> None:
        self.request, self._scheduler, self._cancel, self._late = request, scheduler, cancel, late
        self.parts: list[np.ndarray] = []
        self.outcome: ServingError | None = None
        self.done, self._begun = threading.Event(), threading.Event()
        self.job: Job | None = None

    def begin(self) -> None:
        self.job = self._scheduler.submit(self.request, self._consume)
        self._begun.set()
        if self._cancel and not self.request.ahead:
            self._scheduler.cancel(self.job)

    def take(self) -> None:
        self._begun.wait()
        assert self.job is not None
        if self._cancel:
            self._scheduler.cancel(self.job)
        else:
            self._scheduler.take(self.job)

    def _consume(self, item: Chunk | ServingError | None) -> None:
        if isinstance(item, Chunk):
            self.parts.append(item.arrays["values"])
            if self.request.ahead:
                self._late.put(self)
        else:
            self.outcome = item
            self.done.set()


def random_request(random: np.random.Generator) -> Request:
    count = int(random.integers(1, ROWS + 1) if random.random() < 0.05 else random.integers(1, 4))
    length = int(random.integers(1, STEPS + 1))
    streamed = random.random() < 0.3
    return Request(
        int(random.integers(SEEDS)),
        count,
        length,
        first_row=int(random.integers(0, ROWS - count + 1)),
        start=int(random.integers(length)) if random.random() < 0.25 else 0,
        ahead=int(random.integers(1, 4)) if streamed else None,
        client=f"client {random.integers(3)}",
    )


@pytest.fixture(scope="module")
def rows_alone(session: Session) -> np.ndarray:
    """Every row that is asked for, run alone: (seeds, rows, steps, channels)."""
    runs = [
        [rollout(session.spec, session.run, seed, [row], (STEPS,))["values"][0] for row in range(ROWS)]
        for seed in range(SEEDS)
    ]
    return np.array(runs)


def test_ten_thousand_mixed_requests_are_each_as_if_alone(
    artifact: Artifact, session: Session, rows_alone: np.ndarray
):
    random = np.random.default_rng(0)
    late: SimpleQueue[Reading | None] = SimpleQueue()
    schedulers = [
        Scheduler(
            artifact.spec,
            in_strips(artifact.spec, Session(artifact, "cpu", threads).run_ticks, strip),
            rows,
            steps,
            max_queue=10**9,
        )
        for threads, (rows, steps, strip) in TICKS.items()
    ]
    readings = [
        Reading(schedulers[i % len(schedulers)], random_request(random), random.random() < 0.05, late)
        for i in range(REQUESTS)
    ]

    def read() -> None:
        while (reading := late.get()) is not None:
            reading.take()

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(Reading.begin, readings))
    for reading in readings:
        assert reading.done.wait(120)
    late.put(None)
    reader.join()
    for scheduler in schedulers:
        scheduler.close()
        assert scheduler.queued == 0

    whole = 0
    for number, reading in enumerate(readings):
        asked = reading.request
        expected = rows_alone[asked.seed, asked.first_row : asked.first_row + asked.count, : asked.length]
        made = np.concatenate([expected[:, :0], *reading.parts], axis=1)
        if reading.outcome is None:
            whole += 1
            assert made.shape[1] == expected.shape[1] - asked.start
        else:
            assert isinstance(reading.outcome, Cancelled)
        assert made.tobytes() == expected[:, asked.start : asked.start + made.shape[1]].tobytes()
        if number % 100 == 0:
            rows = range(asked.first_row, asked.first_row + asked.count)
            alone = rollout(artifact.spec, session.run, asked.seed, rows, (asked.length or 0,))
            assert alone["values"].tobytes() == expected.tobytes()
    assert whole > 0.9 * REQUESTS
    # It was under load: alone each request takes a tick at least, and most take several.
    assert sum(s.ticks for s in schedulers) < REQUESTS
