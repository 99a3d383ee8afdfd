"""DATA on the command line: a built-in name, a file, or a folder of files."""

from collections.abc import Callable
from pathlib import Path

from training.config import TrainConfig
from training.data import builtin, files
from training.data.dataset import Dataset
from training.errors import DataError

BUILTIN: dict[str, Callable[[TrainConfig], Dataset]] = {
    "stocks": builtin.stocks,
    "sines": builtin.sines,
    "google": builtin.google,
    "energy": builtin.energy,
}


def load(data: str, config: TrainConfig) -> Dataset:
    """Read `data`, with what `config` says of its columns.

    Raises:
        DataError: there is no such thing, or it cannot be learnt from.
    """
    if data in BUILTIN:
        return BUILTIN[data](config)
    path = Path(data)
    if not path.exists():
        raise DataError(f"{data!r} is neither a file nor a built-in set; built in are {', '.join(BUILTIN)}")
    return files.read(path, config)
