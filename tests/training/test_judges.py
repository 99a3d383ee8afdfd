"""The judges judge: nothing from nothing, everything from the obvious, as torch's GRU would."""

import numpy as np
import pytest
import torch

from training.evaluation.judges import FIELD, STRONG, Judge, _StackedGRU, discriminative, predictive

SHORT = Judge(layers=1, hidden=None, iterations=400)


def walks(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    steps = random.normal(0, 0.05, (count, 12, 4)).cumsum(axis=1)
    return (0.5 + steps).astype(np.float32)


def test_the_same_distribution_scores_near_0():
    scores = discriminative(walks(2000, 0), walks(2000, 1), SHORT, judges=3, seed=0)
    assert scores.shape == (3,)
    assert scores.mean() < 0.05


def test_another_distribution_scores_near_a_half():
    judge = Judge(layers=1, hidden=16, iterations=400)
    scores = discriminative(walks(2000, 0), walks(2000, 1) + 0.5, judge, judges=3, seed=0)
    assert scores.min() > 0.45


def test_forecasters_trained_on_noise_are_worse_than_those_trained_on_the_data():
    judge = Judge(layers=1, hidden=None, iterations=600)
    real = walks(500, 0)
    real[..., -1] = real[..., 0]  # the last channel can be read off the first
    other = real.copy()
    other[..., -1] = np.random.default_rng(0).random(other.shape[:2])
    own, foreign = predictive(real, real, judge, 2, 0), predictive(real, other, judge, 2, 0)
    assert own.mean() < foreign.mean()


@pytest.mark.parametrize("judge", [FIELD, STRONG])
def test_the_stacked_cell_is_the_grus_of_its_paper(judge: Judge):
    """Against a plain loop over the equations of Cho et al., EMNLP 2014, one judge at a time."""
    net = _StackedGRU(3, 4, judge, torch.Generator().manual_seed(0))
    x = torch.randn(3, 5, 7, 4)
    for j in range(3):
        inner = x[j]
        for inward, gates, candidate, bias in net.layers:
            h, states = torch.zeros(5, net.hidden), []
            for t in range(7):
                driven = inner[:, t] @ inward[j] + bias[j]
                r, z = torch.sigmoid(driven[:, : 2 * net.hidden] + h @ gates[j]).chunk(2, 1)
                new = torch.tanh(driven[:, 2 * net.hidden :] + (r * h) @ candidate[j])
                h = z * h + (1 - z) * new
                states.append(h)
            inner = torch.stack(states, 1)
        wanted = (inner[:, -1] @ net.out[0][j] + net.out[1][j])[:, 0]
        torch.testing.assert_close(net.last(x)[j], wanted)


def test_judges_that_train_together_are_each_as_if_alone():
    """Gradients of one judge do not reach another."""
    net = _StackedGRU(2, 4, SHORT, torch.Generator().manual_seed(0))
    net.last(torch.randn(2, 5, 7, 4))[0].sum().backward()
    assert all(w.grad is None or not w.grad[1].any() for w in net.weights)


def test_judges_are_asked_about_the_unseen_windows_that_they_are_given():
    judge = Judge(layers=1, hidden=16, iterations=200)
    train = (walks(500, 0), walks(500, 1) + 0.5)
    told = discriminative(*train, judge, 2, 0, unseen=(walks(200, 2), walks(300, 3) + 0.5))
    assert told.min() > 0.45
    crossed = discriminative(*train, judge, 2, 0, unseen=(walks(200, 2), walks(300, 3)))
    assert crossed.max() < 0.1  # all are taken for real, and half of them are
