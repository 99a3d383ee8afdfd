"""Times that people write, as the Spec's ticks."""

from dataclasses import replace

import numpy as np
import pytest

from contract import times
from contract.calendar import Season, Time
from contract.errors import UsageError

HOUR = 3600


def column(zone: str | None) -> Time:
    return Time(
        name="t", kind="timestamp", start=0, step=1, calendar="even", gap=None, digits=0,
        format="%Y-%m-%dT%H:%M:%S", zone=zone, place=0, begins=(0,),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "text", "hours"),
    [
        (None, "1970-01-01T05:00:00", 5),
        ("+01:00", "1970-01-01T05:00:00", 5),  # on the data's own clock
        ("+01:00", "1970-01-01T05:00:00+01:00", 5),
        ("+01:00", "1970-01-01 05:00:00Z", 6),
        ("+01:00", "1970-01-01T05:00:00-03:30", 9.5),
        ("Europe/Berlin", "1970-01-01T05:00:00+01:00", 4),  # whose ticks are those of UTC
    ],
)
def test_a_time_with_an_offset_is_that_moment(zone: str | None, text: str, hours: float):
    assert times.parse(column(zone), text) == hours * HOUR


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("%YQ%q", "2001Q3", "2001-07-01"),
        ("%Y-Q%q", "2001-Q4", "2001-10-01"),
        ("%b %Y", "Mar 2010", "2010-03-01"),
        ("%d.%m.%Y", "31.1.2024", "2024-01-31"),
        ("%m/%d/%Y", "01/31/2024", "2024-01-31"),
        ("%Y%m%d", "20240131", "2024-01-31"),
        ("%Y%m%d", "2024-01-31", "2024-01-31"),
        ("%-m/%-d/%Y", "1/31/2024", "2024-01-31"),
    ],
)
def test_times_may_be_written_as_the_data_are(form: str, text: str, day: str):
    time = replace(column(None), kind="date", format=form)
    assert times.parse(time, text) == int(np.datetime64(day, "D").astype(np.int64))
    clock = replace(column(None), format=f"{form} %H:%M")
    assert times.parse(clock, f"{text} 07:30") == times.parse(clock, f"{day}T07:30:00")
    zoned = replace(clock, format=f"{form} %H:%M+02:00", zone="+02:00")
    assert times.parse(zoned, f"{text} 07:30") == times.parse(zoned, f"{day}T07:30:00")
    assert times.parse(clock, text) == times.parse(clock, day)
    for odd in ("35.13.2024", "202411"):
        with pytest.raises(UsageError, match="is no time"):
            times.parse(time, odd)


@pytest.mark.parametrize(
    ("text", "hour"), [("1/5/2024 12:30 AM", 0), ("1/5/2024 1:30 am", 1), ("01/05/2024 12:30 PM", 12),
                       ("1/5/2024 11:30 PM", 23), ("2024-01-05 23:30", 23),
                       ("1/5/2024 11:30:00 PM", 23), ("1/5/2024 23:30", 23)],
)  # fmt: skip
def test_hours_may_be_of_half_a_day(text: str, hour: int):
    time = replace(column(None), format="%-m/%-d/%Y %-I:%M %p")
    ticks = times.parse(time, text)
    assert ticks == int(np.datetime64(f"2024-01-05T{hour:02}:30:00", "s").astype(np.int64))
    half = "AM" if hour < 12 else "PM"
    assert times.texts(time, np.array([ticks])) == [f"1/5/2024 {hour % 12 or 12}:30 {half}"]
    assert times.day_of(time.format) == "%m/%d/%Y"
    for odd in ("1/5/2024 13:30 PM", "1/5/2024 0:30 AM"):
        with pytest.raises(UsageError, match="is no time"):
            times.parse(time, odd)


@pytest.mark.parametrize(
    "text", ["now", "NaT", "today", "tomorrow", "0000-01-01", "12024-01-01", "2024-13-01", ""]
)
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(UsageError, match="is no time of 't'; such as 2024-01-31T12:00:00 is wanted"):
        times.parse(column(None), text)


def test_a_time_beyond_what_nanoseconds_count_is_refused():
    with pytest.raises(UsageError, match="is no time"):
        times.parse(replace(column(None), digits=9), "2300-01-01")


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(np.int64))


@pytest.mark.parametrize(
    ("time", "seasons"),
    [
        (replace(column(None), step=HOUR), {"day": 24, "week": 168, "year": 8766}),
        (replace(column(None), step=600), {"day": 144, "week": 1008, "year": 52595}),
        (
            replace(column(None), step=7 * HOUR),
            {"week": 24, "year": 1252},
        ),  # a day is no whole number of these
        (replace(column(None), step=24 * HOUR), {"week": 7, "year": 365}),
        (replace(column(None), kind="date", step=7), {"year": 52}),
        (replace(column(None), kind="date", step=50), {}),  # of which 7 are a tenth of a turn off
        (replace(column(None), kind="date", calendar="weekdays"), {"week": 5, "year": 261}),
        (replace(column(None), kind="date", calendar="months"), {"year": 12}),
        (replace(column(None), kind="date", calendar="months", step=3), {"year": 4}),
        (replace(column(None), kind="date", calendar="months", step=5), {}),
        (replace(column(None), kind="number"), {}),
        (replace(column(None), gap="t gap"), {}),
    ],
)
def test_turns_of_the_calendar_by_how_far_rows_are_apart(time: Time, seasons: dict[str, int]):
    assert {s.name: s.rows for s in times.seasons(time)} == seasons


def test_the_place_of_a_time_in_its_turn():
    hourly = replace(column(None), step=HOUR)
    moments = np.array(["2024-01-01T00:00", "2024-01-03T05:59", "1969-12-28T23:00"], "datetime64[s]")
    ticks = moments.astype(np.int64)
    assert times.places(hourly, Season("day", 24), ticks).tolist() == [0, 5, 23]
    assert times.places(hourly, Season("week", 168), ticks).tolist() == [0, 53, 167]  # from Monday on
    assert times.places(hourly, Season("year", 8766), ticks).tolist() == [0, 53, 8687]
    weekdays = replace(hourly, kind="date", calendar="weekdays", step=1)
    days = np.array([day("2024-01-01"), day("2024-01-05"), day("2024-12-31")])
    assert times.places(weekdays, Season("week", 5), days).tolist() == [0, 4, 1]
    sunday = np.array([day("2024-01-07")])  # samples that begin then have Monday first
    assert times.places(weekdays, Season("week", 5), sunday).tolist() == [0]
    assert times.places(replace(weekdays, calendar="months"), Season("year", 12), days).tolist() == [
        0,
        0,
        11,
    ]


@pytest.mark.parametrize("step", [600, HOUR, 7 * HOUR])
def test_places_go_on_by_one_with_each_row(step: int):
    time = replace(column("+02:00"), step=step)
    ticks = day("2023-12-25") * 24 * HOUR + 77 + step * np.arange(3000)
    for season in times.seasons(time):
        if season.name != "year":
            places = times.places(time, season, ticks)
            assert (places == (places[0] + np.arange(3000)) % season.rows).all()
