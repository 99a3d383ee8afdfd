"""Files of one kind in a folder; sub-folders name the class of what is in them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.data.columns import Column
from training.data.dataset import Dataset
from training.errors import DataError

CLASS = "class"
"""The condition that sub-folders become."""


def found(path: Path, suffixes: Sequence[str]) -> list[tuple[Path, str | None]]:
    """Files with one of the suffixes, in their order, each with its class: a file itself, those in a
    folder, or those in its sub-folders.

    Raises:
        DataError: a folder that holds some and whose sub-folders do as well, or one sub-folder alone.
    """
    if not path.is_dir():
        return [(path, None)]
    own = _inside(path, suffixes)
    below = {folder.name: files for folder in _folders(path) if (files := _inside(folder, suffixes))}
    if own and below:
        raise DataError(
            f"{path} holds {own[0].name} beside the folder {next(iter(below))}: sub-folders name the class "
            "of what is in them, so put every file into one, or none"
        )
    if len(below) == 1:
        raise DataError(
            f"{path} has files in one sub-folder alone: name that folder, or bring more classes"
        )
    return [(file, None) for file in own] or [(f, name) for name, files in below.items() for f in files]


def holds(path: Path, suffixes: Sequence[str], below: bool = True) -> bool:
    """Whether a folder, or `below` one of its sub-folders, has such a file."""
    return any(_inside(folder, suffixes) for folder in (path, *(_folders(path) if below else ())))


def deeper(path: Path, suffixes: Sequence[str], below: bool = True) -> Path | None:
    """The first folder with such a file that lies one level deeper than `holds` looks."""
    folders = _folders(path)
    if below:
        folders = [inner for folder in folders for inner in _folders(folder)]
    return next((folder for folder in folders if _inside(folder, suffixes)), None)


def classed(dataset: Dataset, classes: Sequence[str | None]) -> Dataset:
    """The same with the class of each sequence as a condition; without classes, the same."""
    labels = tuple(sorted({name for name in classes if name is not None}))
    if not labels:
        return dataset
    values = np.array([[labels.index(name)] for name in classes if name is not None], np.float64)
    told = f"sub-folders name the class, which is a condition: {', '.join(labels)}"
    column = Column(CLASS, labels=labels)
    return replace(dataset, statics=(column,), static_values=values, notes=(*dataset.notes, told))


def _inside(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    return sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in suffixes and p.is_file() and not p.name.startswith(".")
    )


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
