"""Whether samples go with the clock: means by the time of day, beside the data's.

Two records of bokeh_sampledata by the half hour, which have to do with the day: the temperature of the
sea, and one person's glucose. Each is learnt with its times and without, the same steps, and sampled for
two weeks from midnight on. What is measured is the mean at each of the 48 half hours less that of all: how
far samples are from the data, as a share of how far the data go. The floor is every other day against the
rest.
"""

import csv
import gzip
import json
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.exporter import export
from serving.sampler import load as load_generator
from training.config import TrainConfig
from training.data.builtin import package_file
from training.trainer import train

RESULT = Path(__file__).parent / "results" / "seasons.json"
DATA = {
    "sea temperature": ("sea_surface_temperature.csv.gz", "time (UTC)", "temperature (celsius)"),
    "glucose": ("CGM.csv.gz", "datetime", "glucose"),
}
HALF_HOURS = 48
STEPS, SAMPLES, LENGTH = 4000, 300, 14 * HALF_HOURS

Days = NDArray[np.float64]
"""(days, HALF_HOURS), NaN where nothing is known."""


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    rows = []
    for name, (file, time, value) in DATA.items():
        days, begun = _days(file, time, value)
        wanted = _course(days)
        figures = {"floor": _off(_course(days[::2]), _course(days[1::2]))}
        for how in ("told", "untold"):
            figures[how] = _off(_course(_sampled(days, begun, told=how == "told")), wanted)
        rows.append({"data": name, "range": round(float(np.ptp(wanted)), 3), **figures})
    print(f"{'':<18} {'range in a day':>14} {'with times':>11} {'without':>9} {'floor':>7}")
    for row in rows:
        print(
            f"{row['data']:<18} {row['range']:>14} {row['told']:>11} {row['untold']:>9} {row['floor']:>7}"
        )
    line = json.dumps({"benchmark": "seasons", "steps": STEPS, "rows": rows})
    RESULT.write_text(line + "\n")
    print(line)


def _days(file: str, time: str, value: str) -> tuple[Days, np.datetime64]:
    """The mean of each half hour, from the first midnight on, and when that was."""
    read = [
        (datetime.fromisoformat(row[time]).replace(tzinfo=None), float(row[value])) for row in _rows(file)
    ]
    begun = np.datetime64(min(moment for moment, _ in read).date())
    at = [(np.datetime64(moment) - begun) // np.timedelta64(30, "m") for moment, _ in read]
    known = np.full((max(at) // HALF_HOURS + 1) * HALF_HOURS, np.nan)
    sums, counts = np.zeros_like(known), np.zeros_like(known)
    np.add.at(sums, at, [x for _, x in read])
    np.add.at(counts, at, 1)
    known[counts > 0] = sums[counts > 0] / counts[counts > 0]
    return known.reshape(-1, HALF_HOURS), begun


def _sampled(days: Days, begun: np.datetime64, told: bool) -> Days:
    """Days of samples of a model of these days."""
    with tempfile.TemporaryDirectory() as folder:
        table, run, model = (Path(folder, name) for name in ("data.csv", "run", "model.onnx"))
        lines = [
            f"{begun + np.timedelta64(30 * n, 'm')},{'' if np.isnan(x) else f'{x:.3f}'}"
            for n, x in enumerate(days.ravel())
        ]
        table.write_text("\n".join(["when,value", *lines]) + "\n")
        train(str(table), run, TrainConfig(steps=STEPS, ignore=() if told else ("when",)))
        export(run, model)
        with load_generator(model) as generator:
            samples = generator.sample(SAMPLES, LENGTH, 0)
    made: Days = samples.column("value").astype(np.float64).reshape(-1, HALF_HOURS)
    return made


def _course(days: Days) -> Days:
    """The mean at each half hour less that of all: (HALF_HOURS,)."""
    course: Days = np.nanmean(days - np.nanmean(days), axis=0)
    return course


def _off(course: Days, wanted: Days) -> float:
    return round(float(np.abs(course - wanted).mean() / np.abs(wanted).mean()), 3)


def _rows(file: str) -> Iterable[dict[str, str]]:
    path = package_file("bokeh_sampledata", f"_data/{file}", "pip install bokeh_sampledata")
    with gzip.open(path, "rt", newline="") as f:
        yield from csv.DictReader(f)


if __name__ == "__main__":
    main()
