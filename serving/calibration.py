"""How large a tick should be: a short trial of the model on this machine.

More rows at once are computed faster, up to where they leave the cache, and what a tick costs besides
is shared by more; but whoever comes waits for a tick to end. So its rows are halved while it takes too
long, or while it is not short and half as many are no slower. Else they, and then its steps, are doubled
while that brings a tenth more; rows also, while a tick is short, as long as it brings none less. What
answers hold does not depend on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from contract.noise import BLOCK_STEPS
from contract.rollout import Run, first_feeds
from contract.spec import Spec

_ROWS = 64
_FEW_ROWS, _LEAST_ROWS = 32, 8
"""Rows below which a tick's own cost is too much of it, unless it takes too long; and never fewer."""
_MOST = {"rows": 4096, "steps": 4 * BLOCK_STEPS}
_GAIN, _LOSS = 1.1, 0.95
"""Row-steps a second of twice as many, over the most so far: worth while, and no worse."""
_BUDGET = 0.3
"""Seconds after which no larger tick is tried."""
_SHORT, _LONGEST = 0.005, 0.02
"""Seconds of a tick: so short that what it costs besides counts, and the most that it may take."""
_TRIALS = 3


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
    begun = clock()
    best = _tried(spec, run, rows or _ROWS, steps or BLOCK_STEPS, clock)
    first = best
    while not rows and best.rows > _LEAST_ROWS and clock() - begun < _BUDGET:
        if best.seconds <= (_SHORT if best.rows > _FEW_ROWS else _LONGEST):
            break
        tried = _tried(spec, run, best.rows // 2, best.steps, clock)
        if best.seconds <= _LONGEST and tried.rate < best.rate:
            break
        best = tried
    if best is not first:
        return best
    most = best.rate
    for what in [name for name, fixed in (("rows", rows), ("steps", steps)) if not fixed]:
        while clock() - begun < _BUDGET and getattr(best, what) < _MOST[what]:
            size = {"rows": best.rows, "steps": best.steps}
            size[what] *= 2
            tried = _tried(spec, run, size["rows"], size["steps"], clock)
            gains = tried.rate >= _GAIN * most and tried.seconds <= _LONGEST
            shares = what == "rows" and tried.rate >= _LOSS * most and tried.seconds <= _SHORT
            if not (gains or shares):
                break
            best, most = tried, max(most, tried.rate)
    return best


def _tried(spec: Spec, run: Run, rows: int, steps: int, clock: Callable[[], float]) -> Tick:
    feeds = first_feeds(spec, 0, range(rows), steps)
    run(feeds)  # the first one finds neither memory nor code warm
    times = []
    for _ in range(_TRIALS):
        begun = clock()
        run(feeds)
        times.append(clock() - begun)
    return Tick(rows, steps, rows * steps / max(min(times), 1e-9))
