"""What is measured of each kind: real data that were held out and samples to figures by name.

Every figure comes as (of the samples, floor): the floor is what real data score in the samples' place.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from training.data import Dataset
from training.data.columns import Column
from training.evaluation import music, sound
from training.evaluation.judges import STRONG, Judge, discriminative
from training.layout import Layout

Doubles = NDArray[np.float64]
Figures = dict[str, tuple[float, float]]
_LIGHT = Judge(layers=2, hidden=16, iterations=500)
CLASSES = 200
"""Samples of each class."""
HALVES = 20
"""Random halves of real sequences that make the floor of a table, and its spread."""
LAGS = range(1, 6)


@dataclass(frozen=True)
class Sequences:
    """Some sequences, each (steps, columns) like the rows of a dataset, and the class of each."""

    rows: list[Doubles]
    classes: NDArray[np.int64]
    columns: tuple[Column, ...] = ()

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each."""
        return np.array([len(x) for x in self.rows])

    def some(self, count: int, seed: int = 0) -> "Sequences":
        """Some of them, at random."""
        index = np.random.default_rng(seed).permutation(len(self.rows))[:count]
        return replace(self, rows=[self.rows[i] for i in index], classes=self.classes[index])


def sides(dataset: Dataset, hold_out: float) -> tuple[Sequences, Sequences]:
    """What is trained on, and what is held out."""
    return tuple(
        Sequences(
            [dataset.values[a : a + n] for a, n in zip(w.starts, w.sizes, strict=True)],
            dataset.static_values[dataset.sequence_of(w.starts), 0].astype(np.int64)
            if dataset.statics
            else np.zeros(len(w), np.int64),
            dataset.columns,
        )
        for w in dataset.split(dataset.length, 1, hold_out)
    )  # type: ignore[return-value]


def text(train: Sequences, held: Sequences, made: Sequences, judge: Judge = STRONG) -> Figures:
    """n-gram divergence from held-out words, in bits; a judge; copies and repetitions."""
    known = {tuple(x[:, 0]) for x in train.rows}
    count = min(len(held.rows), len(made.rows))
    held, made, real = held.some(count), made.some(count), train.some(count)
    figures: Figures = {}
    for n, name in ((2, "bigrams"), (3, "trigrams")):
        wanted = _grams(held, n)
        figures[name] = _divergence(_grams(made, n), wanted), _divergence(_grams(real, n), wanted)
    judged = [discriminative(_shown(held), _shown(x), judge, 3, 0).mean() for x in (made, real)]
    figures["judge"] = float(judged[0]), float(judged[1])
    figures["in training data"] = tuple(
        float(np.mean([tuple(x[:, 0]) in known for x in s.rows])) for s in (made, held)
    )  # type: ignore[assignment]
    figures["distinct"] = tuple(len({tuple(x[:, 0]) for x in s.rows}) / len(s.rows) for s in (made, held))  # type: ignore[assignment]
    return figures


def pictures(train: Sequences, held: Sequences, made: Sequences) -> Figures:
    """Whether a classifier sees the class that was asked for, and learns from samples what classes are."""
    return classes(train, held, made, lambda: SVC(gamma=0.001, C=10), lambda x: x.ravel())


def utterances(train: Sequences, held: Sequences, made: Sequences) -> Figures:
    """The same, by means, deviations, three frames and the length; and how long they are, by class."""
    figures = classes(
        train, held, made,
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)), _summary,
    )  # fmt: skip
    figures["length W1"] = _length_error(made, held), _length_error(train, held)
    return figures


def prices(train: Sequences, held: Sequences, made: Sequences) -> Figures:
    """Days of the week that follow one another, and the size of returns; columns are return, weekday."""
    every = Sequences([*train.rows, *held.rows], np.zeros(0, np.int64))
    real, generated, one, two = (_follow(s) for s in (every, made, train, held))
    apart = 0.5 * np.abs(generated / generated.sum() - real / real.sum()).sum()
    floor = 0.5 * np.abs(one / one.sum() - two / two.sum()).sum()
    figures: Figures = {
        "transitions TV": (float(apart), float(floor)),
        "illegal": (float(generated[real == 0].sum() / generated.sum()), 0.0),
    }
    for name, of in (("kurtosis", _kurtosis), ("autocorrelation of |return|", _persistence)):
        whole = of(every)
        figures[f"{name}, relative error"] = abs(of(made) / whole - 1), abs(of(held) / of(train) - 1)
    return figures


