"""Moments that are the data's: where each step lies in the mean, how far moves go, and how much they turn.

A discriminator need not see any of these. A component that moves a hundredth of another is a hundredth of
what it looks at, a mean that wavers by a tenth of a deviation is lost among its windows, and by the time it
looks closer it knows these by heart. Prices then go twice as far in a window as they should. So the
generator is told, as constraints beside its game:

    ȳ_t = mean y_t,      r_k = mean (y_{t+k} − y_t)² / the same of the data,
                         r_0 = mean (y_{t+1} − 2 y_t + y_{t−1})² / the same of the data

    L += η Σ (m(ȳ_t) − the data's) · ȳ_t  +  η Σ log m(r_k) · r_k / m(r_k)

over components, steps t (which weigh as 24 do, however many there are) and k of one step, four, and a
window, and 0 for turns: of what is smooth they are so small a part of any move that no lag sees them. m
is a running mean: the conditions of a generalised method of moments (Hansen, Econometrica 50, 1982), each
with the weight that its errors so far ask for, as a controller's integral part has it. Where m is as the
data have it nothing is added. The squared difference of a batch's own moments, as in moment matching
networks (Li, Swersky and Zemel, ICML 2015), would go on pushing there, towards what makes one batch like
another: moves that are too small.
"""

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


class Moments:
    """The data's, and the running means of what the generator's are beside them."""

    def __init__(self, y: Tensor, valid: Tensor | None):
        """Of the data's windows, y (windows, steps, components) where `valid` (windows, steps) is 1."""
        steps = y.shape[1] if valid is None else int(valid.sum(1).median())
        self.lags = sorted({lag for lag in (*LAGS, steps - 1) if 0 < lag < steps})
        self._means = _means(y, valid)  # (steps, components)
        self._squares = _squares(y, valid, self.lags)  # (lags and turns, components)
        self.off = torch.zeros_like(self._means)
        """m(ȳ) less the data's, (steps, components)."""
        self.ratio = torch.ones_like(self._squares)
        """m(r), (lags and turns, components)."""

    def of(self, y: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """ȳ less the data's (steps, components) and r (lags and turns, components), of windows."""
        ratio = _squares(y, valid, self.lags) / self._squares.clamp(min=_LEAST)
        return _means(y, valid) - self._means, torch.where(self._squares > _LEAST, ratio, 1.0)

    def follow(self, off: Tensor, ratio: Tensor, step: int) -> None:
        """Move the running means on by what `of` gave; they forget their beginning faster while young."""
        keep = min(_MEMORY, (step + 1) / (step + 20))
        self.off.lerp_(off, 1 - keep)
        self.ratio.lerp_(ratio, 1 - keep)

    def push(self, off: Tensor, ratio: Tensor) -> Tensor:
        """What a batch of these moments costs the generator: ()."""
        mean = self.ratio.clamp(1 / _MOST, _MOST)
        return _STEPS * (self.off * off).mean(0).sum() + (mean.log() * ratio / mean).sum()


def _means(y: Tensor, valid: Tensor | None) -> Tensor:
    """Mean y_t over the windows that have a step t: (steps, components)."""
    if valid is None:
        return y.mean(0)
    there = valid[..., None]  # (windows, steps, 1)
    return (y * there).sum(0) / there.sum(0).clamp(min=1)


def _squares(y: Tensor, valid: Tensor | None, lags: list[int]) -> Tensor:
    """Mean (y_{t+k} − y_t)² for each lag k, and mean (y_{t+1} − 2 y_t + y_{t−1})², over steps that there
    are: (lags and turns, components)."""
    moves = [(lag, y[:, lag:] - y[:, :-lag]) for lag in lags]  # (windows, steps - lag, components)
    if y.shape[1] > 2:
        moves.append((2, y[:, 2:] - 2 * y[:, 1:-1] + y[:, :-2]))  # (windows, steps - 2, components)
    found = []
    for behind, move in moves:
        square = move.square()
        if valid is None:
            found.append(square.mean((0, 1)))
        else:
            there = valid[:, behind:, None]  # an end is behind all that comes before it
            found.append((square * there).sum((0, 1)) / there.sum().clamp(min=1))
    return torch.stack(found) if found else y.new_zeros(0, y.shape[2])
