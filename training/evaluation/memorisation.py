"""Are samples copies of training windows? A verdict, from distances to the nearest ones.

Windows are compared by shape: the mean of each channel over a window is taken away and what is left
is scaled by its real deviation, by channel. Level is left out on purpose: where a series passes each
level once, the one training window at a sample's level is nearer than any other, copied or not.

For each sample let d₁ be the distance to the nearest training window, and d₂ that to the nearest
training window which shares no row with that one. Of an honest sample both are alike, and of a
copy, exact or with a little noise, d₁ is far smaller. A sample counts as a copy if d₁/d₂ < τ, with
τ = ½, or lower where the real data themselves hold such coincidences: then the 1 % quantile of d₁/d₂
of windows that were held out, of which no row was trained on. (Yoon et al., "Diffusion
probabilistic models generalize when they fail to memorize", ICML 2023 workshop SPIGM, use the ratio
with τ = ⅓ on pictures.) Where nothing was held out, each training window stands in for a held-out
one and is compared with those that share no row with it.

The verdict is "copied" where the share of such samples is, with 99 % confidence (Wilson's interval),
above 1 % and above twice the share among the held-out windows.

Not covered: copies of a part of a window, copies whose noise is as large as half the distance between
training windows, and windows that the training data hold several times.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.data import Windows

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_RATIO, _RARE, _WILSON = 0.5, 0.01, 2.326
_COMPARED, _TRAINING = 4000, 50_000
"""Samples and training windows that are compared at most; more are thinned out at random."""
_VALUES = 2**25
"""Values that these training windows have at most: 256 MiB."""
_BLOCK = 250


@dataclass(frozen=True)
class Memorisation:
    """What the test found."""

    verdict: Literal["copied", "not copied", "cannot tell"]
    sentence: str
    share: float
    """Share of samples with d₁/d₂ below the threshold."""
    reference_share: float
    """The same of the real windows that they are held against."""
    threshold: float
    """τ."""
    reference: Literal["held-out", "training"]
    """Which real windows those are."""
    samples: int
    references: int
    training: int
    """Training windows that were searched."""
    quantiles: tuple[float, ...]
    """d₁/d₂ of samples: its 1, 5, 25, 50 % quantiles."""
    reference_quantiles: tuple[float, ...]
    nearest: float
    """Median d₁ of samples, in deviations a value."""
    reference_nearest: float


@dataclass(frozen=True)
class Nearest:
    """Distances to the nearest training window, and to the nearest one without a row of that."""

    first: Doubles
    second: Doubles

    @property
    def ratio(self) -> Doubles:
        """d₁/d₂; 1 where both are 0, since then no single window is the one copied."""
        return np.where(self.second > 0, self.first / np.where(self.second > 0, self.second, 1), 1.0)


def memorisation(
    samples: NDArray[np.floating], train: Windows, held: Windows, seed: int = 0
) -> tuple[Memorisation, Nearest, Nearest]:
    """Test (windows, length, channels) against the windows trained on and held out; gives the
    verdict with the distances of samples and of the reference."""
    random = np.random.default_rng(seed)
    most = min(_TRAINING, _VALUES // (train.length * train.values.shape[1]))
    searched = train.some(_some(random, np.arange(len(train)), most))
    starts = searched.starts
    real = searched.take(np.arange(len(searched)))
    centred = real - real.mean(1, keepdims=True)
    deviation = centred.std((0, 1))
    # A channel that never moves inside a window has no shape; its rounding is not to be scaled up.
    moves = deviation > 1e-9 * np.maximum(np.abs(real).max((0, 1)), np.finfo(np.float64).tiny)
    scale = np.where(moves, 1 / np.where(moves, deviation, 1), 0.0)

    def shapes(windows: NDArray[np.floating]) -> Floats:
        flat = ((windows - windows.mean(1, keepdims=True)) * scale).reshape(len(windows), -1)
        a_value: Floats = (flat / math.sqrt(flat.shape[1])).astype(np.float32)
        return a_value

    known = shapes(real)
    own = _nearest(shapes(_some(random, samples, _COMPARED)), known, starts, train.length, None)
    if len(held) >= 2:
        taken = held.take(_some(random, np.arange(len(held)), _COMPARED))
        theirs = _nearest(shapes(taken), known, starts, train.length, None)
    else:
        chosen = _some(random, np.arange(len(starts)), _COMPARED)
        theirs = _nearest(known[chosen], known, starts, train.length, starts[chosen])
    return _judge(own, theirs, "held-out" if len(held) >= 2 else "training", len(starts)), own, theirs


def _judge(
    own: Nearest, theirs: Nearest, reference: Literal["held-out", "training"], training: int
) -> Memorisation:
    usable = np.isfinite(theirs.ratio)  # a series of a few windows has no second without a row in common
    ratio, other = own.ratio[np.isfinite(own.ratio)], theirs.ratio[usable]
    if not len(ratio) or not len(other):
        return Memorisation(
            "cannot tell", "Copied? It cannot be told: too few training windows without a row in common.",
            0.0, 0.0, 0.0, reference, len(own.first), len(theirs.first), training, (), (), 0.0, 0.0,
        )  # fmt: skip
    threshold = min(_RATIO, float(np.quantile(other, _RARE)))
    share, expected = float((ratio < threshold).mean()), float((other < threshold).mean())
    stand = (
        "windows that were held out"
        if reference == "held-out"
        else "training windows, each beside those without a row of its own (nothing was held out)"
    )
    figures = (
        f"{share:.1%} of {len(ratio):,} samples are less than {threshold:.2f} times as far from one "
        f"training window as from any other without a row of it; so are {expected:.1%} of "
        f"{len(other):,} {stand}."
    )
    verdict: Literal["copied", "not copied", "cannot tell"]
    if threshold < 0.01:
        verdict = "cannot tell"
        start, figures = "Copied? It cannot be told: real windows coincide as closely as copies would.", ""
    elif _at_least(share, len(ratio)) > max(_RARE, 2 * expected):
        verdict, start = "copied", f"Copied: about {max(0.0, share - expected):.0%} of the samples."
    elif _at_least(1.0, len(ratio)) < 1 - _RARE * 10:
        verdict = "cannot tell"
        start = "Copied? Too few samples to tell."
    else:
        verdict, start = "not copied", "Not copied."
    return Memorisation(
        verdict=verdict,
        sentence=f"{start} {figures}".rstrip(),
        share=round(share, 5),
        reference_share=round(expected, 5),
        threshold=round(threshold, 4),
        reference=reference,
        samples=len(ratio),
        references=len(other),
        training=training,
        quantiles=_quantiles(ratio),
        reference_quantiles=_quantiles(other),
        nearest=round(float(np.median(own.first)), 4),
        reference_nearest=round(float(np.median(theirs.first[usable])), 4),
    )


def _nearest(points: Floats, known: Floats, starts: Integers, length: int, own: Integers | None) -> Nearest:
    """Nearest of `known`, windows that begin at rows `starts`; with `own`, the points are such
    windows themselves and those with a row in common are passed over."""
    first, second = np.empty((2, len(points)))
    norms = (known**2).sum(1)
    for begin in range(0, len(points), _BLOCK):
        part = points[begin : begin + _BLOCK]
        distance = norms - 2 * part @ known.T  # (part, known), short of a constant a row
        if own is not None:
            distance[_overlap(own[begin : begin + _BLOCK], starts, length)] = np.inf
        for found in (first, second):
            index = distance.argmin(1)
            missing = np.isinf(distance[np.arange(len(part)), index])
            exact = np.sqrt(((part - known[index]) ** 2).sum(1, dtype=np.float64))
            found[begin : begin + len(part)] = np.where(missing, np.inf, exact)
            distance[_overlap(starts[index], starts, length)] = np.inf
    first[np.isinf(second)] = np.nan  # no ratio without a second
    return Nearest(first, second)


def _overlap(some: Integers, starts: Integers, length: int) -> NDArray[np.bool_]:
    """Which windows have a row in common: (some, starts)."""
    shared: NDArray[np.bool_] = np.abs(starts[None] - some[:, None]) < length
    return shared


def _at_least(share: float, count: int) -> float:
    """Wilson's lower bound of a share that was seen among `count`, one-sided 99 %."""
    z = _WILSON**2 / count
    return (share + z / 2 - math.sqrt(z * share * (1 - share) + z**2 / 4)) / (1 + z)


def _some(random: np.random.Generator, items: np.ndarray, most: int) -> np.ndarray:
    if len(items) <= most:
        return items
    chosen: np.ndarray = items[np.sort(random.permutation(len(items))[:most])]
    return chosen


def _quantiles(ratio: Doubles) -> tuple[float, ...]:
    return tuple(round(float(q), 4) for q in np.quantile(ratio, (0.01, 0.05, 0.25, 0.5)))
