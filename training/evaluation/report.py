"""An evaluation: scores of generated windows, each with its floor, and a memorisation test.

No score selects a checkpoint: what is reported here is computed once, of the weights that a run
ended with.
"""

import json
import platform
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from contract.errors import UsageError
from contract.files import replacing
from contract.spec import Score
from contract.version import VERSION
from training.data.rules.keeping import broken, tellable
from training.data.windows import ENDED
from training.evaluation import bounds, statistics
from training.evaluation.about import ABOUT, JUDGED, ScoreName
from training.evaluation.memorisation import Memorisation, Nearest, memorisation
from training.evaluation.progress import bar
from training.evaluation.scores import ELSEWHERE, REPEATS, fitting, other_times, run, why_not
from training.evaluation.sides import Original, Real, original_of, sides_of
from training.view import View

REPORT_FILE = "evaluation.json"

FEWEST_WINDOWS = 20
"""Fewer on either side say nothing."""
_BATCH = 128
_LONG = 20.0
"""How many times as long a judge takes as a statistic, about."""
_SAID = 5
"""Rules that samples break, of which it is said."""
_FAR = 1e6
"""Ranges of the data beyond them that samples are taken to be away at most."""


@dataclass(frozen=True)
class Subject:
    """What was evaluated."""

    kind: Literal["run", "model", "samples"]
    path: str
    step: int | None
    """The step of a run's checkpoint."""


@dataclass(frozen=True)
class OtherTimes:
    """What the judges of a score say of real windows against real ones of other times.

    Where windows overlap, those that a judge is asked about have near copies among those that it learnt
    from. So it can know by heart which times are real, and tells by that whatever is of no such time: here
    windows that are as real. A generator that copies nothing is told so as well.
    """

    name: str
    value: float
    spread: float


@dataclass(frozen=True)
class ChannelErrors:
    """Where the difference lies: statistics of one channel, see `statistics`."""

    name: str
    marginal: float
    increments: float
    autocorrelation: float


@dataclass(frozen=True)
class Report:
    """Everything that an evaluation found."""

    subject: Subject
    data: str
    data_fingerprint: str
    windows: int
    samples: int
    length: int
    scores: tuple[Score, ...]
    baseline: tuple[Score, ...]
    """The same of the generator as likelihood alone had taught it, before the game; if there was such."""
    other_times: tuple[OtherTimes, ...]
    """Of judges' scores, where windows overlap; none of a quick evaluation."""
    memorisation: Memorisation
    channels: tuple[ChannelErrors, ...]
    notes: tuple[str, ...]
    versions: dict[str, str]
    seed: int
    seconds: float

    def to_json(self) -> str:
        """The report for a program."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def write(self, path: Path) -> None:
        """The report as a file."""
        with replacing(path) as file:
            file.write(self.to_json().encode())

    def table(self) -> str:
        """The report for a person."""
        title = f"{'score':<16} {'value':>15} {'real against real':>20}"
        title += f" {'of other times':>18}" if self.other_times else ""
        title += f" {'likelihood alone':>18}" if self.baseline else ""
        lines = [f"{title}   (lower is better)"]
        alone = {s.name: f" {s.value:>9.4f} ± {s.spread:.4f}" for s in self.baseline}
        other = {s.name: f" {s.value:>9.4f} ± {s.spread:.4f}" for s in self.other_times}
        nothing = " " * 19 if self.other_times and self.baseline else ""
        for s in self.scores:
            value = f"{s.value:.4f} ± {s.spread:.4f}"
            floor = f"{s.floor:>11.4f} ± {s.floor_spread:.4f}"
            lines.append(
                f"{s.name:<16} {value:>15} {floor}{other.get(s.name, nothing)}{alone.get(s.name, '')}"
            )
        return "\n".join([*lines, f"memorisation: {self.memorisation.sentence}", *self.notes])


@dataclass(frozen=True)
class Evidence:
    """What the pictures are made of."""

    real: NDArray[np.float64]
    """(windows, length, channels) in the data's units, in random order."""
    generated: NDArray[np.float64]
    names: tuple[str, ...]
    nearest: Nearest
    reference: Nearest
    original: Original
    """The same windows as the data have them."""


