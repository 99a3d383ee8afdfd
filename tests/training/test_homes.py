"""Where sequences that go on for ever are at home."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.games import game
from training.basis import Basis
from training.config import RECIPES, Sizes, TrainConfig
from training.data import load
from training.data.dataset import Dataset
from training.generator import Generator
from training.homes import lasting, way_home

MEMORY = np.array([0.0, 0.9, 0.98, 0.9995])
"""Rates at which components forget, beside windows of 24 rows: noise, in 10 steps, in 50 and in 2,000."""


def basis_of(data: Dataset, length: int) -> Basis:
    return Basis(data, data.windows(length, 1), RECIPES["relativistic"].basis)


def test_what_lasts_for_windows_is_at_home_where_a_level_says():
    one = np.ones(4)
    found = lasting(MEMORY, np.array([0.0, 1, 1, 1]), 0.1 * one, 24)
    assert found.drawn[:2].tolist() == [0, 0]
    assert 0 < found.drawn[2] < 0.1
    assert found.drawn[3] == 1
    assert found.decay[:2].tolist() == MEMORY[:2].tolist()
    assert found.decay[3] == pytest.approx(1 - 1 / 24)
    assert found.walk[:2].tolist() == [0.1, 0.1]
    assert found.walk[3] == pytest.approx(1.5 * np.sqrt(1 - MEMORY[3] ** 2))
    assert found.slowest == pytest.approx(4000)


def test_noise_that_seems_to_last_does_not_say_how_slow_the_level_is():
    found = lasting(np.array([0.9, 0.9999]), np.array([1.0, 0.1]), np.ones(2), 24)
    assert found.slowest == 48


def test_a_long_sample_is_where_its_levels_are(prices: Path):
    """Whatever moves add up to: at rest a component with a home has the law of the level."""
    torch.manual_seed(0)
    generator = game(prices).generator.eval()
    some = generator.drawn > 0.5
    assert some.any()
    with torch.no_grad():
        latent = torch.randn(512, 12)
        level = generator.begin(latent)[2]
        _, (_, _, total, drift, home, _, _) = generator(latent, torch.randn(512, 600, 8))
    assert not torch.equal(drift, latent)
    home = home[:, level.shape[1] :]
    torch.testing.assert_close(home.mean(0), level.mean(0), rtol=0, atol=0.15)
    torch.testing.assert_close(home.std(0), level.std(0), rtol=0.2, atol=0.01)
    away = (total - generator.drawn * home)[:, some].std(0)
    alone = generator.b[some] / (1 - generator.decay[some] ** 2).sqrt()
    assert (away < 3 * alone + 0.05).all()


def test_a_home_is_on_its_way_to_a_level_that_the_slow_latents_say_as_its_window_begins(prices: Path):
    generator = game(prices).generator.eval()
    latent, noise = torch.randn(4, 12), torch.randn(4, 40, 8)
    state, ends = None, None
    with torch.no_grad():
        for at in range(40):
            drift = latent if state is None else state[3]
            _, state = generator(latent, noise[:, at : at + 1], state, at)
            if at % 12 == 0:
                wanted = generator.level(drift[:, :8])
                before = wanted if ends is None else ends
            begins, ends = state[4].chunk(2, 1)
            torch.testing.assert_close(begins, before)
            torch.testing.assert_close(ends, wanted)
    assert not torch.equal(before, wanted)


def test_a_way_home_has_no_leap_and_ends_where_the_next_begins(prices: Path):
    generator = game(prices).generator
    ends = torch.randn(4, len(generator.a))
    begun, later = torch.cat([0 * ends, ends], 1), torch.cat([ends, -ends], 1)
    way = torch.cat([way_home(home, 12, 12, generator.window) for home in (begun, later)], 1)
    assert torch.equal(way[:, 11], ends)
    assert torch.equal(way[:, 23], -ends)
    torch.testing.assert_close(way[:, 1:12] - way[:, :11], (ends / 12)[:, None].expand(-1, 11, -1))
    torch.testing.assert_close(way[:, 12:] - way[:, 11:-1], (-ends / 6)[:, None].expand(-1, 12, -1))
    torch.testing.assert_close(way[:, 5:9], way_home(begun, 29, 4, generator.window))


def test_whatever_goes_with_the_calendar_is_no_part_of_a_home(tmp_path: Path):
    hours = np.arange(24 * 60)
    walk = np.random.default_rng(0).normal(0, 0.1, len(hours)).cumsum()
    loads = 10 + 5 * np.sin(2 * np.pi * hours / 24) + walk
    stamps = np.datetime64("2024-01-01T00:00", "m") + 60 * hours
    lines = [f"{t},{x:.3f}" for t, x in zip(stamps, loads, strict=True)]
    path = tmp_path / "load.csv"
    path.write_text("\n".join(["time,load", *lines]) + "\n")
    dataset = load(str(path), TrainConfig())
    basis = basis_of(dataset, 24)
    assert basis.conditions.seasons[0].name == "day"
    generator = Generator(Sizes(8, 16, 24, 32), basis.mixing, 24, (), *basis.conditions.seen)
    assert generator.draws_homes
    assert generator.calendar.abs().max() > 0.5
    with torch.no_grad():
        for part in generator.level.parameters():
            part.zero_()  # a level that says nothing of the hour, ...
        begun = generator.begin(torch.cat([torch.zeros(24, 12), torch.arange(24)[:, None].float()], 1))
    seen = generator.seasons.first(torch.arange(24)[:, None].float())
    torch.testing.assert_close(
        begun[4], (-seen @ generator.calendar).repeat(1, 2)
    )  # ... is as far from its own hour's


def test_only_what_goes_on_for_ever_has_a_home(prices: Path):
    basis = basis_of(load(str(prices), TrainConfig()), 12)
    assert Generator(Sizes(8, 16, 24, 32), basis.mixing, 12).draws_homes
    assert not Generator(Sizes(8, 16, 24, 32), basis.mixing, 0).draws_homes
