"""Whether what rows hold has to do with the day, the week and the year.

Of a turn of the calendar each row is foretold by the others: by the mean of what they have at its place,

    R² = 1 − Σ (x − mean of other turns at its place)² / Σ (x − mean of other turns)²,

of values, of their moves and of how large these are. What has nothing to do with the turn is mostly
foretold no better so, however slowly it moves (cross-validation by leaving one turn out); what it is better
by chance differs from turn to turn, and is held against that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from contract import times
from contract.calendar import Season, Time, Turn
from training.config import NONE, Asked
from training.data.dataset import Dataset, Doubles, Integers
from training.errors import DataError

_FORETOLD = 0.03
"""R² of some channel from which on its turn is taken to matter."""
_CERTAIN = 2.0
"""Standard errors, over turns, by which what is so foretold has to be more than nothing."""
_PLACES: dict[Turn, int] = {"day": 24, "week": 7, "year": 12}
"""Of a turn, at most: those of a week are days, so that what goes with the day is not taken for it."""
_TURNS = 4
"""That the data are in at least."""
_FAR = 4.0
"""Deviations: what is farther out says no more."""
_MOST_ROWS = 2**24
"""Of a season, which are counted in single precision."""
_OUTCOMES = 16
"""Labels of a column that are looked at, the most frequent ones."""


def told(dataset: Dataset, ticks: Integers, asked: Sequence[Asked]) -> Dataset:
    """The same with the seasons that were `asked` for, or those that matter, where rows, which are at
    `ticks` (rows,), are one step apart.

    Raises:
        DataError: one that rows so far apart do not go through.
    """
    time = dataset.time
    every = () if time is None else tuple(s for s in times.seasons(time) if s.rows < _MOST_ROWS)
    names = [season.name for season in every]
    if wrong := [name for name in asked if name not in (*names, NONE)]:
        known = " and ".join(names) or "none"
        raise DataError(
            f"{dataset.name}: --seasons {wrong[0]}, and its rows can go with {known}: that takes a column "
            "of times, rows one step apart, and a whole number of them in a turn"
        )
    if time is None:
        return dataset
    found = [s for s in every if (s.name in asked if asked else _matters(dataset, time, s, ticks))]
    return replace(dataset, seasons=tuple(found), ticks=ticks)


def notes(dataset: Dataset, asked: Sequence[Asked]) -> Iterator[str]:
    """What is to be said of its seasons, where those were `asked` for."""
    time, found = dataset.time, [season.name for season in dataset.seasons]
    if time is None:
        return
    if found:
        yield (
            f"rows go with the {' and the '.join(found)}, and what is generated with the times beside it"
        )
    for season in () if asked else times.seasons(time):
        turns = len(np.unique(_turns(time, season, dataset.ticks)))
        if turns < _TURNS and 2 * len(dataset.ticks) > season.rows:
            yield (
                f"fewer than {_TURNS} {season.name}s do not say whether rows go with the {season.name}: "
                f"--seasons {' '.join([*found, season.name])} says that they do"
            )


def begun(dataset: Dataset, rows: Integers) -> Integers:
    """Which row of each season these rows of the dataset are: (rows, seasons)."""
    assert dataset.time is not None
    ticks = dataset.ticks[rows]
    return np.stack([times.places(dataset.time, season, ticks) for season in dataset.seasons], axis=1)


def binned(dataset: Dataset, begins: NDArray[np.floating] | Integers, length: int) -> Integers:
    """At which hour of the day, day of the week and month of the year the rows of windows are that begin in
    these rows of seasons, (windows, seasons): (windows, length, seasons)."""
    found = []
    for season, first in zip(dataset.seasons, begins.astype(np.int64).T, strict=True):
        places = min(_PLACES[season.name], season.rows)
        found.append((first[:, None] + np.arange(length)) % season.rows * places // season.rows)
    return np.stack(found, axis=2)


def _matters(dataset: Dataset, time: Time, season: Season, ticks: Integers) -> bool:
    turns, turn = np.unique(_turns(time, season, ticks), return_inverse=True)  # (rows,)
    if len(turns) < _TURNS:
        return False
    places = min(_PLACES[season.name], season.rows)
    cell = turn * places + times.places(time, season, ticks) * places // season.rows  # (rows,)
    for x in _features(dataset, season):
        move = np.diff(x, prepend=np.nan)
        move[dataset.bounds[:-1]] = np.nan
        if any(_foretold(y, cell, len(turns), places) for y in (x, move, np.abs(move))):
            return True
    return False


def _turns(time: Time, season: Season, ticks: Integers) -> Integers:
    """Which day, week or year each row is in."""
    days = ticks // times.ticks_a_day(time)
    if season.name == "year":
        return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    return days if season.name == "day" else (days + times.THURSDAY) // 7


def _features(dataset: Dataset, season: Season) -> Iterator[Doubles]:
    """Columns as numbers, (rows,) each: in deviations, those of each sequence that goes through a turn its
    own, and whether each label is there."""
    rows = np.diff(dataset.bounds)
    group = np.where(rows >= season.rows, 1 + np.arange(len(rows)), 0).repeat(rows)  # (rows,)
    for column, x in zip(dataset.columns, dataset.values.T, strict=True):
        if column.labels:
            labels, counts = np.unique(x, return_counts=True)
            for label in labels[np.argsort(-counts)[:_OUTCOMES]]:
                yield (x == label).astype(np.float64)
        else:
            there = np.isfinite(x)
            own, groups = group[there], len(rows) + 1
            counts = np.maximum(np.bincount(own, minlength=groups), 1)
            centred = x - (np.bincount(own, x[there], groups) / counts)[group]
            deviation = np.sqrt(np.bincount(own, centred[there] ** 2, groups) / counts)[group]
            yield np.clip(centred / np.where(deviation > 0, deviation, 1), -_FAR, _FAR)


def _foretold(x: Doubles, cell: Integers, turns: int, places: int) -> bool:
    """Whether x (rows,), where it is a number, is foretold by its place in other turns: `cell` (rows,) is
    that and its turn, turn · places + place."""
    there = np.isfinite(x)
    x, cell = x[there], cell[there]
    shape = turns, places
    counts = np.bincount(cell, minlength=turns * places).reshape(shape)
    sums = np.bincount(cell, x, turns * places).reshape(shape)
    others = counts.sum(axis=0) - counts  # (turns, places): rows of other turns at that place
    all_others = counts.sum() - counts.sum(axis=1, keepdims=True)  # (turns, 1)
    known = (others > 0) & (counts > 0)
    at_place = (sums.sum(axis=0) - sums) / np.maximum(others, 1)
    plain = (sums.sum() - sums.sum(axis=1, keepdims=True)) / np.maximum(all_others, 1)
    # Of a cell Σ (x − a)² − Σ (x − b)² is (b − a)(2 Σ x − n (a + b)).
    gained = np.where(known, (at_place - plain) * (2 * sums - counts * (at_place + plain)), 0).sum(axis=1)
    squares = np.bincount(cell, x * x, turns * places).reshape(shape)
    missed = np.where(known, squares - 2 * plain * sums + counts * plain**2, 0).sum()
    if missed <= 0 or gained.sum() <= _FORETOLD * missed:
        return False
    return bool(gained.sum() > _CERTAIN * turns**0.5 * gained.std(ddof=1))
