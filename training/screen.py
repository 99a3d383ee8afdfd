"""The screen: frames of a film from a few numbers each.

Where something moves, frames fill a space of hundreds of pixels and lie in it on a thin and curved surface:
two numbers say where a thing is, and some more what it is. No linear basis finds these, and a game of
whitened components is a game of noise. So the networks play with codes, CODES a frame, and the screen makes
pixels of them in the graph. It is the second half of an autoencoder (Kramer, "Nonlinear principal component
analysis using autoassociative neural networks", AIChE Journal 37, 1991), which is fitted before the game on
the frames that are trained on, and stays. While it is fitted codes have a little noise: where they lie
close together, so do frames, and what the generator says a little amiss is still a frame.

LASTING of the codes say what there is, and the others where it is. The former are means over the frames
nearby, of a short film over all of them, and often enough of other frames alone than the one they are to
make (after Denton and Birodkar, "Unsupervised learning of disentangled representations from video", NeurIPS
2017, without their adversary: the others are too few to say all). So what lasts is slow components, or some
that never move, which the generator keeps. What a place looks like is multiplied by what is there
(Tenenbaum and Freeman, "Separating style and content with bilinear models", Neural Computation 12, 2000):

    pixels = W (f(lasting codes) ∘ g(other codes)) + b,   f and g perceptrons

A perceptron of both at once learns each thing at each place anew, and a thing that moves becomes another.

It is of the largest principal components, which hold SHOWN of the variance of pixels if MOST_SHOWN do;
what is left out is grain. Of CODES of them and fewer these are the codes themselves, and nothing is fitted.
"""

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.layers import SLOPE

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Layers = Mapping[str, Doubles]
"""By name, `what0.weight` and so on: weights (outputs, inputs) and biases (outputs,) of the linear layers
of f, `what`, and g, `where`, and `pixels`, which is alone where codes are components."""

CODES, LASTING = 16, 12
"""Numbers a frame, and how many of them say what there is."""
SHOWN, MOST_SHOWN = 0.99, 256
"""Share of the variance of pixels that components are taken for, and how many at most."""
DEPTHS = {"what": 2, "where": 3}
"""Linear layers of f and g."""
_HIDDEN, _FEATURES = 128, 1024
"""Units of f and g inside, and what they both end in."""
_ENCODER, _BATCH, _RATE, _NOISE = 256, 256, 2e-3, 0.05
_TOGETHER = 0.006
"""What it costs that lasting codes differ within a film, by their mean square, beside the share of the
variance that is lost."""
_EXCHANGED = 0.5
"""Share of the frames that must come of other frames' lasting codes alone."""
_PASSES, _FEWEST, _MOST = 36, 600, 3000
"""How often each frame is looked at, and how many steps that is at least and at most."""
_BLOCK = 4096


