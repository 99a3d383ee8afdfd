"""What answers hold until their readers have taken them, and how much of it is let in.

An answer is in memory from when it is begun until its last byte is sent, and of a stream so many chunks as
it may be ahead of its reader. A reader that takes nothing costs no work, and would cost memory without end:
so values are counted, by client, and what would be too many is refused, as work is in `line.py`.
"""

from collections import defaultdict

from serving.errors import HeldFull
from serving.jobs import CHUNK_STEPS, Request
from serving.line import overfull

_AGAIN_SECONDS = 1
"""Nobody knows when a reader will read."""


class Held:
    """Values that the answers of now hold at most."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.values = 0
        self._of: dict[str, int] = defaultdict(int)  # by client

    def bound(self, largest: int) -> int:
        """Values that may be held where the largest answer that may be asked for has so many: there is room
        for two of those, whatever `most` says."""
        return max(self.most, 2 * largest)

    def take(self, client: str, values: int, largest: int) -> None:
        """Let an answer of so many values in, see `bound`.

        Raises:
            HeldFull: there is no room for it, or none for this client.
        """
        own, most = self._of.get(client, 0), self.bound(largest)
        if overfull(values, own, self.values, most):
            raise HeldFull(
                f"answers that are not made or not read yet hold {self.values:,} values, {own:,} of them "
                f"yours, and this has {values:,}: at most {most:,} may be held, and of one client "
                "four times what is free then; read those, or come again",
                retry_after=_AGAIN_SECONDS,
            )
        self.values += values
        self._of[client] += values

    def give(self, client: str, values: int) -> None:
        """It is sent, or broken off."""
        self.values -= values
        self._of[client] -= values
        if not self._of[client]:
            del self._of[client]


def values_of(request: Request, length: int, channels: int) -> int:
    """What the answer to a request holds at most, where one without an end has `length`."""
    steps = request.length
    if request.ahead is not None:  # a stream
        ahead = request.ahead * CHUNK_STEPS
        steps = ahead if steps is None else min(steps, ahead)
    return request.count * (length if steps is None else steps) * channels
