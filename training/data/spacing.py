"""How far apart rows are: one step all of them, weekdays or months, or gaps that are to be learnt.

Where rows are one step apart nothing of their times is learnt: a sample's times are counted from the
time that it begins at, and samples begin as the data's windows or sequences do. Where they are not, the gap
to the next row is one more channel, in the largest unit of which all gaps are whole numbers, so that their
sums are exact.

Of a waveform nothing of the times is learnt: they tell whether rows are missing.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from contract import times
from contract.calendar import Calendar, Time
from training.data.columns import Column, part_of
from training.data.dataset import Dataset, Doubles, Integers
from training.data.times import Stamps
from training.errors import DataError

EVEN, WEEKDAYS = 0.99, 0.95
"""Share of rows that are one step after the one before from which on all are taken to be so: a lost row
here and there is none of the series' own, and of weekdays holidays are missing."""
LOST = 7
"""Rows that may be missing between two that are taken to follow each other."""
_UNITS = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
_HOLE = 1.5
"""Usual steps from which on rows are missing between two: less is the jitter of a clock."""
_BEGINNINGS = 1024
"""Of sequences or windows, that are kept at most."""
_OFF_RATE = 0.01
"""By how much times may be off the rate that is said."""
_FINER = {"milliseconds": 3, "microseconds": 6, "nanoseconds": 9}


def fitted(
    stamps: Stamps, sequences: Sequence[Integers], gaps: bool | None
) -> tuple[Time, str, Column | None, list[Doubles], list[str]]:
    """What the ticks of `sequences`, each (rows,) and rising, say: the Spec's words on them, what one step
    is, the channel of gaps with its values, each (rows, 1), where there is to be one, and notes.

    `gaps` says whether there is; None where the rows shall say it themselves.
    """
    moves = np.concatenate([np.diff(ticks) for ticks in sequences])
    start = int(min(ticks[0] for ticks in sequences))
    time = replace(stamps.as_time, start=start)
    even = None if gaps else _even(time, sequences, moves, forced=gaps is False)
    if even is None:
        return _uneven(stamps, time, sequences, moves)
    time, share = even
    step = _step_said(time)
    note = f"{time.name!r} holds the times, {step} apart: samples get them back, from one of the data's on"
    if share < 1:
        lost = "holidays and lost rows" if time.calendar == "weekdays" else "a row lost or doubled"
        part = part_of(round((1 - share) * len(moves)), len(moves))
        note += f"; {part} {'is' if part == '1 row' else 'are'} not one step after the one before ({lost}) "
        note += "and taken as if"
    return time, step, None, [], [note]


