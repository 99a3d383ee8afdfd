"""A training run as Python sees it: a folder that can be exported, and evaluated by its path."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import torch

from contract.errors import UsageError
from contract.spec import Precision
from training.config import TrainConfig
from training.trainer import train

if TYPE_CHECKING:
    from contract.seal import Artifact


_ACCEPTED: dict[Any, tuple[type, ...]] = {bool: (bool,), int: (Integral,), float: (Real,), str: (str, Path)}
"""What a choice may come as, by the type of its field."""


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
    hints = get_type_hints(TrainConfig)
    config = TrainConfig(**{name: _typed(name, value, hints[name]) for name, value in choices.items()})
    path = free_folder(data) if out is None else out
    with same_threads():
        train(data, path, config, resume=resume)
    return Run(path)


def _typed(name: str, value: Any, hint: Any) -> Any:
    """A choice as its field has it: the command line reads types, and Python does not look."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    for option in options:
        kind = get_origin(option) or option
        if kind is Literal and value in get_args(option):
            return value
        if kind is tuple and isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return tuple(value)
        fits = isinstance(value, _ACCEPTED.get(kind, ()))
        if fits and (kind is bool) == isinstance(value, bool):  # to Python True is a number as well
            return kind(value)
        if kind is NoneType and value is None:
            return None
    known = [repr(word) for option in options for word in get_args(option) if get_origin(option) is Literal]
    wanted = f"one of {', '.join(known)}" if known else str(getattr(hint, "__name__", hint))
    raise UsageError(f"{name} is {value!r}; {wanted} is wanted")


@contextmanager
def same_threads() -> Iterator[None]:
    """How many threads torch uses is the caller's again afterwards."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def free_folder(data: str) -> Path:
    """`runs/NAME`, or the first of `runs/NAME-2`, `runs/NAME-3`, … that is not there."""
    name, number = Path(data).resolve().stem, 1
    while (path := Path("runs", name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path
