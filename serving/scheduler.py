"""Continuous batching for recurrent generators.

A generator's state goes in and comes out, so the unit of work need not be a request. It is a
**tick**: up to R rows by up to K steps, from any requests, each row at its own position.

    request ──▶ groups of ≤ R/4 rows ──▶ line ──▶ tick ──▶ chunks ──▶ the request's consumer
                                          ▲         │ state
                                          └─────────┘

Between ticks new rows join, finished ones leave, cancelled ones and those past their deadline
stop, and those whose reader is slow step aside until it has taken a chunk.

**Who goes next.** Between clients: whoever has been given least, in row-steps; a client that comes
back begins where the least served of the present ones are, so nobody saves up by staying away. This
is start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Within a client: the groups with the
fewest ticks left, rounded up to a power of two, first come first served among equals; so a short
request does not wait behind a long one. But a quarter of the client's work is given to the group that
came first of all, whatever its length: so none takes longer than four times what it would in the
order of arrival, or the ticks that it needs itself. A stream's next chunks come anew each time.

**Who is taken.** Work is counted in row-steps. A client may have as many waiting as four times what is
still free of the queue, so that one client cannot fill it for the others (dynamic thresholds,
Choudhury and Hahne, 1998).

**Why this is exact.** A row's arithmetic does not depend on its neighbours, nor on how its steps are
cut into ticks (`contract/checks.py` proves both for each model). A tick is as long as the longest
need among its rows. A row that was padded is finished, and its state is not used again.

**What it costs.** Rows that go on together stay where they are: what the runtime gave as their next
state is what it is fed with, and nothing is copied. Only when the company changes are the rows put
together anew, one gather for each tensor. Noise is drawn into the tick's own array, and answers are
written into the request's own.

This file knows neither HTTP nor onnxruntime. It takes a function from arrays to arrays, and a Spec
to know their names.
"""

import heapq
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from contract import conditions, interface
from contract.noise import BLOCK_STEPS, NoiseStream
from contract.rollout import Array, Arrays, Run
from contract.spec import Spec
from serving.draws import Draws, Piece
from serving.errors import Cancelled, QueueFull, ServingError, Stopping, TimedOut

_log = logging.getLogger(__name__)

CHUNK_STEPS = BLOCK_STEPS
"""Steps of a stream's chunk, at multiples of it: the same wherever and however ticks are cut."""
_GROUPS = 4
"""Groups that a tick of R rows can hold at least."""
_AGED = 4
"""One row-step of so many goes by the order of arrival."""
_SHARE = 4
"""A client may have so many times as many row-steps waiting as are free."""
_UNKNOWN_STEPS = 128
"""What an end that is not known is reckoned at."""
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
    condition: conditions.Values = field(default_factory=dict)
    """Of values for each sequence, row 0 has the first."""
    start: int = 0
    """First step handed out; those before it are made all the same, since the state needs them."""
    first_row: int = 0
    ahead: int | None = None
    """Chunks of a stream that may be made before the consumer takes them; None for all at once."""
    client: str = ""
    """Who asks; clients get equal shares."""
    deadline: float | None = None
    """When to stop, on the scheduler's clock."""


@dataclass(frozen=True)
class Chunk:
    """Some steps of all the rows of a request; all of them where it is no stream."""

    start: int
    arrays: Arrays
    """`values`, `labels` and `valid`, as far as the Spec has them: (count, steps, …)."""


Consume = Callable[[Chunk | ServingError | None], None]
"""Called on the scheduler's thread with each chunk, in order, then once with None or an error."""