def holes(time: Time, sequences: Sequence[Integers]) -> tuple[Integers, list[str]]:
    """Before which rows of all of `sequences`, each the ticks (rows,) of rows one step apart, many are
    missing, and what is to be said of it."""
    found: list[int] = []
    most, first = 0, 0
    for ticks in sequences:
        if time.calendar == "even":
            moves = np.diff(ticks)
        else:
            days = (ticks // times.ticks_a_day(time)).astype("datetime64[D]")
            if time.calendar == "weekdays":
                moves = np.busday_count(days[:-1], days[1:])
            else:
                moves = np.diff(days.astype("datetime64[M]").astype(np.int64))
        lost = moves // max(1, time.step) - 1
        found += (np.flatnonzero(lost > LOST) + 1 + first).tolist()
        most, first = max(most, int(lost.max(initial=0))), first + len(ticks)
    if not found or len(found) > (1 - WEEKDAYS) * first:  # of so many holes they are the series' own
        return np.zeros(0, np.int64), []
    many = f"{len(found)} times and at most {most:,}" if len(found) > 1 else f"{most:,}"
    said = f"where more than {LOST} rows are missing, here {many}, no window goes over the hole"
    return np.array(found, np.int64), [said]


def begun(dataset: Dataset) -> Dataset:
    """The same, whose times say when its sequences begin or, where these are learnt in windows, when those
    do: samples begin as they do."""
    time, rows = dataset.time, np.diff(dataset.bounds)
    if time is None:
        return dataset
    first = dataset.bounds[:-1]
    if not dataset.ends:  # windows begin in each row that has enough behind it
        left = np.repeat(dataset.bounds[1:], rows) - np.arange(len(dataset.values))
        first = np.flatnonzero(left >= dataset.length)
        before, behind = (
            np.searchsorted(dataset.breaks, at, "right") for at in (first, first + dataset.length - 1)
        )
        first = first[before == behind]  # over no hole
    if not len(first):
        return dataset
    ticks = dataset.ticks[first]  # (sequences or windows,)
    if (ticks == ticks[0]).all():
        ticks = ticks[:1]
    elif len(ticks) > _BEGINNINGS:
        ticks = np.random.default_rng(0).choice(ticks, _BEGINNINGS, replace=False)
    return replace(dataset, time=replace(time, begins=tuple(np.sort(ticks).tolist())))


def require_unbroken(
    where: str, stamps: Stamps, sequences: Sequence[Integers], rate: int | None
) -> list[str]:
    """What is to be said of the times of a waveform's rows, whose ticks are `sequences`, each (rows,) and
    rising, at `rate` rows a second.

    Raises:
        DataError: rows are missing between two.
    """
    notes = [f"{stamps.name!r} holds the times: they tell whether rows are missing, and are not learnt"]
    moves = np.concatenate([np.diff(ticks) for ticks in sequences])
    if rate is None or not moves.any():
        return notes
    usual = float(np.median(moves[moves > 0]))  # of rows finer than the clock many are of one time
    step = _ticks_of(stamps, rate, moves.mean())
    # At 800 Hz times in milliseconds are 1, 1, 1, 2 apart: a step is rounded up, too.
    most = max(_HOLE * usual, min(np.ceil(step), 2 * usual))
    for number, ticks in enumerate(sequences, 1):
        if len(holes := np.flatnonzero(np.diff(ticks) > most)):
            before, behind = ticks[holes[0]], ticks[holes[0] + 1]
            more = f", and {len(holes) - 1} more such holes" if len(holes) > 1 else ""
            of = f" of sequence {number}" if len(sequences) > 1 else ""
            raise DataError(
                f"{where}: a waveform has no gaps, and rows{of} are missing between the {stamps.name!r} "
                f"{stamps.shown(before)} and {stamps.shown(behind)}, {(behind - before) / usual:.3g} usual "
                f"steps apart{more}: fill them in, or cut the recording there, with an --id-column"
            )
    counts = stamps.kind == "number" and stamps.digits == 0 and bool((moves == 1).all())
    off = abs(moves.sum() - len(moves) * step)
    if not counts and off > max(_OFF_RATE * len(moves) * step, len(sequences)):  # ticks are rounded
        told = rate * step / moves.mean()
        notes.append(f"by {stamps.name!r} there are {told:,.6g} samples a second, and {rate:,} by --rate")
    return notes


def _ticks_of(stamps: Stamps, rate: int, mean: float) -> float:
    """The ticks of one step at `rate` steps a second; of plain numbers, which may be seconds, milliseconds
    or finer, those nearest to the `mean` step."""
    if stamps.kind != "number":
        return times.ticks_a_day(stamps.as_time) / 86_400 / rate
    every = [10.0 ** (stamps.digits + finer) / rate for finer in (0, *_FINER.values())]
    return min(every, key=lambda ticks: abs(np.log(ticks / mean)))


def _even(
    time: Time, sequences: Sequence[Integers], moves: Integers, forced: bool
) -> tuple[Time, float] | None:
    """The step that all rows are apart, and the share of them that are; None where too few are."""
    if not len(moves):
        return time, 1.0
    values, counts = np.unique(moves[moves > 0] if forced else moves, return_counts=True)
    if not len(values):
        return time, 0.0
    most = int(values[counts.argmax()])
    share = float((moves == most).mean())
    if most > 0 and (share >= EVEN or (forced and time.kind == "number")):
        return replace(time, step=most), share
    if time.kind != "number" and (found := _by_calendar(time, sequences)):
        return found
    return (replace(time, step=most), share) if forced else None


def _by_calendar(time: Time, sequences: Sequence[Integers]) -> tuple[Time, float] | None:
    """Weekdays or months apart, where the clock is the same in all rows."""
    clocks = np.concatenate(sequences) % times.ticks_a_day(time)
    if (clocks != clocks[0]).any():
        return None
    days = [(ticks // times.ticks_a_day(time)).astype("datetime64[D]") for ticks in sequences]
    every = np.concatenate(days)
    if np.is_busday(every).all():
        moves = np.concatenate([np.busday_count(d[:-1], d[1:]) for d in days])
        if (share := float((moves == 1).mean())) >= WEEKDAYS:
            return replace(time, calendar="weekdays", step=1), share
    months = every.astype("datetime64[M]")
    of_month = (every - months.astype("datetime64[D]")).astype(np.int64)
    calendar: Calendar
    if (of_month == of_month[0]).all() and of_month[0] < 28:
        calendar = "months"
    elif (every + 1 == (months + 1).astype("datetime64[D]")).all():
        calendar = "month ends"
    else:
        return None
    moves = np.concatenate([np.diff(d.astype("datetime64[M]").astype(np.int64)) for d in days])
    values, counts = np.unique(moves, return_counts=True)
    share = float(counts.max() / len(moves))
    if share < EVEN or values[counts.argmax()] < 1:
        return None
    return replace(time, calendar=calendar, step=int(values[counts.argmax()])), share


def _uneven(
    stamps: Stamps, time: Time, sequences: Sequence[Integers], moves: Integers
) -> tuple[Time, str, Column | None, list[Doubles], list[str]]:
    common = int(np.gcd.reduce(moves)) if len(moves) else 0
    unit, step = None, max(1, common)
    if time.kind != "number":
        day = times.ticks_a_day(time)
        sizes = [(name, day * seconds // 86_400) for name, seconds in _UNITS if day > 1 or name == "days"]
        sizes += [(name, 10 ** (time.digits - d)) for name, d in _FINER.items() if d <= time.digits]
        unit, step = next((name, size) for name, size in sizes if common % size == 0)
    time = replace(time, step=step, gap=f"{time.name} gap")
    middle = round(float(np.median(moves)) / step) if len(moves) else 0
    values = []
    for ticks in sequences:
        gaps = np.diff(ticks) // step
        last = round(float(np.median(gaps))) if len(gaps) else middle
        values.append(np.append(gaps, last).astype(np.float64)[:, None])  # (rows, 1)
    channel = repr(time.gap) + (f", in {unit}" if unit else "")
    note = (
        f"{time.name!r} holds the times, not evenly apart: the gap to the next is learnt as the channel "
        f"{channel}, and samples get times back, from one of the data's on"
    )
    return time, "row", Column(f"{time.name} gap", unit), values, [note]


def _step_said(time: Time) -> str:
    """What one step is, such as `10 minutes`."""
    if time.calendar != "even":
        name = "weekday" if time.calendar == "weekdays" else "month"
        return f"{time.step} {name}{'s' * (time.step > 1)}"
    if time.kind == "number":
        return f"{time.step / 10**time.digits:g}"
    seconds = (
        time.step * (86_400 if time.kind == "date" else 1) / (1 if time.kind == "date" else 10**time.digits)
    )
    for name, size in _UNITS:
        if seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {name if count > 1 else name[:-1]}"
    return f"{seconds:g} seconds"
