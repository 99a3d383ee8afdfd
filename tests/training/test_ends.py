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
from training.data.dataset import ENDED, Dataset
from training.errors import DataError
from training.networks import Discriminator, Generator, clock, validity
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


def whole(lengths: list[int]) -> Dataset:
    random = np.random.default_rng(1)
    rows = [random.normal(size=(length, 2)) for length in lengths]
    data = Dataset.of("some", [Column("a"), Column("b")], rows)
    return Dataset(**{**vars(data), "length": max(lengths), "ends": True})


def test_many_short_sequences_are_learnt_whole(tmp_path: Path):
    lengths = [3 + i % 5 for i in range(64)]
    config = TrainConfig(id_column="id")
    dataset = load(str(ragged(tmp_path, lengths)), config)
    assert (dataset.length, dataset.ends) == (7, True)
    assert len(dataset.windows(7, 1)) == 64
    few = load(str(ragged(tmp_path, lengths[:63])), config)
    assert (few.length, few.ends) == (24, False)
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
    assert (never.length, never.ends) == (24, False)


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
    gone, left, soon = clock(given, MOST, 5)[0].unbind(1)
    torch.testing.assert_close(gone, torch.tensor([0, 1, 2, 3, 3]) / 6)
    torch.testing.assert_close(left, torch.tensor([3, 2, 1, 0, 0]) / 6)
    torch.testing.assert_close(soon, torch.tensor([3, 2, 1, 0, 0]) / 8)


def test_no_player_looks_behind_an_end():
    torch.manual_seed(0)
    one = np.ones(2)
    mixing = Mixing(0 * one, np.eye(2), np.eye(2), one, 0.9 * one, one, one, one)
    generator = Generator(SIZES, mixing, 1.0, (3,), given=1, most=MOST)
    discriminator = Discriminator(SIZES, mixing, 3, given=1, most=MOST)
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
