"""Each part that the ablation takes out is really out, and training works without it."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from benchmarks.quality.parts import PARTS
from training.config import TrainConfig
from training.trainer import train


@pytest.fixture(autouse=True)
def whole_again() -> Iterator[None]:
    yield
    mock.patch.stopall()


def trained(grown: Path, run: Path) -> torch.Tensor:
    made = train(str(grown), run, TrainConfig(steps=2, length=12), say=lambda line: None)
    parts = [*made.generator().state_dict().values(), *made.game["discriminator"].values()]
    return torch.cat([p.flatten().double() for p in parts])


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A price that moves by percents, so that there is something to bend, a noise, a sensor often at
    its limit, a thermometer of tenths, lamps of which few are on, and what follows."""
    random = np.random.default_rng(3)
    price = np.exp(np.cumsum(random.normal(0, 0.05, 600)))
    path = tmp_path_factory.mktemp("data") / "grown.npy"
    sensor = np.maximum(np.sin(np.arange(600) / 40), -0.5)
    tenths = np.round(np.sin(np.arange(600) / 60), 1)
    lamps = np.maximum(np.round(random.normal(size=600)), 0)
    np.save(path, np.stack([price, random.normal(size=600), sensor, tenths, lamps, 2 * tenths], 1))
    return path


@pytest.fixture(scope="module")
def whole(grown: Path, tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    return trained(grown, tmp_path_factory.mktemp("whole") / "run")


@pytest.mark.parametrize("part", PARTS)
def test_without_the_part_the_run_is_another_one(
    grown: Path, whole: torch.Tensor, tmp_path: Path, part: str
):
    PARTS[part]()
    without = trained(grown, tmp_path / "run")
    assert without.isfinite().all()
    assert len(without) != len(whole) or (without != whole).any()
