"""What sampling costs beside the bare runtime: row-steps a second of CPU, one thread each.

bare: `session.run` on ready-made inputs. scheduler: the same rows and steps as requests, with their
noise drawn, their state carried and their answers put together. Interleaved; medians of ratios.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from contract.rollout import first_feeds
from contract.seal import load
from export.exporter import export
from serving.sampler import Generator
from serving.session import Session
from serving.settings import Settings
from training.config import TrainConfig
from training.trainer import train

RESULT = Path(__file__).parent / "results" / "sampling.json"
SHAPES = ((1, 24), (64, 24), (256, 24), (256, 320))
REPEATS, SECONDS = 5, 0.4


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    with tempfile.TemporaryDirectory() as folder:
        train("stocks", Path(folder, "run"), TrainConfig(steps=20))
        export(Path(folder, "run"), Path(folder, "model.onnx"))
        artifact = load(Path(folder, "model.onnx"))
    session = Session(artifact, "cpu")
    generator = Generator(Session(artifact, "cpu"), Settings())
    rows = []
    print(f"{'rows × steps':>14} {'bare /s':>12} {'scheduler /s':>13} {'ratio':>6}")
    for count, length in SHAPES:
        feeds = first_feeds(session.spec, 1, range(count), min(length, 32))
        pieces = -(-length // 32)
        bare_work = partial(_run_pieces, session, feeds, pieces)
        whole_work = partial(generator.sample, count, length, 7)
        rates = [
            (_rate(bare_work, count * length), _rate(whole_work, count * length)) for _ in range(REPEATS)
        ]
        bare, scheduled = (statistics.median(r) for r in zip(*rates, strict=True))
        ratio = statistics.median(s / b for b, s in rates)
        rows.append(
            {"rows": count, "steps": length, "bare": round(bare), "scheduler": round(scheduled),
             "ratio": round(ratio, 3)}
        )  # fmt: skip
        print(f"{f'{count} × {length}':>14} {bare:>12,.0f} {scheduled:>13,.0f} {ratio:>6.2f}")
    generator.close()
    line = json.dumps({"benchmark": "sampling", "unit": "row-steps per CPU second", "rows": rows})
    RESULT.write_text(line + "\n")
    print(line)


def _run_pieces(session: Session, feeds: Mapping[str, np.ndarray], pieces: int) -> None:
    for _ in range(pieces):
        session.run(feeds)


def _rate(work: Callable[[], object], row_steps: int) -> float:
    """Row-steps a second of this process's CPU time."""
    work()
    begun, until, done = time.process_time(), time.perf_counter() + SECONDS, 0
    while time.perf_counter() < until:
        work()
        done += row_steps
    return done / (time.process_time() - begun)


if __name__ == "__main__":
    main()
