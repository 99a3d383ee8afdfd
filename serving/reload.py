"""A new model file at the same path is taken up while the server runs.

The file is looked at every few seconds. It has changed when its time, size or inode has, and it is
read once it is the same at two looks: it may still be being written. New requests then go to the new
engine; those that run, and streams, are finished by the old one. A file that cannot be served is
refused, and the old engine serves on; it is tried again when it has changed again.
"""

import asyncio
import logging
import stat
from collections.abc import Callable
from pathlib import Path

from contract.errors import CadenzaError
from serving.engine import Engine, Engines
from serving.metrics import Metrics

_log = logging.getLogger("bentoml.cadenza")

_Signature = tuple[int, int, int]


async def follow(
    path: Path, engines: Engines, metrics: Metrics, start: Callable[[], Engine], seconds: float
) -> None:
    """Serve what is at `path`, and look for another every so many seconds; 0: never.

    Raises:
        CadenzaError: the first one cannot be served.
    """
    served = _signature(path)
    engines.set(await asyncio.to_thread(start))
    pending, gone = None, False
    while seconds:
        await asyncio.sleep(seconds)
        engines.let_go()  # before another is replaced: whoever had got hold of it has had time to ask
        found = _signature(path)
        if (found is None) != gone:
            gone = not gone
            if gone:
                _log.warning("there is no file at %s any more; its model serves on", path)
        if found is None or found == served:
            pending = None
        elif found != pending:
            pending = found
        else:
            served, pending = found, None
            await _take_up(path, engines, metrics, start)


async def _take_up(path: Path, engines: Engines, metrics: Metrics, start: Callable[[], Engine]) -> None:
    before = engines.current.digest
    try:
        engine = await asyncio.to_thread(start)
    except Exception as error:  # noqa: BLE001  whatever is wrong with it, the old one serves on
        metrics.reloads.add("refused")
        _log.error(
            "the new file at %s is refused, model %s serves on: %s", path, before[:12], error,
            exc_info=not isinstance(error, CadenzaError),
        )  # fmt: skip
        return
    if engine.digest == before:
        engine.scheduler.refuse()
        return
    engines.set(engine)
    metrics.reloads.add("taken")
    _log.info("model %s takes over from %s", engine.digest[:12], before[:12])


def _signature(path: Path) -> _Signature | None:
    """What changes when the file does; None while there is no file."""
    try:
        about = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(about.st_mode):  # a pipe would be read for ever
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino
