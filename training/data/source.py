"""DATA on the command line: a built-in name, a file, or a folder of files."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from training.config import TrainConfig
from training.data import (
    builtin,
    clocked,
    files,
    films,
    images,
    music,
    seasonal,
    sounds,
    spacing,
    texts,
    typed,
)
from training.data.columns import missing_together
from training.data.dataset import Dataset
from training.data.folders import deeper, holds
from training.data.rules import following
from training.errors import DataError

MANY, SHORT = 64, 128
"""Sequences, and rows of the longest, from which on they are learnt whole."""
_WARMING = 0.05
"""Share of the rows, the most that are left out since columns that look back are missing there."""
_WITHIN = 512
"""Rows of the longest up to which many may be meant to be learnt whole, though it takes time."""
SOME = 8
"""Sequences that are so, too, where none is as long as a window: fewer say nothing of where they end."""

BUILTIN: dict[str, Callable[[TrainConfig], Dataset]] = {
    "stocks": builtin.stocks,
    "sines": builtin.sines,
    "google": builtin.google,
    "energy": builtin.energy,
    "digits": builtin.digits,
    "moving-digits": builtin.moving_digits,
    "vowels": builtin.vowels,
    "names": builtin.names,
    "chorales": builtin.chorales,
    "ecg": builtin.ecg,
}


def _pictures(path: Path, config: TrainConfig) -> Dataset:
    return films.read_pictures(path, images.SUFFIXES) if config.frames else images.read(path, config)


@dataclass(frozen=True)
class Reader:
    """Of files of one kind."""

    what: str
    """What such files hold."""
    read: Callable[[Path, TrainConfig], Dataset]
    heeds: tuple[str, ...]
    """Those of HOW that say something of such files."""


READERS: dict[tuple[str, ...], Reader] = {
    files.SUFFIXES: Reader(
        "tables",
        files.read,
        (
            "columns", "categorical", "continuous", "integer", "ignore", "static", "id_column", "schema",
            "time_column", "time_format", "gaps", "seasons", "waveform", "rate", "hop",
        ),
    ),
    texts.SUFFIXES: Reader("text", texts.read, ("alphabet",)),
    music.SUFFIXES: Reader("music", music.read, ()),
    films.SUFFIXES: Reader("films", films.read, ("frames",)),
    images.SUFFIXES: Reader("pictures", _pictures, ("frames",)),
    sounds.SUFFIXES: Reader("sound", sounds.read, ("rate", "hop")),
}  # fmt: skip
"""By the suffixes that each reads; of a folder that holds several kinds, the first."""

_OTHERS = {
    (".xlsx", ".xls", ".ods"): "save the sheet as CSV",
    (".gz", ".zip", ".bz2", ".xz", ".zst"): "unpack it",
    (".json", ".jsonl", ".ndjson", ".feather", ".arrow"): "write it as CSV or Parquet",
    (".mp3", ".flac", ".ogg", ".m4a"): "write it as WAV",
    (".jpg", ".jpeg", ".webp", ".bmp"): "write them as PNG",
}
"""What to do with other files that people have."""

_HEEDED = {"ecg": ("hop",)}
"""The same of built-in sets."""

HOW = tuple(dict.fromkeys(name for reader in READERS.values() for name in reader.heeds))
"""The choices that say how data are read."""


def load(data: str, config: TrainConfig) -> Dataset:
    """Read `data`, with what `config` says of its columns and of its windows.

    Sequences are learnt whole where `config` says so, or where it names no length and there are many
    short ones, MANY of at most SHORT rows, or SOME that are shorter than a window. Of
    fewer that are all shorter, windows are as long as some sequence: long ones, in which most rows are.

    Raises:
        DataError: there is no such thing, or it cannot be learnt from.
    """
    dataset = _read(data, config)
    rows = np.diff(dataset.bounds)  # (sequences,)
    longest = int(rows.max())
    whole = config.whole
    notes = dataset.notes
    if whole is None:
        whole = config.length is None and len(rows) >= MANY and longest <= SHORT
        if config.length is None and SOME <= len(rows) < MANY and longest < dataset.length:
            whole, told = True, "all sequences are shorter than a window"
            notes = (*notes, f"{told} of {dataset.length}: they are learnt whole")
        if not whole and config.length is None and len(rows) >= MANY and longest <= _WITHIN:
            times = longest // dataset.length
            if times > 1 and dataset.form == "table":
                notes = (
                    *notes,
                    f"these {len(rows)} sequences are learnt in windows of {dataset.length} rows, wherever "
                    "in them: --whole True learns them from first row to last, in steps that take about "
                    f"{times} times as long",
                )
    if not whole and dataset.form == "table":
        dataset, left_out = _within_sight(replace(dataset, notes=notes), config.length or dataset.length)
        rows, notes = np.diff(dataset.bounds), (*dataset.notes, *left_out)
    length = config.length or (longest if whole else dataset.length)
    if config.length is None and len(rows) > 1 and 1 < longest < length:
        told = f"all sequences are shorter than a window of {length}"
        length = max(np.unique(rows[rows > 1]).tolist(), key=lambda n: n * rows[rows >= n].sum())
        notes = (*notes, f"{told}: windows are {length} long")
    if length < 2:
        said, wanted = {
            "picture": ("picture is 1 pixel high", "higher ones"),
            "sound": (f"recording is one {dataset.step}", "longer ones, or a smaller --hop"),
        }.get(dataset.form, (f"sequence is one {dataset.step}", "longer ones"))
        raise DataError(
            f"{dataset.name}: every {said}, and of one step nothing of what follows can be learnt: bring "
            f"{wanted}"
        )
    ends, gated = whole and bool((rows != length).any()), config.endings == "gate"
    if gated and not ends:
        why = f"all have {length} rows" if whole else f"they are learnt in windows of {length} rows"
        raise DataError(
            f"{dataset.name}: --endings gate is for sequences that end by themselves, and here "
            f"{why}{'' if whole else ': learn them with --whole True, or leave the choice out'}"
        )
    if not whole and (short := int((rows < length).sum())) and short < len(rows):
        told = (
            f"{short} of {len(rows)} sequences, with {int(rows[rows < length].sum())} of {rows.sum()} rows"
        )
        notes = (*notes, f"{told}, are shorter than a window of {length} and are not used: see --length")
    seasons = () if ends else dataset.seasons
    if not ends:
        notes = (*notes, *seasonal.notes(dataset, config.seasons))
    elif dataset.seasons and config.seasons:
        notes = (
            *notes,
            "these sequences end by themselves, and go with no season: --seasons is left aside",
        )
    dataset = replace(dataset, length=length, ends=ends, gated=gated, seasons=seasons, notes=notes)
    dataset = typed.fitting(spacing.begun(dataset))
    if dataset.form != "table":
        return dataset
    named = {*config.categorical, *config.continuous, *config.integer}
    dataset = following.told(dataset, named, bool(whole))
    found = [*missing_together(dataset.learnt.columns), *clocked.going_with_the_first(dataset)]
    return replace(dataset, notes=(*dataset.notes, *found))


def _within_sight(dataset: Dataset, length: int) -> tuple[Dataset, list[str]]:
    """The same without the first rows of sequences, and the last, where columns are missing there and
    nowhere else, since they look back, as a return, or ahead, as what is to be foretold; and what is to be
    said of it. What has `length` rows keeps as many."""
    labelled = np.array([bool(c.labels) for c in dataset.columns])
    absent = np.isnan(dataset.values) | ((dataset.values == -1) & labelled)  # (rows, columns)
    cut = np.zeros(len(absent), bool)
    names = []
    for n, column in enumerate(dataset.columns):
        outer = np.zeros(len(absent), bool)
        for a, b in pairwise(dataset.bounds.tolist()):
            gone = absent[a:b, n]
            outer[a:b] = np.logical_and.accumulate(gone) | np.logical_and.accumulate(gone[::-1])[::-1]
        left = np.add.reduceat((~(cut | outer)).astype(np.int64), dataset.bounds[:-1])  # (sequences,)
        sizes = np.diff(dataset.bounds)
        enough = left >= np.where(sizes >= length, length, 1)
        few = (cut | outer).mean() <= _WARMING
        if outer.any() and (outer == absent[:, n]).all() and few and enough.all():
            cut |= outer
            names.append(column.name)
    if not names:
        return dataset, []
    columns = tuple(replace(c, missing=c.missing and c.name not in names) for c in dataset.columns)
    starts = tuple(f"{name!r} is missing in " for name in names)
    notes = tuple(note for note in dataset.notes if not note.startswith(starts))
    listed = ", ".join(map(repr, names[:8])) + (" …" if len(names) > 8 else "")
    said = (
        f"{listed} {'are' if len(names) > 1 else 'is'} missing in first or last rows alone, as what looks "
        f"back or ahead is: these are left out, {cut.sum():,} in all"
    )
    return replace(dataset.only(~cut), columns=columns, notes=notes), [said]


def _below(suffixes: tuple[str, ...]) -> bool:
    """Whether such files are read in sub-folders, too, as classes; tables have columns for these."""
    return suffixes != files.SUFFIXES


def _hint(path: Path) -> str:
    """What to name instead of a folder whose files lie too deep in it."""
    for suffixes in READERS:
        if deep := deeper(path, suffixes, _below(suffixes)):
            return f"; {deep} does, which lies too deep: name {deep.parent if _below(suffixes) else deep}"
    return ""


def require_heeded(config: TrainConfig, *data: str) -> None:
    """Raise a DataError where a choice is made that says nothing of any of `data`."""
    plain, heeded_by = TrainConfig(), {name for one in data for name in heeds(one)}
    for name in HOW:
        if name not in heeded_by and getattr(config, name) != getattr(plain, name):
            wanted = " and ".join(r.what for r in READERS.values() if name in r.heeds)
            found = " and ".join(f"{one} {_what(one)}" for one in data)
            raise DataError(f"{found}, and --{name.replace('_', '-')} is for {wanted}: leave it out")


def heeds(data: str) -> tuple[str, ...]:
    """Those of HOW that say something of `data`; all where it is nothing that is read."""
    if data in BUILTIN:
        return _HEEDED.get(data, ())
    found = _reader(Path(data))
    return found[1].heeds if found else HOW


def _what(data: str) -> str:
    found = None if data in BUILTIN else _reader(Path(data))
    return f"holds {found[1].what}" if found else "is built in"


def _reader(path: Path) -> tuple[tuple[str, ...], Reader] | None:
    """Who reads a file or a folder, with the suffixes."""
    for suffixes, reader in READERS.items():
        if holds(path, suffixes, _below(suffixes)) if path.is_dir() else path.suffix.lower() in suffixes:
            return suffixes, reader
    return None


def heeded(data: str, config: TrainConfig) -> TrainConfig:
    """The same without the choices that say nothing of `data`."""
    own, plain = heeds(data), TrainConfig()
    return replace(config, **{name: getattr(plain, name) for name in HOW if name not in own})


def _read(data: str, config: TrainConfig) -> Dataset:
    if data in BUILTIN:
        require_heeded(config, data)
        return BUILTIN[data](config)
    path = Path(data)
    if not path.exists():
        raise DataError(f"{data!r} is neither a file nor a built-in set; built in are {', '.join(BUILTIN)}")
    if (one := _reader(path)) is not None:
        suffixes, reader = one
        require_heeded(config, data)
        dataset = reader.read(path, config)
        if not path.is_dir():
            return dataset
        notes = []
        if deep := deeper(path, suffixes, _below(suffixes)):
            notes.append(f"{deep} lies too deep in {path}: what it holds is not read")
        others = [s for other in READERS if other != suffixes for s in other]
        if left := [s for s in others if holds(path, [s])]:
            notes.append(
                f"{path} holds {', '.join(left)} too, which is not read beside {', '.join(suffixes)}"
            )
        return replace(dataset, notes=(*dataset.notes, *notes))
    known = ", ".join(s for suffixes in READERS for s in suffixes)
    if path.is_dir():
        raise DataError(f"{path} holds no file that is read: {known}{_hint(path)}")
    suffix = path.suffix.lower()
    remedy = next((f": {said}" for others, said in _OTHERS.items() if suffix in others), "")
    raise DataError(f"{path}: {suffix or 'no suffix'} is not read; one of {known} is{remedy}")
