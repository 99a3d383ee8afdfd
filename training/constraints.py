"""What the generator is held to beside its game, in windows of one length: moments, and labels."""

from collections.abc import Callable, Sequence

from torch import Tensor

from training.moments import Moments, Seen
from training.shares import Held, Shares


class Constraints:
    """The data's, and the running means of what the generator's are beside them."""

    def __init__(
        self, sizes: Sequence[int], channels: Tensor, chosen: Tensor, y: Tensor, valid: Tensor | None
    ):  # fmt: skip
        """Of the data's windows, where `valid` (windows, steps) is 1: `chosen` (windows, steps, outcomes),
        of columns that have so many outcomes each, y (windows, steps, components), and the `channels`
        (channels, components) that are mixed of these."""
        self._moments = Moments(y, valid, channels)
        self._shares = Shares(sizes, chosen, y, valid) if sizes else None

    @property
    def now(self) -> list[Tensor]:
        """All running means."""
        return [*self._moments.now, *(self._shares.now if self._shares else ())]

    def take(self, now: Sequence[Tensor]) -> None:
        """Go on from such running means."""
        moments, shares = list(now[: len(Seen._fields)]), list(now[len(Seen._fields) :])
        self._moments.now = Seen(*moments)
        if self._shares:
            self._shares.now = Held(*shares)

    def push(
        self, chosen: Tensor, y: Tensor, valid: Tensor | None, step: int, of_all: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """What it costs the generator that a batch is not as the data are, at this step of windows of this
        length: (). `of_all` says what all processes measured in the mean."""
        seen = self._moments.of(y, valid)
        self._moments.follow(Seen(*map(of_all, seen)), step)
        cost = self._moments.push(seen)
        if self._shares:
            held = self._shares.of(chosen, y, valid)
            self._shares.follow(Held(*map(of_all, held)), step)
            cost = cost + self._shares.push(held)
        return cost
