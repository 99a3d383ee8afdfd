"""Figures of films in which something moves."""

import math

import numpy as np
from sklearn.svm import SVC

from benchmarks.kinds.figures import Doubles, Figures, Sequences, classes


def films(train: Sequences, held: Sequences, made: Sequences) -> Figures:
    """Whether a classifier sees the class that was asked for in what moves, and learns from samples what
    classes are; how fast it goes, how straight, and how much its weight and its look change on the way. The
    latter are means over films, relative to those of real ones."""
    figures = classes(train, held, made, lambda: SVC(C=10), lambda film: steady(film).mean(0).ravel())
    real, other, own = (np.mean([motion(x) for x in s.rows], 0) for s in (train, held, made))
    scale = np.maximum(real, 1e-9)
    for i, name in enumerate(("pace", "turns", "weight", "look")):
        value, floor = (abs(float(x[i] / scale[i]) - 1) for x in (own, other))
        figures[f"{name}, relative error"] = value, floor
    return figures


def steady(film: Doubles) -> Doubles:
    """The frames of a film (frames, pixels), square ones, each moved by whole pixels so that its weight is
    in the middle: (frames, side, side)."""
    frames = _square(film)
    shifts = np.rint(frames.shape[1] / 2 - _centres(frames)).astype(int)
    return np.stack([np.roll(frame, tuple(by), (0, 1)) for frame, by in zip(frames, shifts, strict=True)])


def motion(film: Doubles) -> Doubles:
    """Of a film (frames, pixels): pixels a frame; how much that changes; the deviation of the weight over
    its mean; and the mean difference of two frames in turn, both in the middle, in shades: (4,)."""
    moves = np.diff(_centres(_square(film)), axis=0)  # (frames - 1, 2)
    turns = np.diff(moves, axis=0)
    weight = film.sum(1)
    look = np.abs(np.diff(steady(film), axis=0)).mean()
    return np.array(
        [
            np.hypot(*moves.T).mean(),
            np.hypot(*turns.T).mean(),
            weight.std() / max(weight.mean(), 1e-9),
            look,
        ]
    )


def _square(film: Doubles) -> Doubles:
    side = math.isqrt(film.shape[1])
    return film.reshape(-1, side, side)


def _centres(frames: Doubles) -> Doubles:
    """Where the weight of each frame is: (frames, 2)."""
    weight = np.maximum(frames.sum((1, 2)), 1e-9)
    places = np.arange(frames.shape[1])
    centres: Doubles = np.stack([frames.sum(2) @ places, frames.sum(1) @ places], 1) / weight[:, None]
    return centres
