"""From a name or a path to a `Dataset`."""

from training.data.dataset import Dataset
from training.data.source import BUILTIN, heeded, heeds, load, require_heeded
from training.data.windows import Windows

__all__ = ["BUILTIN", "Dataset", "Windows", "heeded", "heeds", "load", "require_heeded"]
