"""Padded batches in the order of arrival, in the scheduler's place.

What is taken from the queue is padded to the longest and run to its end, then comes what waits next:
how a recurrent model is served where the unit of work is a request.
"""

import threading
from collections import deque

import numpy as np

from contract.noise import NoiseStream
from contract.rollout import Run, zero_states
from contract.spec import Spec
from serving.errors import ServingError, Stopping
from serving.scheduler import Chunk, Consume, Request

MOST = 65_536
"""Row-steps of a batch with its padding, unless one request alone is more."""


class _Job:
    def __init__(self, request: Request, consume: Consume) -> None:
        assert request.length is not None and request.ahead is None, "whole sequences only"
        self.consume, self.count, self.length = consume, request.count, request.length
        self.seed, self.cancelled = request.seed, False


class Fifo:
    """Takes the scheduler's place: the same calls, for requests that are no streams."""

    def __init__(
        self, spec: Spec, run: Run, rows: int, steps: int, max_queue: int, *,
        max_wait: float = 0.0, rate: float = 0.0,
    ) -> None:  # fmt: skip
        self.rows, self.steps, self.rate, self.max_queue = rows, steps, rate, max_queue
        self.ticks = self.row_steps = 0
        self._spec, self._run = spec, run
        self._stream = NoiseStream()
        self._waiting: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Row-steps that wait."""
        return sum(j.count * j.length for j in list(self._waiting))

    def submit(self, request: Request, consume: Consume) -> _Job:
        """Accept a request."""
        job = _Job(request, consume)
        with self._wake:
            if self._closing:
                raise Stopping("the server is stopping")
            self._waiting.append(job)
            self._wake.notify()
        return job

    def cancel(self, job: _Job) -> None:
        """It is not begun, if it has not begun."""
        job.cancelled = True

    def take(self, job: _Job) -> None:
        """Nothing waits for a reader."""

    def refuse(self) -> None:
        """Take nothing new."""
        with self._wake:
            self._closing = True
            self._wake.notify()

    def close(self) -> None:
        """`refuse`, and wait until all is finished."""
        self.refuse()
        self._thread.join()

    def _loop(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                batch = self._next()
            if batch:
                try:
                    self._answer(batch)
                except Exception as error:  # noqa: BLE001  those who wait are told
                    for job in batch:
                        job.consume(ServingError(str(error)))

    def _next(self) -> list[_Job]:
        batch: list[_Job] = []
        rows = longest = 0
        while self._waiting:
            job = self._waiting[0]
            if batch and (rows + job.count) * max(longest, job.length) > MOST:
                break
            self._waiting.popleft()
            if not job.cancelled:
                batch.append(job)
                rows, longest = rows + job.count, max(longest, job.length)
        return batch

    def _answer(self, batch: list[_Job]) -> None:
        rows, longest = sum(j.count for j in batch), max(j.length for j in batch)
        latent = np.empty((rows, self._spec.latent_size), np.float32)
        noise = np.zeros((rows, longest, self._spec.noise_size), np.float32)
        ends = list(np.cumsum([j.count for j in batch]))
        for job, end in zip(batch, ends, strict=True):
            own = range(job.count)
            latent[end - job.count : end] = self._stream.latents(job.seed, own, latent.shape[1])
            self._stream.steps(job.seed, own, 0, noise[end - job.count : end, : job.length])
        fresh = {**zero_states(self._spec, rows), "position": np.zeros(rows, np.int64)}
        out = self._run({"latent": latent, "noise": noise, **fresh})
        self.ticks += 1
        self.row_steps += sum(j.count * j.length for j in batch)
        for job, end in zip(batch, ends, strict=True):
            arrays = {"values": out["values"][end - job.count : end, : job.length]}
            job.consume(Chunk(0, arrays))
            job.consume(None)
