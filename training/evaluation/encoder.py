"""An encoder of windows for Context-FID, in the manner of TS2Vec, fitted on the real windows.

Yue et al., "TS2Vec: Towards universal representation of time series" (AAAI 2022): a linear map
into 64 units, half of the rows masked while it learns, residual blocks of two dilated convolutions
with kernel 3, and 320 outputs a row, which are max-pooled over time. It learns by hierarchical
contrast (section 3.3 there): the two views of a row are two overlapping crops, and a row of one
view must find its twin among the other rows of its window and among the same row of other windows,
at every scale of a pyramid that halves time.

What differs from the encoder of the field's Context-FID: dilations stop at the window's length
(beyond it a kernel sees only padding), 400 iterations instead of 600, and several encoders with
seeds of their own learn at once, stacked along a first axis `encoders`; crops have one length
for all of them. As there: batches of 8, AdamW at 1e-3, the average of all iterates is what encodes.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import gelu, max_pool1d, pad

from training.evaluation.progress import Tick, silent

Windows = NDArray[np.float32]

OUTPUTS = 320
ITERATIONS = 400
_HIDDEN, _BATCH, _RATE, _DECAY, _DROPOUT = 64, 8, 1e-3, 1e-2, 0.1


class Encoders:
    """Several encoders of one size, each with weights of its own."""

    def __init__(self, count: int, channels: int, length: int, random: torch.Generator):
        self.count, self.random = count, random
        self.inward = [_uniform(count, channels, _HIDDEN, random), torch.zeros(count, 1, _HIDDEN)]
        depth = max(1, math.ceil(math.log2(length)))
        widths = [_HIDDEN] * (depth + 1) + [OUTPUTS]
        # A block: two convolutions, each weight and bias; the last also maps its shortcut.
        self.blocks = [
            [
                _uniform(count, 3 * a, b, random), torch.zeros(count, 1, b),
                _uniform(count, 3 * b, b, random), torch.zeros(count, 1, b),
            ]
            for a, b in pairwise(widths)
        ]  # fmt: skip
        self.shortcut = [_uniform(count, _HIDDEN, OUTPUTS, random), torch.zeros(count, 1, OUTPUTS)]
        groups = (self.inward, *self.blocks, self.shortcut)
        self.weights = [w.requires_grad_() for group in groups for w in group]

    def rows(self, x: Tensor, learning: bool) -> Tensor:
        """(encoders, batch, length, channels) to (encoders, batch, length, outputs)."""
        h = _linear(x, *self.inward)
        if learning:
            h = h * torch.randint(2, (*h.shape[:3], 1), generator=self.random)
        for i, (one, bias, two, bias_two) in enumerate(self.blocks):
            last = i == len(self.blocks) - 1
            inner = _convolve(gelu(h), one, bias, 2**i)
            inner = _convolve(gelu(inner), two, bias_two, 2**i)
            h = inner + (_linear(h, *self.shortcut) if last else h)
        if learning:
            kept = torch.rand(h.shape, generator=self.random) >= _DROPOUT
            h = h * kept / (1 - _DROPOUT)
        return h

    def represent(self, windows: Windows) -> NDArray[np.float32]:
        """(windows, length, channels) to (encoders, windows, outputs)."""
        parts = []
        with torch.no_grad():
            for part in torch.from_numpy(windows).split(500):
                shared = part[None].expand(self.count, -1, -1, -1)
                parts.append(self.rows(shared, learning=False).amax(2))
        found: NDArray[np.float32] = torch.cat(parts, 1).numpy()
        return found


def fit(
    windows: Windows, count: int, seed: int, iterations: int = ITERATIONS, tick: Tick = silent
) -> Encoders:
    """Encoders that have learnt from `windows`, (windows, length, channels), scaled to 0 … 1."""
    random = torch.Generator().manual_seed(seed)
    x = torch.from_numpy(windows)
    length = windows.shape[1]
    encoders = Encoders(count, windows.shape[2], length, random)
    optimiser = torch.optim.AdamW(encoders.weights, _RATE, weight_decay=_DECAY, foreach=True)
    average = [w.detach().clone() for w in encoders.weights]
    for iteration in range(iterations):
        size = _draw(2, length, random)
        left = _draw(0, length - size, random)
        right = left + size
        outer_left, outer_right = _draw(0, left, random), _draw(right, length, random)
        shift = torch.randint(-outer_left, length - outer_right + 1, (count, _BATCH, 1), generator=random)
        picked = torch.randint(len(x), (count, _BATCH, 1), generator=random)
        # Both views hold the rows left … right; each sees a context that the other does not.
        one = x[picked, shift + torch.arange(outer_left, right)]
        two = x[picked, shift + torch.arange(left, outer_right)]
        loss = contrast(
            encoders.rows(one, learning=True)[:, :, -size:],
            encoders.rows(two, learning=True)[:, :, :size],
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        current = [w.detach() for w in encoders.weights]
        torch._foreach_lerp_(average, current, 1 / (iteration + 1))
        tick(1 / iterations)
    for weight, mean in zip(encoders.weights, average, strict=True):
        weight.data.copy_(mean)
    return encoders


def contrast(one: Tensor, two: Tensor) -> Tensor:
    """The hierarchical contrastive loss of two views, (encoders, batch, rows, outputs), summed
    over encoders so that each gets the gradient that it would get alone."""
    losses = []
    while True:
        across = _twins(one.transpose(1, 2), two.transpose(1, 2))  # the same row, other windows
        if one.shape[2] == 1:
            losses.append(across / 2)
            return torch.stack(losses).mean(0).sum()
        losses.append((across + _twins(one, two)) / 2)
        one, two = (_halve(view) for view in (one, two))


def _twins(one: Tensor, two: Tensor) -> Tensor:
    """Cross-entropy of finding each item's twin among all others of both views: (…, items, outputs)
    to (encoders,)."""
    items = one.shape[2]
    both = torch.cat([one, two], 2)
    likeness = both @ both.transpose(2, 3)  # (encoders, …, 2 items, 2 items)
    likeness = likeness.masked_fill(torch.eye(2 * items, dtype=torch.bool), -torch.inf)
    twin = torch.arange(2 * items).roll(items)
    found = likeness.log_softmax(3)[:, :, torch.arange(2 * items), twin]
    return -found.mean((1, 2))


def _halve(view: Tensor) -> Tensor:
    """Max-pool time by two: (encoders, batch, rows, outputs) to half as many rows."""
    flat = view.flatten(0, 1).transpose(1, 2)
    halved: Tensor = max_pool1d(flat, 2).transpose(1, 2).unflatten(0, view.shape[:2])
    return halved


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    mapped: Tensor = torch.baddbmm(bias, x.flatten(1, 2), weight).unflatten(1, x.shape[1:3])
    return mapped


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    """A convolution over time with kernel 3 and as many rows out as in."""
    rows = x.shape[2]
    padded = pad(x, (0, 0, dilation, dilation))
    seen = [padded[:, :, k * dilation : k * dilation + rows] for k in range(3)]
    return _linear(torch.cat(seen, 3), weight, bias)


def _uniform(count: int, inputs: int, outputs: int, random: torch.Generator) -> Tensor:
    edge = 1 / math.sqrt(inputs)
    return (torch.rand(count, inputs, outputs, generator=random) * 2 - 1) * edge


def _draw(low: int, high: int, random: torch.Generator) -> int:
    """A whole number, low … high."""
    return int(torch.randint(low, high + 1, (), generator=random))