class Job:
    """A request that was accepted."""

    def __init__(self, request: Request, consume: Consume, client: "_Client", arrival: int, rows: int):
        self.request, self.consume, self.client, self.arrival = request, consume, client, arrival
        whole = request.ahead is None and not request.drawn and request.length is not None
        self.steps = request.length if whole and request.length else CHUNK_STEPS  # of a chunk
        self.chunks: dict[int, Arrays] = {}  # by their number: made by some groups, not yet by all
        self.next = request.start // self.steps  # the number of the chunk to hand out next
        self.taken = 0  # chunks that the consumer has taken
        self.over = False
        firsts = range(0, request.count, rows)
        self.groups = [_Group(self, first, min(rows, request.count - first)) for first in firsts]
        self.running = len(self.groups)

    def bounds(self, number: int) -> tuple[int, int]:
        """First step of a chunk, and the one behind its last."""
        request, first = self.request, number * self.steps
        last = first + self.steps
        return max(first, request.start), last if request.length is None else min(last, request.length)

    @property
    def horizon(self) -> float:
        """Position up to which the reader has room."""
        if self.request.ahead is None:
            return math.inf
        first = self.request.start // self.steps
        return (first + self.taken + self.request.ahead) * self.steps


class _Group:
    """Rows of one job that move in step: they fit into one tick."""

    def __init__(self, job: Job, first: int, size: int) -> None:
        self.job, self.first, self.size = job, first, size
        self.position = 0
        self.ended = False
        self.paused = False
        self.row: int | None = None  # where it stands in the batch
        self.kept: Arrays = {}  # its rows of the batch, while it has no place there
        self.reckoned = 0  # row-steps that it counts for in the queue

    @property
    def rows(self) -> range:
        """The rows of its seed."""
        first = self.job.request.first_row + self.first
        return range(first, first + self.size)

    @property
    def left(self) -> int | None:
        """Steps to go, None for no end."""
        length = self.job.request.length
        return None if length is None else length - self.position

    @property
    def waiting(self) -> int:
        """Steps that this group is reckoned at: of a stream, those that its reader has room for; an
        end that is not known is a guess."""
        room = max(0, self.job.horizon - self.position)
        left = math.inf if self.left is None else self.left
        guess = _UNKNOWN_STEPS if self.job.request.drawn or room == left == math.inf else math.inf
        return int(min(room, left, guess))


class _Client:
    """One client's groups that may run, in size classes, each in the order of arrival."""

    def __init__(self) -> None:
        self.served = 0  # row-steps given to it, or to those who were here when it came
        self.jobs = 0
        self.queued = 0  # row-steps
        self.listed = False  # among those who stand in line
        self._classes: dict[int, list[tuple[int, int, _Group]]] = {}
        self._by_size = self._by_age = 0  # row-steps, where the two orders disagreed

    def put(self, group: _Group, ticks: int, arrival: int) -> None:
        """Stand in line with so many ticks left."""
        entry = (arrival, group.first, group)
        heapq.heappush(self._classes.setdefault((ticks - 1).bit_length(), []), entry)

    def next(self, room: int, steps: int) -> _Group | None:
        """The group whose turn it is, unless it has more than `room` rows; its work counts as given.

        None as well if there is no group.
        """
        for size in list(self._classes):
            entries = self._classes[size]
            while entries and entries[0][2].job.over:
                heapq.heappop(entries)
            if not entries:
                del self._classes[size]
        if not self._classes:
            return None
        shortest = min(self._classes)
        oldest = min(self._classes, key=lambda size: self._classes[size][0][:2])
        by_age = self._by_age * (_AGED - 1) < self._by_size
        chosen = self._classes[oldest if by_age else shortest]
        group = chosen[0][2]
        if group.size > room:
            return None
        heapq.heappop(chosen)
        work = group.size * _need(group, steps)
        self.served += work
        if shortest != oldest:
            self._by_age += work * by_age
            self._by_size += work * (not by_age)
        return group

    def likely(self) -> list[_Group]:
        """Some groups that may well be next."""
        if not self._classes:
            return []
        top = self._classes[min(self._classes)][: 2**_GROUPS]  # of a heap: the first few are in it
        return [g for _, _, g in sorted(top)[:_GROUPS]]

    @property
    def waits(self) -> bool:
        """Whether any group stands in line, perhaps of a job that is over."""
        return bool(self._classes)


