"""Sequences that go on from one step of the game to the next.

A window that a sequence begins with is not one out of its middle: the LSTM begins at rest, and the sum
where a level says. Long samples are nearly all middle, and a push that a window does not notice takes them
anywhere: what a component is pushed by in the mean, in a window of this kind, adds up for as long as
that lasts. So some sequences go on from step to step, each with the state that it left, from which no
gradient flows back: truncated backpropagation through time (Williams and Peng, Neural Computation 2, 1990).
What comes next of them is held to the data's moments, as windows that begin are, `training/moments.py`: how
far apart windows lie, and whether they go anywhere by where they began. The discriminator is not shown it.
It would tell them by what no window can mend, and learn little else: of `energy`, of which it was tried,
windows that begin were then told far more easily. Where windows grow, `training/stages.py`, homes are as
short as they are so far.
"""

import torch
from torch import Tensor

from training.generator import Generator, State

_ANEW = 1 / 8
"""Chance that a sequence is left at the end of a window, for one that has just begun."""


class Ongoing:
    """Every other sequence of a batch, each somewhere on its way."""

    def __init__(self) -> None:
        self._known: list[Tensor] = []
        """The state and the conditions that they have come to, for every other row of a batch; of several
        processes each has its own, and 0 for the others'."""

    def next(
        self, generator: Generator, begun: State, given: Tensor, noise: Tensor, anew: Tensor, part: slice
    ) -> Tensor:
        """The windows that come next, (rows, steps, components + width), of `noise` (rows, steps, noise).

        A `part` of a batch has `begun` under the conditions `given` (batch, given); `noise`, and `anew`
        (rows, 1), what takes a sequence's place from its chance on, are of every other row of the whole.
        """
        mine, (count, steps) = _half(part), noise.shape[:2]
        behind = generator.seasons.later(given, steps)
        fresh = [_rows(x.detach(), slice(0, None, 2)) for x in (*begun, behind)]
        known = [_rows(x, mine) for x in self._known] or fresh
        *state, here = known
        nothing = here.new_zeros(len(here), generator.latents)
        once = torch.cat([nothing, here], 1)
        x, end = generator(once, noise[mine], tuple(state), generator.window)
        leaves = (anew[mine] < _ANEW).to(here.device)  # (rows, 1)
        later = [*(tensor.detach() for tensor in end), generator.seasons.later(here, steps)]
        self._known = []
        for one, other in zip(fresh, later, strict=True):
            whole = one.new_zeros(*one.shape[:-2], count, one.shape[-1], dtype=torch.float32)
            _rows(whole, mine).copy_(torch.where(leaves, one, other))
            self._known.append(whole)
        return x.float()  # type: ignore[no-any-return]

    def state_dict(self) -> list[Tensor]:
        """All of it."""
        return self._known

    def load_state_dict(self, known: list[Tensor], part: slice, device: torch.device) -> None:
        """Go on from `state_dict`, with a `part` of a batch."""
        self._known = [torch.zeros_like(tensor, device=device) for tensor in known]
        for own, tensor in zip(self._known, known, strict=True):
            _rows(own, _half(part)).copy_(_rows(tensor, _half(part)))


def _half(part: slice) -> slice:
    """The same of every other row."""
    return slice(part.start // 2, part.stop // 2)


def _rows(tensor: Tensor, rows: slice) -> Tensor:
    """Some rows of a batch, which is the last axis but one."""
    return tensor[..., rows, :]
