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
from training.stages import Stage, growth, mean_length, stages_for
from training.trainer import recipe_for, train

RECIPE = RECIPES["relativistic"]


def growing(prices: Path, steps: int) -> Game:
    config = TrainConfig(length=48)
    dataset = load(str(prices), config)
    windows = dataset.windows(48, 1)
    recipe = replace(recipe_for(dataset, config), shortest=12)
    basis = Basis(dataset, windows, recipe.basis)
    return Game(basis, len(windows), 48, Sizes(8, 16, 24, 32), 48, recipe, steps, 0, torch.device("cpu"))


def test_each_length_gets_as_many_rows_of_windows():
    stages = stages_for(RECIPE, 7000, 256)
    assert stages == (Stage(64, 0, 64 / 24), Stage(128, 4000, 128 / 24), Stage(256, 6000, 256 / 24))
    assert mean_length(RECIPE, 256) == pytest.approx((4 * 64 + 2 * 128 + 256) / 7)
    assert stages_for(RECIPE, 100, 128) == (Stage(128, 0, 1.0),)  # a quarter would be short itself
    assert stages_for(replace(RECIPE, shortest=0), 100, 256) == (Stage(256, 0, 1.0),)
    assert mean_length(RECIPES["vanilla"], 256) == 256


def test_the_last_step_is_of_whole_windows_however_few_there_are():
    assert [s.first for s in stages_for(RECIPE, 1, 256)] == [0, 0, 0]
    assert growth(stages_for(RECIPE, 1, 256)) == ""
    assert growth(stages_for(RECIPE, 2, 256)) == "windows grow: of 64 rows at first, 256 from step 1 on"
    assert growth(stages_for(RECIPE, 100, 24)) == ""


def test_windows_are_as_long_as_their_stage(prices: Path, monkeypatch: pytest.MonkeyPatch):
    played, seen = growing(prices, 9), []
    judge = played._judge

    def watched(windows: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        seen.append(windows.shape[1])
        return judge(windows, given)

    monkeypatch.setattr(played, "_judge", watched)
    for _ in range(9):
        played.play()
    assert seen == [12] * 10 + [24] * 6 + [48] * 2


def test_the_penalty_weighs_as_much_more_as_windows_are_longer(prices: Path):
    ends = []
    for weight, penalty in ((2.0, 1.0), (1.0, 2.0), (1.0, 1.0)):
        played = growing(prices, 9)
        assert played.stages[2].weight == 2
        played.stages = (*played.stages[:2], replace(played.stages[2], weight=weight))
        played.penalty *= penalty
        played.step = 8  # one of the steps with a penalty, of windows of 48 rows
        played.play()
        ends.append(torch.cat([p.detach().flatten() for p in played.discriminator.parameters()]))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize(("begun", "rows"), [(3, 12), (5, 24), (6, 24), (8, 48)])
def test_a_state_goes_on_in_any_stage_as_the_run_does(prices: Path, begun: int, rows: int):
    whole, other = growing(prices, 9), growing(prices, 9)
    for _ in range(begun):
        whole.play()
    assert whole.rows == rows
    other.load_state_dict(copy.deepcopy(whole.state_dict()))
    for _ in range(begun, 9):
        assert whole.play() == other.play()
    for a, b in zip(whole.state_dict()["constraints"], other.state_dict()["constraints"], strict=True):
        assert all(map(torch.equal, a, b))


def test_windows_of_long_tables_grow(tmp_path: Path):
    random = np.random.default_rng(0)
    config = TrainConfig(length=256)
    long = replace(Dataset.of("long", [Column("x")], [random.normal(size=(2000, 1))]), length=256)
    assert recipe_for(long, config).shortest == 64
    assert recipe_for(long, replace(config, stride=100)).shortest == 100  # shorter ones would miss rows
    short = replace(Dataset.of("short", [Column("x")], list(random.normal(size=(30, 300, 1)))), length=256)
    assert recipe_for(short, config).shortest == 0
    assert recipe_for(replace(long, form="sound"), config).shortest == 0
    assert recipe_for(long, replace(config, recipe="vanilla")).shortest == 0


def test_a_run_says_how_its_windows_grow(tmp_path: Path):
    said: list[str] = []
    rows = np.random.default_rng(0).normal(size=(1500, 1)).cumsum(0)
    np.savetxt(tmp_path / "x.csv", rows, header="x", comments="")
    data, config = str(tmp_path / "x.csv"), TrainConfig(length=256, steps=7)
    train(data, tmp_path / "run", config, say=said.append)
    assert "windows grow: of 64 rows at first, 128 from step 4 on, 256 from step 6 on" in said
    assert train(data, tmp_path / "run", config, resume=True, say=said.append).recipe.shortest == 64
