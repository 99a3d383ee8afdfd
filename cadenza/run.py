"""A training run as Python sees it: a folder that can be exported and evaluated."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.errors import UsageError
from contract.spec import Precision
from training.config import TrainConfig
from training.trainer import train

if TYPE_CHECKING:
    from contract.seal import Artifact


@dataclass(frozen=True)
class Run:
    """A finished run."""

    path: Path

    def export(self, path: str | Path, precision: Precision = "fp32") -> "Artifact":
        """Write the generator as a sealed ONNX file.

        Raises:
            RunError, ExportError: see `export.exporter.export`.
        """
        from export.exporter import export

        return export(self.path, Path(path), precision).artifact


def train_run(data: str, out: Path | None, *, resume: bool, choices: dict[str, Any]) -> Run:
    """Train into `out`, or into the first free folder under `runs/`."""
    known = {f.name for f in fields(TrainConfig)}
    if unknown := sorted(set(choices) - known):
        raise UsageError(f"unknown choices {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    path = free_folder(data) if out is None else out
    train(data, path, TrainConfig(**choices), resume=resume)
    return Run(path)


def free_folder(data: str) -> Path:
    """`runs/NAME`, or the first of `runs/NAME-2`, `runs/NAME-3`, … that is not there."""
    name, number = Path(data).resolve().stem, 1
    while (path := Path("runs", name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path
