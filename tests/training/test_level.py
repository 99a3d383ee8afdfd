"""Where windows begin: the level's own game, what it settles of first rows, and what hides it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.games import game
from training.basis import Basis
from training.config import RECIPES, Sizes, hidden_share
from training.data.dataset import Column, Dataset
from training.game import Game
from training.level import transport


def test_the_level_is_settled_before_the_game_of_windows(prices: Path):
    played = game(prices, "relativistic")
    first = {k: v.clone() for k, v in played.generator.level.state_dict().items()}
    played.begin()
    begun = {k: v.clone() for k, v in played.generator.level.state_dict().items()}
    played.play()
    after = played.generator.level.state_dict()
    assert all((begun[k] != first[k]).any() for k in first)
    assert all((after[k] == begun[k]).all() for k in first)


def test_without_a_game_of_its_own_the_level_is_learnt_with_the_rest(prices: Path):
    played = game(prices, "vanilla")
    first = {k: v.clone() for k, v in played.generator.level.state_dict().items()}
    played.begin()
    played.play()
    assert all((v != first[k]).any() for k, v in played.generator.level.state_dict().items())


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    """Twice the energy distance of two sets of points, without a bias."""
    among = sum(torch.cdist(x, x).sum() / (len(x) * (len(x) - 1)) for x in (a, b))
    return float(2 * torch.cdist(a, b).mean() - among)


def test_the_levels_own_game_brings_it_near_the_data(prices: Path):
    begun, raw = game(prices), game(prices)
    begun.play_level(300)
    real, _ = begun._first_rows(256)
    latent = torch.randn(256, 12)
    levels = [g.generator.begin(latent)[2].detach() for g in (begun, raw)]
    near, far = (apart(level, real) for level in levels)
    assert near < 0.2 * far


def test_what_the_game_leaves_too_narrow_is_widened():
    random = torch.Generator().manual_seed(0)
    normal = torch.randn((3, 20_000, 3), generator=random)
    mixed = torch.tensor([[1.0, 0.6, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 1.0]])
    points = normal[0] @ mixed + torch.tensor([1.0, -2.0, 0.0])
    anew = 0.3 * normal[1]
    made = 0.8 * normal[2]
    way, there = transport(made, points, anew)
    brought = (made - made.mean(0)) @ way.T + there + anew
    assert brought.mean(0).tolist() == pytest.approx(points.mean(0).tolist(), abs=1e-4)
    assert brought.T.cov().numpy() == pytest.approx(points.T.cov().numpy(), abs=0.02)
    torch.testing.assert_close(way, way.T)


def test_what_has_no_width_at_all_is_not_blown_up():
    random = torch.Generator().manual_seed(0)
    points, made, anew = torch.randn((3, 1000, 2), generator=random)
    made[:, 0], anew[:, 1], points[:, 1] = 0, 0, 0
    way, there = transport(made, points, 0.5 * anew)
    assert torch.linalg.eigvalsh(way).tolist() == pytest.approx([0.5, 2])
    assert there.isfinite().all()


def test_where_the_level_lies_it_spreads_as_the_data_do(prices: Path):
    begun = game(prices)
    begun.play_level(300)
    real = torch.cat([begun._first_rows(256)[0] for _ in range(40)])
    latents, anew = zip(*[begun._beginnings(256) for _ in range(40)], strict=True)
    made = begun.generator.level(torch.cat(latents)).detach() + torch.cat(anew)
    assert (made.std(0) / real.std(0)).tolist() == pytest.approx([1] * real.shape[1], abs=0.1)


def test_the_first_row_lies_at_the_level_wherever_the_moves_go(prices: Path):
    generator = game(prices).generator.eval()
    with torch.no_grad():
        generator.direct.bias += 3
        generator.log_a.fill_(math.log(1e-6))
        latent, noise = torch.randn(32, 12), torch.randn(32, 12, 8)
        rows, _ = generator(latent, noise)
        level = generator.begin(latent)[2]
    torch.testing.assert_close(rows[:, 0, : level.shape[1]], level, atol=1e-4, rtol=0)
    assert (rows[:, 1, : level.shape[1]] - level).abs().min() > 1e-4


def test_of_its_first_row_only_what_is_fleeting_is_the_windows_to_say(prices: Path):
    generator = game(prices).generator.eval()
    count = len(generator.a)
    with torch.no_grad():
        generator.direct.bias += 3
        generator.unsettled.copy_(torch.arange(count) % 2)
        latent, noise = torch.randn(32, 12), torch.randn(32, 12, 8)
        apart = (generator(latent, noise)[0][:, 0, :count] - generator.begin(latent)[2]).abs()
    assert (apart[:, ::2] < 1e-5).all()
    assert (apart[:, 1::2] > 1e-4).all()


def whole(sequences: np.ndarray, **changed: float) -> Game:
    """A game about whole sequences (sequences, 24, 2)."""
    data = Dataset.of("sequences", [Column("a"), Column("b")], list(sequences.astype(float)))
    windows, recipe = data.windows(24, 1), replace(RECIPES["relativistic"], **changed)
    basis, sizes = Basis(data, windows, recipe.basis), Sizes(8, 16, 24, 32)
    return Game(basis, len(windows), 24, sizes, 0, recipe, 100, 0, torch.device("cpu"))


def first_rows(played: Game) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the data, and as the generator makes them at a moment: (2000, 2) both."""
    with torch.no_grad():
        made, _ = played.generator(torch.randn(2000, played.generator.latents), torch.randn(2000, 2, 8))
    return played._first_rows(2000)[0], made[:, 0]