def beats(train: Sequences, held: Sequences, made: Sequences, judge: Judge = _LIGHT) -> Figures:
    """Spectrum by band and peaks against training windows, seams between steps, and a judge of 16 units on
    windows that were trained on; the floor is held-out windows. At 360 Hz."""
    one, two, three = (np.array(s.some(2000).rows) for s in (train, held, made))  # (windows, hops, hop)
    figures: Figures = {
        f"spectrum, {said} Hz, dB": (
            sound.spectrum_error(one, three, band), sound.spectrum_error(one, two, band),
        )
        for band, said in enumerate(("0–40", "40–100", "100–180"))
    }  # fmt: skip
    figures["peaks, relative error"] = tuple(sound.peaks_error(one, x, 360) for x in (three, two))  # type: ignore[assignment]
    figures["seam"] = sound.seam(three), sound.seam(two)
    low, span = one.min(), np.ptp(one)
    scaled = [((x - low) / span).astype(np.float32) for x in (one, three, two)]
    judged = [discriminative(scaled[0], x, judge, 3, 0).mean() for x in scaled[1:]]
    figures["judge on training data"] = float(judged[0]), float(judged[1])
    return figures


def chorales(train: Sequences, held: Sequences, made: Sequences) -> Figures:
    """The field's metrics of music, see `training/evaluation/music.py`; the floor
    is held-out windows against those trained on."""
    real, other, generated = (
        music.begun(np.array(s.rows), train.columns) for s in (train, held, made)
    )  # each (windows, length, voices)
    figures: Figures = {}
    for name, of in (
        ("scale consistency", music.scale_consistency), ("polyphony", music.polyphony),
        ("pitch range", music.pitch_range),
    ):  # fmt: skip
        wanted = of(real)
        figures[f"{name}, relative error"] = music.off(wanted, of(generated)), music.off(wanted, of(other))
    shares, theirs, own = (music.pitch_classes(x) for x in (real, other, generated))
    figures["pitch classes TV"] = music.variation(shares, own), music.variation(shares, theirs)
    silence, theirs, own = (music.empty_beats(x) for x in (real, other, generated))
    figures["empty beats, difference"] = music.apart(silence, own), music.apart(silence, theirs)
    return figures


def table(train: Sequences, held: Sequences, made: Sequences) -> Figures:
    """How often values are missing, the shares of labels, how these last, and how columns of either type go
    with each other. Each is a mean over columns or pairs, of real halves and as many samples; then how far
    it is above the floor, in the floor's spread over halves."""
    real = Sequences([*train.rows, *held.rows], np.zeros(0, np.int64), train.columns)
    random, found = np.random.default_rng(0), []
    half = len(real.rows) // 2
    layout = Layout.of(real.columns)
    for _ in range(HALVES):
        order, picked = random.permutation(len(real.rows)), random.permutation(len(made.rows))[:half]
        one, two = ([real.rows[i] for i in part] for part in (order[:half], order[half : 2 * half]))
        wanted = _portrait(np.array(one), layout)
        others = (_portrait(np.array(x), layout) for x in ([made.rows[i] for i in picked], two))
        found.append([[np.abs(a - b).mean() for a, b in zip(wanted, x, strict=True)] for x in others])
    value, floor = np.array(found).transpose(1, 2, 0)  # each (figures, halves)
    figures: Figures = {}
    names = ("missing rate", "shares of labels", "labels, lags 1 to 5", "correlation across types")
    for name, own, theirs in zip(names, value, floor, strict=True):
        figures[name] = float(own.mean()), float(theirs.mean())
        figures[f"{name}: floor's spreads above it"] = (
            float((own.mean() - theirs.mean()) / theirs.std()),
            0.0,
        )
    return figures


def _portrait(rows: Doubles, layout: Layout) -> list[Doubles]:
    """Of windows (windows, length, columns): the share that is missing by column, the share of each label,
    its autocorrelations, and its correlations with numbers, where these are there."""
    discrete, numeric = rows[..., list(layout.discrete)], rows[..., list(layout.numeric)]
    missing = np.concatenate([np.isnan(numeric), discrete < 0], 2).mean((0, 1))  # (columns,)
    sizes = layout.sizes[: len(layout.discrete)]
    there = np.concatenate(
        [discrete[..., i, None] == np.arange(size) for i, size in enumerate(sizes)], 2
    ).astype(np.float64)  # (windows, length, labels); a missing one is the last, and stays 0
    centred = there - there.mean((0, 1))
    variance = np.maximum((centred**2).mean((0, 1)), 1e-9)  # (labels,)
    lags = [(centred[:, k:] * centred[:, :-k]).mean((0, 1)) / variance for k in LAGS]
    across = []
    for number in np.moveaxis(numeric, 2, 0):
        known = ~np.isnan(number)
        across += [_correlation(number[known], label[known]) for label in np.moveaxis(there, 2, 0)]
    return [missing, there.mean((0, 1)), np.array(lags), np.array(across)]


