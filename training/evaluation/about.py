"""Every score by name, and what a person should know of it. Lower is better in all.

Nothing is imported here that costs time: the command line offers these names.
"""

from dataclasses import dataclass
from typing import Literal

ScoreName = Literal[
    "field", "strong", "unseen", "predictive", "context-fid", "marginal", "increments", "stillness",
    "liveliness", "autocorrelation", "correlation", "uncovered", "bigrams", "trigrams", "known", "repeated",
    "lengths", "condition", "from-samples", "scale", "polyphony", "empty-beats", "pitch-classes",
    "pitch-range", "spectrum-low", "spectrum-middle", "spectrum-high", "peaks", "seam",
    "seasons", "rules",
]  # fmt: skip
DEFAULT: tuple[ScoreName, ...] = (
    "field", "strong", "context-fid", "marginal", "increments", "stillness", "liveliness",
    "autocorrelation", "correlation", "uncovered",
)  # fmt: skip
"""All that fit any data, but the two that take longest and say least more."""
QUICK: tuple[ScoreName, ...] = (
    "field", "marginal", "increments", "stillness", "liveliness", "autocorrelation", "uncovered",
)  # fmt: skip
"""Those of them that take seconds."""
JUDGED: tuple[ScoreName, ...] = ("field", "strong", "unseen", "predictive", "condition", "from-samples")
"""Those that are means over judges."""


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
    "stillness": About(
        "Stillness error",
        "Absolute difference of the share of steps at which a channel stands still, mean over channels.",
    ),
    "liveliness": About(
        "Liveliness error",
        "Wasserstein-1 distance of how far windows move in a step in the mean, in real deviations of it: "
        "whether some are calm and some wild as in the data.",
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
    "seasons": About(
        "Season error",
        "Absolute difference of the means at each hour of the day, day of the week and month of the year, "
        "as far as the data go with these, in real deviations, mean over them and channels.",
    ),
    "rules": About(
        "Broken rules",
        "Share of the rows in which a column does not follow from others as it does in every row of the "
        "data, mean over such columns.",
    ),
    "seam": About(
        "Seam error",
        "Relative difference of how much a sample jumps between two steps, over how much within one.",
    ),
}
