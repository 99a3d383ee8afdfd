"""The times of a sample's rows, as they follow from what the Spec says of the column of times.

Times are whole numbers of ticks: days of a date, 10^-digits seconds of a time stamp, both since
1970-01-01, and 10^-digits of a plain number. Sums of ticks are exact, so that a sequence made in parts
has the very times that it has as a whole.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contract.calendar import FROM_ONE, Derived, Part, Season, Time, Turn
from contract.errors import UsageError
from contract.spec import column_of

Ticks = NDArray[np.int64]

UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}
"""The unit of a time stamp's ticks, by its digits."""
_YEAR = 365.2425
"""Days of one, in the mean."""
_MOST = 9 * 10**18
"""Ticks on either side of 1970 that leave room for steps."""
_SHOWN = 60
"""Characters of what was given that a message repeats."""
_DRIFT = 0.01
"""By which share a number of whole rows may be longer or shorter than a year."""
_FEWEST = 3
"""Rows of a season."""
THURSDAY = 3
"""Days from a Monday to 1970-01-01."""
_ISO = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?)?)?")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_WITH_OFFSET = re.compile(r"(.+[T ].+?)(Z|[+-]\d\d:?\d\d)")


def unit(time: Time) -> str:
    """The unit of a date's or a time stamp's ticks, as numpy and Arrow call it."""
    return "D" if time.kind == "date" else UNITS[time.digits]


def ticks_a_day(time: Time) -> int:
    """Ticks of one day, of a date or a time stamp."""
    return 1 if time.kind == "date" else 86_400 * 10**time.digits


def offset(time: Time) -> int:
    """Ticks by which the clock of its zone is ahead of UTC; 0 of a named one, whose ticks are UTC."""
    found = _OFFSET.fullmatch(time.zone or "")
    if not found:
        return 0
    sign, hours, minutes = found.groups()
    seconds = 3600 * int(hours) + 60 * int(minutes)
    ticks: int = seconds * 10**time.digits
    return -ticks if sign == "-" else ticks


def on_the_clock(time: Time) -> bool:
    """Whether parts of ticks are what a clock shows: not in a named zone, which may change its clock."""
    return time.zone in (None, "UTC") or bool(_OFFSET.fullmatch(str(time.zone)))


def at(time: Time, steps: Ticks) -> Ticks:
    """Ticks of the rows with these numbers, where each is one step after the other."""
    if time.calendar == "even":
        return time.start + steps * time.step
    day, clock = divmod(time.start, ticks_a_day(time))
    start = np.datetime64(day, "D")
    if time.calendar == "weekdays":
        days = np.busday_offset(start, steps * time.step, roll="forward")
    else:
        first = start.astype("datetime64[M]")
        months = first + steps * time.step
        ends = time.calendar == "month ends"
        days = (months + 1).astype("datetime64[D]") - 1 if ends else months + (start - first)
    return days.astype("datetime64[D]").astype(np.int64) * ticks_a_day(time) + clock


def seasons(time: Time) -> tuple[Season, ...]:
    """The turns of the calendar that rows so far apart go through in steps: of 3 rows at least, of days and
    weeks in whole numbers of them."""
    if time.kind == "number" or time.gap is not None:
        return ()
    rows: dict[Turn, float]
    if time.calendar == "even":
        day = ticks_a_day(time)
        rows = {"day": day / time.step, "week": 7 * day / time.step}
        rows = {name: count for name, count in rows.items() if count.is_integer()}
        year = round(_YEAR * day / time.step)
        rows["year"] = year if abs(year * time.step / (_YEAR * day) - 1) < _DRIFT else 0
    elif time.calendar == "weekdays":
        rows = {"week": 5, "year": round(_YEAR * 5 / 7)}
    else:
        rows = {"year": 12 / time.step if 12 % time.step == 0 else 0}
    return tuple(Season(name, int(count)) for name, count in rows.items() if count >= _FEWEST)


