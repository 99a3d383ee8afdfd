"""Shares of labels are measured as they are, and what is not as the data's is pushed there."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.shares import Shares

SIZES = (3, 2)


def chosen(count: int, seed: int, often: float = 0.3, stays: float = 0.8) -> tuple[Tensor, Tensor]:
    """Outcomes (count, 24, 5) and a number (count, 24, 1): of three labels one is kept for a while; it says
    what the second column has and about where the number lies."""
    random = np.random.default_rng(seed)
    label = np.zeros((count, 24), int)
    for t in range(24):
        anew = random.choice(3, count, p=[often, 0.9 - often, 0.1])
        label[:, t] = np.where((random.random(count) < stays) & (t > 0), label[:, t - 1], anew)
    other = (label == 1) ^ (random.random(label.shape) < 0.1)
    y = (label == 2) + 0.1 * random.normal(size=label.shape)
    parts = np.concatenate([np.eye(3)[label], np.eye(2)[other.astype(int)]], 2)
    return torch.from_numpy(parts.astype(np.float32)), torch.from_numpy(y[..., None].astype(np.float32))


def test_labels_of_the_same_kind_are_as_the_data():
    shares = Shares(SIZES, *chosen(4000, 0), None)
    held = shares.of(*chosen(4000, 1), None)
    assert [tuple(part.shape) for part in held] == [(24, 5), (3, 5), (5, 1), (5, 5)]
    for part in held:
        assert part.numpy() == pytest.approx(0, abs=0.08)
    assert shares.of(*chosen(4000, 1, often=0.5), None).often[:, 0].numpy() == pytest.approx(0.43, abs=0.08)
    assert (shares.of(*chosen(4000, 1, stays=0.4), None).lasting[0, :3] < -0.3).all()


def test_what_goes_together_is_measured_as_a_correlation():
    own, y = chosen(4000, 0)
    shares = Shares(SIZES, own, y, None)
    flat = np.concatenate([own.numpy(), y.numpy()], 2).reshape(-1, 6)
    wanted = np.corrcoef(flat.T)
    data = shares._data
    assert data.numbers[:, 0].numpy() / flat[:, 5].std() == pytest.approx(wanted[:5, 5], abs=1e-3)
    assert data.others[:3, 3:].numpy() == pytest.approx(wanted[:3, 3:5], abs=1e-3)
    assert not data.others[:3, :3].any()
    assert not data.others[3:, 3:].any()


def test_what_is_behind_an_end_does_not_count():
    own, y = chosen(300, 0)
    sizes = np.random.default_rng(2).integers(1, 24, 300)
    valid = torch.from_numpy((np.arange(24) < sizes[:, None]).astype(np.float32))
    there = valid[..., None]
    one = Shares(SIZES, own * there, y * there, valid)
    rubbish = own.flip(0) * (1 - there) + own * there
    other = one.of(rubbish, y * there, valid)
    for part in other:
        assert part.numpy() == pytest.approx(0, abs=1e-5)
    rows = np.concatenate([x[:size] for x, size in zip(own.numpy(), sizes, strict=True)])
    assert one._share.numpy() == pytest.approx(rows.mean(0), abs=1e-5)


def test_a_label_that_is_always_or_hardly_there_is_let_be():
    own, y = chosen(500, 0)
    own[..., 3:] = torch.tensor([1.0, 0.0])
    shares = Shares(SIZES, own, y, None)
    for part in shares.of(1 - own, y, None):
        assert torch.isfinite(part).all()
    assert not shares.of(1 - own, y, None).often[:, 3:].any()


def test_logits_are_pushed_to_the_datas_shares_and_stay():
    """Labels of every step by itself, drawn as the generator draws them: no game, only what is held."""
    own, y = chosen(4000, 0, stays=0.0)
    shares = Shares((3,), own[..., :3], y, None)
    logits = nn.Parameter(torch.zeros(3))
    optimiser = torch.optim.SGD([logits], 0.06)
    random = torch.Generator().manual_seed(0)
    for step in range(600):
        gumbel = -torch.log(-torch.log(torch.rand((64, 24, 3), generator=random)))
        soft = (logits + gumbel).softmax(2)  # (windows, steps, outcomes)
        hard = nn.functional.one_hot(soft.argmax(2), 3) + soft - soft.detach()
        held = shares.of(hard, torch.zeros(64, 24, 1), None)
        shares.follow(type(held)(*(part.detach() for part in held)), step)
        optimiser.zero_grad()
        shares.push(held).backward()
        optimiser.step()
    assert logits.softmax(0).detach().numpy() == pytest.approx([0.3, 0.6, 0.1], abs=0.05)
