"""Overlap-add: a step's output is made of two frames, the one that begins with it and the one before.

    frame_t = window ∘ (y_t · axes),      2·hop samples
    row_t   = first half of frame_t + second half of frame_{t−1},      hop samples

The axes are the principal components of real frames, each as long as its deviation, so that y is about
a draw of N(0, 1) in each. They are not whitened any further: what is quiet in the data stays quiet
whatever the players do. The window is Hann's, whose two halves add up to 1: of real frames, overlap-add
gives back the signal (Allen and Rabiner, "A unified approach to short-time Fourier analysis and
synthesis", Proc. IEEE 65, 1977, section III), and no border of two steps can be heard, since every
sample is a sum that fades from one frame to the next.

The second half of a frame is all that one step leaves to the next: one more state, the tail.
"""

import numpy as np
import torch
from torch import Tensor, nn

from training.data.dataset import Doubles

QUIET = 1e-7
"""Variance of a component, of the largest one's, below which it is left out."""


def hann(size: int) -> Doubles:
    """A window (size,) whose halves add up to 1."""
    window: Doubles = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    return window


def axes_of(frames: Doubles) -> Doubles:
    """Principal axes of real frames (frames, 2 hop) with mean 0, the largest first, each times its
    deviation: (components, 2 hop)."""
    variance, axes = np.linalg.eigh(frames.T @ frames / len(frames))
    kept = np.flatnonzero(variance > QUIET * variance[-1])[::-1]
    return np.ascontiguousarray((axes[:, kept] * np.sqrt(variance[kept])).T)


class OverlapAdd(nn.Module):
    """What the generator says, as rows. Without axes it is there and does nothing."""

    frames: Tensor

    def __init__(self, axes: Doubles):
        super().__init__()
        self.hop = axes.shape[1] // 2
        self.register_buffer("frames", torch.from_numpy((axes * hann(axes.shape[1])).astype(np.float32)))

    def forward(self, y: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """y (batch, steps, components) and the tail before them (batch, hop) to rows (batch, steps, hop),
        and the tail behind."""
        if not self.hop:
            return y, tail
        begun, left = (y @ self.frames).split(self.hop, 2)  # both (batch, steps, hop)
        before = torch.cat([tail[:, None], left[:, :-1]], 1)
        return begun + before, left[:, -1]

    def tail(self, y: Tensor) -> Tensor:
        """What a frame that says y (batch, components) leaves behind: (batch, hop)."""
        return y @ self.frames[:, self.hop :] if self.hop else y[:, :0]