class _Batch:
    """The rows of the last tick side by side: what a sequence brings once, and its state as the
    runtime gave it. All are (rows, …), states with layers (layers, rows, …)."""

    def __init__(self, spec: Spec) -> None:
        tensors = [t for t in interface.inputs(spec) if t.name not in ("noise", "position")]
        self.states = [t.name for t in tensors if t.name.startswith("state.")]
        self._axes = {t.name: t.shape.index(interface.BATCH) for t in tensors}
        shapes = {t.name: [1 if d == interface.BATCH else int(d) for d in t.shape] for t in tensors}
        self.arrays: Arrays = {t.name: np.zeros(shapes[t.name], t.dtype) for t in tensors}
        self._groups: list[_Group] = []

    def bring(self, groups: list[_Group]) -> list[_Group]:
        """Put these groups' rows side by side; gives the groups in the order of their rows."""
        groups = sorted(groups, key=lambda g: math.inf if g.row is None else g.row)
        if groups == self._groups:
            return groups
        old = {n: np.asarray(a) for n, a in self.arrays.items()}
        staying = set(groups)
        for group in self._groups:
            if group not in staying and not (group.ended or group.job.over):
                group.kept = {n: self.rows(n, a, group).copy() for n, a in old.items()}
        # Those who join gather row 0 and then write their own.
        origins = [
            np.zeros(g.size, np.intp) if g.row is None else np.arange(g.row, g.row + g.size) for g in groups
        ]
        origin = np.concatenate(origins)
        self.arrays = {n: np.take(a, origin, self._axes[n]) for n, a in old.items()}
        for group in self._groups:
            group.row = None
        at = 0
        for group in groups:
            group.row = at
            at += group.size
            for name, own in group.kept.items():
                self.rows(name, self.arrays[name], group)[...] = own
            group.kept = {}
        self._groups = groups
        return groups

    def rows(self, name: str, array: Array, group: _Group) -> Array:
        """A group's rows of an array of the batch, not copied."""
        assert group.row is not None
        rows = slice(group.row, group.row + group.size)
        return array[:, rows] if self._axes.get(name) else array[rows]


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
        rate: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        threaded: bool = True,
    ) -> None:
        """`run` is called with at most `rows` rows of at most `steps` steps; at most `max_queue`
        row-steps may wait. `rate` is what is expected of it, in row-steps a second, until it is seen.
        Not `threaded`, it does nothing but in `step`.
        """
        self.rows, self.steps, self.rate = rows, steps, rate
        self.ticks = self.row_steps = 0
        self._spec, self._run, self._max_queue, self._clock = spec, run, max_queue, clock
        self._stream = NoiseStream()
        self._draws = Draws(rows * steps * spec.noise_size, spec.noise_size)
        self._batch = _Batch(spec)
        self._wake = threading.Condition()
        self._jobs: dict[Job, None] = {}
        self._clients: dict[str, _Client] = {}
        self._line: list[tuple[int, int, _Client]] = []  # those with something to run, a heap
        self._deadlines: list[tuple[float, int, Job]] = []  # a heap
        self._stopped: list[Job] = []  # cancelled, and not yet told
        self._likely: list[_Group] = []  # to be in the next tick
        self._queued = 0
        self._arrivals = 0
        self._floor = 0  # what the least served of the present clients has been given
        self._closing = False
        self._news = False  # something was asked for since the last tick began
        self._thread = threading.Thread(target=self._loop, name="scheduler", daemon=True)
        if threaded:
            self._thread.start()

    @property
    def queued(self) -> int:
        """Row-steps that wait."""
        return self._queued

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
            client = self._clients.get(request.client) or _Client()
            job = Job(request, consume, client, self._number(), max(1, self.rows // _GROUPS))
            self._admit(client, sum(g.size * g.waiting for g in job.groups))
            self._clients[request.client] = client
            client.jobs += 1
            self._jobs[job] = None
            if request.deadline is not None:
                heapq.heappush(self._deadlines, (request.deadline, job.arrival, job))
            for group in job.groups:
                self._put(group)
            self._tell()
        return job

    def cancel(self, job: Job) -> None:
        """Stop a job at the next tick; its consumer gets `Cancelled`."""
        if job.over:
            return  # as it mostly is; the lock is worth its while only for the others
        with self._wake:
            if not job.over:
                self._stopped.append(job)
                self._tell()

    def take(self, job: Job) -> None:
        """The consumer has taken one more chunk: rows that paused for it go on."""
        with self._wake:
            job.taken += 1
            paused = [g for g in job.groups if g.paused and not job.over]
            for group in paused:
                self._put(group)
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

    # ── the line ────────────────────────────────────────────────────────────────────────────────

    def _admit(self, client: _Client, cost: int) -> None:
        if not self._queued:
            return  # what is within the bounds can always be had when nothing waits
        free = self._max_queue - self._queued - cost
        over = -free
        if client.queued:
            over = max(over, math.ceil((client.queued + cost - _SHARE * free) / (_SHARE + 1)))
        if over > 0:
            seconds = min(over, self._queued) / (self.rate or self._max_queue)
            raise QueueFull(
                f"{self._queued} row-steps wait, {client.queued} of them for you, and at most "
                f"{self._max_queue} may; come again",
                retry_after=max(1, math.ceil(seconds)),
            )

    def _put(self, group: _Group) -> None:
        """Let a group stand in line, or pause where its reader has no room."""
        job, client = group.job, group.job.client
        self._reckon(group, group.size * group.waiting)
        group.paused = not group.waiting
        if group.paused:
            return
        arrival = job.arrival if job.request.ahead is None else self._number()
        client.put(group, -(-group.waiting // self.steps), arrival)
        if not client.listed:
            client.listed = True
            client.served = max(client.served, self._floor)
            heapq.heappush(self._line, (client.served, self._number(), client))

    def _pick(self) -> list[_Group]:
        """The groups of the next tick."""
        picked: list[_Group] = []
        room = self.rows
        while self._line and room:
            served, _, client = heapq.heappop(self._line)
            group = client.next(room, self.steps)
            if group is not None:
                self._floor = max(self._floor, served)
                picked.append(group)
                room -= group.size
            client.listed = client.waits
            if client.listed:
                heapq.heappush(self._line, (client.served, self._number(), client))
                if group is None:
                    break  # nobody overtakes one whose turn it is
        self._likely = self._line[0][2].likely() if self._line else []
        return picked

    def _reckon(self, group: _Group, work: int) -> None:
        change = work - group.reckoned
        group.reckoned = work
        group.job.client.queued += change
        self._queued += change

    def _number(self) -> int:
        self._arrivals += 1
        return self._arrivals

    # ── the ticks ───────────────────────────────────────────────────────────────────────────────

    def step(self) -> bool:
        """One tick, if there is anything to run. For whoever drives it without a thread."""
        with self._wake:
            self._news = False
            self._drop_stopped()
            picked = self._pick()
        try:
            if picked:
                self._tick(picked)
        except Exception:  # noqa: BLE001  a failed tick must not end the thread
            _log.exception("a tick failed")
            for job in {g.job for g in picked}:
                self._finish(job, ServingError("the model could not be run"))
        return bool(picked)

    def _loop(self) -> None:
        while True:
            if self.step():
                continue
            with self._wake:
                if self._closing and not self._jobs:
                    self._draws.close()
                    return
                if not self._news:
                    patience = self._deadlines[0][0] - self._clock() if self._deadlines else None
                    self._wake.wait(patience)

    def _tell(self) -> None:
        self._news = True
        self._wake.notify()

    def _drop_stopped(self) -> None:
        """Let go of the cancelled, the late and, when closing, of those that would never finish."""
        while self._stopped:
            self._finish(self._stopped.pop(), Cancelled("cancelled"))
        while self._deadlines and (self._deadlines[0][2].over or self._deadlines[0][0] <= self._clock()):
            late = heapq.heappop(self._deadlines)[2]
            self._finish(late, TimedOut("not made in time; its work was stopped"))
        if self._closing:
            for job in [j for j in self._jobs if j.request.length is None]:
                self._finish(job, Stopping("the server is stopping; this stream has no end"))

    def _tick(self, picked: list[_Group]) -> None:
        begun = self._clock()
        for group in picked:
            if group.position == 0:
                self._begin(group)
        groups = self._batch.bring(picked)
        needs = [_need(g, self.steps) for g in groups]
        feeds = {
            **self._batch.arrays,
            "noise": self._draws.draw([_piece(g, self.steps) for g in groups]),
            "position": np.repeat([g.position for g in groups], [g.size for g in groups]),
        }
        for group, steps in zip(groups, needs, strict=True):
            group.position += steps
        likely = [g for g in [*groups, *self._likely] if g.left != 0 and not g.job.over]
        self._draws.expect([_piece(g, self.steps) for g in _fitting(likely, self.rows)])
        out = self._run(feeds)
        for name in self._batch.states:
            self._batch.arrays[name] = out["next." + name.removeprefix("state.")]
        for group, steps in zip(groups, needs, strict=True):
            self._advance(group, steps, out)
        work = sum(g.size * n for g, n in zip(groups, needs, strict=True))
        self.ticks += 1
        self.row_steps += work
        rate = work / max(self._clock() - begun, 1e-9)
        self.rate += (0.1 if self.rate else 1) * (rate - self.rate)
        for job in {g.job: None for g in groups}:
            self._emit(job)
        with self._wake:
            for group in groups:
                if not (group.ended or group.job.over):
                    self._put(group)
                elif not group.job.over:
                    self._reckon(group, 0)

    def _begin(self, group: _Group) -> None:
        """What a sequence brings once; its state is made from it where position is 0."""
        request, rows = group.job.request, group.rows
        latents = self._stream.latents(request.seed, rows, self._spec.latent_size)
        drawn = conditions.draw(self._spec, request.condition, self._stream, request.seed, rows)
        group.kept = {"latent": latents, **drawn}
        if self._spec.ends and request.length is not None and not request.drawn:
            group.kept["length"] = np.full(group.size, request.length, np.int64)

    def _advance(self, group: _Group, steps: int, out: Arrays) -> None:
        """Write a group's steps into its job's chunks."""
        job, start = group.job, group.position - steps
        at = max(start, job.request.start)
        while at < group.position:
            number = at // job.steps
            first, last = job.bounds(number)
            end = min(last, group.position)
            chunk = job.chunks.get(number)
            if chunk is None:
                chunk = job.chunks[number] = self._blank(job.request.count, last - first, out)
            for name, array in chunk.items():
                made = self._batch.rows(name, out[name], group)[:, at - start : end - start]
                array[group.first : group.first + group.size, at - first : end - first] = made
            at = end
        gone = self._spec.ends and not self._batch.rows("valid", out["valid"], group)[:, steps - 1].any()
        if gone or group.left == 0:
            group.ended = True
            job.running -= 1

    def _blank(self, count: int, steps: int, out: Arrays) -> Arrays:
        shapes = {n: (count, steps, *out[n].shape[2:]) for n in _EMPTY if n in out}
        if self._spec.ends:
            return {n: np.full(shape, _EMPTY[n], out[n].dtype) for n, shape in shapes.items()}
        return {n: np.empty(shape, out[n].dtype) for n, shape in shapes.items()}

    def _emit(self, job: Job) -> None:
        """Hand out the chunks that all the groups have made, and the end."""
        made = min((g.position for g in job.groups if not g.ended), default=math.inf)
        while job.next in job.chunks and job.bounds(job.next)[1] <= made:
            self._deliver(job, Chunk(job.bounds(job.next)[0], job.chunks.pop(job.next)))
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
                self._reckon(group, 0)
            job.client.jobs -= 1
            if not job.client.jobs:
                del self._clients[job.request.client]
        job.chunks = {}
        self._deliver(job, outcome)

    def _deliver(self, job: Job, item: Chunk | ServingError | None) -> None:
        try:
            job.consume(item)
        except Exception:  # noqa: BLE001  a consumer's fault must not cost the others theirs
            _log.exception("a consumer failed; its request is dropped")
            self.cancel(job)


def _fitting(groups: list[_Group], rows: int) -> list[_Group]:
    """As many of the first groups as have together at most so many rows."""
    ends = itertools.accumulate(g.size for g in groups)
    return [g for g, end in zip(groups, ends, strict=True) if end <= rows]


def _piece(group: _Group, steps: int) -> Piece:
    """The noise of a group's next tick."""
    return Piece(group.job.request.seed, group.rows, group.position, _need(group, steps))


def _need(group: _Group, steps: int) -> int:
    """Steps that a group runs in a tick."""
    return steps if group.left is None else min(group.left, steps)
