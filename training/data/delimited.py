"""CSV as people have it: commas, semicolons or tabs, decimal points or commas, UTF-8 or not.

Arrow reads it, infers types and names the line that breaks the form. What is looked at before is the
beginning of the file: its encoding, and which mark cuts all of its lines into as many cells.
"""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

import numpy as np
import pyarrow as arrow
import pyarrow.csv
from pyarrow import compute

from training.data import written
from training.errors import DataError

_LINES = 20
"""Lines that are looked at."""
_MARKS = {"\t": "tabs", ";": "semicolons", "|": "bars"}
"""What may cut a line instead of a comma."""
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+")
_THOUSANDS = {
    ",": re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?"),
    ".": re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?"),
}
"""A number with marks of thousands, by the mark of its decimals."""
_CODE = r"^\s*[+-]?0\d"
"""How a number begins that has a zero before it."""
_MARKED = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Encodings that a file begins with a mark of; Arrow drops that of UTF-8 by itself."""


@dataclass(frozen=True)
class _Form:
    """How a file is written."""

    encoding: str
    mark: str
    decimal: str
    single: bool
    """Whether it has one column, so that an empty line is an empty cell."""


def read_csv(
    path: Path, labels: Sequence[str] = (), numbers: Sequence[str] = ()
) -> tuple[arrow.Table, list[str]]:
    """The table, its columns of times as text, and what a person should know of how it was read; so are
    columns of `labels` whose numbers begin with zeros, which are part of a code. Those of `numbers` were
    said to hold some.

    Raises:
        DataError: the file is in no encoding that is read.
        ArrowInvalid: a line breaks the form.
    """
    form, notes = _form(path)
    try:
        table = _read(path, form)
    except UnicodeDecodeError:
        table = None
    if form.encoding == "utf-8" and (table is None or any(map(arrow.types.is_binary, table.schema.types))):
        form = replace(form, encoding="cp1252")
        notes.append(
            f"{path.name} is not UTF-8: it is read as Windows-1252 (Latin-1); look whether its letters are "
            "right"
        )
        try:
            table = _read(path, form)
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is neither UTF-8 nor Windows-1252: write it as UTF-8") from error
    if table is None:
        raise DataError(f"{path} is no whole {form.encoding}: write it as UTF-8")
    names = None
    if all(_is_number(name, form.decimal) for name in table.column_names if name.strip()):
        names = [f"column {i + 1}" for i in range(table.num_columns)]
        notes.append("the first line holds numbers: it is taken as data, and columns are numbered")
        table = _read(path, form, names)
    table, empty = _without_nothing(table, numbered=names is not None)
    notes += empty
    times = [f.name for f in table.schema if arrow.types.is_temporal(f.type)]
    whole = [f.name for f in table.schema if arrow.types.is_integer(f.type)]
    if (times or whole) and len(set(table.column_names)) == table.num_columns:
        # As text: Arrow forgets zones, how times and clocks were written, and zeros.
        texts = _read(path, form, names, times + whole).slice(0, table.num_rows)
        for name in times + whole:
            begun = compute.match_substring_regex(texts.column(name), _CODE)
            coded = name in whole and compute.any(begun).as_py()
            if name in times or (coded and name in labels):
                table = table.set_column(table.column_names.index(name), name, texts.column(name))
            elif coded:
                notes.append(
                    f"{name!r} has numbers that begin with zeros, which those of samples do not: if they "
                    f"are codes, have them as labels with --categorical {quote(name)}"
                )
    table, said = written.as_numbers(table, form.decimal, labels, numbers)
    return table, notes + said


def _without_nothing(table: arrow.Table, numbered: bool) -> tuple[arrow.Table, list[str]]:
    """The table without the columns and the rows that marks at the ends of lines, and lines of marks alone,
    make: columns without a name and a value, rows without a value behind the last that has one. `numbered`
    columns have no name."""
    nameless = [
        n for n, name in enumerate(table.column_names)
        if (numbered or not name.strip()) and table.column(n).null_count == table.num_rows
    ]  # fmt: skip
    table = table.select([n for n in range(table.num_columns) if n not in nameless])
    notes = ["columns without a name and a value are left out"] * bool(nameless)
    there = [np.flatnonzero(column.is_valid().to_numpy()) for column in table.columns]
    last = max((int(rows[-1]) + 1 for rows in there if len(rows)), default=table.num_rows)
    if last < table.num_rows and table.num_columns > 1:  # of one column an empty line is a missing value
        notes.append(f"rows {last + 1} to {table.num_rows} are empty and left out")
        table = table.slice(0, last)
    return table, notes


def _read(
    path: Path, form: _Form, names: list[str] | None = None, texts: list[str] | None = None
) -> arrow.Table:
    """The table; of the columns `texts` alone, as text, where some are named."""
    # On one thread Arrow knows the number of a row that breaks the form.
    table = pyarrow.csv.read_csv(
        path,
        pyarrow.csv.ReadOptions(use_threads=False, column_names=names, encoding=form.encoding),
        pyarrow.csv.ParseOptions(delimiter=form.mark, ignore_empty_lines=not form.single),
        pyarrow.csv.ConvertOptions(
            strings_can_be_null=True,
            decimal_point=form.decimal,
            include_columns=texts,
            column_types=dict.fromkeys(texts or [], arrow.string()),
        ),
    )
    list(table.column_names)  # Arrow decodes names when they are asked for, and who reads knows what to do
    if form.single:  # lines behind the last value are none
        there = np.flatnonzero(table.column(0).is_valid().to_numpy())
        return table.slice(0, int(there[-1]) + 1 if len(there) else 0)
    return table


def first_cells(path: Path, names: Sequence[str]) -> tuple[Sequence[str], list[list[str]], str]:
    """The names of the columns, the first rows as text, (cells,) each, and what marks decimals; `names` are
    those of the table, which lacks columns that are empty."""
    form, _ = _form(path)
    rows = [row for row in csv.reader(_beginning(path)[1], delimiter=form.mark) if row]
    headless = not rows or all(_is_number(name, form.decimal) for name in rows[0] if name.strip())
    if headless or len(rows[0]) == len(names):
        return names, rows[not headless :], form.decimal
    return rows[0], rows[1:], form.decimal


def _beginning(path: Path) -> tuple[str, list[str]]:
    """The encoding by the file's mark, and the first lines."""
    with path.open("rb") as file:
        beginning = file.read(2**16)
    encoding = next((name for mark, name in _MARKED.items() if beginning.startswith(mark)), "utf-8")
    lines = beginning.decode(encoding, "replace").removeprefix("\ufeff").splitlines()
    return encoding, lines[:-1] if len(beginning) == 2**16 else lines  # the last one may be cut off


