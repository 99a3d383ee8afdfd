"""The cells of a column: numbers, or labels.

Text and yes-or-no are categories, numbers are numbers, and both can be told otherwise. An empty
cell, and a number that is NaN, is missing.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as arrow

from training.config import TrainConfig
from training.data.columns import Column, Doubles, is_number
from training.errors import DataError


def column_of(
    path: Path, name: str, column: arrow.ChunkedArray, config: TrainConfig
) -> tuple[Column, Doubles]:
    """A column of a table, and its rows (rows,): numbers, or indices of labels."""
    kind = column.type
    if arrow.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    if name in config.categorical:
        return labelled(name, column)
    number = Column(name)
    if _is_numeric(kind) or arrow.types.is_null(kind):
        values = _numbers(column)
    elif arrow.types.is_boolean(kind):
        if name not in (*config.continuous, *config.integer):
            return labelled(name, column)
        values = _numbers(column)
    elif arrow.types.is_string(kind) or arrow.types.is_large_string(kind):
        texts = column.to_pylist()
        words = [i for i, text in enumerate(texts) if text is not None and not is_number(text)]
        numbers = len(texts) - column.null_count - len(words)
        if not (name in (*config.continuous, *config.integer) or numbers > len(words)):
            return labelled(name, column)
        if words and not numbers:
            raise DataError(
                f"{path}: column {name!r} is to hold numbers, and has none: row {words[0] + 1} is "
                f"{texts[words[0]]!r}. Write them as 1234.5, without units or marks of thousands, or take "
                f"them as labels with --categorical {name}"
            )
        if words:
            raise DataError(
                f"{path}: column {name!r} mixes numbers and words: {numbers} rows are numbers, and row "
                f"{words[0] + 1} is {texts[words[0]]!r}: leave such cells empty, or take all of it as "
                f"labels with --categorical {name}"
            )
        values = np.array([np.nan if t is None else float(t) for t in texts])
    else:
        wanted = "make columns of what is in it" if arrow.types.is_nested(kind) else "make it one of these"
        raise DataError(
            f"{path}: column {name!r} is of type {kind}; numbers, text and yes-or-no are read: {wanted}, "
            f"or leave it out with --ignore {name}"
        )
    if name in config.integer and len(broken := np.flatnonzero(values % 1 > 0)):
        raise DataError(
            f"{path}: column {name!r} is to hold whole numbers, and row {broken[0] + 1} is "
            f"{values[broken[0]]:g}: take it for what it is with --continuous {name}"
        )
    # Of decimals there are as many as in the data, whatever they are called.
    whole = bool((values == np.rint(values))[~np.isnan(values)].all())
    return replace(number, rounded=not whole or name not in config.continuous), values


def labelled(name: str, column: arrow.ChunkedArray) -> tuple[Column, Doubles]:
    """A column as labels: (rows,) indices, -1 where it is null."""
    texts = [_label(value) for value in column.to_pylist()]
    labels = in_order({text for text in texts if text is not None})
    if not labels:
        return Column(name), np.full(len(texts), np.nan)
    place: dict[str | None, float] = {label: float(i) for i, label in enumerate(labels)}
    return Column(name, labels=labels), np.array([place.get(text, -1.0) for text in texts])


def _label(value: object) -> str | None:
    """A cell as text; None where there is none."""
    if value is None or value != value:  # noqa: PLR0124  NaN
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def in_order(labels: Collection[str]) -> tuple[str, ...]:
    """Labels in the order of numbers where all are some, else of the alphabet."""
    if all(map(is_number, labels)):
        return tuple(sorted(labels, key=lambda label: (float(label), label)))
    return tuple(sorted(labels))


def _numbers(column: arrow.ChunkedArray) -> Doubles:
    """An Arrow column as doubles, NaN where it is null: (rows,)."""
    doubles: Doubles = column.cast(arrow.float64(), safe=False).to_numpy()
    return doubles.astype(np.float64)


def _is_numeric(kind: arrow.DataType) -> bool:
    return bool(
        arrow.types.is_integer(kind) or arrow.types.is_floating(kind) or arrow.types.is_decimal(kind)
    )
