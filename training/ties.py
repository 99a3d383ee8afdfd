"""Ties: what a ranked channel may be thought to do where many rows share a value.

How many lamps are on, at a step of ten watts each: 0, 1, 2 and more, of which most rows have 0. A rank says
no more of such a row than that its normal score is within a band: below .75 where 77 % of the rows have the
least value. So the score is drawn there, and as a path: of all Gaussian paths that are in these bands, one
that is as probable as they are (Hoff, "Extending the rank likelihood for semiparametric copula estimation",
Annals of Applied Statistics 1, 2007). What goes up and down between two values comes close to their border,
and what stays at one value for long is far from it: networks that draw such a path, at which a table cuts,
make lone steps and long rests as often as the data have them.

Each score is drawn anew again and again by what its neighbours, two on either side, say of it, within its
band; and what they say, which is in the correlations of the path so far, is measured anew each time
(Tanner and Wong, "The calculation of posterior distributions by data augmentation", JASA 82, 1987). Scores
of neighbours are drawn one after the other, as a Gibbs sampler must, and others at once.
"""

from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.data.dataset import Doubles, Integers

_ROUNDS = 40
"""In which all scores are drawn anew."""
_NEAR = (-2, -1, 1, 2)
"""The neighbours of a row."""
_APART = max(_NEAR) + 1
"""Rows that may be drawn at once are so many apart."""
_OPEN = 0.02
"""Least part of a path that its neighbours must leave open, of all that they could: the least eigenvalue of
its correlations. What is measured in short sequences need not be any path's, and would end at the edges."""


def path_between(
    below: Doubles, above: Doubles, bounds: Integers, covered: NDArray[np.bool_] | None = None
) -> Doubles:
    """A path of normal scores (rows,) whose ranks, as shares, are between `below` and `above`, each (rows,)
    in (0, 1); sequences begin and end at `bounds`. Correlations are those of the rows `covered`, or all."""
    random = torch.Generator().manual_seed(crc32(below.tobytes()))  # of each channel its own
    low, high = (torch.special.ndtri(torch.from_numpy(x)) for x in (below, above))
    path = torch.special.ndtri(torch.from_numpy((below + above) / 2))
    tied = high > low
    if not tied.any():
        return path.numpy()  # type: ignore[no-any-return]
    looked_at = torch.ones(len(path), dtype=torch.bool) if covered is None else torch.from_numpy(covered)
    rows = torch.arange(len(path))
    sequence = torch.from_numpy(np.searchsorted(bounds, rows.numpy(), "right") - 1)
    ends = torch.from_numpy(bounds)
    near = torch.stack([rows + k for k in _NEAR], 1)  # (rows, neighbours)
    there = (near >= ends[sequence][:, None]) & (near < ends[sequence + 1][:, None])
    near = near.clamp(0, len(path) - 1)
    kinds, kind = torch.unique(there, dim=0, return_inverse=True)  # which neighbours rows have
    turns = [torch.nonzero(tied & (rows % _APART == k))[:, 0] for k in range(_APART)]
    for _ in range(_ROUNDS):
        weights, left = _said(_correlations(path, sequence, looked_at), kinds)
        for own in turns:
            mean = (weights[kind[own]] * path[near[own]]).sum(1)
            deviation = left[kind[own]]
            first, last = (torch.special.ndtr((edge[own] - mean) / deviation) for edge in (low, high))
            share = first + (last - first) * torch.rand(len(own), generator=random, dtype=torch.float64)
            drawn = mean + deviation * torch.special.ndtri(share)
            drawn = torch.where(last > first, drawn, mean)  # too far away for shares: the nearest edge
            path[own] = drawn.clamp(low[own], high[own])
    return path.numpy()  # type: ignore[no-any-return]


def _correlations(path: Tensor, sequence: Tensor, looked_at: Tensor) -> Tensor:
    """Of a path (rows,) with itself 0, 1, 2 … rows later in the same sequence, of rows that are
    `looked_at`: (lags,)."""
    lags = 2 * max(_NEAR) + 1
    found = torch.zeros(lags, dtype=torch.float64)
    for lag in range(lags):
        later, sooner = slice(lag, None), slice(0, len(path) - lag)
        both = looked_at[later] & looked_at[sooner] & (sequence[later] == sequence[sooner])
        if not both.any():
            lags = lag  # sequences are no longer than that
            break
        found[lag] = (path[later] * path[sooner])[both].mean()
    found = found / found[0]
    steps = torch.arange(lags)
    least = torch.linalg.eigvalsh(found[(steps[:, None] - steps).abs()])[0]
    found[1:] *= ((1 - _OPEN) / (1 - least)).clamp(max=1)
    return found


def _said(correlations: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
    """What neighbours say of a score where those of `kinds` (kinds, neighbours) are there: its weights on
    them, (kinds, neighbours), and the deviation that is left, (kinds,)."""
    steps = torch.tensor(_NEAR)
    between = correlations[(steps[:, None] - steps).abs()]  # (neighbours, neighbours)
    to = correlations[steps.abs()]  # (neighbours,)
    weights = torch.zeros(kinds.shape, dtype=torch.float64)
    left = torch.ones(len(kinds), dtype=torch.float64)
    for i, there in enumerate(kinds):
        own = torch.nonzero(there)[:, 0]
        weights[i, own] = torch.linalg.solve(between[own][:, own], to[own])
        left[i] = (1 - weights[i, own] @ to[own]).sqrt()
    return weights, left
