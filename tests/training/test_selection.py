"""Which look is chosen, by hand."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from training import checkpoint as checkpoints
from training import selection
from training.config import TrainConfig
from training.selection import Look, chosen, eligible, look_steps, with_look
from training.trainer import train


def look(step: int, distance: float, weights: bool = True) -> Look:
    blocks = torch.tensor([distance])
    return Look(step, distance, 1.0, 0.0, blocks, {"w": torch.tensor(step)} if weights else None)


def after(*looks: Look, error: float) -> tuple[Look, ...]:
    seen: tuple[Look, ...] = ()
    for one in looks:
        seen = with_look(seen, one, lambda a, b: 0.0 if torch.equal(a, b) else error)
    return seen


def test_the_latest_within_one_standard_error_of_the_best_is_chosen():
    looks = after(look(10, 0.5), look(20, 0.10), look(30, 0.11), look(40, 0.14), error=0.02)
    assert chosen(looks).step == 30


def test_noise_does_not_choose_early_weights():
    looks = after(look(10, 0.100), look(20, 0.101), look(30, 0.102), error=0.02)
    assert chosen(looks).step == 30


def test_a_run_that_comes_apart_at_its_end_gives_earlier_weights():
    looks = after(look(10, 0.3), look(20, 0.1), look(30, 5.0), look(40, 9.0), error=0.02)
    assert chosen(looks).step == 20


def test_only_looks_that_may_be_chosen_keep_their_weights():
    looks = after(look(10, 0.5), look(20, 0.1), look(30, 0.9), error=0.02)
    assert [one.weights is not None for one in looks] == [False, True, False]
    assert [one.step for one in looks] == [10, 20, 30]


def test_the_first_half_is_looked_at_and_not_chosen_from():
    assert chosen(after(look(10, 0.1, weights=False), look(20, 0.2), error=0)).step == 20
    assert not eligible(9, 20)
    assert eligible(10, 20)
    assert not eligible(14, 20, likely=15)
    assert eligible(15, 20, likely=15)


@pytest.mark.parametrize("steps", [1, 24, 399, 400, 1000, 4628, 100_000])
def test_looks_are_at_fixed_steps_and_at_the_last(steps: int):
    steps_of = sorted(look_steps(steps))
    assert steps_of == sorted(look_steps(steps))
    assert steps_of[-1] == steps
    assert len(steps_of) <= selection.LOOKS
    apart = [b - a for a, b in pairwise(steps_of)]
    assert not apart or min(apart) >= selection.APART - 1


def test_a_run_gives_the_weights_that_were_chosen(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(selection, "APART", 5)
    said: list[str] = []
    state = train(str(prices), tmp_path / "run", TrainConfig(steps=20, length=12), say=said.append)
    assert [one.step for one in state.looks] == [5, 10, 15, 20]
    best = chosen(state.looks)
    assert best is not None
    assert any(f"the weights of step {best.step} of 20 are kept" in line for line in said)
    again = checkpoints.load(tmp_path / "run")[0]
    assert again.chosen_step == best.step >= 10
    for name, weights in again.generator().state_dict().items():
        assert torch.equal(weights, best.weights[name])


def test_where_nothing_is_held_out_the_last_weights_are_taken_and_it_is_said(prices: Path, tmp_path: Path):
    said: list[str] = []
    config = TrainConfig(steps=6, length=12, hold_out=0)
    state = train(str(prices), tmp_path / "run", config, say=said.append)
    assert chosen(state.looks) is None
    assert state.chosen_step == 6
    assert "too few windows are held out to choose by" in said[-1]
