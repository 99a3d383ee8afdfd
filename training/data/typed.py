"""What the columns of a table were in its file, beyond their kind: int32 and not just whole numbers, or
amounts of two decimals each. Nothing of it is learnt: files of samples are written so."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pyarrow as arrow

from contract.spec import TYPES
from training.data.columns import grid_of
from training.data.dataset import Dataset

_T = TypeVar("_T")
_AS = {"decimal128": "double", "decimal256": "double", "halffloat": "float", "date32[day]": "date32"}
"""As what a type comes back that samples are not written in."""
_FEWEST = 8
"""Cells that tell how many decimals all have."""
_TRUTHS = {"True": "False", "TRUE": "FALSE"}


def types_of(schema: arrow.Schema) -> dict[str, str]:
    """By column its type, where samples can have it and would not by its kind."""
    named = {field.name: re.sub(r", tz=.*\]", "]", str(field.type)) for field in schema}
    named = {name: _AS.get(kind.split("(")[0], kind) for name, kind in named.items()}
    return {name: kind for name, kind in named.items() if kind in TYPES}


def cells_of(
    table: arrow.Table, names: Sequence[str], rows: Sequence[Sequence[str]], decimal: str
) -> dict[str, str]:
    """By column how its cells are written, see `Spec.cells`: `rows` are the first ones of its file as text,
    (cells,) each under these `names`, and `decimal` marks their decimals."""
    found: dict[str, str] = {}
    for place, name in enumerate(names):
        if table.column_names.count(name) != 1:
            continue
        kind = table.field(name).type
        cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
        if arrow.types.is_boolean(kind):
            form = next((t for t, other in _TRUTHS.items() if cells and {*cells} <= {t, other}), None)
            found |= {} if form is None else {name: form}
        elif arrow.types.is_floating(kind) and (decimals := _decimals(cells, decimal)):
            values = table.column(name).drop_null().to_numpy()
            per, _ = grid_of(values[np.isfinite(values)])
            if per and 10**decimals % per == 0:
                found[name] = f".{decimals}f"
    return found


def _decimals(cells: Sequence[str], decimal: str) -> int:
    """How many decimals all cells have, if zeros are among the last ones; else each may have as many as it
    needs, and it is 0."""
    # As 13.80, $-1,234.50, (4.50) or 1.50 %; of 1.25M it is more than it seems.
    number = re.compile(rf"[^\d\w]*\d[\d.,' ]*?{re.escape(decimal)}(\d{{1,6}})[^\d\w]*")
    told = [match[1] if (match := number.fullmatch(cell)) else "" for cell in cells]
    counts = {len(digits) for digits in told}
    fixed = len(cells) >= _FEWEST and len(counts) == 1 and any(digits.endswith("0") for digits in told)
    return counts.pop() if fixed else 0


def fitting(dataset: Dataset) -> Dataset:
    """The same with what is said of columns that tables of samples have: of labels no decimals, and of what
    is not yes-or-no no True."""
    numbers = {c.name for c in (*dataset.columns, *dataset.statics) if not c.labels}
    numbers |= {d.name for d in dataset.derived if not d.labels}
    labels = {c.name: c.labels for c in (*dataset.columns, *dataset.statics) if c.labels}
    labels |= {d.name: d.labels for d in dataset.derived if d.labels}
    truths = {name for name, own in labels.items() if {*own} <= {"false", "true"}}
    time = set() if dataset.time is None else {dataset.time.name}
    tabled = numbers | set(labels) | time
    return replace(
        dataset,
        types={name: kind for name, kind in dataset.types.items() if name in tabled},
        cells={
            n: form for n, form in dataset.cells.items() if n in (truths if form in _TRUTHS else numbers)
        },
    )


def alike(every: Sequence[Mapping[str, _T]]) -> dict[str, _T]:
    """What several files say of their columns, where they all say the same."""
    first, *others = every
    return {name: told for name, told in first.items() if all(o.get(name) == told for o in others)}
