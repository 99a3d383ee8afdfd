"""Tables that are made of what comes with bokeh_sampledata: `NAME.csv` in a folder."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path

import numpy as np

from training.data.builtin import package_file

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_TICKERS = ("AAPL", "IBM", "MSFT", "GOOG")
_HALF_HOURS = 48
_LOW, _HIGH = 70, 180
"""The range in which glucose is to be, in mg/dl (Battelino et al., Diabetes Care 42, 2019)."""
_STEADY = 10
"""mg/dl in half an hour, up or down, up to which glucose is called steady."""


def weekdays(folder: Path) -> Path:
    """Daily returns of four companies and the day of the week."""
    rows = []
    before: tuple[str, float] | None = None
    for row in _rows("stocks.csv.gz"):
        ticker, close = row["Ticker"], float(row["Adj Close"])
        if ticker in _TICKERS and before and before[0] == ticker:
            day = WEEKDAYS[date.fromisoformat(row["Date"]).weekday()]
            rows.append([ticker, f"{np.log(close / before[1]):.6f}", day])
        before = ticker, close
    return _written(folder / "weekdays.csv", ["ticker", "return", "weekday"], rows)


def glucose(folder: Path) -> Path:
    """One person's glucose of 200 days, the mean of each half hour: the current of the sensor, the glucose
    that it stands for, whether that is low, in range or high, and where it goes; and if it is a weekend,
    which is constant in each day. Where the sensor said nothing cells are empty."""
    found: dict[tuple[date, int], tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for row in _rows("CGM.csv.gz"):
        time = datetime.fromisoformat(row["datetime"])
        currents, levels = found[time.date(), (60 * time.hour + time.minute) // 30]
        levels.append(float(row["glucose"]))
        if row["isig"] != "nil":
            currents.append(float(row["isig"]))
    rows = []
    for day in sorted({day for day, _ in found}):
        before: float | None = None
        for half in range(_HALF_HOURS):
            currents, levels = found.get((day, half), ([], []))
            level = float(np.mean(levels)) if levels else None
            zone = trend = ""
            if level is not None:
                zone = "low" if level < _LOW else "high" if level > _HIGH else "in range"
            if level is not None and before is not None:
                move = level - before
                trend = "falls" if move < -_STEADY else "rises" if move > _STEADY else "steady"
            current = f"{np.mean(currents):.2f}" if currents else ""
            weekend = "yes" if day.weekday() >= 5 else "no"
            rows.append([str(day), weekend, current, "" if level is None else f"{level:.0f}", zone, trend])
            before = level
    return _written(folder / "glucose.csv", ["day", "weekend", "current", "glucose", "zone", "trend"], rows)


TABLES: dict[str, Callable[[Path], Path]] = {"weekdays": weekdays, "glucose": glucose}


def _rows(file: str) -> Iterable[dict[str, str]]:
    path = package_file("bokeh_sampledata", f"_data/{file}", "pip install bokeh_sampledata")
    with gzip.open(path, "rt", newline="") as f:
        yield from csv.DictReader(f)


def _written(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([header, *rows])
    return path
