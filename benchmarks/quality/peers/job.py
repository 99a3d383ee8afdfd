"""What every peer's script shares: the job it is given, the seconds it took, the samples it leaves.

Runs with a peer's own interpreter: the standard library and numpy only, and nothing of ours.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


class Job:
    """A JSON file with `method`, `windows` (an .npz with `train` and `apart`), `seconds` of CPU (null:
    the peer's own defaults), `count`, `seed`, and where `samples` and `report` go."""

    def __init__(self) -> None:
        for name, value in json.loads(Path(sys.argv[1]).read_text()).items():
            setattr(self, name, value)
        self.method: str
        self.seconds: float | None
        self.count: int
        self.seed: int
        with np.load(self.windows) as file:
            self.train = file["train"]
            """(windows, length, channels), in the data's units."""
            self.apart = file["apart"]
            """Numbers of the windows in `train` that have no row in common."""
        self.about: dict[str, Any] = {}
        os.environ.setdefault("OMP_NUM_THREADS", "1")

    windows: str
    samples: str
    report: str

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Keep what the block costs as `stage`_cpu and `stage`_wall."""
        cpu, wall = cpu_seconds(), time.perf_counter()
        yield
        self.about[f"{stage}_cpu"] = round(cpu_seconds() - cpu, 2)
        self.about[f"{stage}_wall"] = round(time.perf_counter() - wall, 2)

    def finish(self, samples: Any, **about: Any) -> None:
        """Leave samples (windows, length, channels) in the data's units, and what was done."""
        np.save(self.samples, np.asarray(samples, np.float32))
        Path(self.report).write_text(json.dumps({**self.about, **about}))


def cpu_seconds() -> float:
    """What this process and its children used so far, all threads."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)
