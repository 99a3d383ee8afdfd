"""Times in pieces: a date with a clock, an hour or a period of the day in a column of its own, or year,
month, day, hour and minute in one each.

Together they are the times of the rows. None of them is learnt: tables of samples have each by the times of
their rows, as what follows from these, in the columns that they stood in.
"""

import re
from calendar import month_abbr, month_name
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pyarrow as arrow
from pyarrow import compute

from contract.calendar import Derived, Part
from training.config import TrainConfig
from training.data import times
from training.data.dataset import Integers
from training.data.dates import turns
from training.data.times import Stamps

_CLOCK = re.compile(r"(?P<H>\d\d?)(?P<mark>[:.])(?P<M>\d\d)((?P=mark)(?P<S>\d\d))?(?P<half> ?[AaPp][Mm])?")
_MINUTES, _DAY = 1440, 86_400
"""Minutes and seconds of a day."""
_PERIODS = (24, 48, 96)
"""Of a day, which are counted from 0 or 1 on: hours, half hours, quarters."""
_ENDING = r"([ _-]?(ending|beginning|end|start|of[ _-]day))?"
_HOUR = re.compile(rf"(.*[ _-])?(hr|he|hh|hour){_ENDING}", re.IGNORECASE)
_PERIOD = re.compile(r"sp|pte|.*(period|interval|slot|quarter|block).*", re.IGNORECASE)
"""What people call these: a column that counts rows does not tell the time because it comes to 24."""
_PARTS: dict[Part, tuple[str, ...]] = {
    "year": ("year", "yr", "yyyy", "yy"),
    "month": ("month", "mon", "mnth", "mo", "mm"),
    "day": ("day", "dd", "mday", "day_of_month", "day of month"),
}
_MINUTE = ("minute", "min", "mi", "mm")
"""What people call parts of the time, in small letters."""
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

    found = _of_parts(free)
    if time is not None:
        found = Pieces(times.read(path, time, table.column(time), config.time_format), {}, shown=True)
    if found is None:
        return None
    if found.stamps.kind == "timestamp":
        return _said_again(found.stamps, free)
    if found.stamps.kind == "date" and not apart(found.stamps.ticks):
        found = _with_clock(found, free, own, apart)
    return found if found.shown or apart(found.stamps.ticks) else None


def _with_clock(
    dates: Pieces, free: Mapping[str, arrow.ChunkedArray], own: Sequence[arrow.ChunkedArray],
    apart: Callable[[Integers], bool],
) -> Pieces:  # fmt: skip
    """The same with the first clock, or hour, that tells rows apart and leaves them in their order."""
    stamps, names = dates.stamps, [dates.stamps.name] if dates.shown else [*dates.derived]
    others = {name: column for name, column in free.items() if name not in dates.derived}
    for name, column in others.items():
        for seconds, derived in (*_clock(name, column), *_period(name, column)):
            minutes, of = _minutes(others, derived)
            ticks = stamps.ticks * _DAY + seconds + minutes
            told = derived is not None or dates.shown  # else samples could not say it
            if not told or not apart(ticks) or not _in_order(stamps.ticks, ticks, own):
                continue
            said = _together([*names, name, *of], "" if dates.shown else stamps.name)
            said += "" if derived else f", and samples have both in {stamps.name!r}"
            notes = (*stamps.notes, said) if dates.shown else (said,)
            form = stamps.format if derived else f"{stamps.format} %H:%M:%S"
            both = replace(stamps, kind="timestamp", ticks=ticks, format=form, notes=notes)
            return Pieces(both, {**dates.derived, name: derived, **of}, dates.shown)
    return dates


def _together(names: Sequence[str], called: str) -> str:
    said = f"{', '.join(map(repr, names[:-1]))} and {names[-1]!r} are the times of the rows together"
    return said + (f", {called!r} for short" if called else "")


def _in_order(dates: Integers, ticks: Integers, own: Sequence[arrow.ChunkedArray]) -> bool:
    """Whether rows are as much in the order of these `ticks` as in that of their dates, but for an hour in
    autumn; `own` tells sequences apart."""
    same = times.followed(own, len(ticks))
    return turns(ticks, same) <= turns(dates, same) + (1 - _APART) * len(ticks)


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


def unlike(pieces: Sequence[Derived], others: Sequence[Derived]) -> str:
    """The column by which two files say their times otherwise; none if they say them alike."""
    for one, other in zip_longest(pieces, others):
        if one is None or other is None:
            return str((one or other).name)
        if replace(one, labels=()) != replace(other, labels=()) or bool(one.labels) != bool(other.labels):
            return str(one.name)
    return ""


