"""Where sequences that go on for ever are at home, in the graph: with all that can stand beside it."""

from pathlib import Path

import numpy as np
import pytest

from contract.seal import load
from export.exporter import export
from serving.sampler import load as load_generator
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.trainer import train

SHOPS = {"Oslo": 0.0, "Bergen": 30.0, "Molde": 60.0}


def slow(path: Path, labels: bool) -> Path:
    """Hourly values that hardly move within a day but for its hours, of three shops."""
    random = np.random.default_rng(0)
    stamps = np.datetime64("2024-01-01T00:00", "m") + 60 * np.arange(24 * 25)
    lines = []
    for shop, middle in SHOPS.items():
        walk = random.normal(0, 0.1, len(stamps)).cumsum()
        values = middle + 3 * np.sin(2 * np.pi * np.arange(len(stamps)) / 24) + walk
        own = [f",{'high' if x > middle else 'low'}" if labels else "" for x in values]
        lines += [f"{shop},{t},{x:.3f}{y}" for t, x, y in zip(stamps, values, own, strict=True)]
    path.write_text("\n".join([f"shop,time,load{',level' if labels else ''}", *lines]) + "\n")
    return path


@pytest.mark.parametrize("labels", [False, True])
def test_homes_go_with_hours_conditions_and_labels(tmp_path: Path, labels: bool):
    run = tmp_path / "run"
    config = TrainConfig(steps=40, id_column="shop", static=("shop",))
    train(str(slow(tmp_path / "x.csv", labels)), run, config)
    generator = checkpoints.load(run)[0].generator()
    assert generator.draws_homes
    assert generator.seasons.width
    assert generator.mixed == labels
    export(run, tmp_path / "m.onnx")  # which refuses what is not its checkpoint, or differs by chunks
    spec = load(tmp_path / "m.onnx").spec
    assert {s.name: s.size for s in spec.states}["home"] == 2 * len(generator.a)
    with load_generator(tmp_path / "m.onnx") as model:
        for shop, middle in SHOPS.items():
            late = model.sample(30, 24 * 20, 1, {"shop": shop}).values[:, 24 * 10 :, 0]
            assert abs(late.mean() - middle) < 10
