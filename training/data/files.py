"""A person's own file: CSV, Parquet, NPY, NPZ, or a folder of these.

Tables are read by Arrow, which infers types and names the line that breaks the form. A table
is one long series, or many sequences by an id column; an array (rows, channels) is one
series and (sequences, steps, channels) are many; an NPZ with several arrays and a folder
with several files hold one sequence each.
"""

import zipfile
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.csv
import pyarrow.parquet

from training.config import TrainConfig
from training.data.dataset import Column, Dataset, Doubles, require_whole
from training.errors import DataError

SUFFIXES = (".csv", ".parquet", ".npy", ".npz")

Read = tuple[list[str], list[Doubles], list[str]]
"""Column names, sequences, notes."""


def read(path: Path, config: TrainConfig) -> Dataset:
    """Read a file or a folder.

    Raises:
        DataError: unreadable, ragged, not numeric, or holding nothing.
    """
    if path.is_dir():
        names, sequences, notes = _folder(path, config)
    else:
        names, sequences, notes = _file(path, config)
    name = path.resolve().stem
    return Dataset.of(name, [Column(n) for n in names], sequences, notes=notes)


def _file(path: Path, config: TrainConfig) -> Read:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: {suffix or 'no suffix'} is not read; one of {', '.join(SUFFIXES)} is")
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty")
        if suffix == ".csv":
            table, noted = _read_csv(path)
            names, sequences, notes = _table(path, table, config)
            return names, sequences, noted + notes
        if suffix == ".parquet":
            return _table(path, pyarrow.parquet.read_table(path), config)
        if suffix == ".npy":
            return _arrays(path, [np.load(path, allow_pickle=False)])
        with np.load(path, allow_pickle=False) as archive:
            return _arrays(path, [archive[key] for key in archive.files])
    except (arrow.ArrowInvalid, zipfile.BadZipFile, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _folder(path: Path, config: TrainConfig) -> Read:
    inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
    if not inside:
        raise DataError(f"{path} holds no file that is read: {', '.join(SUFFIXES)}")
    parts = [_file(p, config) for p in inside]
    names = parts[0][0]
    for p, (other, _, _) in zip(inside, parts, strict=True):
        if other != names:
            raise DataError(f"{p} has the columns {other}, but {inside[0].name} has {names}")
    notes = list(dict.fromkeys(note for _, _, notes in parts for note in notes))
    return names, [s for _, sequences, _ in parts for s in sequences], notes


def _read_csv(path: Path) -> tuple[arrow.Table, list[str]]:
    """The table, and what was made of its first line."""
    # On one thread Arrow knows the number of a row that breaks the form.
    empty_is_missing = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    options = pyarrow.csv.ReadOptions(use_threads=False)
    table = pyarrow.csv.read_csv(path, options, convert_options=empty_is_missing)
    if all(_is_number(name) for name in table.column_names):
        options = pyarrow.csv.ReadOptions(
            column_names=[f"column {i + 1}" for i in range(table.num_columns)], use_threads=False
        )
        table = pyarrow.csv.read_csv(path, read_options=options)
        return table, ["the first line holds numbers: it is taken as data, and columns are numbered"]
    return table, []


def _table(path: Path, table: arrow.Table, config: TrainConfig) -> Read:
    names = table.column_names
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise DataError(f"{path} names columns twice: {', '.join(twice)}; give each its own name")
    for name in (*config.columns, *([config.id_column] if config.id_column else [])):
        if name not in names:
            raise DataError(f"{path} has no column {name!r}; it has {', '.join(names)}")
    notes, chosen = [], []
    for name in config.columns or [n for n in names if n != config.id_column]:
        kind = table.schema.field(name).type
        if arrow.types.is_temporal(kind) and not config.columns:
            notes.append(f"{name!r} holds times and is left out: a row is one step")
        elif not (_is_numeric(kind) or arrow.types.is_null(kind)):
            first = table.column(name)[0].as_py() if table.num_rows else ""
            raise DataError(
                f"{path}: column {name!r} is not numeric ({kind}; row 1 is {first!r}): leave it "
                "out by naming the others with --columns, or turn it into numbers"
            )
        else:
            chosen.append(name)
    if not chosen:
        raise DataError(f"{path} has no numeric column; it has {', '.join(names)}")
    values = np.column_stack([_numbers(table.column(n)) for n in chosen])  # (rows, channels)
    require_whole(str(path), chosen, values)  # before rows are put in another order
    if config.id_column is None:
        return chosen, [values], notes
    if empty := table.column(config.id_column).null_count:
        raise DataError(f"{path}: the id column {config.id_column!r} is empty in {empty} rows")
    _, ids = np.unique(np.asarray(table.column(config.id_column)), return_inverse=True)
    order = np.argsort(ids, kind="stable")
    cuts = np.flatnonzero(np.diff(ids[order])) + 1
    return chosen, np.split(values[order], cuts), notes


def _arrays(path: Path, arrays: list[np.ndarray]) -> Read:
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
    return [f"channel {i + 1}" for i in range(channels)], sequences, []


def _numbers(column: arrow.ChunkedArray) -> Doubles:
    """An Arrow column as doubles, NaN where it is null: (rows,)."""
    doubles: Doubles = column.cast(arrow.float64(), safe=False).to_numpy()
    return doubles.astype(np.float64)


def _is_numeric(kind: arrow.DataType) -> bool:
    return bool(
        arrow.types.is_integer(kind)
        or arrow.types.is_floating(kind)
        or arrow.types.is_boolean(kind)
        or arrow.types.is_decimal(kind)
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
