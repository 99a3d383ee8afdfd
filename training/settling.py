"""What is measured when weights are there: the mean of v, and how fast sums forget.

Both are of a generator as it is, which is why averaged weights, `training/selection.py`, need them anew.
"""

import torch
from torch import Tensor

from training.generator import Generator

_CENTRED, _ROWS, _PART = 4096, 2**18, 256
"""Windows that say what the centre is at most, the rows that they have at most, and how many of them are
made at a time."""
SETTLED, _BLOCK = 64, 256
"""Long sequences that are looked at, and the steps of a block of them."""
_NOTICED = 0.05
"""How far a window may end from where it did, in deviations of a walk of its length."""
_WITHIN = 0.01
"""Of variance 1 of a component, the least that is taken to lie within conditions."""


def centred(length: int) -> int:
    """How many windows of `length` are to say what the centre is."""
    return max(SETTLED, min(_CENTRED, _ROWS // length))


@torch.no_grad()
def recentre(generator: Generator, length: int, given: Tensor) -> None:
    """Take out of v what its mean is in windows of `length` under conditions `given` (windows, given).

    The centre of training is that of the weights of each step. Averaged weights make a v of another mean,
    which sums would add up: batch normalisation needs its means anew with these, too (Izmailov et al.,
    Averaging weights leads to wider optima and better generalization, UAI 2018, section 3.2).
    """
    if not generator.window or not len(generator.a):
        return
    # Where choices see totals v has to do with the centre, and is looked at once more.
    for _ in range(1 + generator.mixed):
        random, found = torch.Generator().manual_seed(0), []
        for part in given.to(generator.centre.device).split(_PART):
            latent = torch.randn((len(part), generator.latents), generator=random).to(part)
            noise = torch.randn((len(part), length, generator.noise_size), generator=random).to(part)
            begun = generator.begin(torch.cat([latent, part], 1))[:-1]
            found.append(generator.drive(noise, part, begun, fresh=True)[1].mean((0, 1)))
        generator.centre.copy_(torch.stack(found).mean(0))


@torch.no_grad()
def settle(generator: Generator, length: int, given: Tensor) -> None:
    """Make the sum fit for sequences far longer than windows of `length`, by what v does in some.

    The centre of training is the mean over windows, which all begin; what little it is off adds
    up over thousands of steps. And what v pushes to and fro over longer times than a window, no
    discriminator has seen: where a slow component would so leave what the data have, which is
    mean 0 and variance 1 in y, or w around where it is at home, it forgets faster. The
    sums of v over blocks give its power S at rest; a sum that forgets 1 − ρ = λ a step has variance
    S / 2λ and, of a mean β left in v, the mean β / λ. Windows shall not notice: the centre moves by
    little of what they span. Where sequences do not go on for ever, nothing beyond a window is known,
    and nothing is done.

    `given` (SETTLED, given): conditions as the data have them.
    """
    if not generator.window or not len(generator.a):
        return
    random = torch.Generator().manual_seed(0)
    latent = torch.randn((SETTLED, generator.latents), generator=random).to(generator.centre.device)
    given = given.to(latent.device)
    if generator.seasons.width:  # in pairs: what both do goes with the calendar, and adds up to nothing
        given = given[: SETTLED // 2].repeat(2, 1)
    state = generator.begin(torch.cat([latent, given], 1))[:-1]
    means, apart = [], []
    for block in range(5):
        noise = torch.randn((SETTLED, _BLOCK, generator.noise_size), generator=random)
        _, v, _, _, state = generator.drive(noise.to(latent.device), given, state, block * _BLOCK)
        given = generator.seasons.later(given, _BLOCK)
        means.append(v.mean(1))  # (sequences, components)
        home = state[4][:, -v.shape[2] :] if generator.draws_homes else v.new_zeros(1, v.shape[2])
        apart.append(home * generator.drawn)
    blocks = torch.stack(means[1:])  # (blocks, sequences, components): the first one begins
    off = blocks.mean((0, 1)) - generator.centre  # (components,)
    most = _NOTICED * generator.increments / (generator.b * length**0.5)
    moved = off.clamp(-most, most)
    generator.centre.add_(moved)
    homes = generator.seasons.parted(given)[0] @ generator.homes  # (sequences, components)
    drawn = torch.cat(apart).var(0, unbiased=False)  # (components,)
    within = (1 - homes.var(0) - drawn).clamp(min=_WITHIN)  # w, (components,)
    spread = (blocks * generator.b).flatten(0, 1).var(0)  # (components,)
    if generator.seasons.width:
        spread = torch.sub(*(blocks * generator.b).chunk(2, 1)).square().mean((0, 1)) / 2
    power = spread * _BLOCK / (4 * within)
    forgets = power + (power**2 + ((off - moved) * generator.b) ** 2 / within).sqrt()
    slow = generator.decay > 1 - 1 / _BLOCK
    generator.decay.copy_(
        torch.where(slow, generator.decay.minimum((1 - forgets).clamp(min=0)), generator.decay)
    )
