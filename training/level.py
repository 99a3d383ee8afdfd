"""The level's own game, played before that of the windows.

Where a window lies is a question without time: points, not sequences. A small generator against
a small critic on large batches of points settles it in seconds, and better than the game of
windows does, whose discriminator has moves to look at. There the level is not touched again. The loss and
the penalty are those of `training/losses.py`, the weights that are kept a running average.

It is played in units of the points themselves, mean 0 and deviation 1: sequences that begin together may
lie within a tenth of what they go on to span, and the penalty would smooth whatever is in there away.
"""

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from training.basis import Mixing
from training.losses import gradient_penalty, relativistic_discriminator, relativistic_generator

BATCH = 256
_NARROWEST = 1e-4
"""Deviation of points, beside 1 of all rows: whatever is less is one place."""
_RATE, _PENALTY, _PENALTY_EVERY, _AVERAGE = 1e-3, 1.0, 4, 0.999


@dataclass(frozen=True)
class FirstRows:
    """Where the data's first rows lie, each (components,)."""

    middle: Tensor
    deviation: Tensor
    fleeting: Tensor
    """The deviation of what is noise of each row in them: the level's game reckons with it and leaves it to
    that of windows."""

    @classmethod
    def of(cls, rows: Tensor, mixing: Mixing) -> "FirstRows":
        """Of rows (windows, components). What does not last, `training/memory.py`, is noise as far as it is
        taken back at once, and no more than there is of anything in first rows."""
        middle = rows.mean(0)
        deviation = (rows - middle).square().mean(0).sqrt()
        noise = np.minimum((1 - mixing.share) ** 0.5, mixing.noise)
        return cls(middle, deviation, torch.from_numpy(noise).to(deviation).minimum(deviation))


def fit_level(
    level: nn.Sequential,
    critic: nn.Module,
    steps: int,
    first: FirstRows,
    real: Callable[[int], tuple[Tensor, Tensor]],
    fake: Callable[[int], tuple[Tensor, Tensor]],
    progress: bool,
) -> None:
    """Train `level`, latent to y, against `critic`, y to (batch, 1), and leave the averaged weights in it.

    The points lie as `first` says. `real` draws that many of the data with their conditions, (batch,
    components) and (batch, given); `fake` as many latents, which are played under the same conditions, and
    what is added to the level that they give, since each step has it anew, (batch, components).
    """
    middle, scale = first.middle, first.deviation.clamp(min=_NARROWEST)
    average = copy.deepcopy(level).requires_grad_(False)
    optimisers = [
        torch.optim.Adam(n.parameters(), _RATE, betas=(0.0, 0.99), foreach=True) for n in (level, critic)
    ]
    rates = [torch.optim.lr_scheduler.CosineAnnealingLR(o, steps) for o in optimisers]
    for step in tqdm(
        range(steps),
        "the level first",
        unit="step",
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 15,
        disable=not progress,
    ):
        points, given = real(BATCH)
        latent, anew = fake(BATCH)
        points = (points - middle) / scale
        made = level(torch.cat([latent, given], 1)) + anew / scale  # as the points, (batch, components)
        penalised = step % _PENALTY_EVERY == 0
        both = torch.cat([points, made.detach()]).requires_grad_(penalised)  # (2 batch, components)
        logits = critic(torch.cat([both, given.repeat(2, 1)], 1))[:, 0]
        r, f = logits.chunk(2)
        loss = relativistic_discriminator(r, f)
        if penalised:
            loss = loss + _PENALTY * _PENALTY_EVERY * gradient_penalty(logits, both)
        optimisers[1].zero_grad()
        loss.backward()
        optimisers[1].step()
        optimisers[0].zero_grad()
        relativistic_generator(r.detach(), critic(torch.cat([made, given], 1))[:, 0]).mean().backward()
        optimisers[0].step()
        for rate in rates:
            rate.step()
        keep = min(_AVERAGE, (step + 1) / (step + 20))
        torch._foreach_lerp_(list(average.parameters()), list(level.parameters()), 1 - keep)
    # Of points in units of their own; from now on in those of y.
    last = cast(nn.Linear, cast(nn.Sequential, average[-1])[-1])
    last.weight.mul_(scale[:, None])
    last.bias.mul_(scale).add_(middle)
    level.load_state_dict(average.state_dict())


def critic_of(inputs: int, width: int) -> nn.Sequential:
    """A critic of points and their conditions, as wide as the level that it judges."""
    slope = 0.2
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LeakyReLU(slope),
        nn.Linear(width, width), nn.LeakyReLU(slope),
        nn.Linear(width, 1),
    )  # fmt: skip
