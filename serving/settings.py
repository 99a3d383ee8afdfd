"""Everything that can be set about serving: one field, one flag, one variable `CADENZA_…`."""

import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from contract.errors import UsageError

PREFIX = "CADENZA_"
Provider = Literal["auto", "cpu", "cuda"]

_MAX_THREADS = 1024
"""More bring nothing on any machine, and of many more the runtime makes no end."""


@dataclass(frozen=True)
class Settings:
    """How a server behaves. One sentence each: help, docs and errors use the same."""

    provider: Provider = "auto"
    """Where to compute: `auto` takes CUDA if it really runs one inference, else the CPU."""
    threads: int = 1
    """CPU threads of one inference."""
    workers: int = 1
    """Processes that serve, each with its own queue and memory; with CUDA each on a GPU of its own."""
    max_count: int = 4096
    """Most sequences a request may ask for."""
    max_length: int = 65_536
    """Most steps a sequence of a request may have."""
    max_row_steps: int = 2**20
    """Most work a request may be: sequences times steps."""
    max_body: int = 64 * 1024
    """Largest request body in bytes."""
    max_wait: float = 5.0
    """Most work that may wait, in seconds at the rate of late; what would exceed it is refused at once."""
    max_queue: int = 0
    """The same in row-steps; 0: as many as `max_wait` says, but room for one of the largest requests."""
    max_held: int = 2**25
    """Most values that answers may hold until they are read; of a stream, those it may be ahead."""
    max_json_values: int = 2**18
    """Most values of a JSON answer; larger answers are to be had in the binary forms."""
    timeout: float = 60.0
    """Seconds after which a request's work is stopped and answered with 504."""
    stream_timeout: float = 3600.0
    """Seconds in which a stream's reader has to take something; what the system holds for it is minutes."""
    tick_rows: int = 0
    """Most rows of one inference; 0: found by a short trial at the start."""
    tick_steps: int = 0
    """Most steps of one inference: rows join and leave this often; 0: found by a short trial."""
    stream_ahead: int = 4
    """Chunks of 32 steps that a stream may be ahead of its reader before its rows pause."""
    drain: float = 1.0
    """Seconds after SIGTERM in which /readyz says no and requests are still taken."""
    reload: float = 2.0
    """Seconds between looks at the model file, a new one is taken up; 0: never."""
    api_keys_file: str = ""
    """File of API keys, a line each; with keys, here or in CADENZA_API_KEYS, no other client is served."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if not isinstance(value, int | float):
                continue
            zero_too = f.name in ("drain", "reload", "max_queue", "tick_rows", "tick_steps")
            if not (value > 0 or (zero_too and value == 0)) or value == float("inf"):
                least = "0 or more" if zero_too else "more than 0"
                raise UsageError(f"{f.name} is {value}; {least} is wanted")
        if self.threads > _MAX_THREADS:
            raise UsageError(f"threads is {self.threads}; at most {_MAX_THREADS} is wanted")

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
