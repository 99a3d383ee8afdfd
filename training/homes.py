"""Homes: where sequences that go on for ever are, behind their first window.

A window shows little of what lasts for many of them: where such components are, and which go together,
is a question of levels, which a sum of moves does not answer. Added up for ever they come to be anywhere
that the data's mean and variance allow, of six prices each somewhere else. So what lasts long is parted.
Most of the latent is what kind of window this is, and says where it lies: it drifts half as fast as the
slowest of the data does, as Ornstein-Uhlenbeck processes, stationary from the beginning. What lasts for
windows is at home where the level of that is, asked anew as each window begins and on a straight way there
as it ends, since a leap would be a kink in whatever is smooth; and so for ever about as the data's levels
are, together. The sum of moves is what is beside that, and comes home within a window or so. What lasts for
less comes back to the mean, under conditions to that under these (`Mixing.homes`). The rest of the latent
forgets sooner, each at a rate of its own: noise that lasts for two steps, or for ten, is what smooth
movements are made of, and what lasts for a window makes calm and wild ones.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.basis import Mixing
from training.data.dataset import Doubles

_AWAY, _FOR_LONG = 2.0, 8.0
"""Windows in which a component forgets, up to which it has no home, and from which on it is all there."""
_HOMEWARD = 1.0
"""Windows in which what has a home comes back to it."""
_LIVELY, _LEAST_WALK = 1.5, 1e-4
"""What moves of a component with a home may be at first, in those that leave its variance as it is; and the
deviation of moves that are none."""
_MOSTLY = 0.5
"""Share of a component that lasts from which on it is not mostly noise."""


class Lasting(NamedTuple):
    """How components go on for ever, each (components,)."""

    drawn: Doubles
    """κ, 0 … 1: how much of where a component is at home a level says."""
    decay: Doubles
    """The rate at which a sum of moves forgets how far from home it is."""
    walk: Doubles
    """The deviation of what is added in a step."""
    slowest: float
    """Steps in which the level forgets."""


def lasting(decay: Doubles, share: Doubles, walk: Doubles, window: int) -> Lasting:
    """Of components that forget at the rate `decay`, but for noise, which is all but their `share`, and
    move by `walk` in a step: how they do it where windows of `window` rows are all that is shown of them.

    Moves of deviation s leave a variance c that forgets at the rate ρ as it is where s² = c (1 − ρ²). The
    level forgets in twice as many steps as the slowest component that is mostly not noise: its own moves
    are then half of what that one makes, and the others are made as the data's are.
    """
    steps = 1 / np.maximum(1 - decay, 1e-9)  # (components,)
    drawn = np.log(np.maximum(steps, 1) / (_AWAY * window)) / math.log(_FOR_LONG / _AWAY)
    drawn = np.where(share > 0, drawn.clip(0, 1), 0.0)
    homeward = np.minimum(steps, steps ** (1 - drawn) * (_HOMEWARD * window) ** drawn)
    still = _LIVELY * np.sqrt(share * (1 - decay**2))
    return Lasting(
        drawn,
        np.where(drawn > 0, 1 - 1 / homeward, decay),
        np.where(drawn > 0, np.minimum(walk, np.maximum(still, _LEAST_WALK)), walk),
        float(max([_AWAY * window, *(2 * steps[share >= _MOSTLY])])),
    )


def lasting_of(mixing: Mixing, window: int) -> Lasting:
    """How components last in sequences that go on for ever, shown in windows of `window` rows; and
    just as they are in others, and in waveforms, whose level has no game of its own."""
    if window and not len(mixing.axes):
        return lasting(mixing.decay, mixing.share, mixing.walk, window)
    return Lasting(np.zeros(len(mixing.decay)), mixing.decay, mixing.walk, 2.0 * window)


def rates_for(window: int, latent: int, slow: float) -> Doubles:
    """How much of each of the drifting latents is left after a step: (latents,) float64. Those of the level
    forget in `slow` steps, and half as many behind them in times from one step to two windows, at equal
    ratios. All stay as they are, and there are none of the latter, where nothing is longer than a
    `window`, 0."""
    if not window:
        return np.ones(latent)
    return np.exp(-1 / np.concatenate([np.full(latent, slow), np.geomspace(1, 2 * window, latent // 2)]))


def by_window(position: int, steps: int, window: int) -> Iterator[slice]:
    """The steps from `position` on, window by window of so many rows; all of them at once where it is 0."""
    begin = 0
    while begin < steps:
        end = begin + window - (position + begin) % window if window else steps
        yield slice(begin, min(end, steps))
        begin = end


def way_home(home: Tensor, position: int, steps: int, window: int) -> Tensor:
    """Where home is at each of some steps of a window, from the one at `position` on, on a straight way
    through it, of where it is as the window begins and as it ends, `home` (batch, 2 components): (batch,
    steps, components)."""
    begin, end = home[:, None].chunk(2, 2)  # (batch, 1, components)
    step = torch.arange(1, steps + 1, device=home.device) + position % window
    return begin + (end - begin) * (step / window)[:, None]
