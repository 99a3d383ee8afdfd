"""Continuous batching for recurrent generators.

A generator's state goes in and comes out, so the unit of work need not be a request. It is a
**tick**: up to R rows by up to K steps, from any requests, each row at its own position.

    request ──▶ groups of ≤ R/2 rows ──▶ line ──▶ tick ──▶ chunks ──▶ the request's consumer
                                          ▲         │ state
                                          └─────────┘

Between ticks new rows join, finished ones leave, cancelled ones stop, and those whose reader is slow
step aside until it has taken a chunk. Who goes next, and who is taken at all, is said in `line.py`;
how rows stand side by side in `batch.py`; what a request becomes in `jobs.py`.

**How long a tick is.** Rows that end within a tick are padded to its end: work for nothing. A tick that
ends sooner costs its beginning more often. So it ends where a row does, if that brings nearly as much
for its time as the best end would: then few are padded, and who comes waits less. Where there are fewer
than R/2 rows, whole requests may go further than K steps, up to half as many row-steps as R × K.

**Why this is exact.** A row's arithmetic does not depend on its neighbours, nor on how its steps are
cut into ticks (`contract/checks.py` proves both for each model). A row that was padded is finished, and
its state is not used again; who goes on never is.

This file knows neither HTTP nor onnxruntime. It takes a function from arrays to arrays, and a Spec
to know their names.
"""

import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from contract import conditions
from contract.noise import NoiseStream
from contract.rollout import Arrays, Run
from contract.spec import Spec
from serving.batch import Batch
from serving.errors import Cancelled, QueueFull, ServingError, Stopping
from serving.jobs import CHUNK_STEPS, EMPTY, Chunk, Consume, Group, Job, Request
from serving.line import Line

__all__ = ["CHUNK_STEPS", "Chunk", "Consume", "Job", "Request", "Scheduler"]

_log = logging.getLogger(__name__)

_GROUPS = 2
"""Groups that a tick of R rows can hold at least."""
_TICK_SECONDS = 0.0004
"""What a tick costs besides its row-steps."""
_ENOUGH = 0.95
"""Of the row-steps a second of the best end of a tick: an earlier one that brings so much is taken."""
_LONGEST = 4
"""Times a tick's steps that few rows may make at once."""
_NEWS = 0.05
"""Of the rate that is measured, what one tick's share is."""


