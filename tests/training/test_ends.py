"""Sequences that end by themselves: read whole, and nothing behind an end means anything to anybody."""

from pathlib import Path

import numpy as np
import pytest
import torch

from training.basis import Basis, Mixing
from training.conditions import Conditions
from training.config import Sizes, TrainConfig
from training.data import load
from training.data.columns import Column
from training.data.dataset import Dataset
from training.data.windows import ENDED
from training.discriminator import Discriminator
from training.drawn import sample_rows
from training.ends import clock, clock_of, survival, validity
from training.errors import DataError
from training.gate import pair
from training.generator import Generator
from training.likelihood import negative_log_likelihood
from training.trainer import train
from training.view import View

SIZES = Sizes(8, 16, 24, 32)
MOST = 6


def ragged(tmp_path: Path, lengths: list[int]) -> Path:
    """A table of walks of these lengths, told apart by an id, each of a kind and with a label."""
    random = np.random.default_rng(0)
    lines = ["id,kind,a,tag"]
    for i, length in enumerate(lengths):
        walk = np.cumsum(random.normal(size=length))
        lines += [f"{i},{'xy'[i % 2]},{v:.3f},{'on' if v > 0 else 'off'}" for v in walk]
    path = tmp_path / "walks.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def whole(lengths: list[int], gated: bool = False) -> Dataset:
    random = np.random.default_rng(1)
    rows = [random.normal(size=(length, 2)) for length in lengths]
    data = Dataset.of("some", [Column("a"), Column("b")], rows)
    return Dataset(**{**vars(data), "length": max(lengths), "ends": True, "gated": gated})


def test_many_short_sequences_are_learnt_whole(tmp_path: Path):
    lengths = [3 + i % 5 for i in range(64)]
    config = TrainConfig(id_column="id")
    dataset = load(str(ragged(tmp_path, lengths)), config)
    assert (dataset.length, dataset.ends) == (7, True)
    assert len(dataset.windows(7, 1)) == 64
    few = load(str(ragged(tmp_path, [30, *lengths[:62]])), config)
    assert (few.length, few.ends) == (24, False)
    short = load(str(ragged(tmp_path, lengths[:9])), config)  # there is no window of 24
    assert (short.length, short.ends) == (7, True)
    assert "all sequences are shorter than a window of 24: they are learnt whole" in short.notes
    alike = load(str(ragged(tmp_path, [5] * 64)), config)
    assert (alike.length, alike.ends) == (5, False)  # of one length: plain windows
    long = load(str(ragged(tmp_path, [*lengths, 200])), config)
    assert (long.length, long.ends) == (24, False)


def test_what_is_asked_for_is_done(tmp_path: Path):
    path = str(ragged(tmp_path, [3 + i % 5 for i in range(64)]))
    windows = load(path, TrainConfig(id_column="id", length=4))
    assert (windows.length, windows.ends) == (4, False)
    longer = load(path, TrainConfig(id_column="id", length=9, whole=True))
    assert (longer.length, longer.ends) == (9, True)
    with pytest.raises(DataError, match="has a sequence of 7 rows, and those learnt whole have at most 5"):
        load(path, TrainConfig(id_column="id", length=5, whole=True)).windows(5, 1)
    never = load(path, TrainConfig(id_column="id", whole=False))
    assert (never.length, never.ends) == (5, False)


def test_windows_are_the_sequences():
    data = whole([2, 4, 3, 4] * 20)
    windows = data.windows(4, 1)
    taken = windows.take(np.array([0, 1, 2]))
    assert (taken[0, 2:] == ENDED).all()
    assert np.isfinite(taken[1]).all()
    np.testing.assert_array_equal(taken[2, :3], data.values[6:9])
    assert windows.valid(np.array([2])).tolist() == [[True, True, True, False]]
    assert windows.covered.all()
    train, held = data.split(4, 1, 0.1)
    assert len(held) == 8
    assert len(train) == 72
    assert not (train.covered & held.covered).any()


def test_the_joint_table_holds_how_long_each_kind_is(tmp_path: Path):
    dataset = load(str(ragged(tmp_path, [3 + i % 2 for i in range(64)])), TrainConfig(id_column="id"))
    conditions = Conditions.of(dataset, dataset.windows(4, 1))
    assert conditions.table.rows == ((0, 3), (1, 4))
    assert conditions.table.counts == (32, 32)
    np.testing.assert_allclose(conditions.encode(np.array([[1.0, 2.0]])), [[0, 1, 0.5]])


