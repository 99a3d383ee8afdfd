"""What answers requests: a model, its session and its scheduler, and when they are ready."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

from contract.rollout import Array, Arrays, Run
from contract.seal import load
from contract.spec import Spec
from serving.errors import ServingError, Starting, TimedOut
from serving.jobs import Chunk, Request, joined
from serving.samples import Samples
from serving.scheduler import Scheduler
from serving.settings import Provider, Settings

_log = logging.getLogger("bentoml.cadenza")


Ticked = Callable[[int, float], None]
"""Called after each inference with its rows and its seconds."""


@dataclass
class Engine:
    """A model that is warm and takes requests."""

    spec: Spec
    digest: str
    provider: Provider
    settings: Settings
    scheduler: Scheduler
    running: int = field(default=0, init=False)
    """Requests that are being made."""

    @property
    def largest(self) -> int:
        """Values of the largest answer that may be asked for."""
        return self.settings.max_row_steps * len(self.spec.channels)

    @classmethod
    def start(
        cls, model: Path, settings: Settings, ticked: Ticked | None = None, device: int = 0
    ) -> "Engine":
        """Load, verify and warm up; with CUDA on the GPU of that number. Takes a second or so: not for the
        event loop.

        Raises:
            ContractError: the file does not keep the contract.
            ProviderError: the provider that was asked for does not run here.
        """
        # Here, so that the parent of the servers, which runs no model, does without the runtime's memory.
        from serving.session import Session

        session = Session(load(model), settings.provider, settings.threads, device)
        tick = session.calibrated(settings.tick_rows, settings.tick_steps)
        session.trim()
        scheduler = Scheduler(
            session.spec, tick.run if ticked is None else _timed(tick.run, ticked), tick.rows, tick.steps,
            settings.max_queue or settings.max_row_steps,
            # A number alone would be two seconds of a small model and two minutes of a large one.
            max_wait=0.0 if settings.max_queue else settings.max_wait, rate=tick.rate,
        )  # fmt: skip
        _log.info(
            "%s, model %s, on %s, ticks of %d rows × %d steps, %s rows at once, %.0f row-steps a second",
            session.spec.name, session.digest[:12], session.provider, tick.rows, tick.steps,
            tick.strip or "all", tick.rate,
        )  # fmt: skip
        return cls(session.spec, session.digest, session.provider, settings, scheduler)

    async def chunks(self, request: Request, seconds: float) -> AsyncGenerator[Chunk]:
        """The chunks of a request as they are made. Closing the iterator stops the work.

        Raises:
            QueueFull, Stopping: it was not accepted.
            TimedOut: a chunk took longer than `seconds`.
        """
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[Chunk | ServingError | None] = asyncio.Queue()
        job = self.scheduler.submit(request, lambda item: _hand_over(loop, items.put_nowait, item))
        self.running += 1
        try:
            while True:
                try:
                    async with asyncio.timeout(seconds):
                        item = await items.get()
                except TimeoutError as error:
                    raise TimedOut(f"not made within {seconds:g} s; its work was stopped") from error
                if item is None:
                    return
                if isinstance(item, ServingError):
                    raise item
                yield item
                self.scheduler.take(job)
        finally:
            self.running -= 1
            self.scheduler.cancel(job)

    async def parts(self, request: Request, seconds: float) -> AsyncGenerator[Samples]:
        """The chunks of a stream as samples, see `chunks`. Where times are sums of gaps, those before
        `start` are handed over as well, to be counted and dropped."""
        clocked = self.spec.time is not None and self.spec.time.gap is not None
        wanted = replace(request, start=0) if clocked else request
        elapsed = None
        async with aclosing(self.chunks(wanted, seconds)) as chunks:
            async for chunk in chunks:
                made = Samples.of(
                    self.spec, request.seed, chunk.arrays, 0, chunk.start, elapsed, request.condition
                )
                elapsed = made.end
                if chunk.start + made.shape[1] > request.start:
                    yield made.since(request.start)

    async def samples(self, request: Request, seconds: float) -> Samples:
        """All of a request at once.

        Raises:
            QueueFull, Stopping, TimedOut: see `chunks`; the time is that of the whole answer.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        parts: list[Arrays] = []

        def consume(item: Chunk | ServingError | None) -> None:
            if isinstance(item, Chunk):
                parts.append(item.arrays)
            else:
                _hand_over(loop, _settle, done, item)

        job = self.scheduler.submit(request, consume)
        late = TimedOut(f"not made within {seconds:g} s; its work was stopped")
        timer = loop.call_later(seconds, _settle, done, late)
        self.running += 1
        try:
            await done
        finally:
            self.running -= 1
            timer.cancel()
            self.scheduler.cancel(job)
        assert request.length is not None
        arrays = joined(parts, request.length)
        return Samples.of(self.spec, request.seed, arrays, given=request.condition)


class Engines:
    """The engine that serves now, and those it replaced that still have requests to finish."""

    def __init__(self) -> None:
        self.all: list[Engine] = []
        """The last one serves."""
        self.stopping = self._refusing = False
        self._gone_ticks = self._gone_row_steps = 0

    @property
    def ready(self) -> bool:
        """Whether a new request had better come here."""
        return bool(self.all) and not self.stopping

    @property
    def current(self) -> Engine:
        """The engine for new requests.

        Raises:
            Starting: there is none yet.
        """
        if not self.all:
            raise Starting("the model is being loaded; /readyz says when it is ready")
        return self.all[-1]

    @property
    def queued(self) -> int:
        """Row-steps that wait."""
        return sum(e.scheduler.queued for e in self.all)

    @property
    def queue_limit(self) -> int:
        """Row-steps that may wait for the engine that serves now."""
        return self.all[-1].scheduler.max_queue if self.all else 0

    @property
    def ticks(self) -> int:
        """Inferences made so far, by all engines there were."""
        return self._gone_ticks + sum(e.scheduler.ticks for e in self.all)

    @property
    def row_steps(self) -> int:
        """Row-steps made so far, by all engines there were."""
        return self._gone_row_steps + sum(e.scheduler.row_steps for e in self.all)

    def set(self, engine: Engine) -> None:
        """Serve with `engine` from now on; those before it finish what they have."""
        self.all.append(engine)
        if self._refusing:
            engine.scheduler.refuse()

    def let_go(self) -> None:
        """Forget the replaced engines that have nothing left to do."""
        for engine in [e for e in self.all[:-1] if not e.running]:
            engine.scheduler.refuse()  # its thread ends
            self._gone_ticks += engine.scheduler.ticks
            self._gone_row_steps += engine.scheduler.row_steps
            self.all.remove(engine)

    def refuse(self) -> None:
        """Take nothing new, finish what was accepted."""
        self.stopping = self._refusing = True
        for engine in self.all:
            engine.scheduler.refuse()


def _timed(run: Run, ticked: Ticked) -> Run:
    def timed(feeds: Mapping[str, Array]) -> Arrays:
        begun = time.perf_counter()
        out = run(feeds)
        ticked(len(feeds["noise"]), time.perf_counter() - begun)
        return out

    return timed


def _hand_over(loop: asyncio.AbstractEventLoop, take: Callable[..., object], *what: object) -> None:
    """From the scheduler's thread to the event loop, unless that is gone already."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(take, *what)


def _settle(done: "asyncio.Future[None]", error: ServingError | None) -> None:
    """The end of what waits for `done`, if it still waits."""
    if not done.done():
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
