"""A generator that is a plain function, and a clock that it moves: no runtime, no waiting."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from contract.rollout import Array, Arrays
from contract.spec import (
    SCHEMA_VERSION,
    Channel,
    ConditionTable,
    Data,
    Noise,
    Parity,
    Reference,
    Spec,
    State,
)
from serving.errors import QueueFull, ServingError
from serving.scheduler import Chunk, Job, Request, Scheduler

SPEC = Spec(
    schema_version=SCHEMA_VERSION,
    name="walk",
    step="a step",
    form="table",
    rate=None,
    frame=None,
    channels=(
        Channel(
            "at",
            "continuous",
            None,
            -1e6,
            1e6,
            (),
            missing=False,
            missing_with=None,
            mass=None,
            follows=None,
        ),
    ),
    time=None,
    derived=(),
    types={},
    cells={},
    seasons=(),
    training_length=24,
    endings=None,
    conditions=(),
    condition_table=ConditionTable((), ()),
    latent_size=1,
    noise_size=1,
    states=(State("at", 1, None),),
    noise=Noise("", 1, 32, ""),
    precision="fp32",
    parity=Parity(0, 0, 0, 0, 0),
    reference=Reference(0, 0, 0, (), ()),
    scores=(),
    data=Data("", "", 1, 1, ""),
    versions={},
    licence=None,
)


def walk(feeds: Mapping[str, Array]) -> Arrays:
    """Each row adds up its noise from its latent on, step after step."""
    first = (feeds["position"] == 0)[:, None]
    begun = np.where(first, feeds["latent"], np.asarray(feeds["state.at"]))  # (rows, 1)
    steps = np.concatenate([begun, feeds["noise"][..., 0]], axis=1)
    values = np.cumsum(steps, axis=1, dtype=np.float32)[:, 1:, None]  # (rows, steps, 1)
    return {"values": values, "next.at": values[:, -1]}


@dataclass
class Asked:
    """A request and what became of it, in logical seconds."""

    request: Request
    at: float
    job: Job | None = None
    refused: QueueFull | None = None
    chunks: list[Chunk] = field(default_factory=list)
    outcome: ServingError | None = None
    ended: float | None = None

    @property
    def done(self) -> bool:
        return self.ended is not None and self.outcome is None

    @property
    def took(self) -> float:
        assert self.ended is not None
        return self.ended - self.at


class Machine:
    """A scheduler on a machine that does `rate` row-steps a logical second, padding included."""

    def __init__(
        self, rows: int, steps: int, max_queue: int = 10**12, max_wait: float = 0.0, rate: float = 1000.0
    ) -> None:
        self.now, self.rate = 0.0, rate
        self.ticks: list[tuple[int, int]] = []  # rows and steps of each
        self._coming: list[tuple[float, int, Callable[[], object]]] = []
        self.scheduler = Scheduler(
            SPEC, self._run, rows, steps, max_queue,
            max_wait=max_wait, rate=rate, clock=lambda: self.now, threaded=False,
        )  # fmt: skip

    def ask(self, request: Request, then: Callable[[Asked], object] | None = None) -> Asked:
        """Submit now; `then` is called when it has ended."""
        asked = Asked(request, self.now)

        def consume(item: Chunk | ServingError | None) -> None:
            if isinstance(item, Chunk):
                asked.chunks.append(item)
                return
            asked.outcome, asked.ended = item, self.now
            if then is not None:
                then(asked)

        try:
            asked.job = self.scheduler.submit(request, consume)
        except QueueFull as error:
            asked.refused = error
        return asked

    def at(self, time: float, what: Callable[[], object]) -> None:
        """Do that at that time, in the middle of whatever runs then."""
        heapq.heappush(self._coming, (time, len(self._coming), what))

    def go(self, until: float = float("inf")) -> None:
        """Run until nothing is left to be done, or that time is reached."""
        while self.now < until:
            if not self.scheduler.step():
                if not self._coming:
                    return
                self.now = max(self.now, self._coming[0][0])
            self._let_come()

    def _run(self, feeds: Mapping[str, Array]) -> Arrays:
        rows, steps, _ = feeds["noise"].shape
        self.ticks.append((rows, steps))
        self.now += rows * steps / self.rate
        self._let_come()
        return walk(feeds)

    def _let_come(self) -> None:
        while self._coming and self._coming[0][0] <= self.now:
            heapq.heappop(self._coming)[2]()
