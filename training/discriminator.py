"""The discriminator, an LSTM: how real a window looks.

    [y_t, Δy_t/σ, choice_t, given] ─▶ LSTM ─▶ its last and its mean h, how alike windows are ─▶ one number,
    and beside it a critic that sees of the window only level, span, how much it moves and what is chosen

Rows are those of `training/generator.py`. Moves are shown in units of their own: a component may move a
hundredth of what another does. Of a waveform `training/ear.py` takes its place.
"""

import torch
from torch import Tensor, nn

from contract.calendar import Season
from training.basis import STILL, Mixing
from training.config import Sizes
from training.ends import CLOCK, Seen, parted
from training.layers import SLOPE, float32, perceptron
from training.seasons import Seasons

GROUP = 8
"""Windows that are looked at together, see `variety`."""


class Discriminator(nn.Module):
    """One number for a window: how real it looks."""

    increments: Tensor
    moving: Tensor

    def __init__(
        self, sizes: Sizes, mixing: Mixing, width: int = 0, given: int = 0, most: int = 0,
        gated: bool = False, seasons: tuple[Season, ...] = (),
    ):  # fmt: skip
        super().__init__()
        components = len(mixing.increments)
        self.seasons = Seasons(seasons)
        given += self.seasons.width
        self.most, self.gated = most, gated
        inputs = 2 * components + width + given + CLOCK * (most > 0)
        self.lstm = nn.LSTM(inputs, sizes.hidden, batch_first=True)
        self.whole = perceptron(2 * sizes.hidden + 1 + given, sizes.hidden, 1)
        self.each = nn.Linear(sizes.hidden, 1)
        self.levels = nn.Sequential(
            nn.Linear(4 * components + width + given, sizes.level),
            nn.LeakyReLU(SLOPE),
            perceptron(sizes.level, sizes.level, 1),
        )
        self.register_buffer("increments", float32(mixing.increments))
        # A move of what hardly moves is rounding, in units of itself.
        self.register_buffer("moving", float32(mixing.increments > STILL))  # (components,)

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """x (batch, steps, components + width), 0 behind an end, as `Generator.forward` gives it, and the
        conditions (batch, given) to logits (batch,)."""
        given = x.new_zeros(len(x), 0) if given is None else given
        x, valid = parted(x, given, self.most, self.gated)
        seen = Seen(valid, self.most, x.shape[1])
        y, chosen = x.tensor_split([len(self.increments)], 2)
        change = (y[:, 1:] - y[:, :-1]) / self.increments * self.moving  # (batch, steps - 1, components)
        change = seen.masked(nn.functional.pad(change, (0, 0, 1, 0)))  # (batch, steps, components)
        parts = [y, change, chosen, self.seasons.each(given, x.shape[1])]
        given = self.seasons.first(given)
        hidden, _ = self.lstm(torch.cat([*parts, *seen.clock], 2))  # (batch, steps, hidden)
        pooled = torch.cat([seen.last(hidden), seen.mean(hidden)], 1)  # (batch, 2 hidden)
        pooled = torch.cat([pooled, variety(pooled), given], 1)  # (batch, 2 hidden + 1 + given)
        span = (seen.last(y) - y[:, 0]) / (self.increments * seen.steps**0.5) * self.moving
        parts = [y[:, 0], seen.mean(y), span, seen.mean(change.abs()), seen.mean(chosen), given]
        summary = torch.cat(parts, 1)  # (batch, 4 components + width + given)
        each = seen.mean(self.each(hidden))[:, 0]  # (batch,)
        logits: Tensor = self.whole(pooled)[:, 0] + each + self.levels(summary)[:, 0]
        return logits


def variety(features: Tensor) -> Tensor:
    """Mean deviation of the features within groups of windows, so that a generator that
    repeats itself is seen (Karras et al., ICLR 2018, section 3): (batch, 1)."""
    batch, width = features.shape
    groups = features.view(-1, GROUP if batch % GROUP == 0 else batch, width)
    deviation = (groups.var(1, unbiased=False) + 1e-6).sqrt().mean(1)  # (groups,)
    return deviation.repeat_interleave(groups.shape[1])[:, None]
