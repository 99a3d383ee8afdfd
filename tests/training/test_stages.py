"""Windows grow: how long they are when, and that a run goes on in the middle as it would have."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training.basis import Basis
from training.config import RECIPES, Sizes, TrainConfig
from training.data import load
from training.data.dataset import Column, Dataset
from training.game import Game
from training.stages import Stage, mean_length, stages_for
from training.trainer import recipe_for, train

RECIPE = RECIPES["relativistic"]


def growing(prices: Path, steps: int) -> Game:
    dataset = load(str(prices), TrainConfig(length=48))
    windows = dataset.windows(48, 1)
    recipe = recipe_for(dataset, TrainConfig(length=48))
    basis = Basis(dataset, windows, recipe.basis)
    return Game(basis, len(windows), 48, Sizes(8, 16, 24, 32), 0.98, recipe, steps, 0, torch.device("cpu"))


def test_each_length_gets_as_many_rows_of_windows():
    stages = stages_for(RECIPE, 7000, 256)
    assert stages == (Stage(64, 0), Stage(128, 4000), Stage(256, 6000))
    assert mean_length(RECIPE, 256) == pytest.approx((4 * 64 + 2 * 128 + 256) / 7)
    assert [s.length for s in stages_for(RECIPE, 100, 64)] == [32, 64]
    assert stages_for(RECIPE, 100, 40) == (Stage(40, 0),)  # half of it is too short to be learnt from
    assert stages_for(replace(RECIPE, shortest=0), 100, 256) == (Stage(256, 0),)
    assert mean_length(RECIPES["vanilla"], 256) == 256
    assert [s.first for s in stages_for(RECIPE, 1, 256)] == [0, 1, 1]  # of one step the first is all


def test_windows_are_as_long_as_their_stage(prices: Path, monkeypatch: pytest.MonkeyPatch):
    played, seen = growing(prices, 9), []
    judge = played._judge

    def watched(windows: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        seen.append(windows.shape[1])
        return judge(windows, given)

    monkeypatch.setattr(played, "_judge", watched)
    for _ in range(9):
        played.play()
    assert seen == [24] * 12 + [48] * 6


@pytest.mark.parametrize("begun", [3, 6, 7])
def test_a_state_goes_on_in_any_stage_as_the_run_does(prices: Path, begun: int):
    whole, other = growing(prices, 9), growing(prices, 9)
    for _ in range(begun):
        whole.play()
    assert whole.rows == (24 if begun < 6 else 48)
    other.load_state_dict(copy.deepcopy(whole.state_dict()))
    for _ in range(begun, 9):
        assert whole.play() == other.play()
    for a, b in zip(whole.state_dict()["constraints"], other.state_dict()["constraints"], strict=True):
        assert all(map(torch.equal, a, b))


def test_windows_grow_where_the_first_rows_of_all_are_all_the_data(tmp_path: Path):
    random = np.random.default_rng(0)
    config = TrainConfig(length=96)
    long = replace(Dataset.of("long", [Column("x")], [random.normal(size=(1000, 1))]), length=96)
    assert recipe_for(long, config).shortest == 24
    assert recipe_for(long, replace(config, stride=40)).shortest == 40
    short = replace(Dataset.of("short", [Column("x")], list(random.normal(size=(30, 100, 1)))), length=96)
    assert recipe_for(short, config).shortest == 0
    assert recipe_for(load("ecg", TrainConfig()), TrainConfig()).shortest == 0
    assert recipe_for(long, replace(config, recipe="vanilla")).shortest == 0


def test_a_run_says_how_its_windows_grow(prices: Path, tmp_path: Path):
    said: list[str] = []
    config = TrainConfig(length=48, steps=6)
    train(str(prices), tmp_path / "run", config, say=said.append)
    assert "windows grow: of 24 rows at first, 48 from step 4 on" in said
    assert train(str(prices), tmp_path / "run", config, resume=True, say=said.append).recipe.shortest == 24
