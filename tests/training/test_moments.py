"""Moments are measured as they are, and what is not as the data's is pushed there and no further."""

import numpy as np
import pytest
import torch
from torch import Tensor

from training.moments import Moments, Seen


def alone(y: Tensor, valid: Tensor | None) -> Moments:
    """Moments of components of which no channel is mixed."""
    return Moments(y, valid, torch.zeros(0, y.shape[2]))


def walks(count: int, seed: int, size: float = 1.0) -> Tensor:
    """(count, 24, 2): one that adds up its steps, and one that does not."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(count, 24, 2))
    steps[..., 0] = steps[..., 0].cumsum(1)
    return torch.from_numpy((size * steps).astype(np.float32))


def test_moves_of_the_same_kind_are_as_large():
    moments = alone(walks(4000, 0), None)
    assert moments.lags == [1, 4, 16, 23]
    seen = moments.of(walks(4000, 1), None)
    assert seen.means.shape == (24, 2)
    assert seen.means.numpy() == pytest.approx(0, abs=0.35)  # after 24 steps a walk has a deviation of 5
    assert seen.marginals.shape == (8, 2)
    assert seen.marginals.numpy() == pytest.approx(0, abs=0.02)
    assert seen.squares.numpy() == pytest.approx(1, abs=0.06)
    assert seen.sizes.shape == (23 + 20 + 8 + 1 + 22, 2)
    assert seen.sizes.numpy() == pytest.approx(1, abs=0.12)
    assert seen.pairs.numpy() == pytest.approx(0, abs=0.03)
    assert seen.homes.numpy() == pytest.approx(0, abs=0.08)
    twice = moments.of(walks(4000, 1, size=2), None)
    assert twice.squares.numpy() == pytest.approx(4, abs=0.24)
    assert twice.sizes.numpy() == pytest.approx(2, abs=0.24)


def test_what_is_behind_an_end_is_no_move():
    y, sizes = walks(50, 0), np.random.default_rng(2).integers(5, 12, 50)
    valid = torch.from_numpy((np.arange(24) < sizes[:, None]).astype(np.float32))
    moments = alone(y * valid[..., None], valid)
    windows = [own[:size] for own, size in zip(y.numpy(), sizes, strict=True)]
    wanted = [[own[lag:] - own[:-lag] for own in windows] for lag in moments.lags]
    wanted.append([np.diff(own, n=2, axis=0) for own in windows])
    places = iter(zip(moments._sizes.numpy(), moments._shares[:, 0].tolist(), strict=True))
    counts = [24 - lag for lag in (*moments.lags, 2)]
    for square, plain, count in zip(moments._squares[:-2], wanted, counts, strict=True):
        assert square.numpy() == pytest.approx((np.concatenate(plain) ** 2).mean(0), rel=1e-5)
        for at, (size, share) in zip(range(count), places, strict=False):
            own = [np.abs(move[at]) for move in plain if len(move) > at]
            assert size == pytest.approx(np.mean(own, 0) if own else 0, rel=1e-5)
            assert share == pytest.approx(len(own) / sum(map(len, plain)))
    lively = [np.abs(move).mean(0) ** 2 for move in wanted[0]]
    assert moments._squares[-2].numpy() == pytest.approx(np.mean(lively, 0), rel=1e-5)
    places = [own.mean(0) ** 2 for own in windows]
    assert moments._squares[-1].numpy() == pytest.approx(np.mean(places, 0), rel=1e-5)
    spans = np.array([own[-1] - own[0] for own in windows])
    starts = np.array([own[0] for own in windows])
    homes = spans.T @ starts / len(windows) / np.sqrt((spans**2).mean(0))[:, None]
    assert moments._homes.numpy() == pytest.approx(homes, abs=1e-5)
    together = (spans.T @ spans / len(windows) / np.sqrt(np.outer(*[(spans**2).mean(0)] * 2)))[0, 1]
    assert moments._pairs[2].numpy() == pytest.approx(np.array([[0, together], [together, 0]]), abs=1e-5)
    moves = [np.diff(own, axis=0) * moments._unit.numpy() for own in windows]
    after = sum(own[1:].T @ own[:-1] for own in moves) / sum(len(own) - 1 for own in moves)
    assert moments._pairs[1].numpy() == pytest.approx(after, abs=1e-5)
    assert moments.lags[-1] == np.median(sizes) - 1
    some = torch.from_numpy(np.concatenate(windows))[None]
    assert moments._marginals.numpy() == pytest.approx(moments._marginals_of(some, None).numpy(), abs=1e-5)
    assert moments._means[8].numpy() == pytest.approx(y[sizes > 8, 8].mean(0).numpy(), abs=1e-5)


@pytest.mark.parametrize(("size", "place"), [(0.2, 1.0), (5.0, -2.0)])
def test_moments_that_are_others_come_to_the_data_s_and_stay(size: float, place: float):
    moments = alone(walks(4000, 0), None)
    log_size = torch.full((2,), float(np.log(size)), requires_grad=True)
    mean = torch.full((2,), place, requires_grad=True)
    optimiser = torch.optim.Adam([log_size, mean], 0.02)
    for step in range(600):
        found = moments.of(mean + walks(64, step + 1) * log_size.exp(), None)
        moments.follow(Seen(*(part.detach() for part in found)), step)
        optimiser.zero_grad()
        moments.push(found).backward()
        optimiser.step()
    assert log_size.exp().tolist() == pytest.approx([1, 1], abs=0.1)
    assert mean[0].item() == pytest.approx(0, abs=0.4)
    assert mean[1].item() == pytest.approx(0, abs=0.1)


def test_what_is_mostly_out_is_pushed_to_be_out_as_often_which_a_mean_does_not_say():
    def lights(count: int, seed: int, out: Tensor, bright: Tensor) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        lit = torch.sigmoid((torch.rand((count, 24, 1), generator=random) - out) / 0.02)
        return bright * lit + 0.05 * torch.randn((count, 24, 1), generator=random)

    moments = alone(lights(4000, 0, torch.tensor(0.75), torch.tensor(2.0)), None)
    out, bright = torch.tensor(0.5, requires_grad=True), torch.tensor(1.0)
    seen = moments.of(lights(4000, 1, out, bright), None)
    assert seen.means.detach().numpy() == pytest.approx(0, abs=0.06)
    assert seen.marginals.abs().max() > 0.1
    nothing = [torch.zeros_like(part) for part in seen]
    moments.now = Seen(*nothing)._replace(
        marginals=seen.marginals.detach(), squares=1 + nothing[2], sizes=1 + nothing[3]
    )
    moments.push(seen).backward()
    assert out.grad < 0  # downhill is more often out


def test_where_all_is_right_nothing_is_pushed_whatever_a_batch_says():
    moments = alone(walks(4000, 0), None)
    y = walks(8, 3).requires_grad_()
    moments.push(moments.of(y, None)).backward()
    assert (y.grad == 0).all()


def test_what_never_moves_is_let_be():
    still = walks(100, 0)
    still[..., 1] = 0
    moments = alone(still, None)
    seen = moments.of(walks(100, 1), None)
    assert (seen.squares[:, 1] == 1).all()
    assert (seen.sizes[:, 1] == 1).all()
    assert (seen.pairs[:, 1] == 0).all()
    assert (seen.pairs[:, :, 1] == 0).all()


def test_of_what_is_smooth_a_trace_of_noise_is_seen():
    time = torch.linspace(0, 3, 24)[:, None]
    smooth = torch.sin(time + 6 * torch.rand((2000, 1, 2), generator=torch.Generator().manual_seed(0)))
    rough = smooth + 0.02 * walks(2000, 1)[..., 1:]
    *moves, turns, lively, place = alone(smooth, None).of(rough, None).squares
    assert torch.stack([*moves, lively, place]).numpy() == pytest.approx(1, abs=0.1)
    assert (turns > 8).all()


def test_what_goes_together_over_windows_and_in_no_step_is_seen():
    random = np.random.default_rng(0)
    common = random.normal(size=(4000, 1, 1)) * np.linspace(0, 5, 24)[:, None]

    def noisy(way: float, seed: int) -> Tensor:
        return walks(4000, seed).new_tensor(common * [1, way]) + 3 * walks(4000, seed)[..., 1:]

    moments = alone(noisy(1, 1), None)
    sooner, later, together = moments.of(noisy(-1, 2), None).pairs[:, 0, 1].tolist()
    assert abs(sooner) < 0.03 > abs(later)
    assert together < -0.5


def test_a_window_of_two_steps_has_one_move():
    moments = alone(walks(100, 0)[:, :2], None)
    assert moments.lags == [1]
    one = alone(walks(100, 0)[:, :1], None).of(walks(100, 1)[:, :1], None)
    assert one.squares.shape == one.sizes.shape == (0, 2)
    assert (one.homes == 0).all()
    assert (one.pairs == 0).all()


def test_moves_that_are_seldom_and_far_are_no_small_ones():
    random = np.random.default_rng(0)
    jumps = walks(4000, 0) * 0
    jumps += torch.from_numpy(
        (random.random((4000, 24, 2)) < 0.1) * random.normal(size=(4000, 24, 2))
    ).float()
    seen = alone(jumps, None).of(walks(4000, 1)[..., [1, 1]] * 0.1**0.5, None)
    assert seen.squares[:-2].numpy() == pytest.approx(1, abs=0.1)
    assert (seen.sizes > 1.5).all()


def test_which_components_move_together_and_which_after_another_comes_to_be_the_data_s():
    def echoes(count: int, seed: int, share: Tensor, later: Tensor) -> Tensor:
        noise = walks(count, seed)[..., 1]  # (count, 24)
        own = walks(count, seed + 1)[..., 1]
        before = torch.nn.functional.pad(noise, (1, 0))[:, :-1]
        rest = (1 - share**2 - later**2).clamp(min=0).sqrt()
        return torch.stack([noise, share * noise + later * before + rest * own], 2).cumsum(1)

    moments = alone(echoes(4000, 0, torch.tensor(0.6), torch.tensor(-0.5)), None)
    assert moments._pairs[0, 0, 1].item() == pytest.approx(0.6, abs=0.03)
    assert moments._pairs[1, 1, 0].item() == pytest.approx(-0.5, abs=0.03)
    assert moments._pairs[1, 0, 1].item() == pytest.approx(0, abs=0.03)
    share, later = (torch.zeros((), requires_grad=True) for _ in range(2))
    optimiser = torch.optim.Adam([share, later], 0.01)
    for step in range(400):
        found = moments.of(echoes(64, 2 * step + 2, share, later), None)
        moments.follow(Seen(*(part.detach() for part in found)), step)
        optimiser.zero_grad()
        moments.push(found).backward()
        optimiser.step()
    assert share.item() == pytest.approx(0.6, abs=0.15)
    assert later.item() == pytest.approx(-0.5, abs=0.15)


def test_what_moves_less_and_less_or_goes_home_comes_to_move_as_the_data_do():
    def fading(count: int, seed: int, rate: Tensor, back: Tensor) -> Tensor:
        moves = walks(count, seed)[..., 1:] * (1 + rate * torch.linspace(1, -1, 24)[:, None])
        began = 3 * walks(count, seed + 1)[:, :1, 1:]  # (count, 1, 1)
        return began * (1 + back * torch.linspace(0, 1, 24)[:, None]) + moves.cumsum(1)

    moments = alone(fading(4000, 0, torch.zeros(()), torch.zeros(())), None)
    rate, back = torch.tensor(0.8, requires_grad=True), torch.tensor(-0.9, requires_grad=True)
    optimiser = torch.optim.Adam([rate, back], 0.02)
    for step in range(600):
        found = moments.of(fading(64, 2 * step + 2, rate, back), None)
        moments.follow(Seen(*(part.detach() for part in found)), step)
        optimiser.zero_grad()
        moments.push(found).backward()
        optimiser.step()
    assert rate.item() == pytest.approx(0, abs=0.1)
    assert back.item() == pytest.approx(0, abs=0.15)


def test_calm_windows_and_wild_ones_are_told_from_calm_steps_and_wild_ones():
    random = np.random.default_rng(0)
    sizes = torch.from_numpy(random.choice([0.5, 2.0], size=(4000, 24, 1))).float()
    noise = walks(4000, 1)[..., 1:]
    steps, windows = noise * sizes, noise * sizes[:, :1]
    seen = alone(steps.cumsum(1), None).of(windows.cumsum(1), None)
    assert seen.squares[0].numpy() == pytest.approx(1, abs=0.1)
    assert seen.sizes.numpy() == pytest.approx(1, abs=0.25)
    assert seen.squares[-2].numpy() == pytest.approx(1.34, abs=0.1)  # 1.36 and 1.02 of the mean's square


def test_noise_that_is_off_for_a_whole_window_is_told_from_noise_of_each_step():
    noise, off = walks(4000, 0)[..., 1:], 0.3 * walks(4000, 1)[:, :1, 1:]
    seen = alone(noise, None).of(noise * (1 - 0.3**2) ** 0.5 + off, None)
    assert seen.squares[:-2].numpy() == pytest.approx(1 - 0.3**2, abs=0.03)
    assert seen.squares[-1].numpy() == pytest.approx(1 - 0.3**2 + 24 * 0.3**2, rel=0.1)


def test_channels_have_their_own_tails_and_calm():
    """What is mixed of two that are calm together is calm then; of two by turns it is always lively."""
    random = np.random.default_rng(0)

    def windows(together: bool) -> Tensor:
        calm = random.random((4000, 2)) < 0.5
        calm[:, 1] = calm[:, 0] if together else ~calm[:, 0]
        moves = random.normal(size=(4000, 24, 2)) * np.where(calm, 0.1, 1)[:, None]
        return torch.from_numpy(moves.cumsum(1).astype(np.float32))

    channels = torch.tensor([[0.6, 0.8]])
    moments = Moments(windows(together=True), None, channels)
    seen = moments.of(windows(together=False), None)
    assert seen.squares.shape == (len(moments.lags) + 3, 3)
    assert seen.squares[0].numpy() == pytest.approx(1, abs=0.1)
    assert seen.sizes[:23, :2].numpy() == pytest.approx(1, abs=0.1)
    assert seen.sizes[:23, 2].mean() > 1.2  # as far by squares, and with lighter tails
    assert seen.pairs.shape == (3, 2, 2)
    assert seen.means.shape == (24, 2)
