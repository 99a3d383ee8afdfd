"""The basis of waveforms: how sound is presented to the players, and how it comes back.

    values --(x − mean) / deviation--> rows of a hop of samples, which the discriminator hears
    values <--one line from low to high-- rows <--overlap-add-- y, what the generator says

Nothing is bent: a waveform's samples are one quantity, and its shape is what matters. A window of a
long recording begins at any sample: each time that it is taken, it is moved by less than a hop, so that
no phase is special (`chance`, one number a window). The window
of a recording that is learnt whole begins where it begins.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from training.basis import STILL, Mixing
from training.conditions import Conditions
from training.data import Dataset, Windows
from training.data.dataset import Doubles
from training.decoder import Decoder
from training.errors import DataError
from training.layout import Floats
from training.memory import remembered
from training.overlap import axes_of

_FRAMES, _STRETCH = 20_000, 16
"""Real frames that the axes are taken from, and how many of them follow each other."""
_FIT_WINDOWS = 2048
_REACH = 1.25
"""How far samples may go, in the largest that was seen."""


class WaveBasis:
    """A fitted basis over one dataset of sound, which encodes windows on demand, as `Basis` does."""

    def __init__(self, dataset: Dataset, windows: Windows, kind: Literal["cowhitened", "standard"]):
        """Fit to the windows.

        Raises:
            DataError: recordings that are shorter than a few steps.
        """
        covered = windows.covered  # what is held out is not fitted either
        self.layout = dataset.layout
        self.conditions = Conditions.of(dataset, windows)
        given = self.conditions.encode(Conditions.rows_of(dataset, windows))
        self._given = torch.from_numpy(given)  # (windows, given)
        self.rows = int(covered.sum())
        """Rows that are trained on."""
        self._windows, self.hop = windows, len(dataset.columns)
        fitted = dataset.values[covered]  # (rows, hop)
        self._mean, self._deviation = fitted.mean(), fitted.std()
        scaled = (dataset.values - self._mean) / self._deviation
        self._samples: Floats = scaled.astype(np.float32).reshape(-1)  # (rows · hop,)
        self._free = self._movable(dataset, covered)
        self.decoder = self._decoder(float(fitted.min()), float(fitted.max()))
        self.mixing = self._mixing(dataset, covered)

    def encode(self, index: NDArray[np.int64], chance: Doubles, steps: int | None = None) -> torch.Tensor:
        """The windows `index`, or their first `steps`, as rows of samples: (len(index), length, hop)
        float32, 0 behind an end, as `Generator.forward` gives them.

        `chance` (len(index), 1, 1) in [0, 1) say by how much of a hop each is moved.
        """
        shift = (chance[:, 0, 0] * self.hop).astype(np.int64) * self._free[index]  # (windows,)
        first = self._windows.rows(index)[:, :steps] * self.hop + shift[:, None]  # (windows, length)
        rows = self._samples[first[..., None] + np.arange(self.hop)]  # (windows, length, hop)
        return torch.from_numpy(self.conditions.cut(rows, self._windows.valid(index)[:, :steps]))

    def given(self, index: NDArray[np.int64]) -> torch.Tensor:
        """The conditions of the windows `index`: (len(index), conditions' width) float32."""
        return self._given[torch.from_numpy(index)]

    def some(self) -> torch.Tensor:
        """Windows to fit what the discriminator hears by: (windows, length, hop)."""
        random = np.random.default_rng(1)
        index = np.sort(random.permutation(len(self._windows))[:_FIT_WINDOWS])
        return self.encode(index, random.random((len(index), 1, 1)))[..., : self.hop]

    def _movable(self, dataset: Dataset, covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether the row behind each window may be shown as well: (windows,)."""
        if self.conditions.most:
            return np.zeros(len(self._windows), bool)
        behind = self._windows.starts + self._windows.length
        inside = np.append(covered, False)[behind]
        same = ~np.isin(behind, dataset.bounds)
        return inside & same

    def _decoder(self, low: float, high: float) -> Decoder:
        """One straight line, the same for each sample of a hop."""
        middle, half = (low + high) / 2, _REACH * (high - low) / 2
        ends = np.array([middle - half, middle + half])
        scores = (ends - self._mean) / self._deviation
        own = np.arange(self.hop)[:, None]

        def each(*numbers: float) -> Floats:
            return np.tile(np.array(numbers, np.float32), (self.hop, 1))

        return Decoder(
            origin=each(scores[0])[:, 0],
            scale=each(1 / (scores[1] - scores[0]))[:, 0],
            table=each(*ends),
            ends=np.zeros((2, self.hop), np.float32),
            between=each(1)[:, 0],
            per=each(0)[:, 0],
            of=each(1)[:, 0],
            not_above=own,
            not_below=own,
        )

    def _mixing(self, dataset: Dataset, covered: NDArray[np.bool_]) -> Mixing:
        """The axes of real frames, and how what is said along them moves and is remembered."""
        frames = self._frames(dataset, covered)
        axes = axes_of(frames.reshape(-1, 2 * self.hop))  # (components, 2 hop)
        inward = axes / (axes**2).sum(1, keepdims=True)
        said = frames @ inward.T  # (stretches, frames, components)
        decay, share = remembered(said, np.ones(said.shape[:2], bool))
        increments = np.maximum(np.diff(said, axis=1).std((0, 1)), STILL)
        return Mixing(
            mean=np.zeros(self.hop),
            inward=inward,
            outward=np.eye(self.hop),
            increments=increments,
            decay=decay,
            share=share,
            noise=increments,
            walk=increments,
            axes=axes,
        )

    def _frames(self, dataset: Dataset, covered: NDArray[np.bool_]) -> Doubles:
        """Stretches of frames a hop apart, which begin at any sample: (stretches, frames, 2 hop)."""
        rows = min(_STRETCH, max(1, int(np.diff(dataset.bounds).max()) - 2))
        count = np.cumsum(np.append(0, covered))
        first = np.arange(len(covered))
        # Two rows more: the second hop of the last frame, and one to be moved into.
        last = np.minimum(first + rows + 1, len(covered) - 1)
        inside = count[last + 1] - count[first] == rows + 2
        inside &= dataset.sequence_of(last) == dataset.sequence_of(first)
        if not inside.any():
            raise DataError(
                f"{dataset.name}: no recording has {rows + 2} steps that are trained on: bring longer "
                "ones, or a smaller --hop"
            )
        random = np.random.default_rng(0)
        starts = random.choice(np.flatnonzero(inside), _FRAMES // rows) * self.hop
        starts += random.integers(self.hop, size=len(starts))
        at = starts[:, None] + np.arange(rows) * self.hop  # (stretches, frames)
        frames: Doubles = self._samples[at[..., None] + np.arange(2 * self.hop)].astype(np.float64)
        return frames
