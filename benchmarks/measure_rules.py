"""Whether what holds in every row of the data holds in samples, where it is found and where it is learnt.

Daily prices of a share from bokeh_sampledata, with what people put beside them: how far it moved in the
day and since the day before, whether it rose, and what was traded. Learnt with the rules that are found;
and with every column named, so that all are learnt; the same steps.
"""

import csv
import gzip
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from export.exporter import export
from serving.sampler import load as load_generator
from serving.samples import Samples
from training.config import TrainConfig
from training.data.builtin import package_file
from training.trainer import train

RESULT = Path(__file__).parent / "results" / "rules.json"
STEPS, SAMPLES, LENGTH = 2000, 200, 60
NUMBERS = ("open", "close", "move", "since", "volume", "traded")


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    rows = [{"how": how, **_measured(named)} for how, named in (("found", False), ("learnt", True))]
    names = [*rows[0]][1:]
    print(f"{'':<8}" + "".join(f"{name:>32}" for name in names))
    for row in rows:
        print(f"{row['how']:<8}" + "".join(f"{row[name]:>32}" for name in names))
    line = json.dumps({"benchmark": "rules", "steps": STEPS, "rows": rows})
    RESULT.write_text(line + "\n")
    print(line)


def _measured(named: bool) -> dict[str, float]:
    """Shares of rows of samples in which each rule holds, and what training costs."""
    with tempfile.TemporaryDirectory() as folder:
        table, run, model = (Path(folder, name) for name in ("data.csv", "run", "model.onnx"))
        _write(table)
        begun = time.process_time()
        numbers, labels = (NUMBERS, ("rose",)) if named else ((), ())
        train(str(table), run, TrainConfig(steps=STEPS, continuous=numbers, categorical=labels))
        cost = time.process_time() - begun
        export(run, model)
        with load_generator(model) as generator:
            samples = generator.sample(SAMPLES, LENGTH, 0)
    return _kept(samples) | {"CPU seconds": round(cost, 1)}


def _write(path: Path) -> None:
    """The table of all trading days."""
    source = package_file("bokeh_sampledata", "_data/stocks.csv.gz", "pip install bokeh_sampledata")
    with gzip.open(source, "rt", newline="") as file, path.open("w") as out:
        out.write("open,close,move,since,rose,volume,traded\n")
        before = None
        for row in csv.DictReader(file):
            if row["Ticker"] == "IBM":
                begun, ended = float(row["Open"]), float(row["Close"])
                move, volume = round(ended - begun, 2), round(int(row["Volume"]) / 1e6, 2)
                rose = "yes" if move > 0 else "no"
                since = "" if before is None else f"{ended - before:.2f}"
                out.write(f"{begun},{ended},{move},{since},{rose},{volume},{ended * volume:.1f}\n")
                before = ended


def _kept(samples: Samples) -> dict[str, float]:
    begun, ended, move, since, volume, traded = (samples.column(n).astype(np.float64) for n in NUMBERS)
    rose = samples.column("rose") == "yes"
    kept = {
        "move = close - open": np.abs(ended - begun - move) < 0.0051,
        "since = close - close before": np.abs(np.diff(ended, axis=1) - since[:, 1:]) < 0.0051,
        "rose by move": rose == (move > 0.0049),
        "traded = close · volume": np.abs(ended * volume - traded) < 0.051,
    }
    return {name: round(float(held.mean()), 4) for name, held in kept.items()}


if __name__ == "__main__":
    main()
