"""The two players: an LSTM generator and an LSTM discriminator.

    Generator      latent ─▶ level ─▶ total_0       drift_t = r·drift_{t−1} + √(1−r²)·noise_t
                   [noise_t, drift_t] ─▶ LSTM ─▶ h_t,  [h_t, noise_t] ─▶ head + direct ─▶ [u_t, v_t]
                   total_t = ρ∘total_{t−1} + b∘v_t,    y_t = a∘u_t + total_t
    Discriminator  [y_t, Δy_t/σ] ─▶ LSTM ─▶ one number for a whole window, and a critic that
                   sees of the window only its level, its span and how much it moves

The generator never sees its own output, so its graph needs no loop: one LSTM and two linear
recurrences. It is written so that a run can be cut anywhere: `forward` takes the state and gives
it back.

Two things keep a sequence at home however long it gets. The sum forgets at the rate ρ at which
the data do (`Mixing.decay`), and the mean of v is taken out, which it would otherwise add up.
And the latent, which says what kind of window this is, drifts where the data are long series
(an Ornstein-Uhlenbeck process that begins at `latent`, stationary): no sequence is kept on one
course for ever.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from training.basis import Mixing
from training.config import Sizes

State = tuple[Tensor, Tensor, Tensor, Tensor]
"""LSTM state h and c, both (1, batch, hidden), the running sum `total` (batch, components) and
the drifting latent `drift` (batch, latent)."""

SLOPE = 0.2
"""Of the leaky rectifiers below zero."""
GROUP = 8
"""Windows that the discriminator looks at together, see `_variety`."""
_CENTRE_RATE = 0.01
_SETTLED, _BLOCK = 64, 256
"""Long sequences that are looked at, and the steps of a block of them."""
_NOTICED = 0.05
"""How far a window may end from where it did, in deviations of a walk of its length."""
_CHUNK = 64
"""Steps of a recurrence that are summed at once: its matrix grows with their square."""


class Generator(nn.Module):
    """Noise to scores, see `training/basis.py` for what these are."""

    mean: Tensor
    outward: Tensor
    centre: Tensor
    decay: Tensor
    increments: Tensor

    def __init__(self, sizes: Sizes, mixing: Mixing, drift: float):
        super().__init__()
        components = len(mixing.increments)
        self.sizes = sizes
        self.drift = drift
        self.lstm = nn.LSTM(2 * sizes.latent, sizes.hidden, batch_first=True)
        self.head = _perceptron(sizes.hidden + sizes.latent, sizes.head, 2 * components)
        self.direct = nn.Linear(sizes.hidden + sizes.latent, 2 * components)
        self.level = nn.Sequential(
            nn.Linear(sizes.latent, sizes.level),
            nn.LeakyReLU(SLOPE),
            _perceptron(sizes.level, sizes.level, components),
        )
        increments = _float32(mixing.increments)
        self.register_buffer("increments", increments)
        self.a = nn.Parameter(increments.clone())  # (components,)
        self.b = nn.Parameter(increments.clone())  # (components,)
        self.register_buffer("centre", torch.zeros(components))
        self.register_buffer("decay", _float32(mixing.decay))  # (components,)
        self.register_buffer("mean", _float32(mixing.mean))  # (channels,)
        self.register_buffer("outward", _float32(mixing.outward))  # (channels, components)

    def forward(self, latent: Tensor, noise: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """y (batch, steps, components) and the state behind its last step.

        `latent` is (batch, latent), `noise` (batch, steps, latent); no state begins anew.
        """
        h, c, total, drift = state or self.begin(latent)
        u, v, (h, c, drift) = self._drive(noise, h, c, drift)
        totals = _recurrence(self.decay, total, (v - self.centre) * self.b)
        if self.training:
            with torch.no_grad():
                self.centre.lerp_(v.mean((0, 1)).to(self.centre.dtype), _CENTRE_RATE)
        y = u * self.a + totals  # (batch, steps, components)
        return y, (h, c, totals[:, -1], drift)

    @torch.no_grad()
    def settle(self, length: int) -> None:
        """Make the sum fit for sequences far longer than windows of `length`, by what v does in some.

        The centre of training is the mean over windows, which all begin; what little it is off adds
        up over thousands of steps. And what v pushes to and fro over longer times than a window, no
        discriminator has seen: where a slow component would so leave what the data have, which is
        mean 0 and variance 1 in y, it forgets faster. The sums of v over blocks give its power S at
        rest; a sum that forgets 1 − ρ = λ a step has variance S / 2λ and, of a mean β left in v, the
        mean β / λ. Windows shall not notice: the centre moves by little of what they span. Where the
        latent does not drift, nothing longer than a window is known, and nothing is done.
        """
        if self.drift == 1:
            return
        random = torch.Generator().manual_seed(0)
        latent = torch.randn((_SETTLED, self.sizes.latent), generator=random).to(self.centre.device)
        h, c, _, drift = self.begin(latent)
        means = []
        for _ in range(5):
            noise = torch.randn((_SETTLED, _BLOCK, self.sizes.latent), generator=random)
            _, v, (h, c, drift) = self._drive(noise.to(latent.device), h, c, drift)
            means.append(v.mean(1))  # (sequences, components)
        blocks = torch.stack(means[1:])  # (blocks, sequences, components): the first one begins
        off = blocks.mean((0, 1)) - self.centre  # (components,)
        most = _NOTICED * self.increments / (self.b.abs() * length**0.5)
        moved = off.clamp(-most, most)
        self.centre.add_(moved)
        power = (blocks * self.b).flatten(0, 1).var(0) * _BLOCK / 4
        forgets = power + (power**2 + ((off - moved) * self.b) ** 2).sqrt()
        slow = self.decay > 1 - 1 / _BLOCK
        self.decay.copy_(torch.where(slow, self.decay.minimum((1 - forgets).clamp(min=0)), self.decay))

    def _drive(
        self, noise: Tensor, h: Tensor, c: Tensor, drift: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
        """u and v, both (batch, steps, components), and h, c and the drift behind them."""
        push = math.sqrt(1 - self.drift**2) * noise
        drifts = _recurrence(drift.new_full((drift.shape[1],), self.drift), drift, push)
        hidden, (h, c) = self.lstm(torch.cat([noise, drifts], 2), (h, c))  # (batch, steps, hidden)
        hidden = torch.cat([hidden, noise], 2)  # (batch, steps, hidden + latent)
        u, v = (self.head(hidden) + self.direct(hidden)).chunk(2, 2)
        return u, v, (h, c, drifts[:, -1])

    def begin(self, latent: Tensor) -> State:
        """The state before the first step."""
        rest = latent.new_zeros(1, len(latent), self.sizes.hidden)
        return rest, rest, self.level(latent), latent

    def scores(self, y: Tensor) -> Tensor:
        """y (…, components) to scores (…, channels): what the decoder takes."""
        return y @ self.outward.T + self.mean


def _recurrence(rate: Tensor, before: Tensor, push: Tensor) -> Tensor:
    """x_t = rate∘x_{t−1} + push_t for every step: (batch, steps, width), from x before the first
    (batch, width). As a product with the powers of the rate, since a loop is slow to train."""
    parts = []
    for part in push.split(_CHUNK, 1):
        steps = part.shape[1]
        time = torch.arange(steps, device=push.device)
        lag = time[:, None] - time  # (steps, steps)
        powers = torch.where(
            lag >= 0, rate[:, None, None] ** lag.clamp(min=0), 0.0
        )  # (width, steps, steps)
        x = torch.bmm(powers, part.permute(2, 1, 0)).permute(2, 1, 0)  # (batch, steps, width)
        x = x + before[:, None] * rate ** (time[:, None] + 1)
        before = x[:, -1]
        parts.append(x)
    return torch.cat(parts, 1)


class Discriminator(nn.Module):
    """One number for a window: how real it looks."""

    increments: Tensor

    def __init__(self, sizes: Sizes, mixing: Mixing):
        super().__init__()
        components = len(mixing.increments)
        self.lstm = nn.LSTM(2 * components, sizes.hidden, batch_first=True)
        self.whole = _perceptron(2 * sizes.hidden + 1, sizes.hidden, 1)
        self.each = nn.Linear(sizes.hidden, 1)
        self.levels = nn.Sequential(
            nn.Linear(4 * components, sizes.level),
            nn.LeakyReLU(SLOPE),
            _perceptron(sizes.level, sizes.level, 1),
        )
        self.register_buffer("increments", _float32(mixing.increments))

    def forward(self, y: Tensor) -> Tensor:
        """y (batch, steps, components) to logits (batch,)."""
        change = (y[:, 1:] - y[:, :-1]) / self.increments  # (batch, steps - 1, components)
        change = nn.functional.pad(change, (0, 0, 1, 0))  # (batch, steps, components)
        hidden, _ = self.lstm(torch.cat([y, change], 2))  # (batch, steps, hidden)
        pooled = torch.cat([hidden[:, -1], hidden.mean(1)], 1)  # (batch, 2 hidden)
        pooled = torch.cat([pooled, _variety(pooled)], 1)  # (batch, 2 hidden + 1)
        span = (y[:, -1] - y[:, 0]) / (self.increments * y.shape[1] ** 0.5)
        summary = torch.cat([y[:, 0], y.mean(1), span, change.abs().mean(1)], 1)  # (batch, 4 components)
        each = self.each(hidden)[..., 0].mean(1)  # (batch,)
        logits: Tensor = self.whole(pooled)[:, 0] + each + self.levels(summary)[:, 0]
        return logits


def _variety(features: Tensor) -> Tensor:
    """Mean deviation of the features within groups of windows, so that a generator that
    repeats itself is seen (Karras et al., ICLR 2018, section 3): (batch, 1)."""
    batch, width = features.shape
    groups = features.view(-1, GROUP if batch % GROUP == 0 else batch, width)
    deviation = (groups.var(1, unbiased=False) + 1e-6).sqrt().mean(1)  # (groups,)
    return deviation.repeat_interleave(groups.shape[1])[:, None]


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, outputs))


def _float32(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
