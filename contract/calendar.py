"""What a Spec says of the calendar: the column of times, turns that rows go with, columns that follow."""

from dataclasses import dataclass
from typing import Literal

TimeKind = Literal["date", "timestamp", "number"]
Calendar = Literal["even", "weekdays", "months", "month ends"]
Turn = Literal["day", "week", "year"]
Part = Literal[
    "minute", "hour", "weekday", "day", "month", "year", "week", "day of the year", "minute of the day",
    "hour of the week",
]  # fmt: skip

PARTS: dict[Part, int] = {
    "minute": 60, "hour": 24, "weekday": 7, "day": 31, "month": 12, "year": 0, "week": 53,
    "day of the year": 366, "minute of the day": 1440, "hour of the week": 168,
}  # fmt: skip
"""How many there are of each part of a time; of years there is no end."""
FROM_ONE: tuple[Part, ...] = ("day", "month", "week", "day of the year")
"""Parts that count from 1 on, and not from 0."""


@dataclass(frozen=True)
class Time:
    """The column of times that the data had, which tables of samples get back; it is no channel. What
    ticks are, and how times follow from them, is in `contract/times.py`."""

    name: str
    place: int
    """How many of the table's columns stand before it, channels that are in the table; −1 where it is in
    none, since columns that follow from it say all."""
    kind: TimeKind
    digits: int
    """Decimal places of its seconds (0, 3, 6 or 9), or of a plain number; 0 of a date."""
    zone: str | None
    """As it was given: an offset such as +02:00, or a name; None where none was."""
    format: str
    """How a text file writes it: %Y %m %d %H %M %S and %f, the fraction, %b for Jan … Dec, %q for the
    quarter 1 … 4, %I for the hour 01 … 12 of %p, AM or PM; %-m, %-d, %-H and %-I without a leading 0. Empty
    of a plain number."""
    start: int
    """The first time seen, in ticks."""
    step: int
    """What rows are apart: ticks, or as many weekdays or months. With `gap`, ticks of its 1."""
    calendar: Calendar
    gap: str | None
    """The channel that says how far the next row is away; None where all are one step apart."""
    begins: tuple[int, ...]
    """When sequences began, or windows of a long series, in ticks, rising: all, or some of them."""

    @property
    def shown(self) -> bool:
        """Whether a table has a column of it."""
        return self.place >= 0


@dataclass(frozen=True)
class Season:
    """A turn of the calendar, of so many rows: `season.NAME` goes in, the row of it that a sequence's first
    row is, see `contract/times.py`."""

    name: Turn
    rows: int


@dataclass(frozen=True)
class Derived:
    """A column that follows from the time of its row, as the hour does: no channel, but in tables."""

    name: str
    place: int
    """How many of the table's columns stand before it."""
    part: Part
    """Of the time: minute 0 … 59, hour 0 … 23, weekday 0 … 6 from Monday on, day 1 … 31, month 1 … 12,
    year, week 1 … 53 of ISO 8601, day of the year 1 … 366, minute of the day 0 … 1439, or hour of the week
    0 … 167 from Monday on; the column is that, …"""
    offset: int
    """… and so many more, …"""
    numbers: tuple[float, ...]
    """… or what stands here for each part from the least on, …"""
    labels: tuple[str, ...]
    """… or here."""
