"""Is a run well? What is looked for while it goes, and the sentence that a person reads.

The thresholds lie far outside what healthy runs on built-in data show (stocks, google and energy, from
a tenth of the run on: diversity 0.76 to 1.3, at most 0.21 pinned, losses above 0.6 of chance), so that a
warning means something; a run that ends badly without one of these signs is not excluded.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from training.config import Recipe
from training.selection import Look

ROLLBACKS = 5
"""How often a run may go back to its last good state before it gives up."""
WON = 0.02
"""A player whose loss stays below this share of what chance costs has won."""
ENTRIES = 10
"""Entries of the history over which that must hold: 500 steps."""
VARIETY = 0.2
"""Diversity below which the generator repeats itself."""
PINNED = 0.5
"""Share of generated values at the ends of their range, beyond that of real ones."""
SETTLED = 0.1
"""Share of a run before which its looks say nothing: all generators begin alike."""


def finite(state: Any) -> bool:
    """Whether every tensor and number in a nested state is finite."""
    if isinstance(state, dict):
        return all(map(finite, state.values()))
    if isinstance(state, (list, tuple)):
        return all(map(finite, state))
    if isinstance(state, Tensor):
        return not state.is_floating_point() or bool(torch.isfinite(state).all())
    return not isinstance(state, float) or math.isfinite(state)


def ailments(history: Tensor, recipe: Recipe, look: Look | None, steps: int) -> Iterator[tuple[str, str]]:
    """What is wrong now, as (kind, sentence); nothing, of a healthy run.

    `history` is (entries, 3) as in a checkpoint, `look` the one that was just taken.
    """
    last = history[-ENTRIES:]
    if len(last) == ENTRIES:
        chance = torch.tensor([1.0 if recipe.loss == "relativistic" else 2.0, 1.0]) * math.log(2)
        discriminator, generator = (last[:, 1:] / chance < WON).all(0).tolist()
        step = int(last[-1, 0])
        if discriminator:
            what = (
                f"step {step}: the discriminator has told every generated window from a real one for "
                f"{step - int(last[0, 0])} steps, so the generator learns nothing; if the picture in "
                "TensorBoard stays unlike the data, stop, and try --recipe relativistic, another --seed, "
                "or more data"
            )
            yield "discriminator won", what
        if generator:
            what = (
                f"step {step}: the discriminator has taken every generated window for real for "
                f"{step - int(last[0, 0])} steps, so it teaches nothing; stop, and try another --seed; "
                "if that does not help, look for columns that are nearly constant"
            )
            yield "generator won", what
    if look is None or look.step < SETTLED * steps:
        return
    if look.diversity < VARIETY:
        what = (
            f"step {look.step}: the generator repeats itself: its windows differ {look.diversity:.0%} "
            "as much as real ones; if the next looks do not rise, stop, and try another --seed or "
            "--recipe relativistic"
        )
        yield "collapsed", what
    if look.pinned > PINNED:
        what = (
            f"step {look.step}: {look.pinned:.0%} of the generated values lie at an end of the data's "
            "range: the generator has run away; stop, try another --seed, and look for outliers in "
            "the data"
        )
        yield "diverged", what
