"""A person's own file: CSV, Parquet, Arrow, NPY, NPZ, or a folder of these.

Tables are read by Arrow, which infers types and names the line that breaks the form. A table
is one long series, or many sequences by an id column; an array (rows, channels) is one
series and (sequences, steps, channels) are many; an NPZ with several arrays and a folder
with several files hold one sequence each.
"""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as arrow
import pyarrow.ipc
import pyarrow.parquet

from training.config import TrainConfig
from training.data import (
    clocked,
    looks,
    pieces,
    rising,
    rounds,
    seasonal,
    sounds,
    tables,
    times,
    typed,
    written,
)
from training.data.cells import in_order, labelled
from training.data.columns import Column, relabelled
from training.data.dataset import Dataset, Doubles
from training.data.delimited import first_cells, read_csv
from training.data.spacing import fitted, holes, require_unbroken
from training.data.tables import Read, require_names
from training.errors import DataError

_HEADER = 128
"""Bytes of an NPY file's header, at least."""
_T = TypeVar("_T")
TABLES = (".csv", ".tsv", ".parquet", ".arrow")
"""Files whose columns have names."""
_TYPED = (".parquet", ".arrow")
"""Those of them whose columns have types."""
_ARROW = b"ARROW1"
SUFFIXES = (*TABLES, ".npy", ".npz")


def read(path: Path, config: TrainConfig) -> Dataset:
    """Read a file or a folder.

    Raises:
        DataError: unreadable, ragged, of mixed types, or holding nothing.
    """
    if config.waveform is None and (config.rate or config.hop):
        raise DataError(
            f"{path}: --{'rate' if config.rate else 'hop'} is for a waveform: name the column that is one "
            "with --waveform, or leave it out"
        )
    found = _folder(path, config) if path.is_dir() else _file(path, config)
    columns, sequences, notes = found.columns, found.sequences, found.notes
    step, time, breaks = "row", None, np.zeros(0, np.int64)
    if found.stamps is not None:
        cuts = np.cumsum([len(s) for s in sequences])[:-1]
        each = np.split(found.stamps.ticks, cuts)
        notes = [*notes, *found.stamps.notes]
        column = None
        if config.waveform is not None:
            notes += require_unbroken(str(path), found.stamps, each, config.rate)
        else:
            time, step, column, gaps, said = fitted(found.stamps, each, config.gaps)
            notes += said
            if not column:
                breaks, said = holes(time, each)
                notes += said
        if column:
            if column.name in [c.name for c in columns]:
                raise DataError(
                    f"{path}: the gaps of {found.stamps.name!r} would be the channel {column.name!r}, and "
                    "there is a column of that name: give it another"
                )
            columns = [*columns, column]
            sequences = [np.hstack([s, gap]) for s, gap in zip(sequences, gaps, strict=True)]
    named = (*config.continuous, *config.integer, *([time.gap] if time and time.gap else []))
    told = {*named, *config.columns, *config.categorical, *config.static}
    ticks = found.stamps.ticks if found.stamps is not None else np.zeros(0, np.int64)
    at = found.place if found.place >= 0 else len(columns)
    columns, sequences, derived, said = clocked.told(columns, sequences, time, ticks, at, told)
    notes = [*notes, *said]
    place = at - sum(d.place < at for d in derived)
    if config.waveform is None:
        columns, sequences, said = rounds.told(columns, sequences, named)
        notes = [*notes, *said]
    plain = Dataset.of(path.resolve().stem, columns, sequences, step, notes)
    plain = replace(plain, lines=found.lines, types=found.types, cells=found.cells)
    if config.waveform is None:
        plain = replace(plain, notes=(*plain.notes, *rising.counters(plain, time is None, named)))
    many = config.id_column is not None or (path.is_dir() and len(sequences) > 1)
    dataset = plain.with_statics(config.static, guess=many)
    if config.id_column is not None:
        dataset = replace(dataset, notes=(*dataset.notes, *looks.askable(config.id_column, dataset)))
    if config.waveform is not None:
        return sounds.folded(dataset, config, [*notes, *dataset.notes[len(plain.notes) :]])
    if time is None:
        return seasonal.told(dataset, ticks, config.seasons)
    before = {c.name for c in columns[:place]}
    shown = found.place >= 0
    time = replace(time, place=sum(c.name in before for c in dataset.columns) if shown else -1)
    statics = [c if c.name in before else replace(c, place=c.place + 1) for c in dataset.statics]
    derived = pieces.among(found.pieces, derived)
    dataset = replace(dataset, time=time, derived=tuple(derived), statics=tuple(statics), breaks=breaks)
    return seasonal.told(dataset, ticks, config.seasons)


