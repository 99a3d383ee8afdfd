"""The screen: frames of a film from a few numbers each.

Where something moves, frames fill a space of hundreds of pixels and lie in it on a thin and curved surface:
two numbers say where a thing is, and some more what it is. No linear basis finds these, and a game of
whitened components is a game of noise. So the networks play with codes, CODES a frame, and a perceptron,
the screen, makes pixels of them in the graph. It is the second half of an autoencoder (Kramer, "Nonlinear
principal component analysis using autoassociative neural networks", AIChE Journal 37, 1991), which is
fitted before the game on the frames that are trained on, and stays. Codes are a little noisy while it is:
where they lie close together, so do frames, and what the generator says a little amiss is still a frame.

LASTING of the codes are to say what there is, and the others where it is: the former are drawn together
within a film, and a frame must also come of those of another frame nearby (after Denton and Birodkar,
"Unsupervised learning of disentangled representations from video", NeurIPS 2017, without their adversary:
the others are too few to say all). So what lasts is slow components, which the generator keeps.

It is of the largest principal components, which hold SHOWN of the variance of pixels; what is left out is
grain. Of CODES of them and fewer these are the codes themselves, and nothing is to be fitted.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Layers = tuple[Doubles, ...]
"""Weights (outputs, inputs) and biases (outputs,) of linear layers in turn."""

CODES, LASTING = 16, 12
"""Numbers a frame, and how many of them are drawn together within a film."""
SHOWN, MOST_SHOWN = 0.95, 96
"""Share of the variance of pixels that components are taken for, and how many at most."""
SLOPE = 0.2
"""Of the leaky rectifiers below zero."""
_HIDDEN, _BATCH, _RATE, _NOISE = 256, 256, 2e-3, 0.05
_EXCHANGED = 0.5
"""Share of the frames that must come of another frame's lasting codes."""
_PASSES, _FEWEST, _MOST = 30, 300, 3000
"""How often each frame is looked at, and how many steps that is at least and at most."""
_BLOCK = 4096


class Screen(nn.Module):
    """Codes (…, codes) to pixels (…, pixels); without layers it is there and changes nothing. It is fitted
    and no player's: its weights are buffers."""

    def __init__(self, layers: Layers):
        super().__init__()
        self.count = len(layers) // 2
        for i, array in enumerate(layers):
            name = f"{('weight', 'bias')[i % 2]}{i // 2}"
            self.register_buffer(name, torch.from_numpy(array.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        for i in range(self.count):
            x = nn.functional.leaky_relu(x, SLOPE) if i else x
            x = nn.functional.linear(x, getattr(self, f"weight{i}"), getattr(self, f"bias{i}"))
        return x


def fit(frames: Doubles, films: Integers, reach: int) -> tuple[Callable[[Doubles], Doubles], Layers]:
    """From frames (frames, pixels), each of one of the `films` (frames,): the way to codes of mean 0 and
    deviation 1, (frames, pixels) to (frames, codes), and the screen that goes back. Frames of a film are
    nearby up to `reach` apart."""
    mean = frames.mean(0)
    variance, axes = np.linalg.eigh(np.cov((frames - mean).T).reshape(len(mean), len(mean)))
    held = np.cumsum(variance[::-1]) / variance.sum()
    count = min(MOST_SHOWN, int((held < SHOWN).sum()) + 1)
    axes, variance = axes[:, -count:], variance[-count:]
    if count <= CODES:
        inward, outward = axes / np.sqrt(variance), axes * np.sqrt(variance)
        return lambda x: (x - mean) @ inward, (outward, mean)
    scale = float(np.sqrt(variance.mean()))
    inward, outward = axes / scale, axes * scale
    encoder, decoder, middle, deviation = _autoencoder((frames - mean) @ inward, films, reach)

    def encode(x: Doubles) -> Doubles:
        parts = [(x[i : i + _BLOCK] - mean) @ inward for i in range(0, len(x), _BLOCK)]
        with torch.no_grad():
            codes = [encoder(torch.from_numpy(part.astype(np.float32))).numpy() for part in parts]
        found: Doubles = (np.concatenate(codes) - middle) / deviation
        return found

    *inner, weight, bias = (p.detach().numpy().astype(np.float64) for p in decoder.parameters())
    return encode, (*inner, outward @ weight, outward @ bias + mean)


def _autoencoder(
    x: Doubles, films: Integers, reach: int
) -> tuple[nn.Sequential, nn.Sequential, Doubles, Doubles]:
    """Both halves, fitted on components (frames, components), and the mean and the deviation of codes; the
    second half takes standardised ones."""
    components = x.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        known, film = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(films)
        encoder, decoder = (_layers(*ends) for ends in ((components, CODES), (CODES, components)))
        steps = min(_MOST, max(_FEWEST, _PASSES * len(x) // _BATCH))
        optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], _RATE, foreach=True)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            at = torch.randint(len(known), (_BATCH,))
            near = (at + torch.randint(-reach, reach + 1, (_BATCH,))).clamp(0, len(known) - 1)
            near = torch.where(film[near] == film[at], near, at)
            codes = encoder(known[torch.cat([at, near])])
            own, other = ((codes - codes.mean(0)) / (codes.std(0) + 1e-4)).chunk(2)  # (batch, codes)
            exchanged = torch.rand(_BATCH, 1) < _EXCHANGED
            lasting = torch.where(exchanged, other[:, :LASTING], own[:, :LASTING])
            codes = torch.cat([lasting, own[:, LASTING:]], 1)
            made = decoder(codes + _NOISE * torch.randn_like(codes))
            loss = (made - known[at]).square().sum(1).mean()
            loss = loss + (own - other)[:, :LASTING].square().sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
    with torch.no_grad():
        codes = torch.cat([encoder(part) for part in known.split(_BLOCK)])
    return encoder, decoder, codes.mean(0).double().numpy(), codes.std(0).double().numpy() + 1e-4


def _layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, _HIDDEN), nn.LeakyReLU(SLOPE),
        nn.Linear(_HIDDEN, _HIDDEN), nn.LeakyReLU(SLOPE),
        nn.Linear(_HIDDEN, outputs),
    )  # fmt: skip
