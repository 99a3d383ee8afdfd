"""What is compared: real windows and others, as the data have them and as numbers from 0 to 1."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data import Dataset, Windows, seasonal
from training.view import View

Floats = NDArray[np.float32]
Rows = NDArray[np.floating]
Integers = NDArray[np.int64]

MOST_WINDOWS = 20_000
"""Real windows that are scored at most; more are thinned out at random."""
_MOST_VALUES = 2**24
"""Values that these windows have at most, each label counted: 128 MiB."""


@dataclass(frozen=True)
class Real:
    """The real data, and how they were cut into windows and split for training."""

    source: str
    """The data as they were named."""
    dataset: Dataset
    length: int
    stride: int
    hold_out: float
    """Share that was not trained on; 0 if that is unknown."""

    @property
    def most(self) -> int:
        """How many windows are scored at most."""
        layout = self.dataset.layout
        return min(MOST_WINDOWS, _MOST_VALUES // (self.length * (len(layout.numeric) + layout.width + 1)))

    def chosen(self) -> Windows:
        """The windows that are scored, in random order."""
        every = self.dataset.windows(self.length, self.stride)
        return every.some(np.random.default_rng(0).permutation(len(every))[: self.most])


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
    places: Integers | None = None
    """Of each row of a real window, at which hour, weekday or month it is, (windows, length, seasons); …"""
    other_places: Integers | None = None
    """… and of the samples, if it is known when they begin."""

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


def original_of(
    real: Real, generated: NDArray[np.floating], conditions: NDArray[np.floating] | None
) -> Original:
    """The windows of both sides, `generated` (windows, length, columns), each under its `conditions`
    (windows, conditions), if they are known, with the rows of seasons that they begin in behind."""
    dataset, chosen = real.dataset, real.chosen()
    place = next((i for i, column in enumerate(dataset.statics) if column.labels), None)
    classes = other_classes = None
    if place is not None:
        classes = dataset.static_values[dataset.sequence_of(chosen.starts), place].astype(np.int64)
    if place is not None and conditions is not None:
        other_classes = conditions[:, place].astype(np.int64)
    places = other_places = None
    if dataset.seasons:
        places = seasonal.binned(dataset, seasonal.begun(dataset, chosen.starts), real.length)
        if conditions is not None and conditions.shape[1] == len(dataset.statics) + len(dataset.seasons):
            other_places = seasonal.binned(dataset, conditions[:, len(dataset.statics) :], real.length)
    trained, held_out = dataset.split(real.length, real.stride, real.hold_out)
    train, held = (
        windows.take(np.random.default_rng(1).permutation(len(windows))[: real.most])
        for windows in (trained, held_out)
    )
    rows = chosen.take(np.arange(len(chosen)))
    return Original(
        dataset, rows, generated, train, held, trained, classes, other_classes, places, other_places
    )


def sides_of(
    real: Real, original: Original, shown: NDArray[np.float64], generated: NDArray[np.float64], view: View,
    full: bool,
) -> Sides:  # fmt: skip
    """The same as they are compared, from what `view` makes of the real windows (`shown`) and of the
    others (`generated`), both (windows, length, channels)."""
    low, high = shown.min((0, 1)), shown.max((0, 1))
    span = np.where(high > low, high - low, 1.0)

    def scale(windows: NDArray[np.floating]) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = ((windows - low) / span).astype(np.float32)
        return scaled

    every = real.dataset.windows(real.length, real.stride)
    moving = np.flatnonzero(high > low)
    train, held = (scale(view(x)) for x in (original.train, original.held))
    return Sides(scale(shown), scale(generated), train, held, every, scale, moving, original, full)
