"""The level's own game, played before that of the windows.

Where a window lies is a question without time: points, not sequences. A small generator against
a small critic on large batches of points settles it in seconds, and better than the game of
windows does, whose discriminator has moves to look at. There the level is not touched again. The loss and
the penalty are those of `training/losses.py`, the weights that are kept a running average.
"""

import copy
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from tqdm import tqdm

from training.losses import gradient_penalty, relativistic_discriminator, relativistic_generator

BATCH = 256
_RATE, _PENALTY, _PENALTY_EVERY, _AVERAGE = 1e-3, 1.0, 4, 0.999


def fit_level(
    level: nn.Module,
    critic: nn.Module,
    steps: int,
    real: Callable[[int], tuple[Tensor, Tensor]],
    fake: Callable[[int], tuple[Tensor, Tensor]],
    progress: bool,
) -> None:
    """Train `level`, latent to y, against `critic`, y to (batch, 1), and leave the averaged weights in it.

    `real` draws that many points of the data with their conditions, (batch, components) and (batch, given);
    `fake` as many latents, which are played under the same conditions, and what is added to the level that
    they give, since each step has it anew, (batch, components).
    """
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
        made = level(torch.cat([latent, given], 1)) + anew  # as the points, (batch, components)
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
    level.load_state_dict(average.state_dict())


def critic_of(inputs: int, width: int) -> nn.Sequential:
    """A critic of points and their conditions, as wide as the level that it judges."""
    slope = 0.2
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LeakyReLU(slope),
        nn.Linear(width, width), nn.LeakyReLU(slope),
        nn.Linear(width, 1),
    )  # fmt: skip
