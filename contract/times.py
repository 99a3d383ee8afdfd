"""The times of a sample's rows, as they follow from what the Spec says of the column of times.

Times are whole numbers of ticks: days of a date, 10^-digits seconds of a time stamp, both since
1970-01-01, and 10^-digits of a plain number. Sums of ticks are exact, so that a sequence made in parts
has the very times that it has as a whole.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contract.errors import UsageError
from contract.spec import Time

Ticks = NDArray[np.int64]

UNITS = {0: "s", 3: "ms", 6: "us", 9: "ns"}
"""The unit of a time stamp's ticks, by its digits."""
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


def texts(time: Time, ticks: Ticks) -> list[str]:
    """Times as they are written in a text file."""
    if time.kind == "number":
        scale = 10**time.digits
        return [f"{t / scale:.{time.digits}f}" if time.digits else str(t) for t in ticks.tolist()]
    iso: Sequence[str] = np.datetime_as_string(ticks.astype(f"datetime64[{unit(time)}]")).tolist()
    template = time.format
    for place, directive in enumerate(("%Y", "%m", "%d", "%H", "%M", "%S", "%f")):
        template = template.replace(directive, f"{{{place}}}")
    return [template.format(*_parts(text)) for text in iso]


def parse(time: Time, text: str) -> int:
    """A time that a person wrote, as ticks: of a date or a time stamp in ISO form, on the data's clock if
    it names no offset of its own.

    Raises:
        UsageError: it is none.
    """
    try:
        if time.kind == "number":
            return round(float(text) * float(10**time.digits))
        zoned = _WITH_OFFSET.fullmatch(text.strip()) if time.zone else None
        clock, zone = zoned.groups() if zoned else (text, time.zone)
        ticks = int(np.array(clock, f"datetime64[{unit(time)}]").astype(np.int64))
        return ticks - offset(replace(time, zone=zone)) + offset(time)
    except (ValueError, TypeError) as error:
        wanted = {"date": "2024-01-31", "timestamp": "2024-01-31T12:00:00"}.get(time.kind, "a number")
        raise UsageError(f"{text!r} is no time of {time.name!r}; such as {wanted} is wanted") from error


def _parts(iso: str) -> tuple[str, ...]:
    """Year, month, day, hours, minutes, seconds and their fraction."""
    day, _, clock = iso.partition("T")
    return (day[:-6], day[-5:-3], day[-2:], clock[:2], clock[3:5], clock[6:8], clock[9:])
