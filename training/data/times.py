"""A column of times, read from dates, time stamps, texts or numbers: whole ticks (`contract/times.py`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as arrow
from numpy.typing import NDArray
from pyarrow import compute

from contract import times
from contract.calendar import Time, TimeKind
from training.data import dates
from training.data.dataset import Integers
from training.errors import DataError

_GLANCE = 1000
"""Rows that are looked at first."""
_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Stamps:
    """A column of times that was read."""

    name: str
    kind: TimeKind
    digits: int
    zone: str | None
    format: str
    ticks: Integers
    """(rows,)"""
    notes: tuple[str, ...] = ()

    @property
    def as_time(self) -> Time:
        """The same for the Spec, evenly apart by nothing known yet."""
        return Time(
            self.name, 0, self.kind, self.digits, self.zone, self.format,
            start=0, step=1, calendar="even", gap=None, begins=(0,),
        )  # fmt: skip

    def shown(self, ticks: int) -> str:
        """One time as the data would write it; with its clock where that stands in another column."""
        there = any(hour in self.format for hour in "HI")
        clock = " %H:%M" if self.kind == "timestamp" and not there else ""
        time = replace(self.as_time, format=self.format + clock)
        return times.texts(time, np.array([ticks], np.int64))[0]


def looks_like_times(column: arrow.ChunkedArray, form: str | None = None) -> bool:
    """Whether a column holds dates or time stamps: by its type, or most of its texts in ISO form, or all
    in another that can be read in one way only, or of which the `form` is said."""
    kind = column.type
    if arrow.types.is_date(kind) or arrow.types.is_timestamp(kind):
        return True
    there = _texts(column)
    if not there:
        return False
    if _MONTH.fullmatch(there[0]):
        return all(map(_MONTH.fullmatch, there))
    if len(_written(there, form)) == 1:
        return True
    if not (dates.FORMS[dates.ISO].fullmatch(there[0]) or dates.FORMS[dates.ISO].fullmatch(there[-1])):
        return False
    return 2 * sum(dates.FORMS[dates.ISO].fullmatch(text) is not None for text in there) > len(there)


def written_otherwise(column: arrow.ChunkedArray) -> bool:
    """Whether all texts of a column are dates or time stamps, but with a day and a month that could change
    places."""
    there = _texts(column)
    return bool(there) and len(_written(there, None)) > 1


def in_iso_form(column: arrow.ChunkedArray) -> bool:
    """Whether a column that holds times has a type of these, or is in ISO form."""
    there = _texts(column)
    return not there or bool(dates.FORMS[dates.ISO].fullmatch(there[0]) or _MONTH.fullmatch(there[0]))


def in_rows_order(
    column: arrow.ChunkedArray, form: str | None, own: Sequence[arrow.ChunkedArray] = ()
) -> bool:
    """Whether rows follow one another by a column that holds times, onward or back, where columns of their
    `own` tell sequences apart within each; so they are taken to in ISO form."""
    if in_iso_form(column):
        return True
    there = _texts(column)
    found = dates.readings(there, dates.OTHERS)
    likely = dates.likely(found, form)
    if len(likely) != 1:
        return True
    days = dates.days_of(*found[likely[0]])
    same = followed(own, len(days)) if len(days) == len(column) else None
    return dates.turns(days, same) <= dates.UNSORTED * len(days)


def followed(own: Sequence[arrow.ChunkedArray], rows: int) -> NDArray[np.bool_]:
    """Whether the next row is of the same sequence, (rows - 1,), by columns that tell these apart."""
    same = np.ones(max(0, rows - 1), bool)
    for column in own:
        keys = compute.index_in(column, column.unique()).to_numpy()
        same &= keys[1:] == keys[:-1]
    return same


def _texts(column: arrow.ChunkedArray) -> list[str]:
    """What is in a column of texts; nothing where it holds something else."""
    if not (arrow.types.is_string(column.type) or arrow.types.is_large_string(column.type)):
        return []
    return [text for text in column.to_pylist() if text]


def _written(texts: Sequence[str], form: str | None) -> list[str]:
    """Forms in which the first of these are days, if that is one; else those in which all are, or of these
    the one in which rows follow one another."""
    glance = [*dates.readings(texts[:_GLANCE], dates.OTHERS)]
    return glance if len(glance) < 2 else dates.likely(dates.readings(texts, glance), form)


def codes_of_days(column: arrow.ChunkedArray) -> list[str]:
    """The days that a column of whole numbers stands for, written as 20240131; none if it does for none."""
    if not arrow.types.is_integer(column.type) or column.null_count or not len(column):
        return []
    numbers = column.cast(arrow.int64()).to_numpy()
    if not ((numbers >= 1000_01_01) & (numbers <= 9999_12_31)).all():
        return []
    texts = [str(number) for number in numbers.tolist()]
    matches = map(dates.FORMS[dates.CODE].fullmatch, texts)
    return texts if all(m is not None and dates.is_day(m) for m in matches) else []


def read(path: Path, name: str, column: arrow.ChunkedArray, form: str | None = None) -> Stamps:
    """A column as times, written in a `form` if one is said.

    Raises:
        DataError: a row without a time, or with one that cannot be read.
    """
    if column.null_count:
        row = column.is_null().to_pylist().index(True) + 1
        raise DataError(
            f"{path}: column {name!r} holds the times, and not in every row: {column.null_count} without, "
            f"first row {row}: fill them in, take the rows out, or leave it out with --ignore {name}"
        )
    kind = column.type
    if arrow.types.is_date(kind):
        days = column.cast(arrow.date32()).cast(arrow.int32()).to_numpy().astype(np.int64)
        return Stamps(name, "date", 0, None, dates.ISO, days)
    if arrow.types.is_timestamp(kind):
        ticks = column.cast(arrow.int64()).to_numpy().astype(np.int64)
        digits = {unit: d for d, unit in times.UNITS.items()}[kind.unit]
        zone = kind.tz or None
        while digits and not (ticks % 1000).any():
            ticks, digits = ticks // 1000, digits - 3
        clock = times.offset(replace(_of("", "timestamp", digits), zone=zone))
        tail = "" if zone is None else zone if clock else "Z"
        return Stamps(name, "timestamp", digits, zone, _iso(digits) + tail, ticks + clock)
    if arrow.types.is_string(kind) or arrow.types.is_large_string(kind):
        return _of_texts(path, name, column.to_pylist(), form)
    if days := codes_of_days(column):
        return _of_texts(path, name, days, None)
    return _of_numbers(path, name, column)


def united(path: Path, parts: Sequence[Stamps]) -> Stamps | None:
    """The columns of several files as one, in the same ticks; None if there are none.

    Raises:
        DataError: some are dates and others are not, or they are of several zones.
    """
    if not parts:
        return None
    finest = max(parts, key=lambda p: p.digits)
    for part in parts:
        if (part.name, part.kind, part.zone) != (finest.name, finest.kind, finest.zone):
            raise DataError(
                f"{path}: the times of its files are {_said(finest)} {finest.name!r} in one and "
                f"{_said(part)} {part.name!r} in another: write them in one way"
            )
    days = {times.day_of(part.format) for part in parts}
    if {"%d/%m/%Y", "%m/%d/%Y"} <= days:
        raise DataError(
            f"{path}: {finest.name!r} has the day first in some of its files and the month in others, as "
            "far as one can see: say which with --time-format"
        )
    ticks = [part.ticks * 10 ** (finest.digits - part.digits) for part in parts]
    form = dates.as_all_are([part.format for part in parts], finest.format)
    return replace(finest, format=form, ticks=np.concatenate(ticks))


def in_order(path: Path, stamps: Stamps, ids: Integers, named: bool) -> tuple[Integers, list[str]]:
    """The rows by sequence and time, (rows,), and what is to be said of it; rows of one time stay in the
    file's order.

    `named` says whether `ids` (rows,) come from a column.

    Raises:
        DataError: most rows have their time in common with others, and no column tells sequences apart.
    """
    order = np.lexsort([stamps.ticks, ids])
    notes = []
    as_given = np.argsort(ids, kind="stable")
    if (order != as_given).any():
        row = int(as_given[(order != as_given).argmax()]) + 1
        notes.append(
            f"rows were not in the order of {stamps.name!r} (first row {row}): they are sorted by it"
        )
    ticks, owner = stamps.ticks[order], ids[order]
    same = (ticks[1:] == ticks[:-1]) & (owner[1:] == owner[:-1])
    if same.any():
        at = int(same.argmax())
        one, two = sorted((int(order[at]) + 1, int(order[at + 1]) + 1))
        said = f"rows {one} and {two} have the same {stamps.name!r}, {stamps.shown(ticks[at])}"
        if 2 * same.sum() >= len(ticks) - 1 and not named:
            raise DataError(
                f"{path}: {said}, and so have most rows: if they belong to several sequences, name the "
                "column that tells them apart with --id-column; if the clock stands in another column, put "
                "both into one; if rows are there twice, take out the copies"
            )
        notes.append(
            f"{said}, and {int(same.sum())} in all have that of the row before them: kept in this order"
        )
    return order, notes


def _of_texts(path: Path, name: str, texts: Sequence[str], form: str | None) -> Stamps:
    found = dates.readings(texts, [*dates.FORMS])
    fits = dates.likely(found, form)
    if len(fits) > 1:
        raise DataError(
            f"{path}: the times of column {name!r}, such as {texts[0]!r}, can be read as "
            f"{' and as '.join(fits)}: say which with --time-format, or write them as 2024-01-31"
        )
    if not fits:
        forms = [f for f in dates.FORMS.values() if (m := f.fullmatch(texts[0])) and dates.is_day(m)]
        like = (forms or [dates.FORMS[dates.ISO]])[0]
        row, text = next(
            (i + 1, t) for i, t in enumerate(texts) if not ((m := like.fullmatch(t)) and dates.is_day(m))
        )
        raise DataError(
            f"{path}: column {name!r} is to hold times, and row {row} is {text!r}: times are read as "
            "2024-01-31, 2024-01-31 12:00:00 or 2024-01-31T12:00:00+01:00, all in one way (and days as "
            f"2024/01/31, 31.01.2024 or 01/31/2024): write them so, or take them as labels with "
            f"--categorical {name}"
        )
    matches, which = found[fits[0]]
    stamps = _of_matches(name, fits[0], matches, which)
    if len(found) == 1 or form is not None:
        return stamps
    said = f"{name!r} is read as {fits[0]}, as rows follow one another then: --time-format tells otherwise"
    return replace(stamps, notes=(*stamps.notes, said))


def _of_matches(name: str, day: str, matches: Sequence[re.Match[str]], which: Integers) -> Stamps:
    columns = [m.groupdict() for m in matches]
    iso = [f"{c['Y']}-{dates.month_of(c):02}-{int(c.get('d') or 1):02}" for c in columns]
    first = columns[0]
    if all(c["H"] is None for c in columns):
        form = dates.as_written(day, columns)
        return Stamps(name, "date", 0, None, form, dates.days_of(matches, which))
    clocks = [f"{dates.hour_of(c):02}:{c['M'] or '00'}:{c['S'] or '00'}" for c in columns]
    fraction = [c["f"] or "" for c in columns]
    longest = max(map(len, fraction))
    digits = -(-longest // 3) * 3
    stamps = np.array([f"{d}T{c}" for d, c in zip(iso, clocks, strict=True)], "datetime64[s]")
    ticks = stamps.astype(np.int64) * 10**digits
    if digits:
        ticks += np.array([int(f.ljust(digits, "0")) for f in fraction], np.int64)
    clock = "%H:%M"
    if any(c["S"] for c in columns):
        clock += ":%S" + (".%f" if digits else "")
    zones = [c["zone"] for c in columns]
    known = sorted({z for z in zones if z})
    notes: list[str] = []
    zone = known[0] if known else None
    separator = first["sep"] or " "
    if len(set(zones)) > 1:
        ticks -= _offsets(zones, digits)
        said = ", ".join([*known, *["none"] * (None in zones)])
        notes.append(
            f"{name!r} holds times of several zones ({said}): all are made UTC"
            + "; those without a zone are taken to be" * (None in zones)
            + ". Where the clock on the wall is meant, as by what goes with the day, write no zones"
        )
        zone = "Z"
    tail, zone = zone or "", "UTC" if zone == "Z" else zone
    form = dates.as_written(f"{day}{separator}{clock}", columns) + tail
    if zone and zone != "UTC":
        zone = f"{zone[:3]}:{zone[-2:] if len(zone) > 3 else '00'}"
    return Stamps(name, "timestamp", digits, zone, form, ticks[which], tuple(notes))


def _offsets(zones: Sequence[str | None], digits: int) -> Integers:
    """Ticks that each is ahead of UTC: (rows,)."""
    blank = _of("", "timestamp", digits)
    known = {z: times.offset(replace(blank, zone=z if len(z) > 3 else f"{z}:00")) for z in zones if z}
    return np.array([known[z] if z else 0 for z in zones], np.int64)


def _of_numbers(path: Path, name: str, column: arrow.ChunkedArray) -> Stamps:
    """Plain numbers: epochs, or seconds since some beginning."""
    if arrow.types.is_integer(column.type):
        return Stamps(name, "number", 0, None, "", column.cast(arrow.int64()).to_numpy().astype(np.int64))
    if not (arrow.types.is_floating(column.type) or arrow.types.is_decimal(column.type)):
        raise DataError(f"{path}: column {name!r} is of type {column.type}, and no time")
    if arrow.types.is_float32(column.type):  # 0.1 is no 0.100000001
        column = column.cast(arrow.string())
    numbers = column.cast(arrow.float64(), safe=False).to_numpy()
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0]) + 1
        raise DataError(f"{path}: column {name!r} holds the times, and row {row} is {numbers[row - 1]}")
    for digits in range(10):
        scaled = numbers * 10.0**digits
        if digits == 9 or np.allclose(scaled, np.rint(scaled), rtol=1e-12, atol=1e-6):
            break
    if np.abs(scaled).max() >= 2**53:
        raise DataError(
            f"{path}: the times of column {name!r} have more digits than can be kept: round them"
        )
    return Stamps(name, "number", digits, None, "", np.rint(scaled).astype(np.int64))


def _of(name: str, kind: TimeKind, digits: int) -> Time:
    return Stamps(name, kind, digits, None, "", np.zeros(0, np.int64)).as_time


def _iso(digits: int) -> str:
    return f"{dates.ISO} %H:%M:%S" + (".%f" if digits else "")


def _said(stamps: Stamps) -> str:
    zone = f" of zone {stamps.zone}" if stamps.zone else ""
    return {"date": "date", "timestamp": "time stamp", "number": "number"}[stamps.kind] + zone
