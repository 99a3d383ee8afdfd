"""A table as Arrow read it: which of its columns are learnt, which hold the times or tell sequences apart,
and which are left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.compute

from contract.calendar import Derived
from training.config import TrainConfig
from training.data import looks, pieces, rising, times
from training.data.cells import column_of
from training.data.columns import MOST_LABELS, Column, require_finite
from training.data.dataset import Doubles, Integers
from training.data.times import Stamps
from training.errors import DataError

_CELL = re.compile(r"[+-]?\d[-\d.:/ T]*")
"""What is a number or a time, and hardly a column's name."""


@dataclass(frozen=True)
class Read:
    """What a file holds, or a folder."""

    columns: list[Column]
    sequences: list[Doubles]
    """Each (rows, columns)."""
    notes: list[str]
    stamps: Stamps | None = None
    """The column of times, in the order of the sequences' rows."""
    place: int = 0
    """How many of the columns stand before it; -1 if it stands in none of its own."""
    pieces: Sequence[Derived] = ()
    """Columns that say it in pieces, in their places in the table."""
    types: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, str] = field(default_factory=dict)
    """What columns were in the file, see the Spec."""
    lines: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    """(rows of all sequences,): which row of its file each was, from 1 on; none of folders and arrays."""


def read(path: Path, table: arrow.Table, config: TrainConfig, alone: bool) -> Read:
    """What the table of a file holds; `alone`: it is none of several.

    Raises:
        DataError: it names what it has not, is of mixed types, or holds nothing.
    """
    names = table.column_names
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise DataError(f"{path} names columns twice: {', '.join(twice)}; give each its own name")
    config = pieces.without_call(table, config)
    require_names(path, names, config)
    if not table.num_rows:
        raise DataError(f"{path} is empty: there is no row below the names of its columns")
    time, notes = _time_column(table, config)
    pieced = pieces.put_together(path, table, time, config)
    taken = pieced.derived if pieced else {}
    if path.suffix.lower() in (".csv", ".tsv") and _CELL.fullmatch(names[0]):
        notes.append(
            f"the first row of {path} is taken for the columns' names, and begins with {names[0]!r}: if it "
            "is data, put a row of names above it"
        )
    chosen = dict.fromkeys([*config.columns, *config.static]) if config.columns else names
    askable = _askable(path, table, config)
    kinds = replace(config, categorical=(*config.categorical, *askable))
    own = [n for n in chosen if n not in (config.id_column, time, *taken, *config.ignore) or n in askable]
    columns, found, said = _channels(path, table, own, kinds, pieced is None, alone)
    notes += said
    if not columns:
        raise DataError(f"{path} has no column to learn from; it has {', '.join(names)}")
    values = np.column_stack(found)  # (rows, channels)
    require_finite(str(path), [c.name for c in columns], values)  # before rows are put in another order
    ids = np.zeros(len(values), np.int64)
    if config.id_column is not None:
        if empty := table.column(config.id_column).null_count:
            raise DataError(f"{path}: the id column {config.id_column!r} is empty in {empty} rows")
        _, ids = np.unique(np.asarray(table.column(config.id_column)), return_inverse=True)
    order = np.argsort(ids, kind="stable")
    stamps = pieced.stamps if pieced else None
    if stamps is not None:
        order, said = times.in_order(path, stamps, ids, named=config.id_column is not None)
        stamps = replace(stamps, ticks=stamps.ticks[order])
        notes += said
    cuts = np.flatnonzero(np.diff(ids[order])) + 1
    sequences = np.split(values[order], cuts)
    if config.waveform is None:
        columns, sequences, said = rising.without_rows(columns, sequences, _told(config))
        notes += said
    kept = [c.name for c in columns] if not config.columns else []
    place, split = _places(names, kept, time, taken)
    return Read(columns, sequences, notes, stamps, place, split, lines=order + 1)


def _told(config: TrainConfig) -> set[str]:
    """Columns that somebody named, whatever as."""
    return {*config.columns, *config.categorical, *config.static, *config.continuous, *config.integer}


