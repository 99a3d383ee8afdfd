"""The encoder of Context-FID: its loss and its cell against plain references, and what it sees."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv1d, gelu, linear

from training.evaluation.encoder import Encoders, contrast, fit
from training.evaluation.frechet import frechet


def waves(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    speed, phase = random.uniform(0.2, 0.6, (2, count, 1, 2))
    return (0.5 + 0.4 * np.sin(speed * np.arange(12)[None, :, None] + 6 * phase)).astype(np.float32)


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return fit(waves(400, 0), count=2, seed=0, iterations=25)


def test_the_stacked_encoder_is_torchs_convolutions_one_encoder_at_a_time():
    net = Encoders(2, 3, 12, torch.Generator().manual_seed(0))
    x = torch.randn(2, 5, 12, 3)
    found = net.rows(x, learning=False)
    for e in range(2):
        h = linear(x[e], net.inward[0][e].T, net.inward[1][e, 0])
        for i, block in enumerate(net.blocks):
            inner = h.transpose(1, 2)
            for weight, bias in (block[:2], block[2:]):
                kernel = weight[e].unflatten(0, (3, -1)).permute(2, 1, 0)  # (outputs, inputs, 3)
                inner = conv1d(gelu(inner), kernel, bias[e, 0], padding=2**i, dilation=2**i)
            last = i == len(net.blocks) - 1
            short = linear(h, net.shortcut[0][e].T, net.shortcut[1][e, 0]) if last else h
            h = inner.transpose(1, 2) + short
        torch.testing.assert_close(found[e], h, rtol=1e-4, atol=1e-5)


def test_the_contrast_is_the_papers_sums():
    """Equations 1 and 2 of the paper, item by item, averaged over the pyramid's two scales."""
    random = torch.Generator().manual_seed(0)
    one, two = torch.randn(2, 3, 2, 4, generator=random)  # (batch, rows, outputs), two views

    def lost(anchor: torch.Tensor, twin: torch.Tensor, others: list[torch.Tensor]) -> float:
        return float(-(anchor @ twin) + torch.stack([anchor @ o for o in (twin, *others)]).logsumexp(0))

    def scale(a: torch.Tensor, b: torch.Tensor) -> float:
        terms = []
        for axis in (0, 1):
            if axis == 1 and a.shape[1] == 1:
                continue
            x, y = (v if axis == 0 else v.transpose(0, 1) for v in (a, b))
            items = range(x.shape[0])
            found = [
                lost(p[i, j], q[i, j], [v[k, j] for v in (x, y) for k in items if k != i])
                for p, q in ((x, y), (y, x))
                for i in items
                for j in range(x.shape[1])
            ]
            terms.append(np.mean(found))
        return sum(terms) / 2

    wanted = (scale(one, two) + scale(one.amax(1, keepdim=True), two.amax(1, keepdim=True))) / 2
    assert float(contrast(one[None], two[None])) == pytest.approx(wanted, rel=1e-5)


def test_real_against_real_is_near_and_damage_is_far_and_farther(encoders: Encoders):
    real = encoders.represent(waves(300, 1))
    assert real.shape == (2, 300, 320)

    def distances(other: np.ndarray) -> np.ndarray:
        return np.array([frechet(*pair) for pair in zip(real, encoders.represent(other), strict=True)])

    same, flat = waves(300, 2), np.repeat(waves(300, 2)[:, :1], 12, axis=1)
    floor, flattened = distances(same), distances(flat)
    mixed = distances(np.where(np.arange(300)[:, None, None] % 2 == 0, same, flat))
    assert (5 * floor < mixed).all()
    assert (mixed < flattened).all()
    assert (5 * floor < distances(same[np.arange(300) % 3])).all()  # three samples, again and again


def test_encoders_differ_among_themselves_and_come_again_with_their_seed(encoders: Encoders):
    again = fit(waves(400, 0), count=2, seed=0, iterations=25)
    one, two = (e.represent(waves(20, 3)) for e in (encoders, again))
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one[0], one[1])