def names_of(path: Path) -> list[str]:
    """The names of the columns of a table, of a folder those of its first; none of another file.

    Raises:
        DataError: unreadable.
    """
    if path.is_dir():
        path = next((p for p in sorted(path.iterdir()) if p.suffix.lower() in SUFFIXES), path)
    if path.suffix.lower() not in TABLES:
        return []
    names: list[str] = _opened(path, lambda: _read_table(path)[0]).column_names
    return names


def tables_of(path: Path) -> list[arrow.Table]:
    """The tables of a file or of a folder's files, as they are.

    Raises:
        DataError: unreadable.
    """
    inside = sorted(path.iterdir()) if path.is_dir() else [path]
    found = [p for p in inside if p.suffix.lower() in TABLES and p.name[0] != "."]
    return [_opened(p, partial(_read_table, p))[0] for p in found]


def _file(path: Path, config: TrainConfig, alone: bool = True) -> Read:
    """What a file holds; `alone`: it is none of several."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: {suffix or 'no suffix'} is not read; one of {', '.join(SUFFIXES)} is")
    return _opened(path, lambda: _content(path, suffix, config, alone))


def _content(path: Path, suffix: str, config: TrainConfig, alone: bool) -> Read:
    if suffix in TABLES:
        coded = (
            *config.categorical, *config.static, *config.ignore,
            *([config.id_column] if config.id_column else []),
        )  # fmt: skip
        table, noted = _read_table(path, coded, (*config.continuous, *config.integer))
        found = tables.read(path, table, config, alone)
        kinds: dict[str, str] = {}
        cells: dict[str, str] = {}
        if suffix in _TYPED:
            kinds = typed.types_of(_typed(path)[0])
        else:
            cells = typed.cells_of(table, *first_cells(path, table.column_names))
        return replace(found, notes=noted + found.notes, types=kinds, cells=cells)
    if suffix == ".npy":
        with path.open("rb") as file:
            if file.read(len(np.lib.format.MAGIC_PREFIX)) != np.lib.format.MAGIC_PREFIX:
                raise DataError(f"{path} is no NPY file, as numpy.save writes it")
            if b"'|O'" in file.read(_HEADER):
                raise DataError(
                    f"{path} holds Python objects, as numpy.save writes a list of arrays of several "
                    "lengths: write these as NPZ, with numpy.savez(path, *arrays)"
                )
        return _arrays(path, [np.load(path, allow_pickle=False)], config)
    with np.load(path, allow_pickle=False) as archive:
        return _arrays(path, [archive[key] for key in archive.files], config)


def _read_table(
    path: Path, labels: Sequence[str] = (), numbers: Sequence[str] = ()
) -> tuple[arrow.Table, list[str]]:
    """A table, and what a person should know of how it was read; `labels` and `numbers` are columns that
    were said to hold some."""
    if path.suffix.lower() not in _TYPED:
        return read_csv(path, labels, numbers)
    table = _typed(path)[1]()
    for place, one in enumerate(table.schema):
        if arrow.types.is_dictionary(one.type):  # as pandas writes its categories
            table = table.set_column(place, one.name, table.column(place).cast(one.type.value_type))
    return written.as_numbers(table, ".", labels, numbers)


def _typed(path: Path) -> tuple[arrow.Schema, Callable[[], arrow.Table]]:
    """The types of a file's columns, and what reads these."""
    if path.suffix.lower() == ".parquet":
        file = pyarrow.parquet.ParquetFile(path)  # unlike read_table it bears two columns of one name
        return file.schema_arrow, file.read
    source = arrow.memory_map(str(path))
    # A stream, or a file of some with an index behind, whose first bytes say so.
    opened = pyarrow.ipc.open_file if source.read(len(_ARROW)) == _ARROW else pyarrow.ipc.open_stream
    source.seek(0)
    reader = opened(source)
    return reader.schema, reader.read_all


