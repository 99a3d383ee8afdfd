"""Text files: one sequence a line, character by character."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.config import TrainConfig
from training.data.columns import MOST_LABELS, Column
from training.data.dataset import Dataset, Doubles
from training.data.folders import classed, found
from training.errors import DataError

SUFFIXES = (".txt",)


def read(path: Path, config: TrainConfig) -> Dataset:
    """Read a file, or a folder of them.

    Raises:
        DataError: not text, nothing in it, or characters that cannot be learnt.
    """
    told = config.alphabet
    if told is not None and (len(set(told)) < len(told) or not told):
        raise DataError(f"--alphabet {told!r}: each character once is wanted")
    lines: list[str] = []
    tables: list[Path] = []
    classes: list[str | None] = []
    notes = []
    for file, name in found(path, SUFFIXES):
        own = _lines(file)
        if told is not None:
            _require_known(file, own, told)
        kept = [line for line in own if line]
        if len(kept) < len(own):
            notes.append(f"{file}: {len(own) - len(kept)} of {len(own)} lines are empty and left out")
        if len(kept) > 2 and min(line.count("\t") for line in kept) > 0:
            tables.append(file)
        lines += kept
        classes += [name] * len(kept)
    if tables:
        notes.append(f"every line of {tables[0]} has a tab: if it is a table, name it .tsv")
    if not lines:
        raise DataError(f"{path} holds no text: a sequence a line is wanted")
    alphabet = _found(path, lines) if told is None else tuple(told)
    dataset = dataset_of(path.resolve().stem, lines, alphabet)
    return classed(replace(dataset, notes=(*notes, *dataset.notes)), classes)


def dataset_of(name: str, lines: Sequence[str], alphabet: tuple[str, ...]) -> Dataset:
    """Lines as sequences of characters of an alphabet."""
    place = {character: float(i) for i, character in enumerate(alphabet)}
    sequences: list[Doubles] = [np.array([[place[c]] for c in line]) for line in lines]  # (characters, 1)
    dataset = Dataset.of(name, [Column("character", labels=alphabet)], sequences, "character")
    return replace(dataset, form="text")


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not UTF-8 text (byte {error.start:,}): save it as UTF-8, and as text alone"
        ) from error
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    lines = text.split("\n")  # line ends of every system are this one here; others are characters
    return lines[:-1] if not lines[-1] else lines


def _found(path: Path, lines: Sequence[str]) -> tuple[str, ...]:
    """Every character, in the order of Unicode."""
    counts = Counter(c for line in lines for c in line)
    if len(counts) > MOST_LABELS:
        rare = "".join(c for c, _ in counts.most_common()[:-11:-1])
        raise DataError(
            f"{path} has {len(counts):,} different characters, and at most {MOST_LABELS} can be learnt: "
            f"replace rare ones, such as {rare!r}, or leave out the lines that hold them"
        )
    return tuple(sorted(counts))


def _require_known(file: Path, lines: Sequence[str], alphabet: str) -> None:
    for number, line in enumerate(lines, 1):
        if strange := [c for c in line if c not in alphabet]:
            raise DataError(
                f"{file}: {strange[0]!r} in line {number}, {line[:40]!r}, is not in the alphabet: add it "
                "to --alphabet, or leave --alphabet out and it is found"
            )
