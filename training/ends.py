"""Where sequences end by themselves: how many steps there are, and what the players see of that.

Either a **length** is drawn first, as in the data, and both players are told. Or a **gate** ends a
sequence: at every step but the first the generator chooses whether there is one, by all that came before,

    valid_t = valid_{t−1} · (the gate's choice at t is to go on),      valid_0 = 1,

drawn as it draws labels (`training/discrete.py`). So an end is what the end token of a text is, whatever a
row is made of. No step waits for the gate, since behind an end nothing matters. The discriminator gets
`valid` beside the rows, and how the generator learns where to end is said in `training/gate.py`.
"""

import torch
from torch import Tensor, nn

CLOCK = 3
"""Width of `clock` and of `clock_of`."""
SOON = 8
"""Steps before the end that are told apart."""
GATE = (2,)
"""Outcomes of the gate: the sequence goes on, or it has ended."""


class Seen:
    """What there is of windows (batch, steps, …): all, or where `valid` (batch, steps) is 1."""

    def __init__(self, valid: Tensor | None, most: int, steps: int):
        self._valid = None if valid is None else valid[..., None]  # (batch, steps, 1)
        self._last = None if valid is None else (valid - nn.functional.pad(valid[:, 1:], (0, 1)))[..., None]
        self.clock = [] if valid is None else [clock(valid, most)]
        self.steps: Tensor | int = steps if self._valid is None else self._valid.sum(1)  # (batch, 1)

    def masked(self, x: Tensor) -> Tensor:
        """0 behind the end."""
        return x if self._valid is None else x * self._valid

    def mean(self, x: Tensor) -> Tensor:
        """Over the steps there are: (batch, …)."""
        return x.mean(1) if self._valid is None else (x * self._valid).sum(1) / self.steps

    def last(self, x: Tensor) -> Tensor:
        """The last step there is: (batch, …)."""
        return x[:, -1] if self._last is None else (x * self._last).sum(1)


def parted(x: Tensor, given: Tensor, most: int, gated: bool) -> tuple[Tensor, Tensor | None]:
    """Windows as the discriminator gets them, (batch, steps, …), to rows and where there are some,
    (batch, steps): told with the rows, or by a length in `given`; None where all windows are full."""
    if gated:
        return x[..., :-1], x[..., -1].detach()
    return x, validity(given, most, x.shape[1]) if most else None


def validity(given: Tensor, most: int, steps: int) -> Tensor:
    """1 where a sequence has a step, 0 behind its end: (batch, steps). How many it has stands last in
    `given` (batch, …), as a share of `most`."""
    time = torch.arange(steps, device=given.device)
    return (time < (given[:, -1:] * most).round()).to(given.dtype)


def survival(gates: Tensor, most: int) -> Tensor:
    """The same of a gate's logits with their noise, (batch, steps, 2): never more than `most` steps."""
    stays = (gates[..., 0] >= gates[..., 1]).to(gates.dtype)  # (batch, steps)
    stays = torch.cat([torch.ones_like(stays[:, :1]), stays[:, 1:]], 1)
    return stays.cumprod(1) * (torch.arange(stays.shape[1], device=stays.device) < most)


def log_probability(gates: Tensor, valid: Tensor) -> Tensor:
    """Of ends, (batch,): what the logits of a gate without their noise, (batch, steps, 2), say of `valid`
    (batch, steps). Behind each step that there is, whether there is one more."""
    chosen = torch.stack([valid[:, 1:], 1 - valid[:, 1:]], 2) * valid[:, :-1, None]  # (batch, steps - 1, 2)
    return (chosen * gates[:, 1:].log_softmax(2)).sum((1, 2))


def clock(valid: Tensor, most: int) -> Tensor:
    """What the discriminator sees of time where sequences end: the share of `most` that has gone, that is
    still to come, and the last steps one by one, (batch, steps, CLOCK)."""
    left = valid.flip(1).cumsum(1).flip(1)  # (batch, steps), this step among them
    return _clock(left[:, :1] - left, left, most)


def clock_of(given: Tensor, most: int, steps: int) -> Tensor:
    """The same for a generator that is told the length."""
    time = torch.arange(steps, device=given.device)
    own = (given[:, -1:] * most).round()  # (batch, 1)
    left = (own - time).clamp(min=0)  # (batch, steps)
    return _clock(own - left, left, most)


def elapsed(given: Tensor, most: int, steps: int) -> Tensor:
    """What a generator with a gate sees of time, the share of `most` that has gone: (batch, steps, 1)."""
    time = torch.arange(steps, device=given.device, dtype=given.dtype)
    return (time / most).clamp(max=1)[:, None].expand(len(given), -1, -1)


def _clock(gone: Tensor, left: Tensor, most: int) -> Tensor:
    return torch.stack([gone / most, left / most, (left / SOON).clamp(max=1)], 2)