def is_clock(column: arrow.ChunkedArray) -> bool:
    """Whether a column holds times of day."""
    if arrow.types.is_time(column.type):
        return True
    column = _plain(column)
    texts = _texts(column)
    return bool(texts) and all((m := _CLOCK.fullmatch(text)) and _seconds(m) >= 0 for text in texts)


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
        column = column.cast(arrow.time32("s"), safe=False).cast(arrow.string())
    known = {text: _CLOCK.fullmatch(text) for text in _texts(column)}
    seconds = {text: _seconds(m) for text, m in known.items() if m is not None}
    first = next(m for m in known.values() if m is not None)
    short = any(len(text.split(first["mark"])[0]) == 1 for text in known)  # 9:00
    labels = [_written(minute, first, short) for minute in range(_MINUTES)]
    plain = all(s % 60 == 0 and labels[s // 60 % _MINUTES] == text for text, s in seconds.items())
    derived = Derived(name, 0, "minute of the day", 0, (), tuple(labels)) if plain else None
    yield np.array([seconds[text] for text in column.to_pylist()], np.int64), derived


def _seconds(found: re.Match[str]) -> int:
    """Of the day, that a clock says, which may end with 24:00; −1 where it says what there is not."""
    hour, minute, second = int(found["H"]), int(found["M"]), int(found["S"] or 0)
    if half := (found["half"] or "").strip().lower():
        hour = hour % 12 + 12 * (half == "pm") if 1 <= hour <= 12 else 25
    seconds = 3600 * hour + 60 * minute + second
    return seconds if minute < 60 and second < 60 and seconds <= _DAY else -1


def _written(minute: int, like: re.Match[str], short: bool) -> str:
    """A minute of the day as a clock of the form `like` writes it; `short`: without a zero before hours."""
    hour, rest = divmod(minute, 60)
    half = like["half"] or ""
    if half:
        letters = "ap"[hour > 11] + "m"
        half = half[: -len(letters)] + (letters.upper() if half[-1].isupper() else letters)
        hour = hour % 12 or 12
    mark, seconds = like["mark"], f"{like['mark']}00" if like["S"] else ""
    return f"{hour:{'' if short else '02'}}{mark}{rest:02}{seconds}{half}"


def _period(name: str, column: arrow.ChunkedArray) -> Iterator[_Read]:
    """Seconds of the day (rows,) that a column of hours, or of other counted periods, stands for."""
    if column.null_count or not arrow.types.is_integer(column.type):
        return
    values = column.cast(arrow.int64()).to_numpy()
    least, most = int(values.min()), int(values.max())
    # On a day in autumn an hour comes twice.
    fitting = [count for count in _PERIODS if abs(most - least + 1 - count) <= count // 24]
    if _HOUR.fullmatch(name.strip()) and least >= 0 and (most < 24 or (least and most < 26)):
        base, count = int(most > 23), 24
    elif _PERIOD.fullmatch(name.strip()) and least in (0, 1) and fitting:
        base, count = least, fitting[0]
    else:
        return
    every = _MINUTES // count
    numbers = () if count == 24 else tuple(float(base + minute // every) for minute in range(_MINUTES))
    part: Part = "hour" if count == 24 else "minute of the day"
    yield (values - base) * every * 60, Derived(name, 0, part, base if count == 24 else 0, numbers, ())


def _minutes(
    free: Mapping[str, arrow.ChunkedArray], derived: Derived | None
) -> tuple[Integers, dict[str, Derived | None]]:
    """Seconds (rows,) that a column of minutes has beside one of hours, and how it follows."""
    none = np.zeros(1, np.int64), dict[str, Derived | None]()
    if derived is None or derived.part != "hour":
        return none
    for name, column in free.items():
        if name.strip().lower() in _MINUTE and _whole(column):
            values = column.cast(arrow.int64()).to_numpy()
            if values.min() >= 0 and values.max() < 60:
                return values * 60, {name: Derived(name, 0, "minute", 0, (), ())}
    return none


def _of_parts(free: Mapping[str, arrow.ChunkedArray]) -> Pieces | None:
    """Dates of a year and a month, and maybe a day, in columns that are called so."""
    parts: dict[Part, Integers] = {}
    derived: dict[str, Derived | None] = {}
    for part, names in _PARTS.items():
        for name, column in free.items():
            if name.strip().lower() not in names or name in derived or column.null_count or not len(column):
                continue
            labels = () if part != "month" else _months(column)
            if labels or _whole(column):
                values = compute.index_in(column, arrow.array(labels)) if labels else column
                parts[part] = values.cast(arrow.int64()).to_numpy() + bool(labels)
                derived[name] = Derived(name, 0, part, 0, (), labels)
                break
    if not {"year", "month"} <= parts.keys():
        return None
    year, month, day = parts["year"], parts["month"], parts.get("day", np.ones_like(parts["year"]))
    if year.min() < 1000 or year.max() > 9999 or month.min() < 1 or month.max() > 12 or day.min() < 1:
        return None
    months = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = months.astype("datetime64[D]") + (day - 1)
    if (days.astype("datetime64[M]") != months).any():
        return None
    called = next(name for name in _CALLED if name not in free)
    notes = (_together([*derived], called),)
    stamps = Stamps(called, "date", 0, None, "%Y-%m-%d", days.astype(np.int64), notes)
    return Pieces(stamps, derived, shown=False)


def _months(column: arrow.ChunkedArray) -> tuple[str, ...]:
    """The names of all months as a column writes those that it has; none if it has others."""
    texts = set(_texts(column))
    for names in (month_abbr, month_name):
        for case in (str, str.lower, str.upper):
            every = tuple(case(name) for name in names[1:])
            if texts and texts <= set(every):
                return every
    return ()


def _whole(column: arrow.ChunkedArray) -> bool:
    return bool(arrow.types.is_integer(column.type) and not column.null_count and len(column))
