"""How large a tick should be: a short trial of the model on this machine.

First, how many rows are computed fastest at once: of more, `serving/strips.py` runs so many at a time.
Then, how many rows and steps a tick has. Who comes waits for the tick under way, so it is the smallest
that makes nearly as many row-steps a second as the best, 90 %. More rows share what a tick costs besides;
where one inference costs much, as on a GPU, so do more steps. What answers hold does not depend on it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from contract.noise import BLOCK_STEPS
from contract.rollout import Run, first_feeds
from contract.spec import Spec
from serving.strips import in_strips

_STRIPS = (16, 24, 32, 64, 96)
"""Rows of a strip. Where most are fastest, nothing is cut."""
_CALL = 0.00012
"""Seconds that a strip takes besides: for the call, for putting it together with the others, and since
each finds new memory where the trial runs on the same."""
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
_BUDGET = 0.4
"""Seconds after which no larger tick is tried; and half of it, no larger strip."""
_TURNS = 5
"""Times that each size is tried, in turns: whoever else uses the machine for a moment slows all alike."""


@dataclass(frozen=True)
class Tick:
    """The size of a tick, and what it does."""

    rows: int
    steps: int
    rate: float
    """Row-steps a second."""
    run: Run = field(repr=False, compare=False)
    """What runs it."""
    strip: int = 0
    """Rows that this runs at once; 0: all."""

    @property
    def seconds(self) -> float:
        """What a full one takes."""
        return self.rows * self.steps / self.rate


def calibrate(
    spec: Spec, run: Run, clock: Callable[[], float], rows: int = 0, steps: int = 0, cut: bool = True
) -> Tick:
    """The best tick, timed by `clock` in seconds; `rows` and `steps` that are not 0 are taken as they
    are. Not `cut`, all of its rows are run at once. Leaves the model warm."""
    trial = _Trial(spec, clock)
    if cut:
        strip = _strip(trial, run)
        tick = _tick(trial, in_strips(spec, run, strip), rows, steps)
        return replace(tick, strip=strip)
    return _tick(trial, run, rows, steps)


def _tick(trial: "_Trial", run: Run, rows: int, steps: int) -> Tick:
    """The best one, of as many rows and steps as are not 0."""
    tried = trial.of(run, [rows] if rows else _ROWS, steps or BLOCK_STEPS, _BESIDES, _BUDGET)
    if not rows:
        tried = [tick for tick in tried if tick.seconds <= _LONGEST]
    if not tried:
        for size in _FEWER_ROWS:
            best = trial.one(run, size, steps or BLOCK_STEPS, _BESIDES)
            if best.seconds <= _LONGEST:
                break
        return best
    most = max(tick.rate for tick in tried)
    best = next(tick for tick in tried if tick.rate >= _ENOUGH * most)
    while not steps and best.steps < _MOST_STEPS and trial.spent < _BUDGET:
        longer = trial.one(run, best.rows, 2 * best.steps, _BESIDES)
        if longer.seconds > _LONGEST or longer.rate < _GAIN * best.rate:
            break
        best = longer
    return best


def _strip(trial: "_Trial", run: Run) -> int:
    """The rows of a strip; 0 where most are fastest at once."""
    tried = trial.of(run, _STRIPS, BLOCK_STEPS, _CALL, _BUDGET / 2)
    rows = max(tried, key=lambda strip: strip.rate).rows
    return rows if rows < tried[-1].rows else 0


class _Trial:
    """Runs a model, and has spent so much time on it."""

    def __init__(self, spec: Spec, clock: Callable[[], float]) -> None:
        self._spec, self._clock, self._begun = spec, clock, clock()

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._begun

    def of(self, run: Run, sizes: Sequence[int], steps: int, besides: float, budget: float) -> list[Tick]:
        """Ticks of those rows, up to where one takes too long or so many seconds are spent."""
        tried: dict[int, Tick] = {}
        for _ in range(_TURNS):
            for rows in sizes:
                tick = self.one(run, rows, steps, besides, warm=rows in tried)
                tried[rows] = max(tick, tried.get(rows, tick), key=lambda tick: tick.rate)
                if tick.seconds > _LONGEST or self.spent > budget:
                    break
            sizes = list(tried)
        return list(tried.values())

    def one(self, run: Run, rows: int, steps: int, besides: float, warm: bool = False) -> Tick:
        """A tick, with so many seconds for what it costs besides; not `warm`, it was never run so."""
        feeds = first_feeds(self._spec, 0, range(rows), steps)
        if not warm:
            run(feeds)  # the first one finds neither memory nor code warm
        begun = self._clock()
        run(feeds)
        return Tick(rows, steps, rows * steps / (self._clock() - begun + besides), run)