class Screen(nn.Module):
    """Codes (…, codes) to pixels (…, pixels); without layers it is there and changes nothing. It is fitted
    and no player's: its weights are buffers."""

    def __init__(self, layers: Layers):
        super().__init__()
        self.shows, self.fitted = "pixels.weight" in layers, "what0.weight" in layers
        for name, array in layers.items():
            self.register_buffer(name.replace(".", "_"), torch.from_numpy(array.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        if self.fitted:
            what, where = x[..., :LASTING], x[..., LASTING:]
            x = self._deep("what", what) * self._deep("where", where)  # (…, features)
        return self._linear("pixels", x) if self.shows else x

    def _deep(self, name: str, x: Tensor) -> Tensor:
        for i in range(DEPTHS[name]):
            x = self._linear(f"{name}{i}", nn.functional.leaky_relu(x, SLOPE) if i else x)
        return x

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return nn.functional.linear(x, getattr(self, f"{name}_weight"), getattr(self, f"{name}_bias"))


class _Autoencoder(nn.Module):
    """Both halves of the autoencoder, as they are trained."""

    def __init__(self, components: int):
        super().__init__()
        self.encoder = _perceptron(components, _ENCODER, CODES, 3)
        self.what = _perceptron(LASTING, _HIDDEN, _FEATURES, DEPTHS["what"])
        self.where = _perceptron(CODES - LASTING, _HIDDEN, _FEATURES, DEPTHS["where"])
        self.pixels = nn.Linear(_FEATURES, components)

    def decode(self, codes: Tensor) -> Tensor:
        """(batch, codes) to (batch, components)."""
        shown: Tensor = self.pixels(self.what(codes[:, :LASTING]) * self.where(codes[:, LASTING:]))
        return shown


def fit(
    frames: Doubles, films: Integers, reach: int
) -> tuple[Callable[[Doubles, Integers], Doubles], Layers]:
    """From frames (frames, pixels), each of one of the `films` (frames,), which rise: the way to codes, of
    mean 0 and of deviation 1 before what lasts is averaged, (frames, pixels) and their films to (frames,
    codes), and the screen that goes back. Frames of a film are nearby up to `reach` apart."""
    mean = frames.mean(0)
    variance, axes = np.linalg.eigh(np.cov((frames - mean).T).reshape(len(mean), len(mean)))
    held = np.cumsum(variance[::-1]) / variance.sum()
    count = min(MOST_SHOWN, int((held < SHOWN).sum()) + 1)
    axes, variance = axes[:, -count:], variance[-count:]
    if count <= CODES:
        inward, outward = axes / np.sqrt(variance), axes * np.sqrt(variance)
        return lambda x, _: (x - mean) @ inward, {"pixels.weight": outward, "pixels.bias": mean}
    scale = float(np.sqrt(variance.mean()))
    inward, outward = axes / scale, axes * scale
    near = nearby(films, reach)
    halves, middle, deviation = _fitted((frames - mean) @ inward, near)

    def encode(x: Doubles, films: Integers) -> Doubles:
        parts = [(x[i : i + _BLOCK] - mean) @ inward for i in range(0, len(x), _BLOCK)]
        with torch.no_grad():
            codes = [halves.encoder(torch.from_numpy(part.astype(np.float32))).numpy() for part in parts]
        found: Doubles = (np.concatenate(codes) - middle) / deviation
        found[:, :LASTING] = _pooled(found[:, :LASTING], nearby(films, reach))
        return found

    layers = {}
    for name, depth in DEPTHS.items():
        stack = cast(nn.Sequential, getattr(halves, name))
        for i in range(depth):
            layers[f"{name}{i}.weight"], layers[f"{name}{i}.bias"] = _arrays(stack[2 * i])
    weight, bias = _arrays(halves.pixels)
    return encode, {**layers, "pixels.weight": outward @ weight, "pixels.bias": outward @ bias + mean}


def nearby(films: Integers, reach: int) -> tuple[Integers, Integers]:
    """From where to where, the end excluded, frames are of the same film as each and up to `reach` apart:
    (frames,) both. `films` (frames,) rise."""
    at = np.arange(len(films))
    begin, end = np.searchsorted(films, films, "left"), np.searchsorted(films, films, "right")
    return np.maximum(begin, at - reach), np.minimum(end, at + reach + 1)


def _pooled(codes: Doubles, near: tuple[Integers, Integers]) -> Doubles:
    """Means over the frames nearby: (frames, codes) both."""
    begin, end = near
    total = np.concatenate([np.zeros((1, codes.shape[1])), codes.cumsum(0)])
    means: Doubles = (total[end] - total[begin]) / (end - begin)[:, None]
    return means


def _fitted(x: Doubles, near: tuple[Integers, Integers]) -> tuple[_Autoencoder, Doubles, Doubles]:
    """Fitted on components (frames, components), each with the frames `near` it, and the mean and the
    deviation of codes; the second half takes standardised ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        known = torch.from_numpy(x.astype(np.float32))
        begin, end = (torch.from_numpy(side) for side in near)
        halves = _Autoencoder(x.shape[1])
        steps = min(_MOST, max(_FEWEST, _PASSES * len(x) // _BATCH))
        optimiser = torch.optim.Adam(halves.parameters(), _RATE, foreach=True)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            at = torch.randint(len(known), (_BATCH,))  # (batch,)
            spans = torch.rand(2, _BATCH) * (end[at] - begin[at])  # (2, batch)
            others = begin[at] + spans.long()  # (2, batch)
            codes = halves.encoder(known[torch.cat([at, *others])])  # (3 batch, codes)
            codes = (codes - codes.mean(0)) / (codes.std(0) + 1e-4)
            own, one, two = codes.chunk(3)  # (batch, codes)
            apart = (own - one)[:, :LASTING].square().mean()
            exchanged = torch.rand(_BATCH, 1) < _EXCHANGED
            lasting = torch.where(exchanged, (one + two) / 2, (own + one + two) / 3)[:, :LASTING]
            codes = torch.cat([lasting, own[:, LASTING:]], 1)  # (batch, codes)
            made = halves.decode(codes + _NOISE * torch.randn_like(codes))
            # Of components whose mean variance is 1.
            loss = (made - known[at]).square().mean() + _TOGETHER * apart
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
    with torch.no_grad():
        codes = torch.cat([halves.encoder(part) for part in known.split(_BLOCK)])
    return halves, codes.mean(0).double().numpy(), codes.std(0).double().numpy() + 1e-4


def _perceptron(inputs: int, hidden: int, outputs: int, depth: int) -> nn.Sequential:
    """So many linear layers with leaky rectifiers between them."""
    widths = [inputs, *[hidden] * (depth - 1), outputs]
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.LeakyReLU(SLOPE)] * (i > 0) + [nn.Linear(widths[i], widths[i + 1])]
    return nn.Sequential(*layers)


def _arrays(layer: nn.Module) -> tuple[Doubles, Doubles]:
    """Weight and bias of a linear one."""
    weight, bias = (p.detach().numpy().astype(np.float64) for p in layer.parameters())
    return weight, bias
