"""The game is the one that is written: losses, penalty, labels, gradients, optimisers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.games import game
from training import losses
from training.basis import STILL, Basis
from training.config import RECIPES, Sizes, batch_for, likely_steps, sizes_for, window_for
from training.data.dataset import Column, Dataset
from training.discriminator import Discriminator
from training.game import Game
from training.generator import Generator
from training.homes import rates_for
from training.layers import float32
from training.likelihood import BETAS, FASTER
from training.recurrence import recurrence
from training.settling import SETTLED, recentre, settle


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize("recipe", ["relativistic", "vanilla"])
def test_each_step_moves_every_weight_of_both_players(prices: Path, recipe: str):
    played = game(prices, recipe)
    learning = [
        p for n in (played.generator, played.discriminator) for p in n.parameters() if p.requires_grad
    ]
    before = [p.detach().clone() for p in learning]
    for _ in range(2):
        played.play()
    assert all((a != b).any() for a, b in zip(learning, before, strict=True) if a.numel())


def test_likelihood_teaches_first_and_faster_than_the_game():
    letters = np.random.default_rng(0).integers(0, 3, (200, 1)).astype(float)
    data = Dataset.of("letters", [Column("letter", labels=("a", "b", "c"))], [letters])
    windows, recipe = data.windows(6, 1), RECIPES["relativistic"]
    basis = Basis(data, windows, recipe.basis)
    sizes = Sizes(8, 16, 24, 32)
    played = Game(basis, len(windows), 6, sizes, 0, recipe, 20, 0, torch.device("cpu"))
    paces, rates = [], []
    for _ in range(20):
        played.play()
        (one,), (other,) = (o.param_groups for o in played.optimisers)
        paces.append((one["betas"], other["betas"]))
        rates.append((one["lr"], other["lr"]))
    likely = round(20 * recipe.likelihood)
    assert paces == [(BETAS, recipe.betas)] * likely + [(recipe.betas, recipe.betas)] * (20 - likely)
    rise = recipe.learning_rate / recipe.warmup
    assert rates[0] == pytest.approx((FASTER * rise, rise))
    assert rates[likely][0] == pytest.approx(rise)  # the game is a beginning of its own
    assert played.alone


def test_likelihood_begins_beside_numbers_and_goes_on_as_a_ballast():
    """What says next to nothing of numbers learns from a label to the next at once."""
    recipe = RECIPES["relativistic"]
    assert [likely_steps(recipe, n, numbers=True) for n in (20, 2000, 20_000)] == [2, 200, 1000]
    random = np.random.default_rng(0)
    rows = np.column_stack([random.normal(size=400), np.arange(400) % 3])
    data = Dataset.of("mixed", [Column("x"), Column("letter", labels=("a", "b", "c"))], [rows])
    windows = data.windows(6, 1)
    basis = Basis(data, windows, recipe.basis)
    played = Game(basis, len(windows), 6, Sizes(8, 16, 24, 32), 0, recipe, 4000, 0, torch.device("cpu"))
    before = played.generator.head[0].weight.detach().clone()
    for _ in range(360):
        played.play()
    torch.testing.assert_close(played.generator.head[0].weight, before)  # numbers know nothing yet
    assert not played.alone  # and so these weights are no baseline
    for _ in range(60):
        played.play()
    with torch.no_grad():
        once, noise = (
            torch.randn(200, played.generator.latents),
            torch.randn(200, 6, played.generator.noise_size),
        )
        x, _ = played.average(once, noise)
    letters = x[..., 1:].argmax(2)
    assert ((letters[:, 1:] - letters[:, :-1]) % 3 == 1).float().mean() > 0.9


def test_the_players_have_optimisers_of_their_own(prices: Path):
    played = game(prices)
    owned = [{id(p) for g in o.param_groups for p in g["params"]} for o in played.optimisers]
    assert owned[0] == {id(p) for p in played.generator.parameters() if p.requires_grad}
    assert owned[1] == {id(p) for p in played.discriminator.parameters()}


def test_a_number_that_never_moves_within_a_sequence_does_not_blind_the_discriminator():
    random = np.random.default_rng(0)
    still = np.repeat(random.normal(size=(80, 1)), 12, 1)
    sequences = np.stack([still, random.normal(size=(80, 12)).cumsum(1)], 2)
    data = Dataset.of("still", [Column("still"), Column("walk")], list(sequences))
    windows, recipe = data.windows(12, 1), RECIPES["relativistic"]
    basis = Basis(data, windows, recipe.basis)
    network = Discriminator(Sizes(8, 16, 24, 32), basis.mixing)
    x = basis.encode(np.arange(80), np.zeros((80, 1, 1)))
    rests = torch.from_numpy(basis.mixing.increments == STILL)
    rounded = x + rests * 1e-5 * torch.randn(x.shape)
    torch.testing.assert_close(network(rounded), network(x), rtol=0, atol=1e-3)
    (steep,) = torch.autograd.grad(network(x.requires_grad_()).sum(), x)
    assert steep.abs().max() < 10  # a penalty on a thousand times that leaves nothing else to learn


@pytest.mark.parametrize("window", [0, 10])
def test_the_sum_goes_where_all_sequences_go_unless_they_go_on_for_ever(window: int):
    torch.manual_seed(0)
    walks = np.random.default_rng(0).normal(size=(60, 10, 1)).cumsum(1) - np.arange(10)[:, None]
    data = Dataset.of("down", [Column("x")], list(walks))
    basis = Basis(data, data.windows(10, 1), RECIPES["relativistic"].basis)
    generator = Generator(Sizes(8, 16, 24, 32), basis.mixing, window)
    begun = generator.centre.clone()
    torch.testing.assert_close(begun, -(window == 0) * float32(basis.mixing.course) / generator.b.detach())
    once, steps = torch.randn(300, generator.latents), torch.randn(300, 10, generator.noise_size)
    for _ in range(600):
        generator(once, steps)
    _, v, *_ = generator.drive(steps, once[:, generator.latents :], generator.begin(once)[:-1], fresh=True)
    wanted = v.mean((0, 1)) if window else begun  # of walks that end nothing is taken out later
    torch.testing.assert_close(generator.centre, wanted, rtol=0, atol=0.02)
    assert abs(basis.mixing.course[0]) > 0.2


def test_averaged_weights_have_a_centre_of_their_own(prices: Path):
    """What is taken out of v is its mean, whatever weights make it."""
    played = game(prices)
    generator = played.average
    assert generator.window
    generator.centre.fill_(3.0)
    recentre(generator, played.length, torch.zeros(512, 0))
    once, steps = (
        torch.randn(4000, generator.latents),
        torch.randn(4000, played.length, generator.noise_size),
    )
    with torch.no_grad():
        _, v, *_ = generator.drive(steps, once[:, :0], generator.begin(once)[:-1], fresh=True)
    torch.testing.assert_close(v.mean((0, 1)), generator.centre, rtol=0, atol=0.1 * float(v.std()))


def test_the_generator_wants_the_opposite_of_the_discriminator():
    r, f = torch.zeros(4), torch.zeros(4, requires_grad=True)
    for loss_d, loss_g in (
        (losses.relativistic_discriminator(r, f), losses.relativistic_generator(r, f).mean()),
        (losses.bce_discriminator(r, f), losses.non_saturating_generator(r, f).mean()),
    ):
        (down_d,) = torch.autograd.grad(loss_d, f)
        (down_g,) = torch.autograd.grad(loss_g, f)
        assert (down_d > 0).all()
        assert (down_g < 0).all()


def test_bce_is_torchs_with_the_labels_of_the_textbook():
    r, f = torch.randn(50), torch.randn(50)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    both = bce(r, torch.ones(50)) + bce(f, torch.zeros(50))
    torch.testing.assert_close(losses.bce_discriminator(r, f), both)
    torch.testing.assert_close(losses.non_saturating_generator(r, f).mean(), bce(f, torch.ones(50)))


def test_the_penalty_is_the_squared_gradient_by_finite_differences(prices: Path):
    played = game(prices)
    critic = played.discriminator.double()
    x = torch.randn(8, 12, 3, dtype=torch.float64, requires_grad=True)
    penalty = losses.gradient_penalty(critic(x), x)
    total, step = 0.0, 1e-5
    with torch.no_grad():
        for i in np.ndindex(*x.shape):
            moved = x.detach().clone()
            moved[i] += step
            up = critic(moved).sum()
            moved[i] -= 2 * step
            total += float((up - critic(moved).sum()) / (2 * step)) ** 2
    assert float(penalty.detach()) == pytest.approx(total / 8, rel=1e-5)


def test_the_penalty_reaches_the_weights_through_the_double_backward(prices: Path):
    played = game(prices)
    x = torch.randn(8, 12, 3, requires_grad=True)
    losses.gradient_penalty(played.discriminator(x), x).backward()
    assert played.discriminator.lstm.weight_hh_l0.grad is not None
    assert played.discriminator.lstm.weight_hh_l0.grad.abs().sum() > 0


def test_libraries_are_as_before_after_a_step(prices: Path):
    before = (torch.backends.cudnn.enabled, torch.backends.mkldnn.enabled)
    game(prices).play()
    assert (torch.backends.cudnn.enabled, torch.backends.mkldnn.enabled) == before


def test_a_seed_makes_the_same_weights_and_another_makes_others(prices: Path):
    ends = []
    for seed in (1, 1, 2):
        played = game(prices, seed=seed)
        for _ in range(5):
            played.play()
        ends.append(weights(played.generator))
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_training_does_not_touch_torchs_global_randomness(prices: Path):
    torch.manual_seed(1)
    wanted = torch.randn(3)
    torch.manual_seed(1)
    game(prices).play()
    assert torch.equal(torch.randn(3), wanted)


def test_the_generator_in_chunks_is_the_generator_at_once(prices: Path):
    generator = game(prices).generator.double().eval()
    latent, noise = torch.randn(3, 12).double(), torch.randn(3, 20, 8).double()
    whole, _ = generator(latent, noise)
    first, state = generator(latent, noise[:, :7])
    rest, _ = generator(latent, noise[:, 7:], state, 7)
    torch.testing.assert_close(torch.cat([first, rest], 1), whole)


def test_a_generator_that_repeats_itself_is_seen(prices: Path):
    played = game(prices)
    critic: Discriminator = played.discriminator
    varied = torch.randn(8, 12, 3)
    same = varied[:1].expand(8, -1, -1)
    assert not torch.allclose(critic(same)[0], critic(varied)[0])


def test_the_average_follows_the_weights(prices: Path):
    played = game(prices)
    start = weights(played.average)
    for _ in range(5):
        played.play()
    assert not torch.equal(weights(played.average), start)
    assert not torch.equal(weights(played.average), weights(played.generator))
    plain = game(prices, "vanilla")
    plain.play()
    assert torch.equal(weights(plain.average), weights(plain.generator))


def test_the_rate_rises_then_falls(prices: Path):
    played = game(prices)
    rates = []
    for step in range(100):
        played.step = step
        rates.append(played._rate(0, 100) / played.recipe.learning_rate)
    assert rates[0] < 0.05
    assert max(rates) == max(rates[40:60])
    assert rates[-1] == pytest.approx(0.02, abs=0.005)


def test_sizes_follow_the_number_of_channels():
    assert sizes_for(6) == Sizes(16, 64, 96, 128)
    assert sizes_for(28) == Sizes(32, 96, 144, 256)
    assert sizes_for(1) == Sizes(16, 64, 96, 128)


def test_the_first_state_depends_on_the_latent(prices: Path):
    generator: Generator = game(prices).generator
    noise = torch.zeros(2, 1, 8)
    y, _ = generator(torch.randn(2, generator.latents), noise)
    assert not torch.allclose(y[0], y[1])


def test_the_recurrence_is_its_loop():
    rate, before, push = torch.rand(3), torch.randn(5, 3), torch.randn(5, 150, 3)
    x, steps = before, []
    for t in range(150):
        x = rate * x + push[:, t]
        steps.append(x)
    torch.testing.assert_close(recurrence(rate, before, push), torch.stack(steps, 1), atol=1e-5, rtol=1e-5)


def test_the_recurrence_is_no_rougher_where_networks_compute_in_16_bits():
    rate, before, push = torch.tensor([0.99]), torch.zeros(1, 1), torch.full((1, 50, 1), 0.01)
    with torch.autocast("cpu", torch.bfloat16):
        half = recurrence(rate, before, push)
    torch.testing.assert_close(half, recurrence(rate, before, push))


def test_batches_are_smaller_where_a_step_is_dear():
    recipe, narrow, wide = RECIPES["relativistic"], sizes_for(6), sizes_for(28)
    assert [batch_for(recipe, length, narrow) for length in (12, 24, 48, 128)] == [64, 64, 32, 16]
    assert [batch_for(recipe, length, wide) for length in (12, 24, 64, 256)] == [64, 32, 16, 16]
    assert batch_for(RECIPES["vanilla"], 256, wide) == 128


def test_sequences_go_on_for_ever_only_where_series_are_long():
    assert window_for([24] * 1000, 24) == 0
    assert window_for([4000], 24) == 24
    assert window_for([4000, *[24] * 10], 24) == 24


def test_some_of_what_drifts_forgets_soon():
    rates = rates_for(24, 16, 4000)
    assert (rates[:16] == rates[0]).all()
    assert rates[16] < 0.4
    assert 0.9 < rates[23] < rates[0]
    assert len(rates) == 24
    assert (rates_for(0, 16, 4000) == 1).all()


def test_a_small_scale_is_trained_in_small_steps(prices: Path):
    played = game(prices)
    before = played.generator.a.detach().clone()
    for _ in range(3):
        played.play()
    moved = (played.generator.a.detach() / before).log().abs()
    assert 0 < moved.max() < 4 * played.recipe.learning_rate


def test_a_settled_sum_stays_where_the_data_are(prices: Path):
    generator = game(prices).generator.eval()
    with torch.no_grad():
        generator.direct.bias += 3  # pushes one way, ...
        generator.log_b.fill_(math.log(0.1))  # ... and further than the data move
        generator.decay.fill_(0.9999)
    latent, noise = torch.randn(32, 12), torch.randn(32, 6000, 8)

    def late() -> torch.Tensor:
        with torch.no_grad():
            return generator(latent, noise)[1][2]  # (sequences, components)

    assert late().abs().mean() > 20
    settle(generator, 12, torch.zeros(SETTLED, 0))
    assert late().mean(0).abs().max() < 1.5
    assert late().std(0).max() < 1.5


def test_where_nothing_longer_is_known_nothing_is_settled(prices: Path):
    generator = game(prices).generator.eval()
    generator.window = 0
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    settle(generator, 12, torch.zeros(SETTLED, 0))
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
