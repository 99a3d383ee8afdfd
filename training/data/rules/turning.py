"""Parts of a turn of the calendar that a rule may go by: days of the week, and times of the day."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from contract.calendar import Season, Turn

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST: dict[Turn, int] = {"day": 288, "week": 7}
"""Parts of those turns that a rule may go by: five minutes of a day at least, and days of a week. Of a year
there are few in any data."""


def parts_of(season: Season) -> int:
    """How many parts a turn has; 0 where no rule goes by it."""
    if season.name == "week" and season.rows % 7 and season.rows != 5:  # of five, without the weekends
        return 0
    return min(MOST.get(season.name, 0), season.rows)


def part(season: Season, row: NDArray[np.integer]) -> NDArray[np.int64]:
    """Which part of its turn each row is in, counted from the beginning of any turn: (…)."""
    return np.asarray(row, np.int64) % season.rows * parts_of(season) // season.rows


def said(season: Season, parts: Sequence[int]) -> str:
    """Some parts, for people: the weekday is Sunday, the time is 22:00 to 5:00."""
    if season.name == "week":
        return f"the weekday is {' or '.join(WEEKDAYS[k] for k in parts)}"
    count = parts_of(season)
    runs = [[k for _, k in run] for _, run in groupby(enumerate(parts), lambda pair: pair[1] - pair[0])]
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][-1] == count - 1:  # over midnight
        runs = [*runs[1:-1], runs[-1] + runs[0]]
    clock = [f"{k * 1440 // count // 60}:{k * 1440 // count % 60:02}" for k in range(count)]
    spans = [clock[r[0]] + (f" to {clock[r[-1]]}" if len(r) > 1 else "") for r in runs]
    return f"the time is {' or '.join(spans)}"
