"""The default recipe with one of its parts taken out, from outside: training itself has no switch
for what is always there.

Each function patches modules of this process, before anything is built; `mock.patch.stopall` undoes it.
"""

import math
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from training import atoms, basis, curves, discriminator, generator, homes, loop, rests, trainer
from training.data.dataset import Doubles
from training.data.rules import following
from training.discriminator import Discriminator
from training.generator import Generator
from training.homes import Lasting


def _bending() -> None:
    """Slow channels are standardised as they are."""

    def straight(middle: Doubles, size: Doubles, low: float, high: float) -> tuple[Doubles, Doubles]:
        ends = np.array([low, high])
        return ends, ends

    _replace(curves, "stabilised", straight)


def _normal_scores() -> None:
    """Fast channels are treated as slow ones."""
    _replace(basis, "SLOW", math.inf)


def _forgetting() -> None:
    """The sum keeps all that it was ever given."""
    found = homes.lasting_of

    def kept(mixing: basis.Mixing, window: int) -> Lasting:
        ever = np.ones(len(mixing.decay))
        return Lasting(0 * ever, ever, mixing.walk, found(mixing, window).slowest)

    _replace(generator, "lasting_of", kept)


def _drift() -> None:
    """The latent stays as it was drawn, in series of any length, and nothing goes on behind a window."""
    _replace(trainer, "window_for", lambda sequences, length: 0)


def _colours() -> None:
    """All of the latent drifts at one rate."""

    def slow(window: int, latent: int, slow: float) -> Doubles:
        return np.full(latent + latent // 2, math.exp(-1 / slow)) if window else np.ones(latent)

    _replace(generator, "rates_for", slow)


def _homes() -> None:
    """A sum of moves says where a sequence is, however long it is."""

    def nowhere(decay: Doubles, share: Doubles, walk: Doubles, window: int) -> Lasting:
        return Lasting(np.zeros(len(decay)), decay, walk, 2.0 * window)

    _replace(homes, "lasting", nowhere)


def _rests() -> None:
    """A channel that stands still at many values has the path that is seen."""
    _replace(basis, "path_of", lambda *_: None)


def _ties() -> None:
    """Where many rows share a value, all have the middle of its ranks."""

    def middle(below: Doubles, above: Doubles, *_: object) -> Doubles:
        found: Doubles = torch.special.ndtri(torch.from_numpy((below + above) / 2)).numpy()
        return found

    _replace(basis, "path_between", middle)


def _channels() -> None:
    """Components alone have moments."""
    _replace(basis.Mixing, "mixtures", property(lambda own: torch.zeros(0, len(own.increments))))


def _atoms() -> None:
    """A channel that rests at a value is one as any other."""
    _replace(basis, "atoms_of", lambda values: values[:0])
    _replace(atoms, "atoms_of", lambda values: values[:0])
    _replace(rests, "atoms_of", lambda values: values[:0])


def _straight_way() -> None:
    """What the head says is all that is said."""

    def silenced(own: Generator) -> None:
        for layer in [own.direct, *([own.moves_direct] if own.mixed else [])]:
            for parameter in layer.parameters():
                nn.init.zeros_(parameter).requires_grad_(False)

    _after_init(Generator, silenced)


def _critic_of_levels() -> None:
    """The discriminator is its LSTM."""

    def silenced(own: Discriminator) -> None:
        own.levels = _Silent()

    _after_init(Discriminator, silenced)


def _variety() -> None:
    """Each window is judged by itself."""
    _replace(discriminator, "variety", lambda features: torch.zeros_like(features[:, :1]))


def _rules() -> None:
    """What follows from other columns is learnt as they are."""
    _replace(following, "told", lambda dataset, learnt, whole: dataset)


def _recentring() -> None:
    """Averaged weights have the centre of the last step's."""
    _replace(loop, "recentre", lambda *_: None)


PARTS: dict[str, Callable[[], None]] = {
    "rules": _rules,
    "recentring": _recentring,
    "bending": _bending,
    "normal-scores": _normal_scores,
    "forgetting": _forgetting,
    "drift": _drift,
    "colours": _colours,
    "homes": _homes,
    "atoms": _atoms,
    "rests": _rests,
    "ties": _ties,
    "channels": _channels,
    "straight-way": _straight_way,
    "critic-of-levels": _critic_of_levels,
    "variety": _variety,
}
"""What takes a part out, by the part's name."""


class _Silent(nn.Sequential):
    """One zero a window, and nothing to train."""

    def forward(self, summary: Tensor) -> Tensor:
        return summary.new_zeros(len(summary), 1)  # (batch, 1)


def _replace(owner: object, name: str, new: object) -> None:
    mock.patch.object(owner, name, new).start()


def _after_init(network: Any, change: Callable[[Any], None]) -> None:
    begin = network.__init__

    def changed(self: Any, *arguments: Any) -> None:
        begin(self, *arguments)
        change(self)

    _replace(network, "__init__", changed)
