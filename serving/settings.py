"""Everything that can be set about serving: one field, one flag, one variable `CADENZA_…`."""

import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from contract.errors import UsageError

PREFIX = "CADENZA_"
Provider = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Settings:
    """How a server behaves. One sentence each: help, docs and errors use the same."""

    provider: Provider = "auto"
    """Where to compute: `auto` takes CUDA if it really runs one inference, else the CPU."""
    threads: int = 1
    """CPU threads of one inference."""
    max_count: int = 4096
    """Most sequences a request may ask for."""
    max_length: int = 65_536
    """Most steps a sequence of a request may have."""
    max_row_steps: int = 2**20
    """Most work a request may be: sequences times steps."""
    max_body: int = 64 * 1024
    """Largest request body in bytes."""
    max_queue: int = 2**22
    """Most row-steps that may wait; a request that would exceed it is refused at once."""
    max_json_values: int = 2**18
    """Most values of a JSON answer; larger answers are to be had in the binary forms."""
    timeout: float = 60.0
    """Seconds after which a request's work is stopped and answered with 504."""
    tick_rows: int = 256
    """Most rows of one inference."""
    tick_steps: int = 32
    """Steps of one inference: rows join and leave this often."""
    stream_ahead: int = 4
    """Ticks that a stream may be ahead of its reader before its rows pause."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, int | float) and not value > 0:
                raise UsageError(f"{f.name} is {value}; more than 0 is wanted")

    def to_environment(self) -> dict[str, str]:
        """The variables that make `from_environment` give these settings."""
        return {PREFIX + f.name.upper(): str(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Defaults, overridden by `CADENZA_…`.

        Raises:
            UsageError: a variable's value is not of its field's type.
        """
        hints = typing.get_type_hints(cls)
        found = {
            f.name: _parse(PREFIX + f.name.upper(), environment[PREFIX + f.name.upper()], hints[f.name])
            for f in fields(cls)
            if PREFIX + f.name.upper() in environment
        }
        return cls(**found)


def _parse(name: str, text: str, wanted: Any) -> Any:
    if typing.get_origin(wanted) is Literal:
        if text not in typing.get_args(wanted):
            choices = ", ".join(typing.get_args(wanted))
            raise UsageError(f"{name} is {text!r}; one of {choices} is wanted")
        return text
    try:
        return wanted(text)
    except ValueError as error:
        raise UsageError(f"{name} is {text!r}; {wanted.__name__} is wanted") from error
