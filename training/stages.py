"""Windows that grow: a run on long windows begins with shorter ones.

A step of 256 rows costs as much as four of 64, and teaches hardly more than one of them: from row to row
a long window looks like a short one. So windows begin at a quarter of their length and double twice, each
length for about as long as the others; most steps are of the short ones. What is longer is learnt last, by
players that know the rest. So pictures are learnt from coarse to fine (Karras et al., "Progressive growing
of GANs", ICLR 2018, section 2), but here no player changes: recurrent ones take any length. Windows of
which a quarter would be short themselves are whole from the first step on: of `energy`, the only data that
this was tried on, judges told grown ones of 64 and 128 rows more easily.

And where windows grow, the discriminator is held back as much in any of them. It says of a window what it
finds in the mean of its rows. So its slope by each row is as much smaller as there are more of them, and so
is the penalty, the sum of their squares: the longer windows are, the less it would say of how sharply rows
are told. It weighs as much more, as that on pictures is weighed by their pixels (Karras et al., "Training
generative adversarial networks with limited data", NeurIPS 2020, appendix C).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import harmonic_mean

from training.config import Recipe

_ROWS = 24
"""Rows of the windows that a recipe's penalty was found for."""
_DOUBLED = 2
"""Times that windows double."""


@dataclass(frozen=True)
class Stage:
    """Steps of a run whose windows are of one length."""

    length: int
    """Rows of a window."""
    first: int
    """The step of the run that they begin at."""
    weight: float = 1.0
    """Of the penalty, beside what it has in the recipe."""


def stages_for(recipe: Recipe, steps: int, length: int) -> tuple[Stage, ...]:
    """Of a run of so many steps, whose windows have `length` rows in the end: the last step at least."""
    lengths = _lengths(recipe, length)
    if len(lengths) == 1:
        return (Stage(length, 0),)
    pace = [1 / rows for rows in lengths]  # steps in a time
    begun = accumulate(pace[:-1], initial=0.0)
    return tuple(
        Stage(rows, min(round(steps * at / sum(pace)), steps - 1), rows / _ROWS)
        for rows, at in zip(lengths, begun, strict=True)
    )


def mean_length(recipe: Recipe, length: int) -> float:
    """Rows of a window, in the mean over all steps of a run."""
    return harmonic_mean(_lengths(recipe, length))


def growth(stages: Sequence[Stage]) -> str:
    """How windows grow, for people; nothing where they do not."""
    ends = [*(stage.first for stage in stages[1:]), math.inf]
    played = [stage for stage, end in zip(stages, ends, strict=True) if end > stage.first]
    if len(played) < 2:
        return ""
    later = ", ".join(f"{stage.length} from step {stage.first} on" for stage in played[1:])
    return f"windows grow: of {played[0].length} rows at first, {later}"


def _lengths(recipe: Recipe, length: int) -> list[int]:
    """How long windows are, one length after the other."""
    grown = [length >> n for n in range(_DOUBLED, 0, -1)]
    return [*grown, length] if recipe.shortest and grown[0] >= recipe.shortest else [length]
