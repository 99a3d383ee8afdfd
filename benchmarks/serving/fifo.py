"""Padded batches behind the very same HTTP shell as the scheduler.

bentoml serve benchmarks.serving.fifo:Cadenza     with CADENZA_MODEL
"""

import serving.engine
from benchmarks.serving.padded import Fifo

# The shell asks the engine, and the engine takes this for its scheduler.
setattr(serving.engine, "Scheduler", Fifo)  # noqa: B010  to a type checker it is another class

from serving.service import Cadenza  # noqa: E402  once the scheduler is replaced

__all__ = ["Cadenza"]