def places(time: Time, season: Season, ticks: Ticks) -> Ticks:
    """Which row of a season each of these times is, 0 … rows − 1; weeks begin on Monday."""
    day = ticks_a_day(time)
    days = ticks // day
    turn = day if season.name == "day" else 7 * day
    found: Ticks = (ticks + THURSDAY * day) % turn // time.step
    if season.name == "year":
        date = days.astype("datetime64[D]")
        first = date.astype("datetime64[Y]")
        begun = (date - first.astype("datetime64[D]")).astype(np.int64) + ticks % day / day  # days
        found = np.minimum(begun / _YEAR * season.rows, season.rows - 1).astype(np.int64)
        if time.calendar in ("months", "month ends"):
            months = date.astype("datetime64[M]") - first.astype("datetime64[M]")
            found = months.astype(np.int64) // time.step
    elif time.calendar == "weekdays":
        weekday = (days + THURSDAY) % 7
        found = np.where(weekday < season.rows, weekday, 0)  # who begins on a Sunday begins on Monday
    return found


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DIRECTIVES = {
    "%Y": r"(?P<Y>\d{4})", "%m": r"(?P<m>\d\d?)", "%d": r"(?P<d>\d\d?)", "%H": r"(?P<H>\d\d?)",
    "%M": r"(?P<M>\d\d)", "%S": r"(?P<S>\d\d)", "%f": r"(?P<f>\d+)", "%b": rf"(?P<b>{'|'.join(MONTHS)})",
    "%q": "(?P<q>[1-4])", "%I": r"(?P<I>\d\d?)", "%p": "(?P<p>[AaPp][Mm])",
}  # fmt: skip
"""What may stand for each in a text."""
_UNPADDED = "%-"
"""What a directive begins with that writes no zeros in front."""


def day_of(form: str) -> str:
    """The form of the day alone, in one of a time stamp, whose clock stands behind it; as if zeros stood in
    front of all that may have some."""
    return re.split(r"[T ]?%[HI]", form.replace(_UNPADDED, "%"))[0]


