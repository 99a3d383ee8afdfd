"""Windows that grow: a run on long windows begins with shorter ones.

A step of 256 rows costs as much as four of 64, and teaches hardly more than one of them: from row to row
a long window looks like a short one. So windows begin at a quarter of their length and double twice, each
length for about as long as the others; most steps are of the short ones. What is longer is learnt last, by
players that know the rest. So pictures are learnt from coarse to fine (Karras et al., "Progressive growing
of GANs", ICLR 2018, section 2), but here no player changes: recurrent ones take any length.
"""

from dataclasses import dataclass
from itertools import accumulate
from statistics import harmonic_mean

from training.config import Recipe

_DOUBLED = 2
"""Times that windows double at most."""


@dataclass(frozen=True)
class Stage:
    """Steps of a run whose windows are of one length."""

    length: int
    """Rows of a window."""
    first: int
    """The step of the run that they begin at."""


def stages_for(recipe: Recipe, steps: int, length: int) -> tuple[Stage, ...]:
    """Of a run of so many steps, whose windows have `length` rows in the end."""
    lengths = _lengths(recipe, length)
    pace = [1 / rows for rows in lengths]  # steps in a time
    begun = accumulate(pace[:-1], initial=0.0)
    return tuple(Stage(n, round(steps * at / sum(pace))) for n, at in zip(lengths, begun, strict=True))


def mean_length(recipe: Recipe, length: int) -> float:
    """Rows of a window, in the mean over all steps of a run."""
    return harmonic_mean(_lengths(recipe, length))


def _lengths(recipe: Recipe, length: int) -> list[int]:
    shorter = (length >> n for n in range(_DOUBLED, 0, -1)) if recipe.shortest else ()
    return [*(rows for rows in shorter if rows >= recipe.shortest), length]
