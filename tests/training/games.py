"""A small game of a few prices, for tests of what is played in it."""

from pathlib import Path

import torch

from training.basis import Basis
from training.config import RECIPES, Sizes, TrainConfig
from training.data import load
from training.game import Game


def game(prices: Path, recipe: str = "relativistic", seed: int = 0) -> Game:
    dataset = load(str(prices), TrainConfig())
    windows = dataset.windows(12, 1)
    basis = Basis(dataset, windows, RECIPES[recipe].basis)
    return Game(
        basis, len(windows), 12, Sizes(8, 16, 24, 32), 12, RECIPES[recipe], 100, seed, torch.device("cpu")
    )  # fmt: skip
