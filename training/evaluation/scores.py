"""How a score and its floor are computed.

The floor is what real windows score against real ones. Judges get two halves of the real windows;
statistics, which have no seed of their own, are computed on several random halves: half the real
windows against as many samples, and, for the floor, against the other half.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation import bounds, special, statistics, symbols
from training.evaluation.about import DEFAULT, JUDGED, QUICK, ScoreName
from training.evaluation.coverage import FEWEST, apart, in_turns, overlap, uncovered
from training.evaluation.encoder import fit
from training.evaluation.frechet import frechet
from training.evaluation.judges import (
    FIELD,
    PREDICTIVE,
    STRONG,
    Judge,
    discriminative,
    mistaken,
    predictive,
)
from training.evaluation.progress import Tick
from training.evaluation.sides import Floats, Original, Sides

Figures = NDArray[np.floating]
Array = NDArray[Any]

_QUICKLY_JUDGED = 256
"""Values of a window up to which a judge takes less than half a minute: six channels of 24 steps, say."""
REPEATS = 5
"""Random halves of a statistic."""
_MOST = 10_000
"""Windows of each side that a statistic looks at; the encoder at 4000."""
_ENCODED = 4000
ELSEWHERE: tuple[ScoreName, ...] = ("field", "strong")
"""Scores whose judges are also asked to tell real windows from real ones of other times."""
FEWEST_APART = 128
"""Windows of either time; of fewer a judge learns nothing but these."""
_ENCODERS = 2

_STATISTICS: dict[ScoreName, Callable[[Floats, Floats], float]] = {
    "marginal": lambda a, b: float(statistics.marginal(a, b).mean()),
    "increments": lambda a, b: float(statistics.increments(a, b).mean()),
    "stillness": lambda a, b: float(statistics.stillness(a, b).mean()),
    "liveliness": lambda a, b: float(statistics.liveliness(a, b).mean()),
    "autocorrelation": lambda a, b: float(statistics.autocorrelation_error(a, b).mean()),
    "correlation": statistics.correlational,
}


def fitting(original: Original, quick: bool) -> tuple[ScoreName, ...]:
    """The scores that these data are given if nobody chooses: DEFAULT or QUICK, and those of their kind."""
    offered = (n for n in special.SPECIAL if not (quick and n in special.CLASSES))
    layout = original.dataset.layout
    values = original.real.shape[1] * (len(layout.numeric) + layout.width)
    usual = [n for n in QUICK if n not in JUDGED or values <= _QUICKLY_JUDGED] if quick else DEFAULT
    return (*usual, *(n for n in offered if not special.why_not(n, original)))


def why_not(name: ScoreName, sides: Sides) -> str | None:
    """Why a score cannot be had here; None if it can."""
    if reason := special.why_not(name, sides.original):
        return reason
    if name in ("predictive", "correlation") and len(sides.moving) < 2:
        return "it takes two channels that vary"
    if name == "unseen" and min(len(sides.held) // 2, len(sides.train) // 2) < FEWEST:
        return "too few windows are known to be held out, see --hold-out"
    if name == "uncovered" and _half_apart(sides, 0) < FEWEST:
        return f"it takes {2 * FEWEST} real windows that have no row in common, and {FEWEST} samples"
    return None


def run(name: ScoreName, sides: Sides, judges: int, seed: int, tick: Tick) -> tuple[Figures, Figures]:
    """The score's figures and its floor's, one a judge or random half."""
    if name in ("field", "strong", "unseen", "predictive"):
        return _judged(name, sides, judges, seed, lambda part: tick(part / 2))
    if name == "context-fid":
        return _context_fid(sides, seed, tick)
    if name == "uncovered":
        return _uncovered(sides, seed, tick)
    if name in special.CLASSES:
        return _classified(name, sides, judges, seed, lambda part: tick(part / 2))
    if name == "known":
        return _known(sides.original, seed, tick)
    return _compared(*_statistic(name, sides), seed, tick)


def other_times(name: ScoreName, sides: Sides, judges: int, seed: int, tick: Tick) -> Figures | None:
    """What the judge of a score says of real windows against real ones of other times, see `in_turns`; None
    where windows do not overlap, or are few: there the floor says it all."""
    windows = sides.windows
    parts = in_turns(windows)
    if not overlap(windows) or min(map(len, parts)) < FEWEST_APART:
        return None
    random, narrow = np.random.default_rng(seed), _narrow(sides)
    one, two = (
        narrow(sides.scale(windows.take(random.permutation(part)[: len(sides.real) // 2])))
        for part in parts
    )
    kind = _of_size(FIELD if name == "field" else STRONG, sides)
    return discriminative(one, two, kind, judges, seed, tick=tick).numpy()


def _statistic(name: ScoreName, sides: Sides) -> tuple[Callable[[Any, Any], float], Array, Array]:
    """How two sets of windows are compared, and both sets as this wants them."""
    if (found := special.comparison(name, sides.original)) is not None:
        return found
    real, other = (x[:_MOST, :, sides.moving] for x in (sides.real, sides.other))
    return _STATISTICS[name], real, other


def _compared(
    statistic: Callable[[Any, Any], float], real: Array, other: Array, seed: int, tick: Tick
) -> tuple[Figures, Figures]:
    """Of random halves: half the real windows against samples, and against the other half."""
    found = []
    for one, two, samples in _halves(real, other, seed):
        found.append([statistic(one, samples), statistic(one, two)])
        tick(1 / REPEATS)
    return _columns(found)


def _judged(name: ScoreName, sides: Sides, judges: int, seed: int, tick: Tick) -> tuple[Figures, Figures]:
    kind = {"field": FIELD, "predictive": PREDICTIVE}.get(name, STRONG)
    kind = _of_size(kind, sides)
    if name == "predictive":  # of columns, of which the last is one
        pairs = ((sides.real, sides.other), (sides.real[::2], sides.real[1::2]))
        found = [predictive(*pair, kind, judges, seed, tick=tick).numpy() for pair in pairs]
        return found[0], found[1]
    narrow = _narrow(sides)
    if name == "unseen":
        cut = int(0.8 * len(sides.other))
        train, held, other = (narrow(x) for x in (sides.train, sides.held, sides.other))
        value = discriminative(
            train, other[:cut], kind, judges, seed, unseen=(held, other[cut:]), tick=tick
        )
        halves = (held[::2], held[1::2])
        floor = discriminative(train[::2], train[1::2], kind, judges, seed, unseen=halves, tick=tick)
        return value.numpy(), floor.numpy()
    real, other = narrow(sides.real), narrow(sides.other)
    pairs = ((real, other), (real[::2], real[1::2]))
    found = [discriminative(*pair, kind, judges, seed, tick=tick).numpy() for pair in pairs]
    return found[0], found[1]


def _narrow(sides: Sides) -> Callable[[Floats], Floats]:
    return (lambda windows: windows) if sides.full else bounds.narrowed(sides.real)


def _of_size(judge: Judge, sides: Sides) -> Judge:
    return judge if sides.full else bounds.shortened(judge, *sides.real.shape[1:])


def _context_fid(sides: Sides, seed: int, tick: Tick) -> tuple[Figures, Figures]:
    encoders = fit(sides.real, _ENCODERS, seed, tick=lambda part: tick(0.6 * part))
    real = encoders.represent(sides.real[:_ENCODED])
    tick(0.15)
    other = encoders.represent(sides.other[:_ENCODED])
    tick(0.15)
    found = []
    for e in range(_ENCODERS):
        for one, two, samples in _halves(real[e], other[e], seed):
            found.append([frechet(one, samples), frechet(one, two)])
            tick(0.1 / _ENCODERS / REPEATS)
    return _columns(found)


def _uncovered(sides: Sides, seed: int, tick: Tick) -> tuple[Figures, Figures]:
    random = np.random.default_rng(seed)
    half = _half_apart(sides, seed)
    found = []
    deviation = np.maximum(sides.real.std((0, 1)), np.finfo(np.float32).tiny)
    for _ in range(REPEATS):
        index = apart(sides.windows, random)[: 2 * half]
        real = (sides.scale(sides.windows.take(index)) / deviation).reshape(len(index), -1)
        picked = sides.other[random.permutation(len(sides.other))[:half]] / deviation
        samples = picked.reshape(half, -1)
        one, two = real[::2][:half], real[1::2][:half]
        found.append([uncovered(one, samples), uncovered(one, two)])
        tick(1 / REPEATS)
    return _columns(found)


def _known(original: Original, seed: int, tick: Tick) -> tuple[Figures, Figures]:
    random = np.random.default_rng(seed)
    size = min(len(original.held), len(original.other))
    there = symbols.keys(original.trained.take(np.arange(len(original.trained))))
    found = []
    for _ in range(REPEATS):
        picked = (x[random.permutation(len(x))[:size]] for x in (original.other, original.held))
        found.append([symbols.known(x, there) for x in picked])
        tick(1 / REPEATS)
    return _columns(found)


def _classified(
    name: ScoreName, sides: Sides, judges: int, seed: int, tick: Tick
) -> tuple[Figures, Figures]:
    original = sides.original
    assert original.classes is not None and original.other_classes is not None
    kind, narrow = _of_size(STRONG, sides), _narrow(sides)
    real, other = narrow(sides.real), narrow(sides.other)
    one, two = ((real[k::2], original.classes[k::2]) for k in (0, 1))
    samples = other[: len(one[0])], original.other_classes[: len(one[0])]
    count = original.class_count
    floor = mistaken(one, two, count, kind, judges, seed, tick)
    pair = (one, samples) if name == "condition" else (samples, two)
    return mistaken(*pair, count, kind, judges, seed, tick).numpy(), floor.numpy()


def _half_apart(sides: Sides, seed: int) -> int:
    """How many windows without a row in common are in a half; never more than there are samples."""
    # Each picking finds about three quarters of what would fit, now some more and now some fewer.
    count = len(apart(sides.windows, np.random.default_rng(seed)))
    return min(int(0.45 * count), len(sides.other))


def _halves(real: Array, other: Array, seed: int) -> list[tuple[Array, Array, Array]]:
    """Several times: half of `real`, the other half, and as many of `other`."""
    random = np.random.default_rng(seed)
    size = min(len(real) // 2, len(other))
    found = []
    for _ in range(REPEATS):
        order = random.permutation(len(real))
        picked = random.permutation(len(other))[:size]
        found.append((real[order[:size]], real[order[size : 2 * size]], other[picked]))
    return found


def _columns(found: list[list[float]]) -> tuple[Figures, Figures]:
    both = np.array(found)
    return both[:, 0], both[:, 1]