def _correlation(one: Doubles, other: Doubles) -> float:
    """Pearson's; 0 where one of them is constant."""
    deviations = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / deviations) if deviations else 0.0


def classes(
    train: Sequences, held: Sequences, made: Sequences,
    classifier: Callable[[], Any], shape: Callable[[Doubles], Doubles],
) -> Figures:  # fmt: skip
    """Whether a classifier that learnt from real sequences sees in samples which class was asked for, and
    one that learnt from samples sees that of real ones; it is shown the `shape` of each sequence."""
    one, two, three = (np.array([shape(x) for x in s.rows]) for s in (train, held, made))
    by_real = classifier().fit(one, train.classes)
    real = float(by_real.score(two, held.classes))
    return {
        "agrees with its condition": (float(by_real.score(three, made.classes)), real),
        "train on synthetic, test on real": (
            float(classifier().fit(three, made.classes).score(two, held.classes)), real,
        ),
    }  # fmt: skip


def _summary(x: Doubles) -> Doubles:
    moves = np.diff(x, axis=0).std(0) if len(x) > 1 else np.zeros(x.shape[1])
    return np.concatenate([x.mean(0), x.std(0), x[0], x[len(x) // 2], x[-1], moves, [len(x)]])


def _length_error(one: Sequences, other: Sequences) -> float:
    """Wasserstein-1 of lengths in steps, mean over classes."""
    shares = np.linspace(0.005, 0.995, 199)
    found = []
    for k in np.unique(other.classes):
        a, b = (np.quantile(s.lengths[s.classes == k], shares) for s in (one, other))
        found.append(np.abs(a - b).mean())
    return float(np.mean(found))


def _grams(words: Sequences, n: int) -> Counter[tuple[int, ...]]:
    """Of so many symbols, with the end as one, and as many beginnings as it takes."""
    counts: Counter[tuple[int, ...]] = Counter()
    for x in words.rows:
        symbols = [-1] * (n - 1) + x[:, 0].astype(int).tolist() + [-2]
        counts.update(zip(*(symbols[i:] for i in range(n)), strict=False))
    return counts


def _divergence(one: Counter[tuple[int, ...]], other: Counter[tuple[int, ...]]) -> float:
    """Jensen-Shannon, in bits."""
    keys = list(one | other)
    p, q = (np.array([c[k] for k in keys]) / c.total() for c in (one, other))
    m = (p + q) / 2
    terms = [np.where(x > 0, x * np.log2(np.where(x > 0, x, 1) / m), 0).sum() for x in (p, q)]
    return float(np.mean(terms))


def _shown(words: Sequences) -> NDArray[np.float32]:
    """(words, longest, symbols): one-hot, the end and all behind it a symbol of its own."""
    longest, symbols = 20, 27
    shown = np.zeros((len(words.rows), longest, symbols), np.float32)
    shown[..., -1] = 1
    for i, x in enumerate(words.rows):
        letters = x[:longest, 0].astype(int)
        shown[i, : len(letters), -1] = 0
        shown[i, np.arange(len(letters)), letters] = 1
    return shown


def _follow(s: Sequences) -> Doubles:
    """How often each day of the week follows each: (5, 5)."""
    counts = np.zeros((5, 5))
    for x in s.rows:
        days = x[:, 1].astype(int)
        np.add.at(counts, (days[:-1], days[1:]), 1)
    return counts


def _kurtosis(s: Sequences) -> float:
    returns = np.concatenate([x[:, 0] for x in s.rows])
    centred = returns - returns.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - 3)


def _persistence(s: Sequences) -> float:
    """Autocorrelation of the size of returns, mean over lags 1 to 5."""
    sizes = np.array([np.abs(x[:, 0]) for x in s.rows])  # (windows, steps)
    sizes -= sizes.mean()
    return float(np.mean([(sizes[:, k:] * sizes[:, :-k]).mean() for k in LAGS]) / (sizes**2).mean())


def shown(figures: Sequence[Figures]) -> Iterator[tuple[str, float, float, float]]:
    """Of several seeds: name, mean, spread and floor."""
    for name in figures[0]:
        found = np.array([f[name] for f in figures])  # (seeds, 2)
        yield name, float(found[:, 0].mean()), float(found[:, 0].std()), float(found[:, 1].mean())