def part(time: Time, name: Part, ticks: Ticks) -> Ticks:
    """A part of each of these times, see `Derived.part`."""
    day = ticks_a_day(time)
    if name == "minute":
        return ticks % day * 1440 // day % 60
    if name == "hour":
        return ticks % day * 24 // day
    if name == "minute of the day":
        return ticks % day * 1440 // day
    weekday = (ticks // day + THURSDAY) % 7
    if name == "weekday":
        return weekday
    if name == "hour of the week":
        return weekday * 24 + ticks % day * 24 // day
    date = (ticks // day).astype("datetime64[D]")
    if name == "week":  # it is of the year of its Thursday
        date += THURSDAY - weekday
    if name in ("week", "day of the year"):
        of_year: Ticks = (date - date.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
        return of_year // 7 + 1 if name == "week" else of_year + 1
    if name == "year":
        return date.astype("datetime64[Y]").astype(np.int64) + 1970
    month = date.astype("datetime64[M]")
    if name == "month":
        return month.astype(np.int64) % 12 + 1
    of_month: Ticks = (date - month.astype("datetime64[D]")).astype(np.int64) + 1
    return of_month


def derived(time: Time, column: Derived, ticks: Ticks) -> NDArray[np.generic]:
    """A column that follows from these times: whole numbers as int64, others as float32, labels as
    objects."""
    found = part(time, column.part, ticks)
    at = found - (column.part in FROM_ONE)
    if column.labels:
        return np.array(column.labels, object)[at]
    if column.numbers:
        numbers = np.array(column.numbers)
        return numbers.astype(np.int64 if column_of(column).kind == "integer" else np.float32)[at]
    return found + column.offset


def texts(time: Time, ticks: Ticks) -> list[str]:
    """Times as they are written in a text file."""
    if time.kind == "number":
        scale = 10**time.digits
        return [f"{t / scale:.{time.digits}f}" if time.digits else str(t) for t in ticks.tolist()]
    iso: Sequence[str] = np.datetime_as_string(ticks.astype(f"datetime64[{unit(time)}]")).tolist()
    template = _DIRECTIVE.sub("{}", time.format)
    parts = [_PARTS[name] for name in _DIRECTIVE.findall(time.format)]
    cut = [text.partition("T")[::2] for text in iso]  # days, and what the clock says
    return [template.format(*[part(day, clock) for part in parts]) for day, clock in cut]


_DIRECTIVE = re.compile("%-?[A-Za-z]")
_PARTS: dict[str, Callable[[str, str], str]] = {
    "%Y": lambda day, clock: day[:-6],
    "%m": lambda day, clock: day[-5:-3],
    "%d": lambda day, clock: day[-2:],
    "%H": lambda day, clock: clock[:2],
    "%M": lambda day, clock: clock[3:5],
    "%S": lambda day, clock: clock[6:8],
    "%f": lambda day, clock: clock[9:],
    "%b": lambda day, clock: MONTHS[int(day[-5:-3]) - 1],
    "%q": lambda day, clock: str((int(day[-5:-3]) + 2) // 3),
    "%I": lambda day, clock: f"{(int(clock[:2]) + 11) % 12 + 1:02}",
    "%p": lambda day, clock: "AM" if clock < "12" else "PM",
    "%-m": lambda day, clock: str(int(day[-5:-3])),
    "%-d": lambda day, clock: str(int(day[-2:])),
    "%-H": lambda day, clock: str(int(clock[:2])),
    "%-I": lambda day, clock: str((int(clock[:2]) + 11) % 12 + 1),
}
"""What each directive writes of a day and a clock in ISO form."""


def parse(time: Time, text: str) -> int:
    """A time that a person wrote, as ticks: of a date or a time stamp in ISO form or as the data have it,
    on the data's clock if it names no offset of its own.

    Raises:
        UsageError: it is none.
    """
    try:
        if time.kind == "number":
            number = round(float(text) * float(10**time.digits))
            if abs(number) >= 2**53:
                raise ValueError("more digits than can be kept")
            return number
        zoned = _WITH_OFFSET.fullmatch(text.strip()) if time.zone else None
        clock, zone = zoned.groups() if zoned else (text, time.zone)
        clock = _as_iso(time, clock)
        if not _ISO.fullmatch(clock) or clock < "0001":
            raise ValueError("no time in ISO form")
        moment = np.array(clock, f"datetime64[{unit(time)}]")
        ticks = int(moment.astype(np.int64)) - offset(replace(time, zone=zone)) + offset(time)
        if str(moment.astype("datetime64[Y]")) != clock[:4] or abs(ticks) > _MOST:
            raise ValueError("beyond what these ticks can count")
        return ticks
    except (ValueError, TypeError, OverflowError) as error:
        said = f"{text[:_SHOWN]!r} is no time of {time.name!r}"
        raise UsageError(f"{said}; such as {such_as(time)} is wanted") from error


def such_as(time: Time) -> str:
    """A time of this kind, for people."""
    return {"date": "2024-01-31", "timestamp": "2024-01-31T12:00:00"}.get(time.kind, "a number")


_CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
_ZONE, _APART = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$"), re.compile(r"[./ -]")


def _as_iso(time: Time, text: str) -> str:
    """A text that is written as the data are, 2001Q3 or 31.01.2024, in ISO form; another as it is."""
    form = _ZONE.sub("", time.format).replace(_UNPADDED, "%")
    found = None
    day = day_of(form)
    for one in (form, day, *(f"{day} {clock}" for clock in _CLOCKS)):  # with a clock, or without
        pattern = re.escape(one)
        for directive, part in _DIRECTIVES.items():
            # 202411 is no day of 20240101.
            pattern = pattern.replace(
                directive, part if _APART.search(one) else part.replace("\\d\\d?", "\\d\\d"), 1
            )
        found = found or (re.fullmatch(pattern, text.strip(), re.IGNORECASE) if one else None)
    if not found:
        return text
    said: dict[str, str | None] = found.groupdict()
    month = int(said.get("m") or 1)
    if name := said.get("b"):
        month = MONTHS.index(name.capitalize()) + 1
    if quarter := said.get("q"):
        month = 3 * int(quarter) - 2
    iso = f"{said['Y']}-{month:02}-{int(said.get('d') or 1):02}"
    hour = said.get("H")
    if half := said.get("I"):
        if not 1 <= int(half) <= 12:
            return text
        hour = str(int(half) % 12 + 12 * (str(said.get("p")).lower() == "pm"))
    if hour:
        iso += f"T{hour:0>2}:{said['M']}" + (f":{said['S']}" if said.get("S") else "")
    return iso + (f".{said['f']}" if said.get("f") else "")
