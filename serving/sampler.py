"""Samples without a server: the scheduler, fed from this process.

The same model, seed, rows and steps give the same bytes as over HTTP.
"""

import os
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from contract import conditions
from contract.noise import MAX_SEED, draw_seed
from contract.seal import load as load_artifact
from serving.errors import InvalidRequest, ServingError
from serving.jobs import Chunk, Request, joined, padding
from serving.samples import Plan, Samples
from serving.scheduler import Scheduler
from serving.session import Session
from serving.settings import Settings

_BATCH_VALUES = 2**21
"""Values that `batches` holds at a time."""


class Generator:
    """A trained generator, ready to be sampled, from any thread of the process that loaded it. It has a
    thread and a session of its own until it is closed, left as a context, or forgotten."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self.spec, self.digest, self.provider = session.spec, session.digest, session.provider
        tick = session.calibrated(settings.tick_rows, settings.tick_steps)
        self._scheduler = Scheduler(session.spec, tick.run, tick.rows, tick.steps, 2**62)
        self._process = os.getpid()
        # The thread holds the scheduler, which would never go. At an exit all goes, and in a fork its lock
        # may be held by a thread that is not there.
        weakref.finalize(self, self._scheduler.refuse).atexit = False

    def sample(
        self,
        count: int = 1,
        length: int | None = None,
        seed: int | None = None,
        condition: Mapping[str, object] | None = None,
    ) -> Samples:
        """`count` sequences of `length` steps. If none is given: the training length, or as many as
        each sequence has, where they end by themselves. A condition has one value for all sequences, or
        a list of one for each.

        The same seed gives the same samples; more sequences or steps leave the others as they
        are. No seed: one is drawn, and stands in `Samples.seed`.

        Raises:
            InvalidRequest: a number out of range.
            ConditionError: a condition that the model does not have.
        """
        plan = self.plan(count, length, seed, condition)
        return self._make(plan, 0, plan.count)

    def plan(
        self,
        count: int,
        length: int | None,
        seed: int | None,
        condition: Mapping[str, object] | None = None,
    ) -> Plan:
        """What `sample` makes of these arguments, to be made by `batches`.

        Raises:
            InvalidRequest, ConditionError: see `sample`.
        """
        steps = self.spec.training_length if length is None else length
        drawn = draw_seed() if seed is None else seed
        for name, value, low in (("count", count, 1), ("length", steps, 1), ("seed", drawn, 0)):
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not whole or not low <= value <= MAX_SEED:
                bound = f"at most {MAX_SEED}" if whole and value > MAX_SEED else f"at least {low}"
                raise InvalidRequest(f"{name} is {value!r}; a whole number of {bound} is wanted", name)
        asked: object = condition or {}
        if not isinstance(asked, Mapping):
            wrong = f"condition is {asked!r}; a mapping of names to values is wanted"
            raise InvalidRequest(wrong, "condition")
        given = conditions.validate(self.spec, asked, int(count))
        ends = self.spec.ends and length is None
        return Plan(self.spec, int(drawn), int(count), int(steps), ends, given)

    def batches(self, plan: Plan) -> Iterator[Samples]:
        """The samples of `plan` in order, a bounded part at a time, however many there are.

        A part is some whole sequences or, where one is too long, some steps of one sequence.
        """
        cells = len(self.spec.channels) * plan.length
        if cells > _BATCH_VALUES:
            for row in range(plan.count):
                yield from self._stream(plan, row)
            return
        rows = max(1, _BATCH_VALUES // cells)
        for first in range(0, plan.count, rows):
            yield self._make(plan, first, min(rows, plan.count - first))

    def close(self) -> None:
        """Let go of the session and the thread, once what other threads asked for is made."""
        self._scheduler.close()

    def __enter__(self) -> "Generator":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _make(self, plan: Plan, first: int, count: int) -> Samples:
        request = Request(plan.seed, count, plan.length, plan.drawn, condition=plan.given, first_row=first)
        arrays = joined([chunk.arrays for chunk in self._chunks(request)], plan.length)
        return Samples.of(self.spec, plan.seed, arrays, first, given=plan.given)

    def _stream(self, plan: Plan, row: int) -> Iterator[Samples]:
        request = Request(
            plan.seed, 1, plan.length, plan.drawn, condition=plan.given, first_row=row, ahead=64
        )
        elapsed = None
        for chunk in self._chunks(request):
            samples = Samples.of(self.spec, plan.seed, chunk.arrays, row, chunk.start, elapsed, plan.given)
            yield samples
            elapsed = samples.end
        made = samples.first_step + samples.shape[1]
        if made < plan.length:  # it ended sooner
            rest = padding(samples.arrays, plan.length - made)
            yield Samples.of(self.spec, plan.seed, rest, row, made, elapsed, plan.given)

    def _chunks(self, request: Request) -> Iterator[Chunk]:
        if os.getpid() != self._process:  # the thread is not here, and nobody would answer
            raise ServingError("this generator was loaded before the process was forked: load it in each")
        items: SimpleQueue[Any] = SimpleQueue()
        job = self._scheduler.submit(request, items.put)
        try:
            while (item := items.get()) is not None:
                if isinstance(item, ServingError):
                    raise item
                self._scheduler.take(job)
                yield item
        finally:
            self._scheduler.cancel(job)


def load(path: str | Path, settings: Settings | None = None) -> Generator:
    """Load a model file.

    Raises:
        SealError, SpecError, InterfaceError: the file does not keep the contract.
        ProviderError: the provider that was asked for does not run here.
    """
    settings = settings or Settings()
    session = Session(load_artifact(Path(path)), settings.provider, settings.threads)
    return Generator(session, settings)
