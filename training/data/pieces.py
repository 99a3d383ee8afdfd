"""Times in pieces: a date with a clock, an hour or a period of the day in a column of its own, or year,
month, day, hour and minute in one each.

Together they are the times of the rows. None of them is learnt: tables of samples have each by the times of
their rows, as what follows from these, in the columns that they stood in.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as arrow

from contract.calendar import Derived, Part
from training.config import TrainConfig
from training.data import times
from training.data.dataset import Integers
from training.data.times import Stamps

_CLOCK = re.compile(r"(?P<H>\d\d?)(?P<mark>[:.])(?P<M>\d\d)((?P=mark)(?P<S>\d\d))?(?P<half> ?[AaPp][Mm])?")
_MINUTES, _DAY = 1440, 86_400
"""Minutes and seconds of a day."""
_PERIODS = (24, 48, 96)
"""Of a day, which are counted from 0 or 1 on: hours, half hours, quarters."""
_HOUR = re.compile(r"hr|hrs|he|hh|.*hour.*", re.IGNORECASE)
_PERIOD = re.compile(r"sp|pte|.*(period|interval|slot|quarter|block).*", re.IGNORECASE)
"""What people call these: a column that counts rows does not tell the time because it comes to 24."""
_PARTS: dict[Part, tuple[str, ...]] = {
    "year": ("year", "yr", "yyyy"),
    "month": ("month", "mon", "mnth", "mo"),
    "day": ("day", "dd", "mday", "day_of_month", "day of month"),
    "hour": ("hour", "hr", "hh"),
    "minute": ("minute", "min", "mi"),
}
"""What people call a part of the time, in small letters."""
_CALLED = ("time", "date", "when", "time of the row")
"""What times are called that have no column, by the first of these that no column has."""
_APART = 0.98
"""Share of the rows that have a time of their own: clocks show an hour twice in autumn."""


_Read = tuple[Integers, Derived | None]
"""Seconds of the day (rows,), and how the column that they were read from follows from the times."""


@dataclass(frozen=True)
class Pieces:
    """The times of the rows, and the columns that say them in pieces, if they do."""

    stamps: Stamps
    derived: Mapping[str, Derived | None]
    """By the names of their columns what follows from the times, its place still to come; None where
    samples do without."""
    shown: bool
    """Whether the times have a column, which holds the dates."""


def put_together(path: Path, table: arrow.Table, time: str | None, config: TrainConfig) -> Pieces | None:
    """The times of the rows, if the table has any; `time` is the column of times that it has.

    Raises:
        DataError: that cannot be read.
    """
    named = {
        *config.categorical, *config.continuous, *config.integer, *config.static, *config.ignore,
        config.waveform, config.id_column, time,
    }  # fmt: skip
    free = {name: _plain(table.column(name)) for name in table.column_names if name not in named}
    own = [] if config.id_column is None else [table.column(config.id_column)]

    def apart(ticks: Integers) -> bool:
        keyed = arrow.table([arrow.array(ticks), *own], ["", *(["id"] * len(own))])
        return int(keyed.group_by(keyed.column_names).aggregate([]).num_rows) > _APART * len(ticks)

    if time is None:
        return _of_parts(free, apart)
    dates = times.read(path, time, table.column(time))
    if dates.kind == "timestamp":
        return _said_again(dates, free)
    if dates.kind != "date" or apart(dates.ticks):
        return Pieces(dates, {}, shown=True)
    for name, column in free.items():
        for seconds, derived in (*_clock(name, column), *_period(name, column)):
            ticks = dates.ticks * _DAY + seconds
            if not apart(ticks):
                continue
            form = dates.format if derived else f"{dates.format} %H:%M:%S"
            said = f"{time!r} and {name!r} are the times of the rows together"
            said += "" if derived else f", and samples have both in {time!r}"
            notes = (*dates.notes, said)
            both = replace(dates, kind="timestamp", ticks=ticks, format=form, notes=notes)
            return Pieces(both, {name: derived}, shown=True)
    return Pieces(dates, {}, shown=True)


def _said_again(stamps: Stamps, free: Mapping[str, arrow.ChunkedArray]) -> Pieces:
    """Time stamps, whose clock may stand in a column of its own as well."""
    clock = stamps.ticks // 10**stamps.digits % _DAY
    for name, column in free.items():
        for seconds, derived in _clock(name, column):
            if derived and (seconds == clock).all():
                return Pieces(stamps, {name: derived}, shown=True)
    return Pieces(stamps, {}, shown=True)


def without_call(table: arrow.Table, config: TrainConfig) -> TrainConfig:
    """The same choices, without a column of times that there is none of: what several say together is
    called so, and whoever has a model of such data names it."""
    name, free = config.time_column, replace(config, time_column=None)
    if name not in _CALLED or name in table.column_names:
        return config
    found = put_together(Path(), table, None, free)
    return config if found is None or found.stamps.name != name else free


def among(pieces: Sequence[Derived], others: Sequence[Derived]) -> list[Derived]:
    """All that follows from the times, in the order of its places in the table; `others` know theirs where
    `pieces` are not."""
    moved = []
    for other in others:
        place = other.place
        for piece in sorted(pieces, key=lambda piece: piece.place):
            place += piece.place <= place
        moved.append(replace(other, place=place))
    return sorted([*pieces, *moved], key=lambda one: one.place)


def is_clock(column: arrow.ChunkedArray) -> bool:
    """Whether a column holds times of day."""
    if arrow.types.is_time(column.type):
        return True
    column = _plain(column)
    texts = _texts(column)
    return bool(texts) and all((m := _CLOCK.fullmatch(text)) and _seconds(m) < _DAY for text in texts)


def _plain(column: arrow.ChunkedArray) -> arrow.ChunkedArray:
    """A column without a dictionary of its values."""
    return column.cast(column.type.value_type) if arrow.types.is_dictionary(column.type) else column


def _texts(column: arrow.ChunkedArray) -> list[str]:
    """The different texts of a column; none where it holds something else."""
    text = arrow.types.is_string(column.type) or arrow.types.is_large_string(column.type)
    return column.unique().drop_null().to_pylist() if text else []


def _clock(name: str, column: arrow.ChunkedArray) -> Iterator[_Read]:
    """Seconds of the day (rows,) that a column of clocks holds, and how they are written, minute by minute;
    None where there are seconds, or clocks of several forms."""
    if column.null_count or not is_clock(column):
        return
    if arrow.types.is_time(column.type):
        column = column.cast(arrow.time32("s")).cast(arrow.string())
    known = {text: _CLOCK.fullmatch(text) for text in _texts(column)}
    seconds = {text: _seconds(m) for text, m in known.items() if m is not None}
    first = next(m for m in known.values() if m is not None)
    labels = [_written(minute, first, known) for minute in range(_MINUTES)]
    plain = all(s % 60 == 0 and labels[s // 60] == text for text, s in seconds.items())
    derived = Derived(name, 0, "minute of the day", 0, (), tuple(labels)) if plain else None
    yield np.array([seconds[text] for text in column.to_pylist()], np.int64), derived


def _seconds(found: re.Match[str]) -> int:
    """Of the day, that a clock says; a day and more where it says what there is not."""
    hour, minute, second = int(found["H"]), int(found["M"]), int(found["S"] or 0)
    if half := (found["half"] or "").strip().lower():
        hour = hour % 12 + 12 * (half == "pm") if 1 <= hour <= 12 else 24
    return _DAY if hour > 23 or minute > 59 or second > 59 else 3600 * hour + 60 * minute + second


def _written(minute: int, like: re.Match[str], known: Mapping[str, object]) -> str:
    """A minute of the day as a clock of the form `like` writes it, of which these are `known`."""
    hour, rest = divmod(minute, 60)
    half = like["half"] or ""
    if half:
        letters = "ap"[hour > 11] + "m"
        half = half[: -len(letters)] + (letters.upper() if half[-1].isupper() else letters)
        hour = hour % 12 or 12
    short = any(len(text.split(like["mark"])[0]) == 1 for text in known)
    mark, seconds = like["mark"], f"{like['mark']}00" if like["S"] else ""
    return f"{hour:{'' if short else '02'}}{mark}{rest:02}{seconds}{half}"


def _period(name: str, column: arrow.ChunkedArray) -> Iterator[_Read]:
    """Seconds of the day (rows,) that a column of hours, or of other counted periods, stands for."""
    if column.null_count or not arrow.types.is_integer(column.type):
        return
    values = column.cast(arrow.int64()).to_numpy()
    least, most = int(values.min()), int(values.max())
    count = most - least + 1
    if _HOUR.fullmatch(name.strip()) and least >= 0 and most <= 24 and (least or most < 24):
        base, count = int(most == 24), 24
    elif _PERIOD.fullmatch(name.strip()) and least in (0, 1) and count in _PERIODS:
        base = least
    else:
        return
    every = _MINUTES // count
    numbers = () if count == 24 else tuple(float(base + minute // every) for minute in range(_MINUTES))
    part: Part = "hour" if count == 24 else "minute of the day"
    yield (values - base) * every * 60, Derived(name, 0, part, base if count == 24 else 0, numbers, ())


def _of_parts(free: Mapping[str, arrow.ChunkedArray], apart: Callable[[Integers], bool]) -> Pieces | None:
    """Times of a year, a month and what else there is, in columns of whole numbers that are called so."""
    found: dict[Part, str] = {}
    for part, names in _PARTS.items():
        one = next((n for n, c in free.items() if n.strip().lower() in names and _whole(c)), None)
        if one is None:
            break  # an hour of no day is none
        found[part] = one
    if "month" not in found:
        return None
    parts = {part: free[name].cast(arrow.int64()).to_numpy() for part, name in found.items()}
    year, month, day = parts["year"], parts["month"], parts.get("day", np.ones_like(parts["year"]))
    if year.min() < 1000 or year.max() > 9999 or month.min() < 1 or month.max() > 12:
        return None
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = months.astype("datetime64[D]") + (day - 1)
    hour, minute = (parts.get(part, np.zeros_like(year)) for part in ("hour", "minute"))
    if day.min() < 1 or (days.astype("datetime64[M]") != months).any():
        return None
    if min(hour.min(), minute.min()) < 0 or hour.max() > 23 or minute.max() > 59:
        return None
    ticks, clocked = days.astype(np.int64), "hour" in parts
    if clocked:
        ticks = ticks * _DAY + hour * 3600 + minute * 60
    if not apart(ticks):
        return None
    called = next(name for name in _CALLED if name not in free)
    said = (
        f"{', '.join(map(repr, found.values()))} are the times of the rows together, {called!r} for short"
    )
    form = "%Y-%m-%d %H:%M" if clocked else "%Y-%m-%d"
    derived = {name: Derived(name, 0, part, 0, (), ()) for part, name in found.items()}
    return Pieces(
        Stamps(called, "timestamp" if clocked else "date", 0, None, form, ticks, (said,)),
        derived,
        shown=False,
    )


def _whole(column: arrow.ChunkedArray) -> bool:
    return bool(arrow.types.is_integer(column.type) and not column.null_count and len(column))
