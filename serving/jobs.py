"""What is asked of the scheduler: a request, the job that it becomes, and the groups of rows it is run in.

A group has at most half of a tick's rows, so that a request of many rows leaves room for others.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from contract import conditions
from contract.noise import BLOCK_STEPS
from contract.rollout import Arrays
from serving.errors import ServingError

CHUNK_STEPS = BLOCK_STEPS
"""Steps of a stream's chunk, at multiples of it: the same wherever and however ticks are cut."""
_UNKNOWN_STEPS = 128
"""What an end that is not known is reckoned at."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some steps of all the rows of a request; all of them where it is no stream."""

    start: int
    arrays: Arrays
    """`values`, `labels` and `valid`, as far as the Spec has them: (count, steps, …)."""


EMPTY = {"values": np.nan, "labels": -1, "valid": False}
"""What stands behind a sequence's end, and the names of what an answer holds."""


def padding(like: Arrays, steps: int) -> Arrays:
    """So many steps behind the end of sequences `like` these."""
    shapes = {name: (len(array), steps, *array.shape[2:]) for name, array in like.items()}
    return {name: np.full(shape, EMPTY[name], like[name].dtype) for name, shape in shapes.items()}


def joined(parts: Sequence[Arrays], steps: int) -> Arrays:
    """Chunks one behind the other, (count, steps, …). Where all sequences ended sooner they are padded, so
    that how long an answer is depends on nobody's company."""
    missing = steps - sum(next(iter(part.values())).shape[1] for part in parts)
    if missing > 0:
        parts = [*parts, padding(parts[0], missing)]
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


Consume = Callable[[Chunk | ServingError | None], None]
"""Called on the scheduler's thread with each chunk, in order, then once with None or an error."""


class Job:
    """A request that was accepted."""

    def __init__(self, request: Request, consume: Consume, arrival: int, rows: int) -> None:
        """In groups of at most so many `rows`."""
        self.request, self.consume, self.arrival = request, consume, arrival
        whole = request.ahead is None and not request.drawn and request.length is not None
        self.steps = request.length if whole and request.length else CHUNK_STEPS  # of a chunk
        self.chunks: dict[int, Arrays] = {}  # by their number: made by some groups, not yet by all
        self.first = self.next = request.start // self.steps  # the chunk to hand out first, and next
        self.taken = 0  # chunks that the consumer has taken
        self.over = self.stopped = False  # stopped: cancelled, and perhaps not yet told
        firsts = range(0, request.count, rows)
        self.groups = [Group(self, first, min(rows, request.count - first)) for first in firsts]
        self.running = len(self.groups)

    def bounds(self, number: int) -> tuple[int, int]:
        """First step of a chunk, and the one behind its last."""
        request, first = self.request, number * self.steps
        last = first + self.steps
        return max(first, request.start), last if request.length is None else min(last, request.length)

    @property
    def made(self) -> float:
        """Steps that all the groups have made; those that have ended have made all."""
        return min((g.position for g in self.groups if not g.ended), default=math.inf)

    @property
    def horizon(self) -> float:
        """Position up to which the reader has room."""
        if self.request.ahead is None:
            return math.inf
        return (self.first + self.taken + self.request.ahead) * self.steps


class Group:
    """Rows of one job that move in step: they fit into one tick."""

    def __init__(self, job: Job, first: int, size: int) -> None:
        self.job, self.first, self.size = job, first, size
        begin = job.request.first_row + first
        self.rows = range(begin, begin + size)  # of its seed
        self.position = 0
        self.ended = self.paused = False
        self.row: int | None = None  # where it stands in the batch
        self.kept: Arrays = {}  # its rows of the batch, while it has no place there
        self.reckoned = 0  # row-steps that it counts for in the queue
        self.needs = 0  # steps of the tick that it was picked for, at most
        self.granted = 0  # steps of that tick that count as given already

    @property
    def waiting(self) -> int:
        """Steps that this group is reckoned at: of a stream, those that its reader has room for; an
        end that is not known is a guess."""
        request = self.job.request
        left = math.inf if request.length is None else request.length - self.position
        if request.ahead is None and not request.drawn and left < math.inf:
            return int(left)
        room = max(0, self.job.horizon - self.position)
        guess = _UNKNOWN_STEPS if request.drawn or room == left == math.inf else math.inf
        return int(min(room, left, guess))
