"""What answers requests: a model, its session and its scheduler, and when they are ready."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.seal import load
from contract.spec import Spec
from serving.errors import ServingError, Starting, TimedOut
from serving.samples import Samples
from serving.scheduler import Chunk, Request, Scheduler
from serving.session import Session
from serving.settings import Provider, Settings

_log = logging.getLogger("bentoml.cadenza")


@dataclass(frozen=True)
class Engine:
    """A model that is warm and takes requests."""

    spec: Spec
    digest: str
    provider: Provider
    settings: Settings
    scheduler: Scheduler

    @classmethod
    def start(cls, model: Path, settings: Settings) -> "Engine":
        """Load, verify and warm up. Takes a second or so: not for the event loop.

        Raises:
            ContractError: the file does not keep the contract.
            ProviderError: the provider that was asked for does not run here.
        """
        session = Session(load(model), settings.provider, settings.threads)
        rows, steps = settings.tick_rows, settings.tick_steps
        session.warm_up([(1, 1), (1, steps), (rows, steps)])
        scheduler = Scheduler(session.spec, session.run, rows, steps, settings.max_queue)
        _log.info("%s, model %s, on %s", session.spec.name, session.digest[:12], session.provider)
        return cls(session.spec, session.digest, session.provider, settings, scheduler)

    async def chunks(self, request: Request) -> AsyncGenerator[Chunk]:
        """The chunks of a request as they are made. Closing the iterator stops the work.

        Raises:
            QueueFull, Stopping: it was not accepted.
            TimedOut: a chunk took longer than the settings allow.
        """
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[Chunk | ServingError | None] = asyncio.Queue()
        job = self.scheduler.submit(request, lambda item: _hand_over(loop, items, item))
        try:
            while True:
                try:
                    async with asyncio.timeout(self.settings.timeout):
                        item = await items.get()
                except TimeoutError as error:
                    seconds = self.settings.timeout
                    raise TimedOut(f"not made within {seconds:g} s; its work was stopped") from error
                if item is None:
                    return
                if isinstance(item, ServingError):
                    raise item
                yield item
                self.scheduler.take(job)
        finally:
            self.scheduler.cancel(job)

    async def samples(self, request: Request) -> Samples:
        """All of a request at once.

        Raises:
            QueueFull, Stopping, TimedOut: see `chunks`; the time is that of the whole answer.
        """
        try:
            async with asyncio.timeout(self.settings.timeout), aclosing(self.chunks(request)) as chunks:
                parts = [chunk.arrays async for chunk in chunks]
        except TimeoutError as error:
            seconds = self.settings.timeout
            raise TimedOut(f"not made within {seconds:g} s; its work was stopped") from error
        arrays = {n: np.concatenate([p[n] for p in parts], axis=1) for n in parts[0]}
        return Samples.of(self.spec, request.seed, arrays)


class Engines:
    """The engine that serves now. None while it is being started."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self.stopping = False

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self._engine is not None and not self.stopping

    @property
    def current(self) -> Engine:
        """The engine.

        Raises:
            Starting: there is none yet.
        """
        if self._engine is None:
            raise Starting("the model is being loaded; /readyz says when it is ready")
        return self._engine

    def set(self, engine: Engine) -> None:
        """Serve with `engine` from now on."""
        self._engine = engine
        if self.stopping:
            engine.scheduler.refuse()

    def refuse(self) -> None:
        """Not ready any more: take nothing new, finish what was accepted."""
        self.stopping = True
        if self._engine is not None:
            self._engine.scheduler.refuse()


def _hand_over(
    loop: asyncio.AbstractEventLoop,
    items: "asyncio.Queue[Chunk | ServingError | None]",
    item: Chunk | ServingError | None,
) -> None:
    """From the scheduler's thread to the event loop, unless that is gone already."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(items.put_nowait, item)
