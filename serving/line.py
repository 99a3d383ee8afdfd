"""Who goes next, and who is taken: clients in line, and within each the shortest first.

**Between clients**: whoever has been given least, in row-steps; a client that comes back begins where
the least served of the present ones are, so nobody saves up by staying away. This is start-time fair
queueing (Goyal, Vin and Cheng, SIGCOMM 1996). **Within a client**: the groups with the fewest ticks
left, rounded up to a power of two, first come first served among equals; so a short request does not
wait behind a long one. But a quarter of the client's work is given to the group that came first of all,
whatever its length: so none takes longer than four times what it would in the order of arrival, or the
ticks that it needs itself. A stream's next chunks come anew each time.

**Who is taken.** Work is counted in row-steps. A client may have as many waiting as four times what is
still free of the queue, so that one client cannot fill it for the others (dynamic thresholds,
Choudhury and Hahne, 1998).
"""

import heapq
import math

from serving.errors import QueueFull
from serving.jobs import Group

_AGED = 4
"""One row-step of so many goes by the order of arrival."""
_SHARE = 4
"""A client may have so many times as many row-steps waiting as are free."""


def overfull(cost: int, own: int, used: int, most: int) -> int:
    """How much has to go before so much more of a client has room: nothing is let in beyond `most`, of
    which all clients have `used`, nor beyond the share of a client that has `own`.

    What is within the bounds of a request can always be had when nothing is used.
    """
    if not used:
        return 0
    free = most - used - cost
    over = -free
    if own:
        over = max(over, math.ceil((own + cost - _SHARE * free) / (_SHARE + 1)))
    return max(0, over)


class Client:
    """One client's groups that may run, in size classes, each in the order of arrival."""

    def __init__(self) -> None:
        self.served = 0  # row-steps given to it, or to those who were here when it came
        self.jobs = 0
        self.queued = 0  # row-steps
        self.listed = False  # among those who stand in line
        self._classes: dict[int, list[tuple[int, int, Group]]] = {}
        self._by_size = self._by_age = 0  # row-steps, where the two orders disagreed

    def put(self, group: Group, ticks: int, arrival: int) -> None:
        """Stand in line with so many ticks left."""
        entry = (arrival, group.first, group)
        heapq.heappush(self._classes.setdefault((ticks - 1).bit_length(), []), entry)

    def next(self, room: int, steps: int) -> Group | None:
        """The group whose turn it is, unless it has more than `room` rows; its work in a tick of so many
        steps counts as given.

        None as well if there is no group.
        """
        for size in list(self._classes):
            entries = self._classes[size]
            while entries and entries[0][2].job.over:
                heapq.heappop(entries)
            if not entries:
                del self._classes[size]
        if not self._classes:
            return None
        shortest = oldest = min(self._classes)
        by_age = False
        if len(self._classes) > 1:
            oldest = min(self._classes, key=lambda size: self._classes[size][0][:2])
            by_age = self._by_age * (_AGED - 1) < self._by_size
        chosen = self._classes[oldest if by_age else shortest]
        group = chosen[0][2]
        if group.size > room:
            return None
        heapq.heappop(chosen)
        length = group.job.request.length
        group.needs = group.granted = steps if length is None else min(length - group.position, steps)
        work = group.size * group.granted
        self.served += work
        if shortest != oldest:
            self._by_age += work * by_age
            self._by_size += work * (not by_age)
        return group

    @property
    def waits(self) -> bool:
        """Whether any group stands in line, perhaps of a job that is over."""
        return bool(self._classes)


class Line:
    """All clients, and the work that waits. Whoever calls it holds the scheduler's lock."""

    def __init__(self, steps: int) -> None:
        """A tick has so many `steps`, at most."""
        self.queued = 0
        self._steps = steps
        self._clients: dict[str, Client] = {}
        self._line: list[tuple[int, int, Client]] = []  # those with something to run, a heap
        self._arrivals = 0
        self._floor = 0  # what the least served of the present clients has been given

    def enter(self, name: str) -> None:
        """A job of this client begins to count."""
        self._clients.setdefault(name, Client()).jobs += 1

    def leave(self, name: str) -> None:
        """One of its jobs is over; a client without any is forgotten."""
        client = self._clients[name]
        client.jobs -= 1
        if not client.jobs:
            del self._clients[name]

    def admit(self, name: str, cost: int, most: int, rate: float) -> None:
        """Let so many row-steps of this client in, where `most` may wait and `rate` are made a second.

        Raises:
            QueueFull: there is no room for them, or none for this client.
        """
        own = self._clients[name].queued if name in self._clients else 0
        if over := overfull(cost, own, self.queued, most):
            seconds = min(over, self.queued) / (rate or most)
            raise QueueFull(
                f"{self.queued:,} row-steps wait, {own:,} of them for you, and this is {cost:,}: at most "
                f"{most:,} may wait, and of one client four times what is free then; come again",
                retry_after=max(1, math.ceil(seconds)),
            )

    @property
    def waits(self) -> bool:
        """Whether anybody stands in line, perhaps with jobs that are over."""
        return bool(self._line)

    def number(self) -> int:
        """The next in the order of arrival."""
        self._arrivals += 1
        return self._arrivals

    def put(self, group: Group) -> None:
        """Let a group stand in line, or pause where its reader has no room."""
        job, client, waiting = group.job, self._clients[group.job.request.client], group.waiting
        self.reckon(group, group.size * waiting)
        group.paused = not waiting
        if group.paused:
            return
        arrival = job.arrival if job.request.ahead is None else self.number()
        client.put(group, -(-waiting // self._steps), arrival)
        if not client.listed:
            client.listed = True
            client.served = max(client.served, self._floor)
            heapq.heappush(self._line, (client.served, self.number(), client))

    def pick(self, rows: int) -> list[Group]:
        """The groups of the next tick, of at most so many rows together."""
        picked: list[Group] = []
        while self._line and rows:
            served, _, client = heapq.heappop(self._line)
            group = client.next(rows, self._steps)
            if group is not None:
                self._floor = max(self._floor, served)
                picked.append(group)
                rows -= group.size
            client.listed = client.waits
            if client.listed:
                heapq.heappush(self._line, (client.served, self.number(), client))
                if group is None:
                    break  # nobody overtakes one whose turn it is
        return picked

    def reckon(self, group: Group, work: int) -> None:
        """Count a group for so many row-steps that wait."""
        change = work - group.reckoned
        if not change:
            return  # as it is for a job that is over, whose client may be forgotten
        group.reckoned = work
        self._clients[group.job.request.client].queued += change
        self.queued += change

    def grant(self, group: Group, work: int) -> None:
        """Count so many row-steps more as given to a group's client, if it is still here."""
        client = self._clients.get(group.job.request.client)
        if client is not None:
            client.served += work
