"""Moments are measured as they are, and what is not as the data's is pushed there and no further."""

import numpy as np
import pytest
import torch
from torch import Tensor

from training.moments import Moments


def walks(count: int, seed: int, size: float = 1.0) -> Tensor:
    """(count, 24, 2): one that adds up its steps, and one that does not."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(count, 24, 2))
    steps[..., 0] = steps[..., 0].cumsum(1)
    return torch.from_numpy((size * steps).astype(np.float32))


def test_moves_of_the_same_kind_are_as_large():
    moments = Moments(walks(4000, 0), None)
    assert moments.lags == [1, 4, 23]
    off, ratio = moments.of(walks(4000, 1), None)
    assert off.shape == (24, 2)
    assert off.numpy() == pytest.approx(0, abs=0.35)  # after 24 steps a walk has a deviation of 5
    assert ratio.numpy() == pytest.approx(1, abs=0.06)
    assert moments.of(walks(4000, 1, size=2), None)[1].numpy() == pytest.approx(4, abs=0.24)


def test_what_is_behind_an_end_is_no_move():
    y, sizes = walks(50, 0), np.random.default_rng(2).integers(5, 12, 50)
    valid = torch.from_numpy((np.arange(24) < sizes[:, None]).astype(np.float32))
    moments = Moments(y * valid[..., None], valid)
    windows = [own[:size] for own, size in zip(y.numpy(), sizes, strict=True)]
    wanted = [[own[lag:] - own[:-lag] for own in windows] for lag in moments.lags]
    wanted.append([np.diff(own, n=2, axis=0) for own in windows])
    for found, plain in zip(moments._squares, wanted, strict=True):
        assert found.numpy() == pytest.approx((np.concatenate(plain) ** 2).mean(0), rel=1e-5)
    assert moments.lags[-1] == np.median(sizes) - 1
    assert moments._means[8].numpy() == pytest.approx(y[sizes > 8, 8].mean(0).numpy(), abs=1e-5)


@pytest.mark.parametrize(("size", "place"), [(0.2, 1.0), (5.0, -2.0)])
def test_moments_that_are_others_come_to_the_data_s_and_stay(size: float, place: float):
    moments = Moments(walks(4000, 0), None)
    log_size = torch.full((2,), float(np.log(size)), requires_grad=True)
    mean = torch.full((2,), place, requires_grad=True)
    optimiser = torch.optim.Adam([log_size, mean], 0.02)
    for step in range(600):
        found = moments.of(mean + walks(64, step + 1) * log_size.exp(), None)
        moments.follow(*(part.detach() for part in found), step)
        optimiser.zero_grad()
        moments.push(*found).backward()
        optimiser.step()
    assert log_size.exp().tolist() == pytest.approx([1, 1], abs=0.1)
    assert mean[0].item() == pytest.approx(0, abs=0.4)
    assert mean[1].item() == pytest.approx(0, abs=0.1)


def test_where_all_is_right_nothing_is_pushed_whatever_a_batch_says():
    moments = Moments(walks(4000, 0), None)
    y = walks(8, 3).requires_grad_()
    moments.push(*moments.of(y, None)).backward()
    assert (y.grad == 0).all()


def test_what_never_moves_is_let_be():
    still = walks(100, 0)
    still[..., 1] = 3
    moments = Moments(still, None)
    assert moments.of(walks(100, 1), None)[1][:, 1].tolist() == [1, 1, 1, 1]


def test_of_what_is_smooth_a_trace_of_noise_is_seen():
    time = torch.linspace(0, 3, 24)[:, None]
    smooth = torch.sin(time + 6 * torch.rand((2000, 1, 2), generator=torch.Generator().manual_seed(0)))
    rough = smooth + 0.02 * walks(2000, 1)[..., 1:]
    *moves, turns = Moments(smooth, None).of(rough, None)[1]
    assert torch.stack(moves).numpy() == pytest.approx(1, abs=0.1)
    assert (turns > 8).all()


def test_a_window_of_two_steps_has_one_move():
    moments = Moments(walks(100, 0)[:, :2], None)
    assert moments.lags == [1]
    assert Moments(walks(100, 0)[:, :1], None).of(walks(100, 1)[:, :1], None)[1].shape == (0, 2)
