"""What an export costs and what it is worth: seconds, bytes and parity by precision.

Trains 20 steps on `stocks` (weights do not matter here), then exports five times each, interleaved;
medians, after imports.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

from contract.spec import Precision
from export.exporter import Exported, export
from training.config import TrainConfig
from training.trainer import train

RESULT = Path(__file__).parent / "results" / "export.json"
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
REPEATS = 5


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    seconds: dict[Precision, list[float]] = {p: [] for p in PRECISIONS}
    made: dict[Precision, Exported] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        train("stocks", run, TrainConfig(steps=20))
        for _ in range(REPEATS):
            for precision in PRECISIONS:
                begun = time.perf_counter()
                made[precision] = export(run, Path(folder, "model.onnx"), precision)
                seconds[precision].append(time.perf_counter() - begun)
    rows = [
        {
            "precision": p,
            "seconds": round(statistics.median(seconds[p]), 3),
            "bytes": len(made[p].artifact.data),
            **vars(made[p].artifact.spec.parity),
        }
        for p in PRECISIONS
    ]
    print(f"{'':<6} {'seconds':>8} {'bytes':>8} {'network':>9} {'rms':>9} {'chunks':>9} {'company':>9}")
    for r in rows:
        print(
            f"{r['precision']:<6} {r['seconds']:>8.2f} {r['bytes']:>8} {r['network']:>9.1e} "
            f"{r['network_rms']:>9.1e} {r['chunks']:>9.1e} {r['company']:>9.1e}"
        )
    line = json.dumps({"benchmark": "export", "rows": rows})
    RESULT.write_text(line + "\n")
    print(line)


if __name__ == "__main__":
    main()
