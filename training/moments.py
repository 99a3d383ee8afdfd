"""Moments that are the data's: where each step lies in the mean, how far moves go, how much they turn, and
which go together.

A discriminator need not see any of these. A component that moves a hundredth of another is a hundredth of
what it looks at, a mean that wavers by a tenth of a deviation is lost among its windows, and by the time it
looks closer it knows these by heart. Prices then go twice as far in a window as they should, and open
anywhere but at the last close. So the generator is told, as constraints beside its game:

    ȳ_t = mean y_t,      r_k = mean (y_{t+k} − y_t)² / the same of the data,
                         r_0 = mean (y_{t+1} − 2 y_t + y_{t−1})² / the same of the data,
                         s_k, s_0: the same of absolute values,
    c_k = mean Δy_{t+k} Δy_tᵀ / σ σᵀ,  where σ² = mean Δy² of the data

    L += η Σ (m(ȳ_t) − the data's) · ȳ_t  +  η Σ (m(c_k) − the data's) · c_k
       + η Σ log m(r_k) · r_k / m(r_k)  +  η Σ log m(s_k) · s_k / m(s_k)

over components, steps t (which weigh as 24 do, however many there are) and k of one step, four, and a
window, and 0 for turns: of what is smooth they are so small a part of any move that no lag sees them. With
squares alone what moves seldom and far would move always and a little: the two sizes together say how
heavy tails are. Of pairs k is 0 and 1: which components move together, and which one after the other. m
is a running mean: the conditions of a generalised method of moments (Hansen, Econometrica 50, 1982), each
with the weight that its errors so far ask for, as a controller's integral part has it. Where m is as the
data have it nothing is added. The squared difference of a batch's own moments, as in moment matching
networks (Li, Swersky and Zemel, ICML 2015), would go on pushing there, towards what makes one batch like
another: moves that are too small.
"""

from typing import NamedTuple

import torch
from torch import Tensor

LAGS = (1, 4)
"""And the whole of a window, or of most of them where they end."""
LOOKED_AT = 4096
"""Windows of the data that are measured."""
_STEPS = 24
"""What all steps together weigh."""
_MEMORY = 0.98
"""Of m, from step to step of the game."""
_LEAST = 1e-11
"""Of a mean square of the data: what never moves is let be."""
_MOST = 16.0
"""How far m(r) is taken to be off, either way."""
_PAIRS = 2
"""Moves that are in the same step, and in the next one."""


class Seen(NamedTuple):
    """Moments of some windows, beside the data's."""

    means: Tensor
    """ȳ less the data's, (steps, components)."""
    sizes: Tensor
    """r and s, (2 (lags and turns), components)."""
    pairs: Tensor
    """c less the data's, (_PAIRS, components, components); of a component with itself in a step, which r
    says, 0."""


class Moments:
    """The data's, and the running means of what the generator's are beside them."""

    def __init__(self, y: Tensor, valid: Tensor | None):
        """Of the data's windows, y (windows, steps, components) where `valid` (windows, steps) is 1."""
        steps = y.shape[1] if valid is None else int(valid.sum(1).median())
        self.lags = sorted({lag for lag in (*LAGS, steps - 1) if 0 < lag < steps})
        self._means = _means(y, valid)  # (steps, components)
        self._sizes = _sizes(y, valid, self.lags)  # (2 (lags and turns), components)
        squares = self._sizes[: len(self._sizes) // 2]
        self._moving = (squares > _LEAST).repeat(2, 1)
        sigma = squares[:1].sqrt() if len(squares) else y.new_zeros(1, y.shape[2])
        self._unit = torch.where(sigma**2 > _LEAST, 1 / sigma, 0.0)  # (1, components)
        self._pairs = _pairs(y * self._unit, valid)
        self.now = Seen(
            torch.zeros_like(self._means), torch.ones_like(self._sizes), torch.zeros_like(self._pairs)
        )
        """Their running means, m."""

    def of(self, y: Tensor, valid: Tensor | None) -> Seen:
        """The moments of windows."""
        sizes = _sizes(y, valid, self.lags) / torch.where(self._moving, self._sizes, 1.0)
        return Seen(
            _means(y, valid) - self._means,
            torch.where(self._moving, sizes, 1.0),
            _pairs(y * self._unit, valid) - self._pairs,
        )

    def follow(self, seen: Seen, step: int) -> None:
        """Move the running means on by what `of` gave; they forget their beginning faster while young."""
        keep = min(_MEMORY, (step + 1) / (step + 20))
        for now, one in zip(self.now, seen, strict=True):
            now.lerp_(one, 1 - keep)

    def push(self, seen: Seen) -> Tensor:
        """What a batch of these moments costs the generator: ()."""
        off = self.now.sizes.clamp(1 / _MOST, _MOST)
        means = _STEPS * (self.now.means * seen.means).mean(0).sum()
        return means + (self.now.pairs * seen.pairs).sum() + (off.log() * seen.sizes / off).sum()


def _means(y: Tensor, valid: Tensor | None) -> Tensor:
    """Mean y_t over the windows that have a step t: (steps, components)."""
    if valid is None:
        return y.mean(0)
    there = valid[..., None]  # (windows, steps, 1)
    return (y * there).sum(0) / there.sum(0).clamp(min=1)


def _sizes(y: Tensor, valid: Tensor | None, lags: list[int]) -> Tensor:
    """Mean (y_{t+k} − y_t)² for each lag k, and mean (y_{t+1} − 2 y_t + y_{t−1})², and then the same of
    absolute values, over steps that there are: (2 (lags and turns), components)."""
    moves = [(lag, y[:, lag:] - y[:, :-lag]) for lag in lags]  # (windows, steps - lag, components)
    if y.shape[1] > 2:
        moves.append((2, y[:, 2:] - 2 * y[:, 1:-1] + y[:, :-2]))  # (windows, steps - 2, components)
    found = []
    for size in (Tensor.square, Tensor.abs):
        for behind, move in moves:
            if valid is None:
                found.append(size(move).mean((0, 1)))
            else:
                there = valid[:, behind:, None]  # an end is behind all that comes before it
                found.append((size(move) * there).sum((0, 1)) / there.sum().clamp(min=1))
    return torch.stack(found) if found else y.new_zeros(0, y.shape[2])


def _pairs(y: Tensor, valid: Tensor | None) -> Tensor:
    """Mean products of moves, (_PAIRS, components, components): of one component k steps after that of
    another; of the same in the same step, 0."""
    moves = y[:, 1:] - y[:, :-1]  # (windows, steps - 1, components)
    if valid is not None:
        moves = moves * valid[:, 1:, None]
    found = []
    for k in range(_PAIRS):
        later, sooner = moves[:, k:], moves[:, : max(0, moves.shape[1] - k)]  # (windows, steps - 1 - k, …)
        count = later.shape[0] * later.shape[1] if valid is None else float(valid[:, k + 1 :].sum())
        found.append(torch.einsum("bti,btj->ij", later, sooner) / max(1.0, count))
    found[0] = found[0] - torch.diag(found[0].diagonal())
    return torch.stack(found)
