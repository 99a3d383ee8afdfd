"""Every score by name: what it is, and how it and its floor are computed. Lower is better in all.

The floor is what real windows score against real ones. Judges get two halves of the real windows;
statistics, which have no seed of their own, are computed on several random halves: half the real
windows against as many samples, and, for the floor, against the other half.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from training.data import Dataset, Windows
from training.data.dataset import ENDED
from training.evaluation import bounds, music, sound, statistics, symbols
from training.evaluation.coverage import FEWEST, apart, uncovered
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

Floats = NDArray[np.float32]
Figures = NDArray[np.floating]
Rows = NDArray[np.floating]
Integers = NDArray[np.int64]
Array = NDArray[Any]

ScoreName = Literal[
    "field", "strong", "unseen", "predictive", "context-fid", "marginal", "increments",
    "autocorrelation", "correlation", "uncovered", "bigrams", "trigrams", "known", "repeated", "lengths",
    "condition", "from-samples", "scale", "polyphony", "empty-beats", "pitch-classes", "pitch-range",
    "spectrum-low", "spectrum-middle", "spectrum-high", "peaks", "seam",
]  # fmt: skip
DEFAULT: tuple[ScoreName, ...] = (
    "field", "strong", "context-fid", "marginal", "increments", "autocorrelation", "correlation",
    "uncovered",
)  # fmt: skip
"""All that fit any data, but the two that take longest and say least more."""
QUICK: tuple[ScoreName, ...] = ("field", "marginal", "increments", "autocorrelation", "uncovered")
"""Those of them that take seconds."""
_QUICKLY_JUDGED = 2048
"""Values of a window up to which a judge takes seconds."""
JUDGED: tuple[ScoreName, ...] = ("field", "strong", "unseen", "predictive", "condition", "from-samples")
"""Those that are means over judges."""
_LABELS: tuple[ScoreName, ...] = ("bigrams", "trigrams", "known", "repeated")
_CLASSES: tuple[ScoreName, ...] = ("condition", "from-samples")
_MUSIC: tuple[ScoreName, ...] = ("scale", "polyphony", "empty-beats", "pitch-classes", "pitch-range")
_SOUND: tuple[ScoreName, ...] = ("spectrum-low", "spectrum-middle", "spectrum-high", "peaks", "seam")

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
    "bigrams": About(
        "Pairs of labels",
        "Jensen–Shannon divergence of the pairs of labels that follow each other, in bits; where sequences "
        "end, the end is one.",
    ),
    "trigrams": About("Triples of labels", "The same of three labels in a row."),
    "known": About(
        "Known sequences",
        "Share of samples that are, label by label, a sequence that was trained on; of real ones, of those "
        "that were held out.",
    ),
    "repeated": About(
        "Repeated sequences", "Share of samples that are another sample again, among as many as real ones."
    ),
    "lengths": About(
        "Length error", "Wasserstein-1 distance of the lengths at which sequences end, in steps."
    ),
    "condition": About(
        "Condition missed",
        "Error of a classifier that was trained on real windows, asked for the condition of samples.",
    ),
    "from-samples": About(
        "Learnt from samples",
        "Error of a classifier that was trained on samples, asked for the condition of real windows.",
    ),
    "scale": About(
        "Scale consistency error",
        "Relative difference of the share of notes that lie in the best-fitting major scale, by window "
        "(Mogren, 2016).",
    ),
    "polyphony": About(
        "Polyphony error", "Relative difference of how many notes sound at once, where any does (MusPy)."
    ),
    "empty-beats": About(
        "Empty beats error", "Difference of the share of quarters in which nothing sounds (MusPy)."
    ),
    "pitch-classes": About(
        "Pitch class error", "Total variation of the shares of C, C sharp, … B among all notes."
    ),
    "pitch-range": About(
        "Pitch range error",
        "Relative difference of the semitones from a window's lowest to its highest note (MusPy).",
    ),
    "spectrum-low": About(
        "Spectrum error, low",
        "Difference of the mean spectra in decibels, root mean square over the lowest two ninths of the "
        "frequencies.",
    ),
    "spectrum-middle": About("Spectrum error, middle", "The same over the next three ninths."),
    "spectrum-high": About("Spectrum error, high", "The same over the highest four ninths."),
    "peaks": About(
        "Peaks error",
        "Relative difference of the number of peaks, two deviations above the mean and a fifth of a second "
        "apart.",
    ),
    "seam": About(
        "Seam error",
        "Relative difference of how much a sample jumps between two steps, over how much within one.",
    ),
}


@dataclass(frozen=True)
class Original:
    """The windows of `Sides`, in its order, as the data have them: with labels, gaps and ends."""

    dataset: Dataset
    real: Rows
    """(windows, length, columns)."""
    other: Rows
    train: Rows
    held: Rows
    trained: Windows
    """All windows that were trained on, of which `train` are some."""
    classes: Integers | None
    """The first condition that is a label, of each real window, …"""
    other_classes: Integers | None
    """… and of each sample, if it is known."""

    @property
    def class_count(self) -> int:
        """How many labels that condition has; 0 without one."""
        return next((len(c.labels) for c in self.dataset.statics if c.labels), 0)


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
    original: Original
    full: bool = False
    """Whether judges of large windows see and learn all; else see `training/evaluation/bounds.py`."""


_STATISTICS: dict[ScoreName, Callable[[Floats, Floats], float]] = {
    "marginal": lambda a, b: float(statistics.marginal(a, b).mean()),
    "increments": lambda a, b: float(statistics.increments(a, b).mean()),
    "autocorrelation": lambda a, b: float(statistics.autocorrelation_error(a, b).mean()),
    "correlation": statistics.correlational,
}


def fitting(original: Original, quick: bool) -> tuple[ScoreName, ...]:
    """The scores that these data are given if nobody chooses: DEFAULT or QUICK, and those of their kind."""
    special = (*_LABELS, "lengths", *(() if quick else _CLASSES), *_MUSIC, *_SOUND)
    layout = original.dataset.layout
    values = original.real.shape[1] * (len(layout.numeric) + layout.width)
    usual = [n for n in QUICK if n not in JUDGED or values <= _QUICKLY_JUDGED] if quick else DEFAULT
    return (*usual, *(n for n in special if not _no_kind(n, original)))


_ORIGINAL: dict[ScoreName, Callable[[bool], Callable[[Rows, Rows], float]]] = {
    "bigrams": lambda ends: lambda a, b: symbols.divergence(a, b, 2, ends),
    "trigrams": lambda ends: lambda a, b: symbols.divergence(a, b, 3, ends),
    "repeated": lambda ends: lambda a, b: symbols.repeated(b),
    "lengths": lambda ends: lambda a, b: statistics.wasserstein(_lengths(a), _lengths(b)),
}
"""Of rows as the data have them; each is told whether sequences end."""

_MUSICAL: dict[ScoreName, Callable[[music.Begun, music.Begun], float]] = {
    "scale": lambda a, b: music.off(*map(music.scale_consistency, (a, b))),
    "polyphony": lambda a, b: music.off(*map(music.polyphony, (a, b))),
    "empty-beats": lambda a, b: music.apart(*map(music.empty_beats, (a, b))),
    "pitch-classes": lambda a, b: music.variation(*map(music.pitch_classes, (a, b))),
    "pitch-range": lambda a, b: music.off(*map(music.pitch_range, (a, b))),
}

_SOUNDING: dict[ScoreName, Callable[[int], Callable[[Rows, Rows], float]]] = {
    "spectrum-low": lambda rate: lambda a, b: sound.spectrum_error(a, b, 0),
    "spectrum-middle": lambda rate: lambda a, b: sound.spectrum_error(a, b, 1),
    "spectrum-high": lambda rate: lambda a, b: sound.spectrum_error(a, b, 2),
    "peaks": lambda rate: lambda a, b: sound.peaks_error(a, b, rate),
    "seam": lambda rate: sound.seam_error,
}
"""Each is told the rate."""
_MOST_SOUND = 2000
"""Windows of each side whose sound is looked at."""


def why_not(name: ScoreName, sides: Sides) -> str | None:
    """Why a score cannot be had here; None if it can."""
    if reason := _no_kind(name, sides.original):
        return reason
    if name in ("predictive", "correlation") and len(sides.moving) < 2:
        return "it takes two channels that vary"
    if name == "unseen" and min(len(sides.held) // 2, len(sides.train) // 2) < FEWEST:
        return "too few windows were held out"
    if name == "uncovered" and _half_apart(sides, 0) < FEWEST:
        return f"it takes {2 * FEWEST} real windows that have no row in common, and {FEWEST} samples"
    return None


def _no_kind(name: ScoreName, original: Original) -> str | None:
    """Why a score says nothing of data of this kind; None if it does."""
    if name in _LABELS and not all(c.labels for c in original.dataset.columns):
        return "it is of rows that hold labels alone"
    if name == "known" and len(original.held) < FEWEST:
        return "too few windows were held out"
    if name == "lengths" and not original.dataset.ends:
        return "all sequences are of one length"
    if name in _MUSIC and original.dataset.form != "music":
        return "the data are no music"
    if name in _SOUND and original.dataset.form != "sound":
        return "the data are no sound"
    if name in _CLASSES and original.classes is None:
        return "no label is a condition"
    if name in _CLASSES and original.other_classes is None:
        return "the conditions of the samples are not known"
    return None


def run(name: ScoreName, sides: Sides, judges: int, seed: int, tick: Tick) -> tuple[Figures, Figures]:
    """The score's figures and its floor's, one a judge or random half."""
    if name in ("field", "strong", "unseen", "predictive"):
        return _judged(name, sides, judges, seed, lambda part: tick(part / 2))
    if name == "context-fid":
        return _context_fid(sides, seed, tick)
    if name == "uncovered":
        return _uncovered(sides, seed, tick)
    if name in _CLASSES:
        return _classified(name, sides, judges, seed, lambda part: tick(part / 2))
    if name == "known":
        return _known(sides.original, seed, tick)
    return _compared(*_statistic(name, sides), seed, tick)


def _statistic(name: ScoreName, sides: Sides) -> tuple[Callable[[Any, Any], float], Array, Array]:
    """How two sets of windows are compared, and both sets as this wants them."""
    original = sides.original
    if name in _MUSICAL:
        columns = original.dataset.columns
        return _MUSICAL[name], music.begun(original.real, columns), music.begun(original.other, columns)
    if name in _SOUNDING:
        real, other = (x[:_MOST_SOUND] for x in (original.real, original.other))
        return _SOUNDING[name](original.dataset.rate or 1), real, other
    if name in _ORIGINAL:
        return _ORIGINAL[name](original.dataset.ends), original.real, original.other
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


def _lengths(rows: Rows) -> NDArray[np.float64]:
    """Steps of each window before its end: (windows,)."""
    lengths: NDArray[np.float64] = (rows[..., 0] != ENDED).sum(1).astype(np.float64)
    return lengths


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