def _form(path: Path) -> tuple[_Form, list[str]]:
    encoding, lines = _beginning(path)
    lines = lines[:_LINES]
    mark = next((m for m in _MARKS if _cuts_alike(lines, m)), ",")
    decimal = "."
    if mark != ",":
        cells = [cell.strip() for row in csv.reader(lines, delimiter=mark) for cell in row]
        points = [c for c in cells if _DECIMAL_POINT.fullmatch(c) and not _THOUSANDS[","].fullmatch(c)]
        decimal = "," if any(map(_DECIMAL_COMMA.fullmatch, cells)) and not points else "."
    notes = []
    if mark != ",":
        says = f"{path.name}: cells are told apart by {_MARKS[mark]}"
        notes.append(says + (", and numbers have a decimal comma" if decimal == "," else ""))
    if encoding != "utf-8":
        notes.append(f"{path.name} is {encoding.upper()}")
    single = bool(lines and lines[0].strip()) and not any("," in line for line in lines) and mark == ","
    return _Form(encoding, mark, decimal, single), notes


def _cuts_alike(lines: list[str], mark: str) -> bool:
    """Whether `mark` cuts every line into as many cells, more than one."""
    counts = {len(row) for row in csv.reader(lines, delimiter=mark) if row}
    return len(counts) == 1 and counts.pop() > 1


def _is_number(text: str, decimal: str) -> bool:
    try:
        float(text.replace(decimal, "."))
    except ValueError:
        return False
    return True
