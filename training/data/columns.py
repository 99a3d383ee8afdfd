"""A column of numbers or of labels, and what its values say of it: gaps, and a value of its own."""

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from contract.spec import plainly
from training.errors import DataError

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

MASS, MANY = 0.5, 20
"""Share of the rows from which on one value of a number is drawn by itself, and how many values there must
be at least beside it: of few, each is its own."""
MOST_LABELS = 128
"""Labels of one column: more are an identifier or a text rather than a category."""


@dataclass(frozen=True)
class Column:
    """A channel before anything is fitted to it."""

    name: str
    unit: str | None = None
    labels: tuple[str, ...] = ()
    """What the numbers of a categorical column stand for; none of a numeric one."""
    missing: bool = False
    """Whether it has gaps; found in the values by `Dataset.of`."""
    missing_with: str | None = None
    """Of a numeric one, the column that is missing in the very rows in which it is; found by `together`."""
    mass: float | None = None
    """The one value of a numeric column that many rows have, beside many others; found by `Dataset.of`."""
    rounded: bool = True
    """Whether numbers that are whole in all rows are to be so in samples."""
    shade: bool = False
    """Whether it is one of many shades that make a frame together: these go to the networks as they are,
    none by its own distribution."""
    place: int = 0
    """Of a static column, how many of the others stand before it, the time among them."""


def examined(where: str, column: Column, values: Doubles) -> Column:
    """The column, with what its values (rows,) say of it."""
    require_finite(where, [column.name], values[:, None])
    absent = values == -1 if column.labels else np.isnan(values)
    if absent.all():
        raise DataError(
            f"{where}: column {column.name!r} has no value in any row: leave it out with "
            f"--ignore {quote(column.name)}"
        )
    if len(column.labels) > MOST_LABELS:
        raise DataError(
            f"{where}: column {column.name!r} has {len(column.labels):,} different labels, such as "
            f"{column.labels[0]!r}, and at most {MOST_LABELS} can be learnt: write numbers as 1234.5, "
            "without units, and dates as 2024-01-31 if it holds some; put rare labels together under one "
            f"name; name it with --id-column {quote(column.name)} if it tells sequences apart; or leave it "
            f"out with --ignore {quote(column.name)}"
        )
    return replace(
        column,
        missing=bool(absent.any()),
        mass=None if column.labels or column.shade else _mass(values[~absent]),
    )


def _mass(values: Doubles) -> float | None:
    """The value of (rows,) that is drawn by itself, if there is one."""
    distinct, counts = np.unique(values, return_counts=True)
    most = counts.argmax()
    return float(distinct[most]) if counts[most] >= MASS * len(values) and len(distinct) > MANY else None


def is_plain(values: Doubles) -> bool:
    """Whether (rows,) vary, have no gaps, and no value that is drawn by itself."""
    varies = len(values) > 0 and bool(np.ptp(values) > 0)  # NaN, where there is one, is not more
    return varies and _mass(values) is None


def together(columns: Sequence[Column], values: Doubles, made: Collection[str]) -> tuple[Column, ...]:
    """The same columns, of rows (rows, columns), of which numbers say with which other they are missing,
    where both are in the very same rows: a logger that fails takes all its sensors with it. Those that are
    `made`, if only in later rows, have the gaps of what they are made of."""
    leaders: dict[bytes, str] = {}
    labelled_first = sorted(range(len(columns)), key=lambda i: not columns[i].labels)
    found = list(columns)
    for i in labelled_first:
        column = columns[i]
        if not column.missing or column.mass is not None or column.name in made:
            continue
        absent = values[:, i] == -1 if column.labels else np.isnan(values[:, i])
        leader = leaders.setdefault(np.packbits(absent).tobytes(), column.name)
        if leader != column.name and not column.labels:
            found[i] = replace(column, missing_with=leader)
    return tuple(found)


BY_ITSELF = ": that is drawn by itself"
"""The end of what is said of a column with such a value."""
_TOUCHING = 1e-3
"""Share of the mean gap between two columns within which they must once have come to be called ordered."""
_FEW = 0.001
"""Share of the rows below which their number is said."""
_KEPT = 0.5
"""Share of the different values that must be different in single precision, too."""


def notes_on(columns: Sequence[Column], values: Doubles) -> Iterator[str]:
    """What a person should know of columns that are not plain numbers."""
    for column, x in zip(columns, values.T, strict=True):
        if column.labels:
            counts = np.bincount(x[x >= 0].astype(np.int64), minlength=len(column.labels))
            shown = ", ".join(map(plainly, column.labels[:8])) + (" …" if len(column.labels) > 8 else "")
            many = f"{len(column.labels)} label{'s' * (len(column.labels) > 1)}"
            yield f"{column.name!r} is categorical, of {many}: {shown}"
            if once := [label for label, n in zip(column.labels, counts, strict=True) if n == 1]:
                shown = ", ".join(map(plainly, once[:8])) + (" …" if len(once) > 8 else "")
                yield f"{column.name!r}: seen in a single row, kept, and hardly learnt: {shown}"
            if len(once) > _KEPT * len(x):
                yield (
                    f"{column.name!r} has another label in nearly every row: if these are names or times, "
                    f"leave it out with --ignore {quote(column.name)}"
                )
        if column.mass is not None:
            part = part_of((x == column.mass).sum(), len(x))
            yield f"{column.name!r} is {column.mass:g} in {part}{BY_ITSELF}"
        if not column.labels and len(np.unique(x.astype(np.float32))) < _KEPT * len(np.unique(x)):
            yield (
                f"{column.name!r} has values that are one in single precision, which samples are of: take "
                f"{np.nanmin(x):.15g} from all of them, or leave it out; if these are the times of "
                f"the rows, name them with --time-column {quote(column.name)}"
            )
        if column.missing:
            part = part_of((x == -1 if column.labels else np.isnan(x)).sum(), len(x))
            yield f"{column.name!r} is missing in {part}, and so it will be in samples"


