"""A run that goes wrong is noticed, and one that is well is left in peace."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from training.config import RECIPES, TrainConfig
from training.game import Game
from training.health import ENTRIES, ailments, finite
from training.selection import Look
from training.trainer import train

CHANCE = math.log(2)


def kinds(discriminator: float, generator: float, recipe: str = "relativistic", entries: int = ENTRIES):
    rows = [[50.0 * (i + 1), discriminator, generator] for i in range(entries)]
    return [kind for kind, _ in ailments(torch.tensor(rows), RECIPES[recipe], None, 1000)]


def seen(step: int, diversity: float = 1.0, pinned: float = 0.0) -> list[tuple[str, str]]:
    look = Look(step, 0.1, diversity, pinned, torch.zeros(4), None)
    return list(ailments(torch.zeros(0, 3), RECIPES["relativistic"], look, 1000))


def test_a_balanced_game_is_well():
    assert kinds(CHANCE, CHANCE) == []
    assert kinds(0.3 * CHANCE, 2 * CHANCE) == []
    assert kinds(2 * CHANCE, CHANCE, "vanilla") == []
    assert kinds(0.1 * CHANCE, 4 * CHANCE, "vanilla") == []


def test_a_player_that_wins_for_long_is_noticed():
    assert kinds(0.001, 7.0) == ["discriminator won"]
    assert kinds(7.0, 0.001) == ["generator won"]
    assert kinds(0.001, 7.0, "vanilla") == ["discriminator won"]


def test_a_player_that_wins_for_a_moment_is_not():
    assert kinds(0.001, 7.0, entries=ENTRIES - 1) == []


def test_a_collapsed_generator_is_noticed():
    ((kind, sentence),) = seen(500, diversity=0.03)
    assert kind == "collapsed"
    assert "3% as much as real ones" in sentence
    assert "--seed" in sentence


def test_a_generator_that_leaves_the_range_is_noticed():
    ((kind, sentence),) = seen(500, pinned=0.8)
    assert kind == "diverged"
    assert "80%" in sentence


def test_nothing_is_said_of_a_generator_that_has_just_begun():
    assert seen(50, diversity=0.0, pinned=1.0) == []


def test_numbers_that_are_none_are_found_wherever_they_are():
    assert finite({"a": [torch.zeros(2), 1.0], "b": {"c": torch.zeros(1, dtype=torch.uint8)}})
    assert not finite({"a": [torch.tensor([0.0, math.inf])]})
    assert not finite({"a": {"b": (math.nan,)}})


def test_a_run_whose_generator_gives_one_window_is_warned_while_it_runs(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = Game._fake

    def one_window(self: Game, *arguments: Any) -> Tensor:
        for network in (self.generator, self.average):
            for weights in network.parameters():
                weights.data.zero_()
        return whole(self, *arguments)

    monkeypatch.setattr(Game, "_fake", one_window)
    monkeypatch.setattr(Game, "_follow", lambda self: None)
    said: list[str] = []
    state = train(str(prices), tmp_path / "run", TrainConfig(steps=10, length=12), say=said.append)
    assert "collapsed" in state.warnings
    assert any("warning: step 10: the generator repeats itself" in line for line in said)


def test_a_discriminator_that_does_not_learn_is_warned_of(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("training.health.ENTRIES", 2)
    free = replace(RECIPES["relativistic"], moments=0.0)  # else they hold the generator back
    monkeypatch.setitem(RECIPES, "relativistic", free)
    whole = Game._step_discriminator

    def stubborn(self: Game, *arguments: Tensor) -> tuple[float, Tensor]:
        before = [p.detach().clone() for p in self.discriminator.parameters()]
        answer = whole(self, *arguments)
        with torch.no_grad():
            for weights, old in zip(self.discriminator.parameters(), before, strict=True):
                weights.copy_(2 * old if self.step == 0 else old)  # a strong opinion, never revised
        return answer

    monkeypatch.setattr(Game, "_step_discriminator", stubborn)
    state = train(str(prices), tmp_path / "run", TrainConfig(steps=200, length=4), say=lambda line: None)
    assert "generator won" in state.warnings


def test_a_healthy_run_is_not_warned_of(run: Path):
    assert '"warnings": []' in (run / "run.json").read_text()
