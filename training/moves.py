"""Moves as large as the data's: over one step, over four, and over a window.

How far each component moves in k steps, in the mean square, is known of the data. A discriminator need not
see it: a component that moves a hundredth of another is a hundredth of what it looks at, and by the time
it looks closer it knows its windows by heart. Prices then go twice as far in a window as they should. So
the generator is told, as a constraint beside its game:

    r = mean (y_{t+k} − y_t)² / the same of the data,      L += η Σ log m · r / m

over components and k, where m is a running mean of r: the conditions of a generalised method of moments
(Hansen, Econometrica 50, 1982), each with the weight that its errors so far ask for, as a controller's
integral part has it. Where m is 1 nothing is added. The squared difference of a batch's own moments, as in
moment matching networks (Li, Swersky and Zemel, ICML 2015), would go on pushing there, towards what
makes one batch like another: moves that are too small.
"""

import torch
from torch import Tensor

LAGS = (1, 4)
"""And the whole of a window, or of most of them where they end."""
LOOKED_AT = 4096
"""Windows of the data that are measured."""
_MEMORY = 0.98
"""Of m, from step to step."""
_LEAST = 1e-8
"""Of a mean square of the data: what never moves is let be."""
_MOST = 16.0
"""How far m is taken to be off, either way."""


class Moves:
    """The data's mean squares, and the running mean of what the generator's are beside them."""

    def __init__(self, y: Tensor, valid: Tensor | None):
        """Of the data's windows, y (windows, steps, components) where `valid` (windows, steps) is 1."""
        steps = y.shape[1] if valid is None else int(valid.sum(1).median())
        self.lags = sorted({lag for lag in (*LAGS, steps - 1) if 0 < lag < steps})
        self.wanted = _squares(y, valid, self.lags)  # (lags, components)
        self.mean = torch.ones_like(self.wanted)
        """m, (lags, components)."""

    def of(self, y: Tensor, valid: Tensor | None) -> Tensor:
        """r of a batch of windows, as those of the data: (lags, components)."""
        found = _squares(y, valid, self.lags) / self.wanted.clamp(min=_LEAST)
        return torch.where(self.wanted > _LEAST, found, 1.0)

    def follow(self, ratio: Tensor, step: int) -> None:
        """Move m on by the r of a step; it forgets its beginning faster while it is young."""
        self.mean.lerp_(ratio, 1 - min(_MEMORY, (step + 1) / (step + 20)))

    def push(self, ratio: Tensor) -> Tensor:
        """What r costs the generator: ()."""
        mean = self.mean.clamp(1 / _MOST, _MOST)
        return (mean.log() * ratio / mean).sum()


def _squares(y: Tensor, valid: Tensor | None, lags: list[int]) -> Tensor:
    """Mean (y_{t+k} − y_t)² for each lag k, over steps that there are: (lags, components)."""
    found = []
    for lag in lags:
        square = (y[:, lag:] - y[:, :-lag]).square()  # (windows, steps - lag, components)
        if valid is None:
            found.append(square.mean((0, 1)))
        else:
            there = valid[:, lag:, None]  # an end is behind all that comes before it
            found.append((square * there).sum((0, 1)) / there.sum().clamp(min=1))
    return torch.stack(found) if found else y.new_zeros(0, y.shape[2])
