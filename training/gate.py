"""How a generator learns to end its sequences.

An end is a draw, and what the discriminator makes of a window has no gradient with respect to it: a step is
there or not, and with it go all behind it. So the same rows are shown with two ends, drawn alike, and what
one is better than the other is the reason to make it more likely (Williams, Machine Learning 8, 1992, with
the other draw as the baseline: Kool et al., "Buy 4 REINFORCE samples, get a baseline for free!", 2019):

    ½ (ℓ(x) − ℓ(x′)) · ∇(log p(end) − log p(end′))

Nothing but the end differs between the two, so this is the true gradient with little noise. Straight
through a hard survival it is not: of a generator in the middle of its game (`vowels`), whose loss rose by
1.7 with the odds of an end, this says 1.9, and straight-through estimators .01 to .09.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from training.ends import log_probability, survival
from training.generator import Generator


class Pair(NamedTuple):
    """Windows, and with a gate the same rows with other ends."""

    windows: Tensor
    """(batch, steps, …), as the discriminator sees them."""
    made: Tensor
    """The same windows as the generator made them: their levels are not hidden by a shift."""
    other: Tensor | None = None
    """The same rows with other ends, as the discriminator sees them."""
    odds: Tensor | None = None
    """(batch,): log p of the ends of `windows` less that of the ends of `other`."""


def pair(
    generator: Generator, once: Tensor, noise: Tensor, normals: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Windows of this noise, the same with ends of other `normals` (batch, steps, 2), and the odds, as in a
    `Pair`."""
    y, logits, _ = generator.play(once, noise)
    rows = generator.rows(y, logits)
    drawn = logits[..., generator.choices.width :]  # (batch, steps, 2), with their noise
    alone = drawn - generator.gate.gumbel(noise[..., -drawn.shape[2] :])
    ends = [survival(gates, generator.most) for gates in (drawn, alone + generator.gate.gumbel(normals))]
    own, other = (torch.cat([rows * valid[..., None], valid[..., None]], 2) for valid in ends)
    return own, other, log_probability(alone, ends[0]) - log_probability(alone, ends[1])
