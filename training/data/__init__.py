"""From a name or a path to a `Dataset`."""

from training.data.dataset import Dataset, Windows
from training.data.source import BUILTIN, heeded, heeds, load, require_heeded

__all__ = ["BUILTIN", "Dataset", "Windows", "heeded", "heeds", "load", "require_heeded"]
