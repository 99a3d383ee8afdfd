"""The level's own game, played before that of the windows.

Where a window lies is a question without time: points, not sequences. A small generator against
a small critic on large batches of points settles it in seconds, and better than the game of
windows does, whose discriminator has moves to look at. There the level is not touched again. The loss and
the penalty are those of `training/losses.py`, the weights that are kept a running average.

It is played in units of the points themselves, mean 0 and deviation 1: sequences that begin together may
lie within a tenth of what they go on to span, and the penalty would smooth whatever is in there away.

A critic that is held smooth lets points lie too near to the middle, in some directions more
than in others. So in the end they are moved, as little as can be, to the mean and the
covariance C of the data's from those that they have: by A^−½ (A^½ C A^½)^½ A^−½ where A is theirs, the
optimal transport between normal distributions (Peyré and Cuturi, "Computational optimal transport", 2019,
remark 2.31).
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
_MEASURED = 50
"""Steps for each batch that mean and covariance are taken of."""
_RIDGE = 1e-6
"""Variance below which points have no direction of their own."""
_MOST = 2.0
"""How much wider, or narrower, points become in any direction."""


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
    last = cast(nn.Linear, cast(nn.Sequential, average[-1])[-1])
    measured = []
    for _ in range(1 + steps // _MEASURED):
        points, given = real(BATCH)
        latent, anew = fake(BATCH)
        made = average(torch.cat([latent, given], 1))
        measured.append(torch.stack([made, (points - middle) / scale, anew / scale]))
    made, points, anew = torch.cat(measured, 1)  # each (points, components)
    way, there = transport(made, points, anew)
    # Of points in units of their own; from now on in those of y.
    last.weight.copy_(scale[:, None] * (way @ last.weight))
    last.bias.copy_(scale * (way @ (last.bias - made.mean(0)) + there) + middle)
    level.load_state_dict(average.state_dict())


def transport(made: Tensor, points: Tensor, anew: Tensor) -> tuple[Tensor, Tensor]:
    """What brings points to the mean and covariance of others, once what each step has `anew` is added to
    them, all (points, components): a matrix (components, components), and where the mean goes to,
    (components,). Small corrections only: in no direction by more than twice or half."""
    x, y, noise = made.double(), points.double(), anew.double()
    have = _covariance(x) + _RIDGE * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    want = _covariance(y) - torch.diag(noise.var(0))
    root, back = _power(have, 0.5), _power(have, -0.5)
    way = back @ _power(root @ want @ root, 0.5) @ back
    sizes, axes = torch.linalg.eigh((way + way.T) / 2)
    way = axes * sizes.clamp(1 / _MOST, _MOST) @ axes.T
    return way.to(made), (y.mean(0) - noise.mean(0)).to(made)


def _covariance(points: Tensor) -> Tensor:
    """Of points (points, components): (components, components)."""
    centred = points - points.mean(0)
    return centred.T @ centred / len(points)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Of a symmetric matrix, what is negative taken as nothing."""
    sizes, axes = torch.linalg.eigh(matrix)
    power: Tensor = axes * sizes.clamp(min=0) ** exponent @ axes.T
    return power


def critic_of(inputs: int, width: int) -> nn.Sequential:
    """A critic of points and their conditions, as wide as the level that it judges."""
    slope = 0.2
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LeakyReLU(slope),
        nn.Linear(width, width), nn.LeakyReLU(slope),
        nn.Linear(width, 1),
    )  # fmt: skip
