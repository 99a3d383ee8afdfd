"""Labels that are the data's: how often each is chosen at a step, how long it lasts, and what goes with it.

Beside numbers a discriminator is late to look at labels. One that is there in 3 % of the rows and should be
in 4, that comes again a little too seldom, or with numbers that are a little too small, hardly moves it.
So the generator is told, in the same way as in `training/moments.py` of numbers:

    d_t = (choice_t − p) / √(p (1 − p)),      p the share of each outcome in the data,

    f_t = mean d_t,      k_n = mean d_t ∘ d_{t+n},      a = mean d_t y_tᵀ,      g = mean d_t d_tᵀ,

    L += ω η Σ (m(x) − the data's) · x      for every f_t, k_n, a and g

over outcomes, steps t (which weigh as 24 do, however many there are), lags n of 1 step, 4, 16 and so on,
components, and outcomes of other columns. m is a running mean. What is drawn is noisy, and a push by
noise lets labels follow each other that never do: so ω is less than of numbers. That a value is missing
is an outcome too, and values are missing as often as in the data, for as long, and beside the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from training.moments import LAGS, STEPS, follow

_WEIGHT = 0.3
"""ω, beside 1 of numbers."""
_RAREST = 1e-3
"""Variance of an outcome below which it is let be: what is so rare, or so sure, would outweigh others."""


class Held(NamedTuple):
    """What labels of some windows do, less what the data's do."""

    often: Tensor
    """f, (steps, outcomes)."""
    lasting: Tensor
    """k, (lags, outcomes)."""
    numbers: Tensor
    """a, (outcomes, components)."""
    others: Tensor
    """g, (outcomes, outcomes); of outcomes of one column 0."""


class Shares:
    """The data's, and the running means of what the generator's are beside them."""

    def __init__(self, sizes: Sequence[int], chosen: Tensor, y: Tensor, valid: Tensor | None):
        """Of the data's windows, where `valid` (windows, steps) is 1: `chosen` (windows, steps, outcomes),
        of columns that have so many outcomes each, and y (windows, steps, components)."""
        steps = chosen.shape[1]
        self._lags = [LAGS**n for n in range(steps.bit_length()) if LAGS**n < steps]
        there = _there(chosen, valid)
        self._share = (chosen * there).sum((0, 1)) / there.sum()  # (outcomes,)
        variance = self._share * (1 - self._share)
        self._unit = torch.where(variance >= _RAREST, variance.clamp(min=_RAREST).rsqrt(), 0.0)
        column = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))  # (outcomes,)
        self._other = (column[:, None] != column).to(chosen)  # (outcomes, outcomes)
        self._data = self._measured(chosen, y, valid)
        self.now = Held(*map(torch.zeros_like, self._data))
        """Their running means, m."""

    def of(self, chosen: Tensor, y: Tensor, valid: Tensor | None) -> Held:
        """What is held of windows."""
        measured = self._measured(chosen, y, valid)
        return Held(*(own - data for own, data in zip(measured, self._data, strict=True)))

    def follow(self, held: Held, step: int) -> None:
        """Move the running means on by what `of` gave."""
        follow(self.now, held, step)

    def push(self, held: Held) -> Tensor:
        """What a batch of these costs the generator: ()."""
        cost = STEPS * (self.now.often * held.often).mean(0).sum()
        for now, own in zip(self.now[1:], held[1:], strict=True):
            cost = cost + (now * own).sum()
        return _WEIGHT * cost

    def _measured(self, chosen: Tensor, y: Tensor, valid: Tensor | None) -> Held:
        there = _there(chosen, valid)
        d = (chosen - self._share) * self._unit * there  # (windows, steps, outcomes)
        rows = there.sum().clamp(min=1)
        lasting = [
            (d[:, lag:] * d[:, :-lag]).sum((0, 1)) / there[:, lag:].sum().clamp(min=1) for lag in self._lags
        ]
        return Held(
            d.sum(0) / there.sum(0).clamp(min=1),
            torch.stack(lasting) if lasting else d.new_zeros(0, d.shape[2]),
            torch.einsum("btk,btc->kc", d, y) / rows,
            torch.einsum("btk,btl->kl", d, d) / rows * self._other,
        )


def _there(chosen: Tensor, valid: Tensor | None) -> Tensor:
    """1 where windows have a row: (windows, steps, 1)."""
    return chosen.new_ones(*chosen.shape[:2], 1) if valid is None else valid[..., None]