def _channels(
    path: Path, table: arrow.Table, names: Sequence[str], config: TrainConfig, timeless: bool, alone: bool
) -> tuple[list[Column], list[Doubles], list[str]]:
    """The columns of these names that are learnt, the rows (rows,) of each, and what is to be said of them;
    `timeless`: no column holds the times; `alone`: it is no table of several."""
    columns: list[Column] = []
    found: list[Doubles] = []
    notes: list[str] = []
    told = _told(config)
    for name in names:
        may_count = timeless or len(names) == 1 or not alone
        why = None if name in told else looks.left_out(name, table.column(name), may_count)
        if why:
            notes.append(f"{name!r} {why}")
            continue
        if name in looks.OWN:
            raise DataError(
                f"{path}: samples have a column {name!r} of their own, which counts: give this one another "
                f"name, or leave it out with --ignore {name}"
            )
        column, values = column_of(path, name, table.column(name), config)
        if name not in told:
            alone = config.id_column is None
            notes += looks.otherwise(name, column, values, alone=alone, timeless=timeless)
        columns.append(column)
        found.append(values)
    return columns, found, notes


def _places(
    names: Sequence[str], kept: Sequence[str], time: str | None, taken: Mapping[str, Derived | None]
) -> tuple[int, list[Derived]]:
    """How many of the columns that are `kept` stand before that of the times, by `names` of the file, -1 if
    they stand in none; and those that say them in pieces, `taken`, in their places among all of these."""
    beside, split = [*kept, *([] if time is None else [time])], list[Derived]()
    for name in sorted(taken, key=names.index):
        if (piece := taken[name]) is not None:
            before = sum(names.index(other) < names.index(name) for other in beside)
            split.append(replace(piece, place=before + len(split)))
    if time is None:
        return (-1 if taken else 0), split
    return sum(names.index(other) < names.index(time) for other in kept), split


def _askable(path: Path, table: arrow.Table, config: TrainConfig) -> list[str]:
    """The id column, where it is to be a condition as well.

    Raises:
        DataError: it tells too many sequences apart.
    """
    found = [name for name in config.static if name == config.id_column]
    for name in found:
        if (count := pyarrow.compute.count_distinct(table.column(name)).as_py()) > MOST_LABELS:
            raise DataError(
                f"{path}: --static {name} lets people ask for one of {count:,} sequences, and of at most "
                f"{MOST_LABELS} they can: leave it out, or name a column that groups them"
            )
    return found


def _time_column(table: arrow.Table, config: TrainConfig) -> tuple[str | None, list[str]]:
    """The column of times: the one that was named, or the only one there is."""
    if config.time_column is not None:
        return config.time_column, []
    told = (
        *config.categorical, *config.continuous, *config.integer, *config.static, *config.ignore,
        config.id_column, config.waveform,
    )  # fmt: skip
    free = {n: table.column(n) for n in table.column_names if n not in told}
    holding = [n for n, column in free.items() if times.looks_like_times(column, config.time_format)]
    # Days of birth are in a form of people's as well, and rows in no order of theirs.
    own = [table.column(config.id_column)] if config.id_column in table.column_names else []
    found = [n for n in holding if times.in_rows_order(free[n], config.time_format, own)]
    if len(found) > 1:
        found = [n for n in found if times.in_iso_form(free[n])] or found
    if not found:
        found = [n for n in free if times.codes_of_days(free[n]) and _come_once(table, n, config)]
    if len(found) < 2:
        return (found[0] if found else None), []
    return None, [f"{', '.join(map(repr, found))} hold times: name the rows' own with --time-column"]


def _come_once(table: arrow.Table, name: str, config: TrainConfig) -> bool:
    """Whether most rows of a sequence have another value of a column: times do, and few other numbers."""
    keys = [name, *([config.id_column] if config.id_column in table.column_names else [])]
    different = int(table.group_by(keys).aggregate([]).num_rows)
    return 2 * different > int(table.num_rows)


def require_names(path: Path, names: Sequence[str], config: TrainConfig) -> None:
    """Raise a DataError where a choice names a column that is not there, or two of them disagree."""
    told: dict[str, str] = {}
    for flag, chosen in (
        ("categorical", config.categorical), ("continuous", config.continuous), ("integer", config.integer),
        ("ignore", config.ignore), ("id-column", (config.id_column,)),
        ("time-column", (config.time_column,)), ("waveform", (config.waveform,)),
    ):  # fmt: skip
        for name in chosen:
            if name is not None and told.setdefault(name, flag) != flag:
                raise DataError(f"{name!r} is named both in --{told[name]} and in --{flag}")
    for name in (*config.columns, *config.static, *told):
        if name not in names:
            raise DataError(f"{path} has no column {name!r}; it has {', '.join(names)}")
