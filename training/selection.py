"""Which weights of a run are kept: the averaged weights are looked at, and measured, as they go.

The rule: among the looks in the second half of the run, and behind what likelihood alone taught, the
latest whose distance to the held-out windows (`training/yardstick.py`) is not worse than the best one's by
more than one standard error of the difference, or a hundredth of the mean distance between windows. By so
much looks differ on the way, whether the weights are better or not; the rate falls to the end, and the last
weights are the average of the calmest steps. So it is these that are kept, unless a run comes apart at its
end or begins to know its windows by heart. A look that was found worse is out for good; only the others
keep their weights. Where nothing is held out there is nothing to choose by, and the last weights are taken.

Looks are at fixed steps, so that the same seed chooses the same weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

LOOKS = 20
"""Looks in a run; those in its second half may be chosen."""
APART = 200
"""Steps between two looks at least: a look costs about as much as three steps."""

Weights = dict[str, Tensor]
Slack = Callable[[Tensor, Tensor], float]
"""What two readings may differ by and be equally good, given their blocks."""


@dataclass(frozen=True)
class Look:
    """What was seen of the averaged weights at one step."""

    step: int
    distance: float
    diversity: float
    pinned: float
    blocks: Tensor
    """See `training.yardstick.Reading` for these."""
    weights: Weights | None
    """The weights that were looked at, as long as they may be chosen."""


def look_steps(steps: int) -> frozenset[int]:
    """The steps of a run at which to look; the last one is always among them."""
    count = max(1, min(LOOKS, steps // APART))
    return frozenset(round(steps * i / count) for i in range(1, count + 1))


def eligible(step: int, steps: int, likely: int = 0) -> bool:
    """Whether weights of this step may be chosen, the first `likely` of which knew no game."""
    return 2 * step >= steps and step >= likely


def with_look(looks: Sequence[Look], new: Look, slack: Slack) -> tuple[Look, ...]:
    """`looks` and a new one, without the weights that cannot be chosen any more."""
    looks = [*looks, new]
    rivals = [look for look in looks if look.weights is not None]
    if not rivals:
        return tuple(looks)
    best = min(rivals, key=lambda look: look.distance)
    return tuple(
        replace(look, weights=None)
        if look.weights is not None and look.distance - best.distance > slack(look.blocks, best.blocks)
        else look
        for look in looks
    )


def chosen(looks: Sequence[Look]) -> Look | None:
    """The latest look whose weights are kept."""
    return next((look for look in reversed(looks) if look.weights is not None), None)


def pack(looks: Sequence[Look]) -> list[dict[str, Any]]:
    """Looks as tensors and plain values."""
    return [vars(look) for look in looks]


def unpack(raw: Sequence[dict[str, Any]]) -> tuple[Look, ...]:
    """Looks from what `pack` gave."""
    return tuple(Look(**look) for look in raw)


def describe(look: Look | None, held_out: bool, step: int) -> dict[str, Any]:
    """Which weights a run gives, and why, for people and for run.json."""
    if look is None:
        why = (
            "nothing is chosen in the first half of a run"
            if held_out
            else "too few windows are held out to choose by"
        )
        return {"step": step, "by": f"the last weights: {why}"}
    why = (
        "the latest look that is hardly farther from held-out windows, by energy distance, than the nearest"
    )
    return {"step": look.step, "by": why, "distance": look.distance}