def test_sequences_that_begin_close_together_are_made_so():
    random = np.random.default_rng(0)
    turned = random.uniform(0, 0.1, (400, 1, 2)) + np.arange(24)[:, None] * random.uniform(
        0, 0.1, (400, 1, 2)
    )
    played = whole(np.sin(turned))
    played.begin()
    real, made = first_rows(played)
    deviation = real.std(0)
    assert (deviation < 0.3).all()
    assert ((made.mean(0) - real.mean(0)).abs() < 0.25 * deviation).all()
    assert ((made.std(0) / deviation).log().abs() < 0.25).all()


def test_what_is_noise_in_first_rows_is_there_and_nowhere_else():
    """Noise, noise that is 0 in first rows, and what lasts a while and is no noise of a row."""
    random = np.random.default_rng(0)
    noise = random.normal(size=(600, 24, 2))
    assert whole(noise).generator.unsettled.numpy() == pytest.approx(1, abs=0.1)
    noise[:, 0, 1] = 0.001 * random.normal(size=600)
    played = whole(noise)
    rows = played.first
    assert rows is not None
    assert (rows.fleeting <= rows.deviation).all()
    assert played.generator.unsettled.min() < 0.2
    slow = random.normal(size=(600, 30, 2)).cumsum(1)
    smooth = (slow[:, 6:] - slow[:, :-6]) / 6**0.5
    played = whole(smooth, level=2000)
    played.begin()
    real, made = first_rows(played)
    assert ((made.std(0) / real.std(0)).log().abs() < 0.15).all()


def test_who_settles_no_level_leaves_the_first_row_to_the_windows(prices: Path):
    assert (game(prices, "vanilla").generator.unsettled == 1).all()


def test_levels_are_hidden_the_more_the_fewer_windows_there_are(prices: Path):
    recipe = RECIPES["relativistic"]
    shares = [hidden_share(recipe, rows, 24) for rows in (1000, 4800, 24_000)]
    assert shares == pytest.approx([0.5, 0.5, 0.1])
    assert hidden_share(RECIPES["vanilla"], 1000, 24) == 0
    played = game(prices)  # of 400 rows
    windows = torch.randn(64, 12, 2)
    nothing = torch.zeros(64, 0)
    moved = [(played._shifted(windows, nothing) - windows).abs().amax((1, 2)) > 0 for _ in range(20)]
    assert torch.stack(moved).float().mean() == pytest.approx(0.5, abs=0.06)
    shifted = played._shifted(windows, nothing)
    torch.testing.assert_close(shifted.diff(dim=1), windows.diff(dim=1), atol=1e-5, rtol=0)


def test_moments_are_of_windows_that_no_shift_has_hidden(prices: Path, monkeypatch: pytest.MonkeyPatch):
    played = game(prices)
    played.hidden = 1.0
    shift = torch.full((played.recipe.batch, 1, len(played.generator.a)), 50.0)
    monkeypatch.setattr(played, "_shift", lambda: shift)
    seen: list[torch.Tensor] = []
    push = played._push

    def watched(windows: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        seen.append(windows.detach())
        return push(windows, given)

    monkeypatch.setattr(played, "_push", watched)
    played.play()
    assert len(seen) == 1
    assert seen[0].abs().max() < 40
