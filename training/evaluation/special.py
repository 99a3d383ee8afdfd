"""Scores that only data of some kind have: rows of labels, sequences that end, conditions, music, sound."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.rules.keeping import broken, tellable
from training.data.windows import ENDED
from training.evaluation import music, sound, statistics, symbols
from training.evaluation.about import ScoreName
from training.evaluation.coverage import FEWEST
from training.evaluation.sides import Original, Rows

_LABELS: tuple[ScoreName, ...] = ("bigrams", "trigrams", "known", "repeated")
CLASSES: tuple[ScoreName, ...] = ("condition", "from-samples")
_MUSIC: tuple[ScoreName, ...] = ("scale", "polyphony", "empty-beats", "pitch-classes", "pitch-range")
_SOUND: tuple[ScoreName, ...] = ("spectrum-low", "spectrum-middle", "spectrum-high", "peaks", "seam")
SPECIAL: tuple[ScoreName, ...] = (*_LABELS, "lengths", *CLASSES, *_MUSIC, *_SOUND, "seasons", "rules")

_PLAIN: dict[ScoreName, Callable[[bool], Callable[[Rows, Rows], float]]] = {
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


def why_not(name: ScoreName, original: Original) -> str | None:
    """Why a score says nothing of data of this kind; None if it does."""
    if name in _LABELS and not all(c.labels for c in original.dataset.columns):
        return "it is of rows that hold labels alone"
    if name == "known" and len(original.held) < FEWEST:
        return "too few windows are known to be held out, see --hold-out"
    if name == "lengths" and not original.dataset.ends:
        return "all sequences are of one length"
    if name in _MUSIC and original.dataset.form != "music":
        return "the data are no music"
    if name in _SOUND and original.dataset.form != "sound":
        return "the data are no sound"
    if name in CLASSES and original.classes is None:
        return "no label is a condition"
    if name in CLASSES and original.other_classes is None:
        return "the conditions of the samples are not known"
    if name == "rules" and not tellable(original.dataset.rules):
        return "no column follows from others"
    if name == "seasons" and not (original.dataset.seasons and original.dataset.layout.numeric):
        return "no number goes with the calendar"
    if name == "seasons" and original.other_places is None:
        return "when samples begin is not known"
    return None


def comparison(
    name: ScoreName, original: Original
) -> tuple[Callable[[Any, Any], float], NDArray[Any], NDArray[Any]] | None:
    """How the real windows and the others are compared by a statistic of these kinds, and both as it wants
    them; None of another score."""
    if name in _MUSICAL:
        columns = original.dataset.columns
        return _MUSICAL[name], music.begun(original.real, columns), music.begun(original.other, columns)
    if name in _SOUNDING:
        real, other = (x[:_MOST_SOUND] for x in (original.real, original.other))
        return _SOUNDING[name](original.dataset.rate or 1), real, other
    if name == "seasons":
        assert original.places is not None
        assert original.other_places is not None
        numbers = list(original.dataset.layout.numeric)
        both = (original.real, original.places), (original.other, original.other_places)
        real, other = (np.concatenate([x[..., numbers], at], 2) for x, at in both)
        return lambda a, b: statistics.courses_apart(a, b, len(numbers)), real, other
    if name == "rules":
        rules = tellable(original.dataset.rules)
        return lambda a, b: float(np.mean(broken(rules, b))), original.real, original.other
    if name in _PLAIN:
        return _PLAIN[name](original.dataset.ends), original.real, original.other
    return None


def _lengths(rows: Rows) -> NDArray[np.float64]:
    """Steps of each window before its end: (windows,)."""
    lengths: NDArray[np.float64] = (rows[..., 0] != ENDED).sum(1).astype(np.float64)
    return lengths
