"""The forms that people write dates in, and which of them the texts of a column have."""

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contract import times
from training.data.dataset import Integers

_FRACTION = r"(?:[.,](?P<f>\d{1,9}))?"
_ZONE = r"\s?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?"
_HALF = r"(?: (?P<half>[AaPp][Mm]))?"
_CLOCK = rf"(?P<sep>[T ])(?P<H>\d\d?):(?P<M>\d\d)(?::(?P<S>\d\d){_FRACTION})?{_HALF}{_ZONE}"
_NAMED = rf"(?P<b>{'|'.join(times.MONTHS)})"
_WORDS = {
    "%d %b %Y": rf"(?P<d>\d\d?) {_NAMED} (?P<Y>\d{{4}})",
    "%d-%b-%Y": rf"(?P<d>\d\d?)-{_NAMED}-(?P<Y>\d{{4}})",
    "%b %d, %Y": rf"{_NAMED} (?P<d>\d\d?), (?P<Y>\d{{4}})",
    "%b %Y": rf"{_NAMED} (?P<Y>\d{{4}})",
    "%b-%Y": rf"{_NAMED}-(?P<Y>\d{{4}})",
    "%Y %b": rf"(?P<Y>\d{{4}}) {_NAMED}",
    "%YQ%q": r"(?P<Y>\d{4})Q(?P<q>[1-4])",
    "%Y Q%q": r"(?P<Y>\d{4}) Q(?P<q>[1-4])",
    "%Y-Q%q": r"(?P<Y>\d{4})-Q(?P<q>[1-4])",
}
"""Forms that can be read in one way only, and are nothing else."""
_DAYS = {
    "%Y-%m-%d": r"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)",
    "%Y/%m/%d": r"(?P<Y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)",
    "%d.%m.%Y": r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<Y>\d{4})",
    "%m/%d/%Y": r"(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<Y>\d{4})",
    "%d/%m/%Y": r"(?P<d>\d\d?)/(?P<m>\d\d?)/(?P<Y>\d{4})",
    "%Y-%m": r"(?P<Y>\d{4})-(?P<m>\d\d)",
    "%Y%m%d": r"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)",
    **_WORDS,
}
FORMS = {day: re.compile(rf"{pattern}(?:{_CLOCK})?", re.IGNORECASE) for day, pattern in _DAYS.items()}
ISO, CODE = "%Y-%m-%d", "%Y%m%d"
OTHERS = [day for day in FORMS if day not in (ISO, CODE)]
UNSORTED = 0.02
"""Share of rows that may go back in time where the others go on."""
_EVEN, _UNEVEN = 0.02, 0.05
"""Share of uneven moves up to which rows follow one another, and from which on they do not."""
_FEWEST_MOVES = 3

Reading = tuple[list[re.Match[str]], Integers]
"""How the different texts of a column were read, and which of them each row (rows,) is."""


def readings(texts: Sequence[str], forms: Sequence[str]) -> dict[str, Reading]:
    """The forms in which all of the texts are days, and how they are read so."""
    places = {text: n for n, text in enumerate(dict.fromkeys(texts))}
    which = np.array([places[text] for text in texts], np.int64)
    found: dict[str, Reading] = {}
    for day in forms:
        if (first := FORMS[day].fullmatch(texts[0])) and is_day(first):
            known = [m for m in map(FORMS[day].fullmatch, places) if m is not None and is_day(m)]
            if len(known) == len(places):
                found[day] = known, which
    return found


def likely(found: Mapping[str, Reading], form: str | None) -> list[str]:
    """Of several forms, in which day and month change places, the one that is said, or else in which rows
    follow one another, if it is one alone."""
    said = times.day_of(form or "")
    if len(found) < 2 or said in found:
        return [said] if said in found else [*found]
    days = {day: days_of(*reading) for day, reading in found.items()}
    ordered = [day for day, of in days.items() if turns(of) <= UNSORTED * len(of)]
    if len(ordered) == 1:
        return ordered
    even, other = sorted(days, key=lambda day: _breaks(days[day]))[:2]
    clear = _breaks(days[even]) <= _EVEN and _breaks(days[other]) >= _UNEVEN
    return [even] if clear else [*found]


def days_of(matches: Sequence[re.Match[str]], which: Integers) -> Integers:
    """Days since 1970 that each row (rows,) was read as."""
    each = [m.groupdict() for m in matches]
    iso = [f"{c['Y']}-{month_of(c):02}-{int(c.get('d') or 1):02}" for c in each]
    return np.array(iso, "datetime64[D]").astype(np.int64)[which]


def turns(days: Integers, followed: NDArray[np.bool_] | None = None) -> int:
    """How often rows (rows,) go back where most go on, or on where most go back; of those moves (rows - 1,)
    that are `followed` alone, if it is said which."""
    moves = np.diff(days)
    moves = moves if followed is None else moves[followed]
    return int(min((moves < 0).sum(), (moves > 0).sum()))


def _breaks(days: Integers) -> float:
    """The share of moves to another day that are not as most are: in days or, where all rows are on one day
    of the month and none has its day in common with another, in months. 1 where there are too few."""
    moves = np.abs(np.diff(days))
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    one_day = len(np.unique(days - months.astype("datetime64[D]").astype(np.int64))) == 1
    if one_day and (moves > 0).all():
        moves = np.abs(np.diff(months.astype(np.int64)))
    moves = moves[moves > 0]
    if len(moves) < _FEWEST_MOVES:
        return 1.0
    return 1 - float(np.unique(moves, return_counts=True)[1].max()) / len(moves)


def month_of(part: Mapping[str, str | None]) -> int:
    """Its number, of what a match has: a number, a name, or the quarter that it begins."""
    if quarter := part.get("q"):
        return 3 * int(quarter) - 2
    return times.MONTHS.index(name.capitalize()) + 1 if (name := part.get("b")) else int(part["m"] or 0)


def hour_of(part: Mapping[str, str | None]) -> int:
    """Of the day; −1 where a half of it has no such hour."""
    hour = int(part["H"] or 0)
    if not part["half"]:
        return hour
    return hour % 12 + 12 * (part["half"].lower() == "pm") if 1 <= hour <= 12 else -1


def as_written(form: str, parts: Sequence[Mapping[str, str | None]]) -> str:
    """A form as these times were written in it: days, months and hours without a leading 0 where some are
    so, and hours of half a day where all are."""
    if all(part.get("half") for part in parts):
        form = form.replace("%H", "%I") + " %p"
    for name, found in (("m", "m"), ("d", "d"), ("H", "H"), ("I", "H")):
        if any(len(part.get(found) or "00") == 1 for part in parts):
            form = form.replace(f"%{name}", f"%-{name}")
    return form


def as_all_are(forms: Sequence[str], form: str) -> str:
    """One of several `forms`, as times that are written in all of these are: without a leading 0 where some
    are so, and in hours of half a day where all are."""
    if not all("%p" in other for other in forms):
        form = form.replace(" %p", "").replace("I", "H")
    for name in "mdHI":
        if any(f"%-{name}" in other for other in forms):
            form = form.replace(f"%{name}", f"%-{name}")
    return form


def is_day(found: re.Match[str]) -> bool:
    """Whether the parts of a match are on the calendar and on the clock."""
    part = found.groupdict()
    month, day = month_of(part), int(part.get("d") or 1)
    if not (1 <= month <= 12 and 0 <= hour_of(part) < 24):
        return False
    if int(part["M"] or 0) > 59 or int(part["S"] or 0) > 59:
        return False
    return 1 <= day <= 28 or 28 < day <= monthrange(int(part["Y"]), month)[1]