def missing_together(columns: Sequence[Column]) -> Iterator[str]:
    """What is to be said of numbers that are missing in the very rows in which another column is."""
    groups: dict[str, list[str]] = {}
    for column in columns:
        if column.missing_with:
            groups.setdefault(column.missing_with, [column.missing_with]).append(column.name)
    for names in groups.values():
        listed = ", ".join(map(repr, names[:8])) + (" …" if len(names) > 8 else "")
        yield f"{listed} are missing in the same rows, and so they will be in samples"


def part_of(some: int, rows: int) -> str:
    """How many of all `rows` are so, for people: a share, or of a few their number."""
    if some < _FEW * rows:
        return "1 row" if some == 1 else f"{some:,} rows"
    return f"{some / rows:.1%} of the rows"


def require_finite(where: str, names: Sequence[str], values: Doubles) -> None:
    """Raise a DataError that names the column and the row if a value of (rows, channels) is infinite, or
    more than single precision holds."""
    for name, column in zip(names, values.T, strict=True):
        bad = np.flatnonzero(np.abs(column) > np.finfo(np.float32).max)  # false of NaN
        if len(bad):
            what = "infinite" if np.isinf(column[bad]).all() else f"beyond {np.finfo(np.float32).max:.1e}"
            raise DataError(
                f"{where}: column {name!r} is {what} in {len(bad)} of {len(values)} rows, first in row "
                f"{bad[0] + 1}: leave these values empty, or the column out with --ignore {quote(name)}"
            )


def relabelled(values: Doubles, was: Sequence[Column], now: Sequence[Column]) -> Doubles:
    """Rows (rows, columns) of some columns in the labels of others of the same names. Numbers, as an
    array holds them, are taken for the labels that are written so, and labels for numbers.

    Raises:
        DataError: a label that the others do not have.
    """
    result = values.copy()
    for i, (one, other) in enumerate(zip(was, now, strict=False)):
        if one.labels == other.labels:
            continue
        if not one.labels:
            result[:, i] = _labelled(values[:, i], other)
            continue
        at = values[:, i].astype(np.int64)  # -1 is the last, and stays -1
        strange = sorted({*one.labels} - {*other.labels})
        if not strange:
            result[:, i] = np.array([*map(other.labels.index, one.labels), -1], np.float64)[at]
        elif all(map(is_number, one.labels)):  # written otherwise: 01 for 1
            numbers = np.array([*map(float, one.labels), np.nan])[at]
            result[:, i] = _labelled(numbers, other) if other.labels else numbers
        else:
            raise DataError(_strange(other, repr(strange[0])))
    return result


def _labelled(numbers: Doubles, column: Column) -> Doubles:
    """Which label of `column` each number of (rows,) is, −1 where there is none."""
    places = {}
    for place, label in enumerate(column.labels):
        with suppress(ValueError):  # a label that is no number is none of these
            places[float(label)] = place
    distinct, inverse = np.unique(numbers, return_inverse=True)
    if strange := [x for x in distinct.tolist() if x not in places and not math.isnan(x)]:
        raise DataError(_strange(column, f"{strange[0]:g}"))
    return np.array([places.get(x, -1) for x in distinct.tolist()], np.float64)[inverse]


def _strange(column: Column, label: str) -> str:
    """What is to be said of a label that a column does not have."""
    shown = ", ".join(map(repr, column.labels[:8])) + (" …" if len(column.labels) > 8 else "")
    return f"column {column.name!r} holds {label}, which is no label of it: these are {shown}"


def is_number(text: str) -> bool:
    """Whether a text is a number, as people and other tools write one."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # which Python takes for a mark of thousands, and nobody else


def grid_of(values: Doubles) -> tuple[int, int]:
    """What values (rows,) of at most 6 decimals are whole numbers of, as of/per: `per` and `of`. 0 and 1
    where they have more, as where all are less than that apart, or more steps than float32 tells apart.
    Numbers so large that doubles are always whole have no grid either."""
    distinct = np.unique(values)
    for decimals in range(7):
        per = 10**decimals
        scaled = distinct * per
        steps = np.rint(scaled)
        most = np.abs(steps).max()
        if most >= 2**23:
            return (1, 1) if decimals == 0 and most < 2**53 and (distinct == steps).all() else (0, 1)
        off = np.abs(scaled - steps)
        if (off <= 1e-6).all() and (np.ptp(steps) > 0 or (off <= 1e-9 * most).all()):
            of = max(1, int(np.gcd.reduce(steps.astype(np.int64))))
            shared = math.gcd(of, per)
            return per // shared, of // shared
    return 0, 1


def ordered(above: Doubles, below: Doubles) -> bool:
    """Whether one column (rows,) is never less than another and not for want of nearness, so that it
    is more than an accident of units."""
    gap = above - below
    gap = gap[~np.isnan(gap)]
    return len(gap) > 0 and bool(0 <= gap.min() < _TOUCHING * gap.mean())


def on_grid(values: Floats, per: Floats | np.float32, of: Floats | np.float32) -> Floats:
    """Values as whole numbers of `of`/`per`: the same operations as in `export/layers.py`."""
    whole = np.rint(values * per / of) * of / per
    found: Floats = np.where(
        whole == 0, np.float32(0), whole
    )  # of a zero's sign runtimes are not of one mind
    return found