def test_a_basis_shows_nothing_behind_an_end():
    data = whole([2, 4, 3, 4] * 20)
    basis = Basis(data, data.windows(4, 1), "cowhitened")
    shown = basis.encode(np.arange(8), np.full((8, 1, 1), 0.5))
    assert not shown[0, 2:].any()
    assert shown[1].all()
    assert basis.given(np.arange(3)).tolist() == [[0.5], [1.0], [0.75]]


def test_a_view_says_where_rows_are():
    data = whole([2, 4, 3, 4] * 20)
    view = View(data)
    assert view.columns[-1].name == "not ended"
    shown = view(data.windows(4, 1).take(np.array([0])))[0]  # (length, features)
    assert shown[:, -1].tolist() == [1, 1, 0, 0]
    np.testing.assert_allclose(shown[2:, :2], np.tile(data.values.mean(axis=0), (2, 1)))
    np.testing.assert_array_equal(view.dataset(data).windows(4, 1).take(np.array([0]))[0], shown)


def test_the_clock_counts_to_the_end():
    given = torch.tensor([[0.5], [1.0]])  # 3 and 6 of 6
    assert validity(given, MOST, 4).tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    gone, left, soon = clock_of(given, MOST, 5)[0].unbind(1)
    torch.testing.assert_close(gone, torch.tensor([0, 1, 2, 3, 3]) / 6)
    torch.testing.assert_close(left, torch.tensor([3, 2, 1, 0, 0]) / 6)
    torch.testing.assert_close(soon, torch.tensor([3, 2, 1, 0, 0]) / 8)


def mixing() -> Mixing:
    one = np.ones(2)
    return Mixing(0 * one, np.eye(2), np.eye(2), one, 0.9 * one, one, one, one)


def test_no_player_looks_behind_an_end():
    torch.manual_seed(0)
    generator = Generator(SIZES, mixing(), 0, (3,), given=1, most=MOST)
    discriminator = Discriminator(SIZES, mixing(), 3, given=1, most=MOST)
    given = torch.tensor([[0.5], [1.0]])
    once, noise = torch.cat([torch.randn(2, 8), given], 1), torch.randn(2, MOST, generator.noise_size)
    x, _ = generator(once, noise)
    assert not x[0, 3:].any()
    assert x[1].any(1).all()
    x = x.detach().requires_grad_()
    logits = discriminator(x, given)
    (gradient,) = torch.autograd.grad(logits.sum(), x)
    assert not gradient[0, 3:].any()
    assert gradient[0, :3].any(1).all()
    cut = discriminator(x[:1, :3].detach(), given[:1])  # the same window, and nothing behind it
    torch.testing.assert_close(discriminator(x[:1].detach(), given[:1]), cut)


def test_a_gate_is_for_sequences_that_end(tmp_path: Path):
    path = str(ragged(tmp_path, [3 + i % 5 for i in range(64)]))
    gate = TrainConfig(id_column="id", endings="gate")
    assert (load(path, gate).ends, load(path, gate).gated) == (True, True)
    with pytest.raises(DataError, match="learnt in windows of 4 rows: learn them with --whole True"):
        load(path, TrainConfig(id_column="id", endings="gate", length=4))
    alike = str(ragged(tmp_path, [5] * 64))
    with pytest.raises(DataError, match="--endings gate is for sequences that end .* all have 5 rows"):
        load(alike, gate)


def test_nobody_is_told_a_length_that_a_gate_is_to_find(tmp_path: Path):
    config = TrainConfig(id_column="id", endings="gate")
    dataset = load(str(ragged(tmp_path, [3 + i % 2 for i in range(64)])), config)
    conditions = Conditions.of(dataset, dataset.windows(4, 1))
    assert conditions.table.rows == ((0,), (1,))
    assert conditions.seen == (2, 4, True, ())
    data = whole([2, 4, 3, 4] * 20, gated=True)
    basis = Basis(data, data.windows(4, 1), "cowhitened")
    assert basis.conditions.table.rows == ()
    assert basis.given(np.arange(3)).shape == (3, 0)
    shown = basis.encode(np.arange(8), np.full((8, 1, 1), 0.5))
    assert shown[:3, :, -1].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 0]]
    assert not shown[0, 2:].any()


def test_a_gate_closes_once_and_never_before_the_first_step():
    closes = torch.tensor([[0, 0, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 0, 1, 0]]).float()
    gates = torch.stack([1 - closes, closes], 2)
    assert survival(gates, 5).tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]]
    assert survival(gates, 3)[1].tolist() == [1, 1, 1, 0, 0]  # never longer than the longest of the data


def gated() -> Generator:
    torch.manual_seed(0)
    return Generator(SIZES, mixing(), 0, (3,), most=MOST, gated=True).eval()


