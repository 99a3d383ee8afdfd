"""The two players: an LSTM generator and an LSTM discriminator.

    Generator      latent ─▶ first state      level(latent) + a·u_t + Σ b·v_s ─▶ y ─▶ scores
                   [noise_t, latent] ─▶ LSTM ─▶ h_t ─▶ [u_t, v_t]
    Discriminator  [y_t, Δy_t/σ] ─▶ LSTM ─▶ one number for a whole window

The generator never sees its own output, so its graph needs one LSTM node and no loop. It is
written so that a run can be cut anywhere: `forward` takes the state and gives it back.
"""

import numpy as np
import torch
from torch import Tensor, nn

from training.basis import Mixing
from training.config import Sizes

State = tuple[Tensor, Tensor, Tensor]
"""LSTM state h and c, both (1, batch, hidden), and the running sum (batch, components)."""

_SLOPE = 0.2
_GROUP = 8


class Generator(nn.Module):
    """Noise to normal scores, see `training/basis.py` for what these are."""

    mean: Tensor
    outward: Tensor

    def __init__(self, sizes: Sizes, mixing: Mixing):
        super().__init__()
        components = len(mixing.increments)
        self.sizes = sizes
        self.first = _perceptron(sizes.latent, sizes.hidden, 2 * sizes.hidden)
        self.lstm = nn.LSTM(sizes.noise + sizes.latent, sizes.hidden, batch_first=True)
        self.head = nn.Linear(sizes.hidden + sizes.noise, 2 * components)
        self.level = nn.Sequential(
            nn.Linear(sizes.latent, sizes.hidden),
            nn.LeakyReLU(_SLOPE),
            _perceptron(sizes.hidden, sizes.hidden, components),
        )
        increments = _float32(mixing.increments)
        self.a = nn.Parameter(increments.clone())  # (components,)
        self.b = nn.Parameter(increments.clone())  # (components,)
        self.register_buffer("mean", _float32(mixing.mean))  # (channels,)
        self.register_buffer("outward", _float32(mixing.outward))  # (channels, components)

    def forward(self, latent: Tensor, noise: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """y (batch, steps, components) and the state behind its last step.

        `latent` is (batch, latent), `noise` (batch, steps, noise); no state begins anew.
        """
        if state is None:
            state = self.begin(latent)
        h, c, total = state
        steps = noise.shape[1]
        wide = latent[:, None].expand(-1, steps, -1)  # (batch, steps, latent)
        hidden, (h, c) = self.lstm(torch.cat([noise, wide], 2), (h, c))  # (batch, steps, hidden)
        u, v = self.head(torch.cat([hidden, noise], 2)).chunk(2, 2)  # both (batch, steps, components)
        sums = torch.cumsum(torch.cat([total[:, None], v * self.b], 1), 1)[:, 1:]
        y = self.level(latent)[:, None] + u * self.a + sums  # (batch, steps, components)
        return y, (h, c, sums[:, -1])

    def begin(self, latent: Tensor) -> State:
        """The state before the first step."""
        h, c = self.first(latent).chunk(2, 1)  # both (batch, hidden)
        total = latent.new_zeros(len(latent), len(self.a))
        return torch.tanh(h)[None].contiguous(), c[None].contiguous(), total

    def scores(self, y: Tensor) -> Tensor:
        """y (…, components) to normal scores (…, channels): what the decoder takes."""
        return y @ self.outward.T + self.mean


class Discriminator(nn.Module):
    """One number for a window: how real it looks."""

    increments: Tensor

    def __init__(self, sizes: Sizes, mixing: Mixing):
        super().__init__()
        components = len(mixing.increments)
        self.lstm = nn.LSTM(2 * components, sizes.hidden, batch_first=True)
        self.whole = _perceptron(2 * sizes.hidden + 1, sizes.hidden, 1)
        self.each = nn.Linear(sizes.hidden, 1)
        self.register_buffer("increments", _float32(mixing.increments))

    def forward(self, y: Tensor) -> Tensor:
        """y (batch, steps, components) to logits (batch,)."""
        change = (y[:, 1:] - y[:, :-1]) / self.increments  # (batch, steps - 1, components)
        change = nn.functional.pad(change, (0, 0, 1, 0))  # (batch, steps, components)
        hidden, _ = self.lstm(torch.cat([y, change], 2))  # (batch, steps, hidden)
        pooled = torch.cat([hidden[:, -1], hidden.mean(1)], 1)  # (batch, 2 hidden)
        pooled = torch.cat([pooled, _variety(pooled)], 1)  # (batch, 2 hidden + 1)
        logits: Tensor = self.whole(pooled)[:, 0] + self.each(hidden)[..., 0].mean(1)
        return logits


def _variety(features: Tensor) -> Tensor:
    """Mean deviation of the features within groups of windows, so that a generator that
    repeats itself is seen (Karras et al., ICLR 2018, section 3): (batch, 1)."""
    batch, width = features.shape
    groups = features.view(-1, _GROUP if batch % _GROUP == 0 else batch, width)
    deviation = (groups.var(1, unbiased=False) + 1e-6).sqrt().mean(1)  # (groups,)
    return deviation.repeat_interleave(groups.shape[1])[:, None]


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(_SLOPE), nn.Linear(hidden, outputs))


def _float32(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
