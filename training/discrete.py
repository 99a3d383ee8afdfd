"""Choices among labels.

    logits_t,k = W_k·h_t + U_k·[choice_t,1 … choice_t,k−1] + gumbel_t,k,   the choice is their argmax,
    and is shown to the choices behind it in its row, and to the LSTM at t + 1

(beside numbers, what these say of them is added to the Gumbels: `training/generator.py`).

Of logits with Gumbel noise the argmax is a draw from their softmax (Gumbel, 1954; Maddison et al.,
"A* sampling", NIPS 2014, section 2). Backward, the choice is taken for the softmax (Bengio et al.,
"Estimating or propagating gradients through stochastic neurons", 2013: straight-through).

The choices of a row are made one after the other, each knowing those before it, or what goes together would
be drawn apart: four voices each a note of some chord, and together none. A row's probability is so the
product of theirs (Larochelle and Murray, "The neural autoregressive distribution estimator", AISTATS 2011).

The LSTM could be shown the noise instead, all steps at once, and find out for itself what was chosen; of
26 letters it cannot, to the point: at best 2.67 nats a letter are left of names, where 2.39 are possible.

A Gumbel is a normal of the noise, mapped through a table and interpolated, and not by logarithms: a
runtime's logarithm may give the last bit otherwise at the end of an array than in its middle, and a
sequence would not be the same in another company. The table ends at ±6 deviations: it is finite.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.layout import Floats

LOUDNESS = 3.0
"""What the logits are multiplied with: to be sure, a choice must outvote its noise."""
EDGE = 6.0
_KNOTS = 4096


def gumbel_table() -> Floats:
    """−log(−log Φ(n)) for (_KNOTS,) normals n, evenly from −EDGE to EDGE."""
    grid = torch.linspace(-EDGE, EDGE, _KNOTS, dtype=torch.float64)
    table: Floats = (-torch.log(-torch.special.log_ndtr(grid))).float().numpy()
    return table


SCALE = float(np.float32((_KNOTS - 1) / (2 * EDGE)))
"""Knots a unit of the normal."""


class Choices(nn.Module):
    """The choices of every step, from what the LSTM says. Without any it is there and does nothing."""

    table: Tensor

    def __init__(self, hidden: int, sizes: tuple[int, ...]):
        super().__init__()
        self.sizes, self.width = sizes, sum(sizes)
        bound = hidden**-0.5
        self.weight = nn.Parameter(torch.empty(self.width, hidden).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(self.width))
        before = [sum(sizes[:k]) for k in range(len(sizes))]
        self.among = nn.ParameterList(
            torch.zeros(size, known) for size, known in zip(sizes[1:], before[1:], strict=True)
        )
        self.register_buffer("table", torch.from_numpy(gumbel_table()), persistent=False)

    def gumbel(self, noise: Tensor) -> Tensor:
        """Normals to Gumbels, (batch, steps, width) both."""
        at = ((noise + EDGE) * SCALE).clamp(0, len(self.table) - 1)
        below = at.floor().clamp(max=len(self.table) - 2)
        index = below.long()
        low, high = self.table[index], self.table[index + 1]
        return low + (high - low) * (at - below)

    def logits(self, hidden: Tensor, gumbel: Tensor, chosen: Tensor) -> Tensor:
        """With their noise, where it is known what is chosen: (batch, steps, hidden) and twice
        (batch, steps, width) to (batch, steps, width)."""
        logits = self.alone(hidden, gumbel)
        if not self.among:
            return logits
        known = [nn.functional.linear(chosen[..., : u.shape[1]], u) for u in self.among]
        return logits + LOUDNESS * nn.functional.pad(torch.cat(known, -1), (self.sizes[0], 0))

    @property
    def told(self) -> Tensor:
        """(width, width): U of all choices, 0 where one is not told of another."""
        rows = [self.weight.new_zeros(self.sizes[0], self.width)] if self.sizes else []
        rows += [nn.functional.pad(u, (0, self.width - u.shape[1])) for u in self.among]
        return torch.cat(rows)

    def alone(self, hidden: Tensor, gumbel: Tensor) -> Tensor:
        """The logits with their noise, but for what choices say of each other."""
        return nn.functional.linear(hidden, self.weight, self.bias) * LOUDNESS + gumbel

    def one_hot(self, logits: Tensor) -> Tensor:
        """The outcome with the largest logit of each choice, as 0 and 1: (batch, steps, width)."""
        parts = (
            [_straight_through(part) for part in logits.split(self.sizes, -1)] if self.sizes else [logits]
        )
        return torch.cat(parts, -1)


class _StraightThrough(torch.autograd.Function):
    """Forward exactly 0 and 1, backward the gradient of the softmax."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        ctx.save_for_backward(logits.softmax(-1))
        return torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (share,) = ctx.saved_tensors
        (gradient,) = gradients
        return share * (gradient - (share * gradient).sum(-1, keepdim=True))  # type: ignore[no-any-return]


def _straight_through(logits: Tensor) -> Tensor:
    chosen: Tensor = _StraightThrough.apply(logits)  # type: ignore[no-untyped-call]
    return chosen
