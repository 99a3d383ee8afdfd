"""Continuous batching for recurrent generators.

A generator's state goes in and comes out, so the unit of work need not be a request. It is a
**tick**: up to R rows by up to K steps, from any requests, each row at its own position.

    request ──▶ groups of ≤ R rows ──▶ ready ──▶ tick ──▶ chunks ──▶ the request's consumer
                                         ▲         │ state
                                         └─────────┘

Between ticks new rows join, finished ones leave, cancelled ones stop. The groups with the
fewest ticks left go first, so a short request does not wait behind a long one; every tick that a
group waits counts as one tick less, so a long one waits no longer than it is long.

Why this is exact. A row's arithmetic does not depend on its neighbours, nor on how its steps are
cut into ticks (`contract/checks.py` proves both for each model). A tick is as long as the longest
need among its rows, at most K. So a row that goes on has run exactly K steps, and a row that was
padded is finished, and its state is not used again.

This file knows neither HTTP nor onnxruntime. It takes a function from arrays to arrays, and a Spec
to know their names.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from contract import conditions
from contract.noise import NoiseStream
from contract.rollout import Array, Arrays, Run, zero_states
from contract.spec import Spec
from serving.errors import Cancelled, QueueFull, ServingError, Stopping

_log = logging.getLogger(__name__)

_EMPTY = {"values": np.nan, "labels": -1, "valid": False}


@dataclass(frozen=True)
class Request:
    """Sequences to be made: rows `first_row` … `first_row + count` of `seed`."""

    seed: int
    count: int
    length: int | None
    """Steps, at most; None for no end."""
    drawn: bool = False
    """Where sequences end by themselves: draw each one's length instead of asking for `length`."""
    condition: Mapping[str, float] = field(default_factory=dict)
    start: int = 0
    """First step handed out; those before it are made all the same, since the state needs them."""
    first_row: int = 0
    ahead: int | None = None
    """Ticks that may be made before the consumer takes them; None for all at once."""


@dataclass(frozen=True)
class Chunk:
    """Some steps of all the rows of a request."""

    start: int
    arrays: Arrays
    """`values`, `labels` and `valid`, as far as the Spec has them: (count, steps, …)."""


Consume = Callable[[Chunk | ServingError | None], None]
"""Called on the scheduler's thread with each chunk, in order, then once with None or an error."""


class Job:
    """A request that was accepted."""

    def __init__(self, request: Request, consume: Consume, rows: int, steps: int) -> None:
        self.request, self.consume, self.steps = request, consume, steps
        self.groups = [
            _Group(self, first, min(rows, request.count - first)) for first in range(0, request.count, rows)
        ]
        self.chunks: dict[int, Arrays] = {}  # made by some groups, not yet by all
        self.taken = 0  # chunks that the consumer has taken
        self.cancelled = False

    @property
    def horizon(self) -> int:
        """Of a stream, the position up to which its reader has room."""
        assert self.request.ahead is not None
        first = self.request.start - self.request.start % self.steps  # where the first chunk begins
        return first + (self.taken + self.request.ahead) * self.steps

    @property
    def cost(self) -> int:
        """Row-steps that still wait for this job."""
        return sum(g.size * g.cost_steps for g in self.groups if not g.ended)


class _Group:
    """Rows of one job that move in step: they fit into one tick."""

    def __init__(self, job: Job, first: int, size: int) -> None:
        self.job, self.first, self.size = job, first, size
        self.position = 0
        self.waited = 0
        self.ended = False
        self.once: Arrays = {}  # latent and conditions
        self.states: Arrays = {}

    @property
    def left(self) -> int | None:
        """Steps to go, None for no end."""
        length = self.job.request.length
        return None if length is None else length - self.position

    @property
    def cost_steps(self) -> int:
        """Steps that this group is reckoned at: of a stream, those that its reader has room for; an
        end that is not known is a guess."""
        request = self.job.request
        if request.ahead is not None:
            room = max(0, self.job.horizon - self.position)
            return room if self.left is None else min(room, self.left)
        left = _UNKNOWN_STEPS if self.left is None else self.left
        return min(left, _UNKNOWN_STEPS) if request.drawn else left


_UNKNOWN_STEPS = 128