def test_two_ends_of_the_same_rows_are_drawn_alike():
    generator = gated()
    once, noise = torch.randn(512, 8), torch.randn(512, MOST, generator.noise_size)
    own, other, odds = pair(generator, once, noise, torch.randn(512, MOST, 2))
    torch.testing.assert_close(own, generator(once, noise)[0])
    lengths = [x[..., -1].sum(1) for x in (own, other)]
    assert set(lengths[0].tolist()) == set(lengths[1].tolist()) == set(range(1, MOST + 1))
    assert abs(lengths[0].mean() - lengths[1].mean()) < 0.3
    both = own[..., -1:] * other[..., -1:]
    torch.testing.assert_close(own * both, other * both)
    assert not own[..., :-1][own[..., -1] == 0].any()
    assert (odds[lengths[0] == lengths[1]] == 0).all()


def test_a_generator_learns_what_a_longer_sequence_is_worth():
    """By the true gradient: of the mean of (length - 2) squared, which a sum over lengths gives, too."""
    generator = gated()
    torch.nn.init.zeros_(generator.gate.weight)
    once, noise = torch.randn(4096, 8), torch.randn(4096, MOST, generator.noise_size)
    own, other, odds = pair(generator, once, noise, torch.randn(4096, MOST, 2))
    cost, others = ((x[..., -1].sum(1) - 2) ** 2 for x in (own, other))
    ((cost - others) * odds).mean().div(2).backward()

    def expected(bias: torch.Tensor) -> torch.Tensor:
        on, end = (3 * bias).softmax(0)  # `LOUDNESS`
        chances = [on ** (k - 1) * (end if k < MOST else 1) for k in range(1, MOST + 1)]
        return sum(chance * (k - 2) ** 2 for k, chance in enumerate(chances, 1))

    bias = generator.gate.bias.detach().requires_grad_()
    (wanted,) = torch.autograd.grad(expected(bias), bias)
    assert generator.gate.bias.grad is not None
    torch.testing.assert_close(generator.gate.bias.grad, wanted, rtol=0.1, atol=0)


def test_a_discriminator_sees_the_same_of_a_length_however_it_is_told():
    torch.manual_seed(0)
    given = torch.tensor([[0.5], [1.0]])
    valid = validity(given, MOST, MOST)
    torch.testing.assert_close(clock(valid, MOST), clock_of(given, MOST, MOST))
    told = Discriminator(SIZES, mixing(), given=1, most=MOST)
    gated = Discriminator(SIZES, mixing(), given=1, most=MOST, gated=True)
    gated.load_state_dict(told.state_dict())
    x = torch.randn(2, MOST, 2) * valid[..., None]
    torch.testing.assert_close(told(x, given), gated(torch.cat([x, valid[..., None]], 2), given))


def test_likelihood_teaches_a_gate_to_go_on_at_every_step_and_to_end_behind_the_last():
    generator = Generator(SIZES, mixing(), 0, (3,), most=4, gated=True)
    torch.nn.init.zeros_(generator.gate.weight)
    with torch.no_grad():
        generator.gate.bias.copy_(torch.tensor([np.log(3.0), 0.0]) / 3)  # an end is one of four
    letters = torch.nn.functional.one_hot(torch.randint(3, (2, 4)), 3).float()
    real = torch.cat([torch.randn(2, 4, 2), letters], 2)
    valid = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1.0]])
    real = torch.cat([real * valid[..., None], valid[..., None]], 2)
    once, noise = torch.randn(2, 8), torch.randn(2, 4, generator.noise_size)
    found = negative_log_likelihood(generator, once, noise, real)
    with torch.no_grad():
        generator.gate.bias.copy_(torch.tensor([50.0, -50.0]))  # surely on: 150 nats for the one end
    sure = negative_log_likelihood(generator, once, noise, real)
    # On at one and at three steps, one end; the longest sequence needs none.
    ends = -(4 * np.log(3 / 4) + np.log(1 / 4)) / 6
    torch.testing.assert_close(sure - found, torch.tensor(300 / 6 - ends, dtype=torch.float32))


def test_the_game_teaches_a_gate_how_long_each_kind_is(tmp_path: Path):
    """Nobody tells it: at first both are as long."""
    path = ragged(tmp_path, [(7 if i % 2 else 2) + (i % 3 == 0) for i in range(200)])
    config = TrainConfig(steps=200, id_column="id", endings="gate")
    run = train(str(path), tmp_path / "run", config, say=lambda _: None)
    kinds = run.conditions.draw(1000, 3)[:, 0]
    rows = sample_rows(run.generator(), run.decoding, run.conditions, 1000, run.length, 3)
    lengths = (rows[..., 0] != ENDED).sum(1)
    assert lengths[kinds == 1].mean() - lengths[kinds == 0].mean() > 2.5  # of 5; untaught it is about 0
