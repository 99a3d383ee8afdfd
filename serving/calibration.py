"""How large a tick should be: a short trial of the model on this machine.

Who comes waits for the tick under way, so a tick is the smallest that makes nearly as many row-steps a
second as the best, 90 %. More rows at once are computed faster, up to where they leave the cache, and share
what a tick costs besides; where one inference costs much, as on a GPU, so are more steps. What answers
hold does not depend on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from contract.noise import BLOCK_STEPS
from contract.rollout import Run, first_feeds
from contract.spec import Spec

_ROWS = [rows for n in range(4, 11) for rows in (3 * 2**n, 2 ** (n + 2))]
"""48, 64, 96 … 4096. What a tick of new rows costs besides is a tenth of one of 16 rows × 24 steps of an
LSTM of 256, and a thirtieth of one of 48."""
_FEWER_ROWS = (24, 16, 8)
"""Tried where a tick of 48 takes too long."""
_MOST_STEPS = 4 * BLOCK_STEPS
_ENOUGH = 0.9
"""Of the row-steps a second of the best tick: a smaller one that makes so many is taken."""
_GAIN = 1.1
"""Times the row-steps a second for which a tick gets twice the steps, of which fewer streams have use."""
_BESIDES = 0.0002
"""Seconds that a tick takes besides: for noise, for Python, and what these drive from the cache."""
_LONGEST = 0.03
"""Seconds that a tick may take, unless the smallest takes more."""
_BUDGET = 0.3
"""Seconds after which no larger tick is tried."""
_TURNS = 2
"""Times that each size is tried, in turns: whoever else uses the machine for a moment slows all alike."""


@dataclass(frozen=True)
class Tick:
    """The size of a tick, and what it does."""

    rows: int
    steps: int
    rate: float
    """Row-steps a second."""

    @property
    def seconds(self) -> float:
        """What a full one takes."""
        return self.rows * self.steps / self.rate


def calibrate(spec: Spec, run: Run, clock: Callable[[], float], rows: int = 0, steps: int = 0) -> Tick:
    """The best tick, timed by `clock` in seconds; `rows` and `steps` that are not 0 are taken as they
    are. Leaves the model warm."""
    until = clock() + _BUDGET
    sizes = [rows] if rows else _ROWS
    tried: dict[int, Tick] = {}
    for _ in range(_TURNS):
        for size in sizes:
            tick = _tried(spec, run, size, steps or BLOCK_STEPS, clock)
            tried[size] = max(tick, tried.get(size, tick), key=_rate)
            if tick.seconds > _LONGEST or clock() > until:
                break
        sizes = list(tried)
    if not rows:
        tried = {size: tick for size, tick in tried.items() if tick.seconds <= _LONGEST}
    if not tried:
        for size in _FEWER_ROWS:
            best = _tried(spec, run, size, steps or BLOCK_STEPS, clock)
            if best.seconds <= _LONGEST:
                break
        return best
    most = max(map(_rate, tried.values()))
    best = next(tick for tick in tried.values() if tick.rate >= _ENOUGH * most)
    while not steps and best.steps < _MOST_STEPS and clock() < until:
        longer = _tried(spec, run, best.rows, 2 * best.steps, clock)
        if longer.seconds > _LONGEST or longer.rate < _GAIN * best.rate:
            break
        best = longer
    return best


def _tried(spec: Spec, run: Run, rows: int, steps: int, clock: Callable[[], float]) -> Tick:
    feeds = first_feeds(spec, 0, range(rows), steps)
    run(feeds)  # the first one finds neither memory nor code warm
    begun = clock()
    run(feeds)
    return Tick(rows, steps, rows * steps / (clock() - begun + _BESIDES))


def _rate(tick: Tick) -> float:
    return tick.rate
