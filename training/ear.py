"""The discriminator of waveforms: it hears samples, their slope and their curvature, and the spectrum.

    [x, x', x''] of a hop ─▶ sums ─▶ shapes over steps ─▶ LSTM ─▶ one number for a whole window
    log power by frequency, how loud hops get, and how steep each of their samples is, as means over the
    window ─▶ a critic that hears nothing else

A small error of a high frequency cannot be seen in the samples, where low ones are a thousand times
as large. In the slope and in the curvature, each at unit deviation, it is as loud as they are. The
critic of means gets the short-time power of each band (Yamamoto et al., "Parallel WaveGAN", ICASSP
2020, section 3.2, compare such spectra in a loss), how often the top of a hop passes some levels, which
says whether beats are missed, and the slope by place in a hop, where steps could be heard; all of it
standardised by real windows, so that each is an error of its own.
"""

import torch
from torch import Tensor, nn

from training.config import Sizes
from training.discriminator import variety
from training.ends import CLOCK, Seen, parted
from training.layers import SLOPE, perceptron

_SHAPES = 48
"""Plain sums of a step's samples, and as many shapes of them over _SPAN steps."""
_SPAN = 3
_HOPS = 8
"""Hops of a stretch whose power is taken."""
_FAINT = 1e-7
"""Power of a band, of the mean one's, below which all is silence."""
_LEVELS = (0.0, 1.0, 2.0, 4.0)
"""Deviations that the top of a hop passes, or does not."""


class Ear(nn.Module):
    """One number for a window of sound: how real it is."""

    slope: Tensor
    curvature: Tensor
    hann: Tensor
    faint: Tensor
    middle: Tensor
    spread: Tensor
    levels: Tensor

    def __init__(self, sizes: Sizes, windows: Tensor, given: int = 0, most: int = 0, gated: bool = False):
        """`windows` (windows, steps, hop): real ones, to fit units by."""
        super().__init__()
        _, steps, hop = windows.shape
        self.most, self.gated = most, gated
        self.plain = nn.Linear(3 * hop, _SHAPES)
        self.shapes = nn.Linear(_SPAN * _SHAPES, _SHAPES)
        inputs = 2 * _SHAPES + given + CLOCK * (most > 0)
        self.lstm = nn.LSTM(inputs, sizes.hidden, batch_first=True)
        self.whole = perceptron(2 * sizes.hidden + 1 + given, sizes.hidden, 1)
        self.each = nn.Linear(sizes.hidden, 1)
        flat = windows.flatten(1)
        self.register_buffer("slope", flat.diff(dim=1).std())
        self.register_buffer("curvature", flat.diff(n=2, dim=1).std())
        size = 1 << ((min(_HOPS, steps) * hop).bit_length() - 1)
        self.register_buffer("hann", torch.hann_window(size, periodic=False))
        self.register_buffer("faint", torch.zeros(()))
        self.faint = _FAINT * self._power(flat).mean()
        self.register_buffer("levels", torch.tensor(_LEVELS))
        heard = self._means(windows, self._slope(flat).view_as(windows))  # (windows, means)
        self.register_buffer("middle", heard.mean(0))
        self.register_buffer("spread", heard.std(0).clamp(min=1e-3))
        self.means = nn.Sequential(
            nn.Linear(heard.shape[1] + 1 + given, sizes.level),
            nn.LeakyReLU(SLOPE),
            perceptron(sizes.level, sizes.level, 1),
        )

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """x (batch, steps, hop), 0 behind an end, as `Generator.forward` gives it, and the conditions
        (batch, given) to logits (batch,)."""
        given = x.new_zeros(len(x), 0) if given is None else given
        x, valid = parted(x, given, self.most, self.gated)
        seen = Seen(valid, self.most, x.shape[1])
        flat = x.flatten(1)  # (batch, steps · hop)
        first = self._slope(flat).view_as(x)
        second = nn.functional.pad(flat.diff(n=2, dim=1), (1, 1)) / self.curvature
        sound = torch.cat([x, first, second.view_as(x)], 2)  # (batch, steps, 3 hop)
        plain = self.plain(sound)  # (batch, steps, shapes)
        around = nn.functional.pad(plain, (0, 0, _SPAN // 2, _SPAN // 2)).unfold(1, _SPAN, 1)
        shapes = nn.functional.leaky_relu(self.shapes(around.flatten(2)), SLOPE)  # a convolution
        parts = [plain, shapes, given[:, None].expand(-1, x.shape[1], -1), *seen.clock]
        hidden, _ = self.lstm(torch.cat(parts, 2))  # (batch, steps, hidden)
        pooled = torch.cat([seen.last(hidden), seen.mean(hidden)], 1)  # (batch, 2 hidden)
        pooled = torch.cat([pooled, variety(pooled), given], 1)  # (batch, 2 hidden + 1 + given)
        each = seen.mean(self.each(hidden))[:, 0]  # (batch,)
        heard = (self._means(x, first) - self.middle) / self.spread  # (batch, means)
        heard = torch.cat([heard, variety(heard), given], 1)
        logits: Tensor = self.whole(pooled)[:, 0] + each + self.means(heard)[:, 0]
        return logits

    def _slope(self, flat: Tensor) -> Tensor:
        """(batch, samples): how much each is above the one before, in deviations."""
        return nn.functional.pad(flat.diff(dim=1), (1, 0)) / self.slope

    def _means(self, x: Tensor, slope: Tensor) -> Tensor:
        """For the critic of means, of windows and their slope, both (batch, steps, hop): (batch, means)."""
        tops = torch.stack([s.amax(2) for s in (x, -x, slope, -slope)], 2)  # (batch, steps, 4)
        passed = (tops[..., None] - self.levels).clamp(min=0).mean(1)  # (batch, 4, levels)
        return torch.cat([self._spectrum(x.flatten(1)), passed.flatten(1), slope.abs().mean(1)], 1)

    def _power(self, flat: Tensor) -> Tensor:
        """Power by stretch and band of (batch, samples): (batch, stretches, bands)."""
        size = len(self.hann)
        stretches = flat.unfold(1, size, size // 2) * self.hann  # (batch, stretches, size)
        found = torch.fft.rfft(stretches)[..., 1:]
        power: Tensor = found.real.square() + found.imag.square()
        return power

    def _spectrum(self, flat: Tensor) -> Tensor:
        """The logarithm of the mean power in each band, and the mean of its logarithm: (batch, 2 bands)."""
        power = self._power(flat) + self.faint
        return torch.cat([power.mean(1).log(), power.log().mean(1)], 1)