class Scheduler:
    """Runs jobs on a thread of its own until it is closed."""

    def __init__(
        self,
        spec: Spec,
        run: Run,
        rows: int,
        steps: int,
        max_queue: int,
        *,
        max_wait: float = 0.0,
        rate: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        threaded: bool = True,
    ) -> None:
        """`run` is called with at most `rows` rows of at most `steps` steps. At most `max_queue`
        row-steps may wait, or as many as are made in `max_wait` seconds if those are more. `rate` is
        what is expected, in row-steps a second, until it is seen. Not `threaded`, it does nothing but
        in `step`.
        """
        self.rows, self.steps, self.rate = rows, steps, rate
        self._max_queue, self._max_wait = max_queue, max_wait
        self.ticks = self.row_steps = 0
        self._spec, self._run, self._clock = spec, run, clock
        self._stream = NoiseStream()
        self._batch = Batch(spec)
        self._wake = threading.Condition()
        self._line = Line(steps)
        self._jobs: dict[Job, None] = {}
        self._stopped: list[Job] = []  # cancelled, and not yet told
        self._closing = False
        self._news = False  # something was asked for since the last tick began
        self._full_since: float | None = None  # when the last tick ended, if it left some waiting
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
        if threaded:
            self._thread.start()

    @property
    def queued(self) -> int:
        """Row-steps that wait."""
        return self._line.queued

    @property
    def max_queue(self) -> int:
        """Row-steps that may wait. As many as come in time, so fewer where others slow the machine."""
        return max(self._max_queue, round(self._max_wait * self.rate))

    # ── what is asked for ───────────────────────────────────────────────────────────────────────

    def submit(self, request: Request, consume: Consume) -> Job:
        """Accept a request; `consume` gets its chunks.

        Raises:
            QueueFull: too much waits already.
            Stopping: the scheduler is being closed.
        """
        assert request.count >= 1 and (request.length is None or request.length > request.start)
        with self._wake:
            if self._closing:
                raise Stopping("the server is stopping and takes nothing new")
            line = self._line
            job = Job(request, consume, line.number(), max(1, self.rows // _GROUPS))
            try:
                cost = sum(g.size * g.waiting for g in job.groups)
                line.admit(request.client, cost, self.max_queue, self.rate)
            except QueueFull:
                job.groups = []
                raise
            line.enter(request.client)
            self._jobs[job] = None
            for group in job.groups:
                line.put(group)
            self._tell()
        return job

    def cancel(self, job: Job) -> None:
        """Stop a job: nothing of it waits any more, and its consumer gets `Cancelled` at the next tick."""
        if job.over:
            return  # as it mostly is; the lock is worth its while only for the others
        with self._wake:
            if not (job.over or job.stopped):
                job.stopped = True
                for group in job.groups:
                    self._line.reckon(group, 0)
                self._stopped.append(job)
                self._tell()

    def take(self, job: Job) -> None:
        """The consumer has taken one more chunk: rows that paused for it go on."""
        with self._wake:
            job.taken += 1
            paused = [g for g in job.groups if g.paused and not job.stopped]
            for group in paused:
                self._line.put(group)
            if paused:
                self._tell()

    def refuse(self) -> None:
        """Take nothing new from now on, finish what was accepted, end what has no end."""
        with self._wake:
            self._closing = True
            self._tell()

    def close(self) -> None:
        """`refuse`, and wait until all is finished."""
        self.refuse()
        self._thread.join()

    def _tell(self) -> None:
        self._news = True
        self._wake.notify()

    # ── the ticks ───────────────────────────────────────────────────────────────────────────────

    def _loop(self) -> None:
        while True:
            if self.step():
                continue
            with self._wake:
                if self._closing and not self._jobs:
                    return
                if not self._news:
                    self._wake.wait()

    def step(self) -> bool:
        """One tick, if there is anything to run. For whoever drives it without a thread."""
        with self._wake:
            self._news = False
            self._drop_stopped()
            picked = self._line.pick(self.rows)
            full = self._line.waits
        since, self._full_since = self._full_since, None
        try:
            if picked:
                self._tick(picked, full, self._clock() if since is None else since)
        except Exception:  # noqa: BLE001  a failed tick must not end the thread
            _log.exception("a tick failed")
            for job in {g.job for g in picked}:
                self._finish(job, ServingError("the model could not be run"))
        return bool(picked)

    def _drop_stopped(self) -> None:
        """Let go of the cancelled and, when closing, of those that would never finish."""
        while self._stopped:
            self._finish(self._stopped.pop(), Cancelled("cancelled"))
        if self._closing:
            for job in [j for j in self._jobs if j.request.length is None]:
                self._finish(job, Stopping("the server is stopping; this stream has no end"))

    def _tick(self, picked: list[Group], full: bool, since: float) -> None:
        """Run these groups, whose time counts from `since`. `full`: others wait that found no room."""
        for group in picked:
            if group.position == 0:
                self._begin(group)
        groups = self._batch.bring(picked)
        self._lengthen(groups)
        steps = self._length(groups)
        out = self._run(self._batch.feeds(steps))
        self._batch.keep(out)
        work = 0
        for group in groups:
            made = min(group.needs, steps)
            self._advance(group, made, out)
            work += group.size * made
        self.ticks += 1
        self.row_steps += work
        if full:  # with room to spare less is made than could be
            self._full_since = self._clock()
            rate = work / max(self._full_since - since, 1e-9)
            self.rate += (_NEWS if self.rate else 1) * (rate - self.rate)
        for job in {g.job: None for g in groups}:
            self._emit(job)
        with self._wake:
            for group in groups:
                self._line.grant(group, group.size * (min(group.needs, steps) - group.granted))
                if group.ended:
                    self._line.reckon(group, 0)
                elif not (group.job.over or group.job.stopped):
                    self._line.put(group)

    def _lengthen(self, groups: list[Group]) -> None:
        """Let few rows go further, up to half as many row-steps as a full tick has: who ends sooner and who
        comes wait no longer for them than for others."""
        half = self.rows * self.steps // 2
        most = min(half // sum(g.size for g in groups), _LONGEST * self.steps)
        for group in groups:
            if group.job.request.ahead is None and group.job.request.length is not None:
                group.needs = max(group.needs, min(group.job.request.length - group.position, most))

    def _length(self, groups: list[Group]) -> int:
        """Steps of a tick: the earliest end that brings enough for its time. None goes beyond what a group
        that is to go on was picked for: only who has ended can be padded."""
        needs = sorted([(g.needs, g.size) for g in groups])
        goes_on = [g.needs for g in groups if g.position + g.needs != g.job.request.length]
        most = min(goes_on, default=needs[-1][0])
        if needs[0][0] == needs[-1][0]:
            return needs[0][0]
        rows = running = sum(g.size for g in groups)
        besides = _TICK_SECONDS * self.rate
        useful = last = 0  # row-steps that are nobody's padding
        ends: list[tuple[float, int]] = []
        for need, size in needs:
            useful += running * (need - last)
            running, last = running - size, need
            if need <= most:
                ends.append((useful / (besides + rows * need), need))
        enough = _ENOUGH * max(ends)[0]
        return next(end for share, end in ends if share >= enough)

    def _begin(self, group: Group) -> None:
        """What a sequence brings once; its state is made from it where position is 0."""
        request, rows = group.job.request, group.rows
        latents = self._stream.latents(request.seed, rows, self._spec.latent_size)
        drawn = conditions.draw(self._spec, request.condition, self._stream, request.seed, rows)
        group.kept = {"latent": latents, **drawn}
        if self._spec.ends and request.length is not None and not request.drawn:
            group.kept["length"] = np.full(group.size, request.length, np.int64)

    def _advance(self, group: Group, steps: int, out: Arrays) -> None:
        """Write a group's steps into its job's chunks."""
        job, start = group.job, group.position
        group.position += steps
        at = max(start, job.request.start)
        while at < group.position:
            number = at // job.steps
            first, last = job.bounds(number)
            end = min(last, group.position)
            chunk = job.chunks.get(number)
            if chunk is None:
                chunk = job.chunks[number] = self._blank(job.request.count, last - first, out)
            for name, array in chunk.items():
                made = self._batch.part(name, out[name], group)[:, at - start : end - start]
                array[group.first : group.first + group.size, at - first : end - first] = made
            at = end
        gone = self._spec.ends and not self._batch.part("valid", out["valid"], group)[:, steps - 1].any()
        if gone or group.position == job.request.length:
            group.ended = True
            job.running -= 1

    def _blank(self, count: int, steps: int, out: Arrays) -> Arrays:
        shapes = {n: (count, steps, *out[n].shape[2:]) for n in EMPTY if n in out}
        if self._spec.ends:
            return {n: np.full(shape, EMPTY[n], out[n].dtype) for n, shape in shapes.items()}
        return {n: np.empty(shape, out[n].dtype) for n, shape in shapes.items()}

    # ── what comes of it ────────────────────────────────────────────────────────────────────────

    def _emit(self, job: Job) -> None:
        """Hand out the chunks that all the groups have made, and the end."""
        if job.chunks:
            made = job.made
            while job.next in job.chunks and job.bounds(job.next)[1] <= made:
                arrays = job.chunks.pop(job.next)
                # All may have ended before a tick did, and how far that went on is no matter of theirs.
                if not self._spec.ends or arrays["valid"].any():
                    self._deliver(job, Chunk(job.bounds(job.next)[0], arrays))
                job.next += 1
        if not job.running:
            self._finish(job, None)

    def _finish(self, job: Job, outcome: ServingError | None) -> None:
        with self._wake:
            if job.over:
                return
            job.over = True
            del self._jobs[job]
            for group in job.groups:
                self._line.reckon(group, 0)
            self._line.leave(job.request.client)
        # A job and its groups hold one another, and with them the answer, until garbage is looked for.
        job.chunks, job.groups = {}, []
        self._deliver(job, outcome)

    def _deliver(self, job: Job, item: Chunk | ServingError | None) -> None:
        try:
            job.consume(item)
        except Exception:  # noqa: BLE001  a consumer's fault must not cost the others theirs
            _log.exception("a consumer failed; its request is dropped")
            self.cancel(job)