class Scheduler:
    """Runs jobs on a thread of its own until it is closed."""

    def __init__(self, spec: Spec, run: Run, rows: int, steps: int, max_queue: int) -> None:
        """`run` is called with at most `rows` rows of at most `steps` steps; at most `max_queue`
        row-steps may wait."""
        self._spec, self._run = spec, run
        self._rows, self._steps, self._max_queue = rows, steps, max_queue
        self._stream = NoiseStream()
        self._jobs: list[Job] = []
        self._wake = threading.Condition()
        self._closing = False
        self._rate = 0.0  # row-steps a second, smoothed over ticks
        self.ticks = 0
        self.row_steps = 0
        self._layered = {f"state.{s.name}" for s in spec.states if s.layers is not None}
        self._noise = np.zeros((rows, steps, spec.noise_size), np.float32)
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
        self._thread.start()

    @property
    def queued(self) -> int:
        """Row-steps that wait."""
        with self._wake:
            return sum(job.cost for job in self._jobs)

    def submit(self, request: Request, consume: Consume) -> Job:
        """Accept a request; `consume` gets its chunks.

        Raises:
            QueueFull: too much waits already.
            Stopping: the scheduler is being closed.
        """
        assert request.count >= 1 and (request.length is None or request.length >= 1)
        job = Job(request, consume, self._rows, self._steps)
        with self._wake:
            if self._closing:
                raise Stopping("the server is stopping and takes nothing new")
            waiting = sum(j.cost for j in self._jobs)
            if waiting and waiting + job.cost > self._max_queue:
                seconds = (waiting + job.cost - self._max_queue) / (self._rate or self._max_queue)
                raise QueueFull(
                    f"{waiting} row-steps wait and at most {self._max_queue} may; come again",
                    retry_after=max(1, round(seconds)),
                )
            self._jobs.append(job)
            self._wake.notify()
        return job

    def cancel(self, job: Job) -> None:
        """Stop a job at the next tick; its consumer gets `Cancelled`."""
        with self._wake:
            job.cancelled = True
            self._wake.notify()

    def take(self, job: Job) -> None:
        """The consumer has taken one more chunk: rows that paused for it go on."""
        with self._wake:
            job.taken += 1
            self._wake.notify()

    def refuse(self) -> None:
        """Take nothing new from now on, finish what was accepted, end what has no end."""
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
                self._drop_stopped()
                picked = self._pick()
                while not picked:
                    if self._closing and not self._jobs:
                        return
                    self._wake.wait()
                    self._drop_stopped()
                    picked = self._pick()
            try:
                self._tick(picked)
            except Exception:  # noqa: BLE001  a failed tick must not end the thread
                _log.exception("a tick failed")
                for job in {id(g.job): g.job for g in picked}.values():
                    self._finish(job, ServingError("the model could not be run"))

    def _pick(self) -> list[_Group]:
        """The groups of the next tick: those with the fewest ticks left, waiting counted off."""
        ready = [g for job in self._jobs for g in job.groups if not g.ended and _may_run(g)]
        ready.sort(key=self._urgency)
        picked, rows = [], 0
        for group in ready:
            if rows + group.size <= self._rows:
                picked.append(group)
                rows += group.size
                group.waited = 0
            else:
                group.waited += 1
        return picked

    def _urgency(self, group: _Group) -> int:
        return -(-group.cost_steps // self._steps) - group.waited

    def _tick(self, picked: list[_Group]) -> None:
        begun = time.perf_counter()
        needs = [self._steps if g.left is None else min(g.left, self._steps) for g in picked]
        feeds = self._feeds(picked, needs)
        out = self._run(feeds)
        at = 0
        for group, steps in zip(picked, needs, strict=True):
            rows = slice(at, at + group.size)
            at += group.size
            self._advance(group, rows, steps, out)
        work = sum(g.size * n for g, n in zip(picked, needs, strict=True))
        self.ticks += 1
        self.row_steps += work
        rate = work / max(time.perf_counter() - begun, 1e-9)
        self._rate = rate if self._rate == 0 else 0.9 * self._rate + 0.1 * rate
        for job in {id(g.job): g.job for g in picked}.values():
            self._emit(job)

    def _feeds(self, picked: list[_Group], needs: list[int]) -> Arrays:
        """One batch from all the groups: everything (rows, …), states as their own shapes."""
        steps = max(needs)
        for group in picked:
            if not group.once:
                self._begin(group)
        rows = sum(g.size for g in picked)
        noise = self._noise[:rows, :steps]  # (rows, steps, noise); what is padded is left over
        at = 0
        for group, need in zip(picked, needs, strict=True):
            request = group.job.request
            for row in range(request.first_row + group.first, request.first_row + group.first + group.size):
                self._stream.steps(request.seed, row, group.position, noise[at, :need])
                at += 1
        feeds: Arrays = {
            "noise": noise if steps == self._steps else np.ascontiguousarray(noise),
            "position": np.repeat(
                np.array([g.position for g in picked], np.int64), [g.size for g in picked]
            ),
        }
        for name in picked[0].once:
            feeds[name] = _joined([g.once[name] for g in picked], 0)
        for name in picked[0].states:
            feeds[name] = _joined([g.states[name] for g in picked], int(name in self._layered))
        return feeds

    def _begin(self, group: _Group) -> None:
        request = group.job.request
        first = request.first_row + group.first
        rows = range(first, first + group.size)
        size = self._spec.latent_size
        group.once = {"latent": np.stack([self._stream.latent(request.seed, r, size) for r in rows])}
        if self._spec.ends:
            wanted = 0 if request.drawn or request.length is None else request.length
            group.once["length"] = np.full(group.size, wanted, np.int64)
        group.once |= conditions.draw(self._spec, request.condition, self._stream, request.seed, rows)
        group.states = zero_states(self._spec, group.size)

    def _advance(self, group: _Group, rows: slice, steps: int, out: Arrays) -> None:
        """Keep a group's new state and put its steps into its job's chunk."""
        job, start = group.job, group.position
        made = {n: out[n][rows, :steps] for n in ("values", "labels", "valid") if n in out}
        if start not in job.chunks:
            count = job.request.count
            job.chunks[start] = {
                n: np.full((count, *a.shape[1:]), _EMPTY[n], a.dtype)
                if self._spec.ends
                else np.empty((count, *a.shape[1:]), a.dtype)
                for n, a in made.items()
            }
        for kind, array in made.items():
            job.chunks[start][kind][group.first : group.first + group.size] = array
        for name in group.states:
            value = out["next." + name.removeprefix("state.")]
            group.states[name] = (value[:, rows] if name in self._layered else value[rows]).copy()
        group.position += steps
        gone = self._spec.ends and not made["valid"][:, -1].any()
        group.ended = gone or group.left == 0

    def _emit(self, job: Job) -> None:
        """Hand out the chunks that all the groups have made, and the end."""
        running = [g.position for g in job.groups if not g.ended]
        ready = min(running, default=None)
        while job.chunks and (ready is None or min(job.chunks) < ready):
            start = min(job.chunks)
            arrays = job.chunks.pop(start)
            skip = max(0, job.request.start - start)
            if skip < next(iter(arrays.values())).shape[1]:
                self._deliver(job, Chunk(start + skip, {n: a[:, skip:] for n, a in arrays.items()}))
        if not running:
            self._finish(job, None)

    def _finish(self, job: Job, outcome: ServingError | None) -> None:
        with self._wake:
            if job not in self._jobs:
                return
            self._jobs.remove(job)
        self._deliver(job, outcome)

    def _drop_stopped(self) -> None:
        """Let go of the cancelled and, when closing, of those that would never finish."""
        for job in list(self._jobs):
            if job.cancelled:
                self._finish(job, Cancelled("cancelled"))
            elif self._closing and job.request.length is None:
                self._finish(job, Stopping("the server is stopping; this stream has no end"))

    def _deliver(self, job: Job, item: Chunk | ServingError | None) -> None:
        try:
            job.consume(item)
        except Exception:  # noqa: BLE001  a consumer's fault must not cost the others theirs
            _log.exception("a consumer failed; its request is dropped")
            job.cancelled = True


def _may_run(group: _Group) -> bool:
    """The reader of a stream may be only so many chunks behind any of its rows."""
    return group.job.request.ahead is None or group.position < group.job.horizon


def _joined(parts: list[Array], axis: int) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)