def evaluate(
    real: Real,
    generated: NDArray[np.floating],
    names: tuple[ScoreName, ...] | None,
    judges: int,
    subject: Subject,
    seed: int = 0,
    conditions: NDArray[np.floating] | None = None,
    quick: bool = False,
    full: bool = False,
    baseline: NDArray[np.floating] | None = None,
) -> tuple[Report, Evidence]:
    """Score `generated`, (windows, length, columns) like the rows of the data, against real windows.

    `names`: which scores; None: those that fit the data, and if it is to be `quick`, take seconds.
    `baseline`: as `generated`, of the generator before the game, under the same conditions.
    `full`: judges of large windows learn as long as those of small ones, for hours.
    `conditions`: under which each was generated, (windows, conditions) like `Dataset.static_values`, and
    behind them which row of each season it begins in; None if that is not known.

    Raises:
        UsageError: shapes that cannot be compared, values that are missing, too few windows.
    """
    begun = time.perf_counter()
    _require_alike(real, generated)
    view, fingerprint = View(real.dataset), real.dataset.fingerprint
    # A file may hold its samples in an order, and parts of them are taken below.
    order = np.random.default_rng(seed).permutation(len(generated))
    under = None if conditions is None else conditions[order]
    original = original_of(real, generated[order], under)
    first = None if baseline is None else original_of(real, baseline[order], under)
    real = replace(real, dataset=view.dataset(real.dataset))
    shown, values = view(original.real), view(original.other)  # (windows, length, features)
    _require_comparable(shown, values)
    values, far = _within_reach(shown, values)
    sides = sides_of(real, original, shown, values, view, full)
    names = fitting(original, quick) if names is None else names
    channels = [c.name if c.unit is None else f"{c.name} ({c.unit})" for c in real.dataset.columns]
    notes = [*_remarks(channels, sides.moving, shown, values, far), *_broken_rules(original)]
    if judges == 1 and any(n in JUDGED for n in names):
        notes.append(
            "of a single judge no spread is known: ± 0 says nothing, and another may say otherwise"
        )
    if not full and any(n in JUDGED for n in names) and (sentence := bounds.said(*shown.shape[1:])):
        notes.append(f"{sentence} (--full does without)")
    left_out = {name: reason for name in names if (reason := why_not(name, sides))}
    notes += [f"{name}: left out, {reason}" for name, reason in left_out.items()]
    names = tuple(name for name in names if name not in left_out)
    compared = [sides]
    if first is not None:
        compared.append(sides_of(real, first, shown, view(first.other), view, full))
    found: list[list[Score]] = []
    apart = [name for name in names if name in ELSEWHERE and not quick]
    elsewhere = []
    weights = [_LONG if name in JUDGED else 1.0 for name in names] * len(compared)
    with bar([*weights, *[_LONG / 2] * len(apart), 1.0]) as begin:
        for one in compared:
            found.append([])
            for name in names:
                value, floor = run(name, one, judges, seed, begin(ABOUT[name].title))
                count = judges if name in JUDGED else REPEATS
                found[-1].append(Score(name, *_mean_and_spread(value), *_mean_and_spread(floor), count))
        for name in apart:
            other = other_times(name, sides, judges, seed, begin("real windows of other times"))
            if other is not None:
                elsewhere.append(OtherTimes(name, *_mean_and_spread(other)))
        begin("memorisation")
        split = real.dataset.split(real.length, real.stride, real.hold_out)
        verdict, own, reference = memorisation(values, *split, seed)
    report = Report(
        subject=subject,
        data=real.source,
        data_fingerprint=fingerprint,
        windows=len(shown),
        samples=len(values),
        length=real.length,
        scores=tuple(found[0]),
        baseline=tuple(found[1]) if first is not None else (),
        other_times=tuple(elsewhere),
        memorisation=verdict,
        channels=_by_channel(shown, values, channels, sides.moving),
        notes=tuple(notes),
        versions={
            "cadenza": VERSION,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        seed=seed,
        seconds=round(time.perf_counter() - begun, 1),
    )
    return report, Evidence(shown, values, tuple(channels), own, reference, original)


def _remarks(
    channels: list[str], moving: NDArray[np.intp], real: NDArray[np.float64], other: NDArray[np.float64],
    far: int,
) -> list[str]:  # fmt: skip
    """What a person should know of these windows before any score."""
    notes = []
    if still := sorted(set(range(len(channels))) - set(moving.tolist())):
        notes.append(
            f"constant in the real windows, and left out of the statistics: "
            f"{', '.join(channels[c] for c in still)}"
        )
    if frozen := [c for c in moving.tolist() if np.ptp(other[..., c]) == 0]:
        notes.append(f"constant in the samples alone: {', '.join(channels[c] for c in frozen)}")
    if far:
        notes.append(
            f"{far} values of the samples are more than {_FAR:,.0f} times the data's range beyond it, and "
            "count as so far"
        )
    if min(len(real), len(other)) < _BATCH:
        notes.append(
            f"{len(real)} real windows and {len(other)} samples are few: judges learn from batches "
            f"of {_BATCH}, and every figure is coarse"
        )
    return notes


def _broken_rules(original: Original) -> list[str]:
    """What is to be said of columns that do not follow from others where they do in the data."""
    dataset = original.dataset
    rules = tellable(dataset.rules)
    worst = sorted(zip(broken(rules, original.other), rules, strict=True), key=lambda one: -one[0])[:_SAID]
    return [
        f"{dataset.columns[rule.column].name!r} does not follow, in {share:.1%} of the rows of samples, as "
        f"it does in every row of the data: {rule.said(dataset.columns)}"
        for share, rule in worst
        if share > 0
    ]


def _within_reach(real: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Samples (windows, length, features) no further from the real windows than squares in single precision
    can say, and how many values were."""
    low, high = real.min((0, 1)), real.max((0, 1))
    reach = _FAR * np.where(high > low, high - low, 1.0)
    near = np.clip(other, low - reach, high + reach)
    return near, int((near != other).sum())


def _require_alike(real: Real, generated: NDArray[np.floating]) -> None:
    wanted = [real.length, len(real.dataset.columns)]
    if generated.ndim != 3 or list(generated.shape[1:]) != wanted:
        raise UsageError(
            f"samples are (steps, channels) {list(generated.shape[1:])}, the data {wanted}: evaluate the "
            "same length and channels"
        )
    whole = [i for i, c in enumerate(real.dataset.columns) if not c.missing and not c.labels]
    there = (generated != ENDED).any(2) if real.dataset.ends else np.ones(generated.shape[:2], bool)
    if bad := int((~np.isfinite(generated[there][:, whole])).sum()):
        raise UsageError(
            f"{bad} of {generated.size} values of the samples are missing or infinite where the data have "
            "none: a generator that makes such has diverged; in a file, drop these sequences"
        )


def _require_comparable(real: NDArray[np.float64], generated: NDArray[np.float64]) -> None:
    if bad := int((~np.isfinite(generated)).sum()):
        raise UsageError(
            f"{bad} of {generated.size} values of the samples are missing or infinite: a generator that "
            "makes such has diverged; in a file, drop these sequences"
        )
    for what, count in (("samples", len(generated)), ("real windows", len(real))):
        if count < FEWEST_WINDOWS:
            raise UsageError(
                f"{count} {what} are too few to score: {FEWEST_WINDOWS} are wanted, some thousands are good"
            )


def _by_channel(
    real: NDArray[np.float64], other: NDArray[np.float64], names: list[str], moving: NDArray[np.intp]
) -> tuple[ChannelErrors, ...]:
    """Of up to 4000 windows of each side."""
    one, two = real[:4000, :, moving], other[:4000, :, moving]
    figures = np.stack(
        [
            statistics.marginal(one, two),
            statistics.increments(one, two),
            statistics.autocorrelation_error(one, two),
        ]
    )
    return tuple(
        ChannelErrors(names[c], *(round(float(f), 5) for f in figures[:, i])) for i, c in enumerate(moving)
    )


def _mean_and_spread(figures: NDArray[np.floating]) -> tuple[float, float]:
    return round(float(figures.mean()), 5), round(float(figures.std()), 5)