def _opened(path: Path, reading: Callable[[], _T]) -> _T:
    """What `reading` of a file gives, or a DataError that names it."""
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty")
        return reading()
    except (arrow.ArrowInvalid, zipfile.BadZipFile, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _folder(path: Path, config: TrainConfig) -> Read:
    inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != ".")
    if not inside:
        raise DataError(f"{path} holds no file that is read: {', '.join(SUFFIXES)}")
    parts = [_file(p, config, alone=len(inside) == 1) for p in inside]
    names = [c.name for c in parts[0].columns]
    for n, (p, part) in enumerate(zip(inside, parts, strict=True)):
        other = [c.name for c in part.columns]
        if sorted(other) != sorted(names):
            raise DataError(
                f"{p} has the columns {other}, but {inside[0].name} has {names}: give all the same, or "
                "choose those that all have with --columns"
            )
        if other != names:  # in another order
            order = [other.index(name) for name in names]
            parts[n] = replace(
                part,
                columns=[part.columns[i] for i in order],
                sequences=[s[:, order] for s in part.sequences],
            )
    parts = _filled(parts)
    first = parts[0].columns
    for p, part in zip(inside, parts, strict=True):
        for one, two in zip(first, part.columns, strict=True):
            if bool(one.labels) != bool(two.labels):
                raise DataError(
                    f"column {one.name!r} holds words in one of {p} and {inside[0].name}, and numbers in "
                    f"the other: make them alike, or take both as labels with --categorical {one.name}"
                )
    every = [_united(columns) for columns in zip(*(part.columns for part in parts), strict=True)]
    sequences = [relabelled(s, part.columns, every) for part in parts for s in part.sequences]
    notes = list(dict.fromkeys(note for part in parts for note in part.notes))
    for p, part in zip(inside, parts, strict=True):
        if odd := pieces.unlike(part.pieces, parts[0].pieces):
            raise DataError(
                f"the times of {p} stand otherwise than those of {inside[0].name}, by {odd!r}: write "
                "them in one way in all files, or each into one column"
            )
    stamps = times.united(path, [p.stamps for p in parts if p.stamps is not None])
    if stamps is not None and any(p.stamps is None for p in parts):
        raise DataError(f"{path}: some of its files have a column of times and others have none")
    return Read(
        every, sequences, notes, stamps, parts[0].place, parts[0].pieces,
        typed.alike([p.types for p in parts]), typed.alike([p.cells for p in parts]),
    )  # fmt: skip


def _filled(parts: Sequence[Read]) -> list[Read]:
    """Files of the same columns, where one that is empty in a file and of labels in another is of labels in
    both: by itself it looks like numbers that are missing."""
    columns = [[part.columns[i] for part in parts] for i in range(len(parts[0].columns))]
    labelled = [next((c for c in same if c.labels), None) for same in columns]
    result = []
    for part in parts:
        own, sequences = list(part.columns), [s.copy() for s in part.sequences]
        for i, other in enumerate(labelled):
            if other and not own[i].labels and all(np.isnan(s[:, i]).all() for s in sequences):
                own[i] = other
                for sequence in sequences:
                    sequence[:, i] = -1
        result.append(replace(part, columns=own, sequences=sequences))
    return result


def _united(columns: Sequence[Column]) -> Column:
    """One column of several files, with the labels of all of them."""
    return replace(columns[0], labels=in_order({label for c in columns for label in c.labels}))


def _arrays(path: Path, arrays: list[np.ndarray], config: TrainConfig) -> Read:
    sequences: list[Doubles] = []
    for array in arrays:
        if array.dtype.kind not in "fiub":
            raise DataError(f"{path} holds {array.dtype}; numbers are wanted")
        values = array.astype(np.float64)
        if values.ndim == 1:
            values = values[:, None]  # (rows, 1)
        if values.ndim not in (2, 3):
            raise DataError(
                f"{path} holds an array of shape {list(array.shape)}; (rows, channels) or "
                "(sequences, steps, channels) is wanted"
            )
        sequences.extend(values if values.ndim == 3 else [values])
    if len({s.shape[1] for s in sequences}) > 1:
        raise DataError(f"{path} holds sequences of {sorted({s.shape[1] for s in sequences})} channels")
    channels = sequences[0].shape[1] if sequences else 0
    names = [f"channel {i + 1}" for i in range(channels)]
    require_names(path, names, config)
    columns = [Column(name, rounded=name not in config.continuous) for name in names]
    for i, name in enumerate(names):
        if name in config.categorical:
            whole = arrow.chunked_array([arrow.array(np.concatenate([s[:, i] for s in sequences]))])
            columns[i], values = labelled(name, whole)
            ends = np.cumsum([len(s) for s in sequences])[:-1]
            for s, part in zip(sequences, np.split(values, ends), strict=True):
                s[:, i] = part
    wanted = config.columns or names
    kept = [i for i, name in enumerate(names) if name in wanted and name not in config.ignore]
    if names and not kept:
        raise DataError(f"{path} has no column to learn from; it has {', '.join(names)}")
    return Read([columns[i] for i in kept], [s[:, kept] for s in sequences], [])
