"""Times that people write, as the Spec's ticks."""

import pytest

from contract import times
from contract.spec import Time

HOUR = 3600


def column(zone: str | None) -> Time:
    return Time(
        name="t", kind="timestamp", start=0, step=1, calendar="even", gap=None, digits=0,
        format="%Y-%m-%dT%H:%M:%S", zone=zone, place=0,
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
