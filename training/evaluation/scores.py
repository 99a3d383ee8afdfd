"""Every score by name: what it is, and how it and its floor are computed. Lower is better in all.

The floor is what real windows score against real ones. Judges get two halves of the real windows;
statistics, which have no seed of their own, are computed on several random halves: half the real
windows against as many samples, and, for the floor, against the other half.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.data import Windows
from training.evaluation import statistics
from training.evaluation.coverage import FEWEST, apart, uncovered
from training.evaluation.encoder import fit
from training.evaluation.frechet import frechet
from training.evaluation.judges import FIELD, STRONG, discriminative, predictive
from training.evaluation.progress import Tick

Floats = NDArray[np.float32]
Figures = NDArray[np.floating]

ScoreName = Literal[
    "field", "strong", "unseen", "predictive", "context-fid", "marginal", "increments",
    "autocorrelation", "correlation", "uncovered",
]  # fmt: skip
DEFAULT: tuple[ScoreName, ...] = (
    "field", "strong", "context-fid", "marginal", "increments", "autocorrelation", "correlation",
    "uncovered",
)  # fmt: skip
"""All but the two that take longest and say least more."""

REPEATS = 5
"""Random halves of a statistic."""
_MOST = 10_000
"""Windows of each side that a statistic looks at; the encoder at 4000."""
_ENCODED = 4000
_ENCODERS = 2


@dataclass(frozen=True)
class About:
    """What a person should know of a score."""

    title: str
    says: str
    """What it is, in a sentence."""


ABOUT: dict[ScoreName, About] = {
    "field": About(
        "Discriminative, field's judge",
        "|accuracy − ½| of a one-layer GRU with half as many units as channels (Yoon et al., 2019). "
        "0: it cannot tell samples from real windows; ½: it always can.",
    ),
    "strong": About("Discriminative, strong judge", "The same with a GRU of two layers of 32."),
    "unseen": About(
        "Discriminative, held-out windows",
        "The strong judge, trained on training windows and samples, asked about held-out windows.",
    ),
    "predictive": About(
        "Predictive",
        "Mean absolute error, on real windows, of a one-step forecaster that was trained on samples.",
    ),
    "context-fid": About(
        "Context-FID",
        "Fréchet distance between representations of whole windows by a TS2Vec-like encoder that was "
        "fitted on real windows.",
    ),
    "marginal": About(
        "Marginal error",
        "Wasserstein-1 distance of all values, in real deviations, mean over channels.",
    ),
    "increments": About(
        "Increment error",
        "The same of the steps x(t+1) − x(t): how much windows move.",
    ),
    "autocorrelation": About(
        "Autocorrelation error",
        "Mean absolute difference of the autocorrelations of values and of their steps, over lags and "
        "channels.",
    ),
    "correlation": About(
        "Cross-correlation error",
        "The field's correlational score: the sum over pairs of channels of the absolute difference "
        "of their correlation, over 10.",
    ),
    "uncovered": About(
        "Uncovered",
        "1 − coverage (Naeem et al., 2020): share of real windows that no sample is as near to as "
        "their fifth nearest real neighbour is. Mode collapse shows here.",
    ),
}


@dataclass(frozen=True)
class Sides:
    """What is compared, scaled to 0 … 1 by channel."""

    real: Floats
    """(windows, length, channels), in random order."""
    other: Floats
    train: Floats
    """The real windows that were trained on, …"""
    held: Floats
    """… and those that were held out, in random order."""
    windows: Windows
    """The real windows in their place, in the data's units."""
    scale: Callable[[NDArray[np.floating]], Floats]
    moving: NDArray[np.intp]
    """Channels that are not constant in the real windows."""


_STATISTICS: dict[ScoreName, Callable[[Floats, Floats], float]] = {
    "marginal": lambda a, b: float(statistics.marginal(a, b).mean()),
    "increments": lambda a, b: float(statistics.increments(a, b).mean()),
    "autocorrelation": lambda a, b: float(statistics.autocorrelation_error(a, b).mean()),
    "correlation": statistics.correlational,
}


def why_not(name: ScoreName, sides: Sides) -> str | None:
    """Why a score cannot be had here; None if it can."""
    if name in ("predictive", "correlation") and len(sides.moving) < 2:
        return "it takes two channels that vary"
    if name == "unseen" and min(len(sides.held) // 2, len(sides.train) // 2) < FEWEST:
        return "too few windows were held out"
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
    statistic = _STATISTICS[name]
    real, other = (x[:_MOST, :, sides.moving] for x in (sides.real, sides.other))
    found = []
    for one, two, samples in _halves(real, other, seed):
        found.append([statistic(one, samples), statistic(one, two)])
        tick(1 / REPEATS)
    return _columns(found)


def _judged(name: ScoreName, sides: Sides, judges: int, seed: int, tick: Tick) -> tuple[Figures, Figures]:
    if name == "unseen":
        cut = int(0.8 * len(sides.other))
        train, held, other = sides.train, sides.held, sides.other
        value = discriminative(
            train, other[:cut], STRONG, judges, seed, unseen=(held, other[cut:]), tick=tick
        )
        halves = (held[::2], held[1::2])
        floor = discriminative(train[::2], train[1::2], STRONG, judges, seed, unseen=halves, tick=tick)
        return value.numpy(), floor.numpy()
    pairs = ((sides.real, sides.other), (sides.real[::2], sides.real[1::2]))
    if name == "predictive":
        found = [predictive(*pair, judges, seed, tick=tick).numpy() for pair in pairs]
    else:
        kind = FIELD if name == "field" else STRONG
        found = [discriminative(*pair, kind, judges, seed, tick=tick).numpy() for pair in pairs]
    return found[0], found[1]


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


def _half_apart(sides: Sides, seed: int) -> int:
    """How many windows without a row in common are in a half; never more than there are samples."""
    # Each picking finds about three quarters of what would fit, now some more and now some fewer.
    count = len(apart(sides.windows, np.random.default_rng(seed)))
    return min(int(0.45 * count), len(sides.other))


def _halves(
    real: NDArray[np.float32], other: NDArray[np.float32], seed: int
) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
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
