"""`run.json` and `losses.csv`: a run for people, from its first checkpoint on; nothing reads them."""

import json
import os
import platform
import resource
import sys
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from contract.version import VERSION
from training import selection

if TYPE_CHECKING:
    from training.checkpoint import Checkpoint

_PACKAGES = ("torch", "numpy", "lightning-fabric", "tensorboardX", "matplotlib", "pyarrow")


@dataclass(frozen=True)
class Cost:
    """What a run has taken so far, over all its resumed parts."""

    cpu_seconds: float = 0.0
    """Of all processes together."""
    wall_seconds: float = 0.0
    peak_mib: float = 0.0
    """The most memory that the leading process has held."""


class Meter:
    """Adds to a cost from now on."""

    def __init__(self, before: Cost):
        self._before = before
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def cpu(self) -> float:
        """CPU seconds that this process has taken since the meter began."""
        return time.process_time() - self._cpu

    def cost(self, cpu: float) -> Cost:
        """The cost so far, given the CPU seconds of all processes since the meter began."""
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
        return Cost(
            cpu_seconds=self._before.cpu_seconds + cpu,
            wall_seconds=self._before.wall_seconds + time.perf_counter() - self._wall,
            peak_mib=max(self._before.peak_mib, peak),
        )


def versions() -> dict[str, str]:
    """What a figure depends on."""
    found = {"cadenza": VERSION, "python": platform.python_version(), "system": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if torch.cuda.is_available():
        found |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}
    return found


def machine(device: torch.device) -> dict[str, str | int]:
    """Where a run is trained."""
    about: dict[str, str | int] = {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "device": device.type,
    }
    if device.type == "cuda":
        about["gpu"] = torch.cuda.get_device_name(device)
    return about


def write(run: Path, state: "Checkpoint", held_out: bool) -> None:
    """Write both files anew, whole or not at all."""
    cost = {k: round(v, 1) for k, v in asdict(state.cost).items()}
    about = {
        "data": asdict(state.data),
        "config": asdict(state.config),
        "recipe": asdict(state.recipe),
        "sizes": asdict(state.sizes),
        "steps": state.steps,
        "step": state.step,
        "chosen": selection.describe(selection.chosen(state.looks), held_out, state.step),
        "looks": [
            {k: round(getattr(look, k), 5) for k in ("step", "distance", "diversity", "pinned")}
            for look in state.looks
        ],
        "rollbacks": list(state.rollbacks),
        "warnings": list(state.warnings.values()),
        "versions": state.versions,
        "machine": state.machine,
        "cost": cost | {"ms_a_step": round(1000 * state.cost.wall_seconds / max(1, state.step), 2)},
    }
    _replace(run / "run.json", json.dumps(about, indent=2) + "\n")
    lines = [f"{int(s)},{d:.6f},{g:.6f}" for s, d, g in state.history.tolist()]
    _replace(run / "losses.csv", "\n".join(["step,discriminator,generator", *lines]) + "\n")


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def _cpu_model() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
