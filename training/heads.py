"""Heads: what a kind of sequence brings to the players, by its form.

A head is a basis, which presents rows to the players and takes the generator's back, a discriminator,
and what of the recipe and of the widths is its own. Whoever trains or exports asks for a head once, and
for a form nowhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from contract.forms import Form
from training.basis import Basis, Mixing
from training.conditions import Conditions
from training.config import RECIPES, Recipe, RecipeName, Sizes, sizes_for
from training.data import Dataset, Windows
from training.data.dataset import Doubles
from training.decoder import Decoder
from training.discriminator import Discriminator
from training.ear import Ear
from training.layout import Layout
from training.waves import WaveBasis


class Encoded(Protocol):
    """What the game wants of a basis."""

    layout: Layout
    conditions: Conditions
    mixing: Mixing
    decoder: Decoder
    rows: int

    def encode(self, index: NDArray[np.int64], chance: Doubles, steps: int | None = None) -> Tensor:
        """The windows `index`, or their first `steps`, as the discriminator sees them."""

    def given(self, index: NDArray[np.int64]) -> Tensor:
        """Their conditions."""


@dataclass(frozen=True)
class Head:
    """One kind's own."""

    basis: Callable[[Dataset, Windows, Literal["cowhitened", "standard"]], Encoded]
    """The last is `Recipe.basis`."""
    discriminator: Callable[[Any, Sizes], nn.Module]
    """For such a basis."""
    sizes: Callable[[Layout], Sizes]
    """Widths of the networks."""
    changes: dict[str, Any]
    """What of a recipe is otherwise."""


def _of_rows(basis: Basis, sizes: Sizes) -> Discriminator:
    return Discriminator(sizes, basis.mixing, basis.layout.width, *basis.conditions.seen)


def _of_sound(basis: WaveBasis, sizes: Sizes) -> Ear:
    return Ear(sizes, basis.some(), *basis.conditions.seen[:3])


ROWS = Head(Basis, _of_rows, lambda layout: sizes_for(len(layout.numeric) + layout.width), {})
SOUND = Head(
    WaveBasis,
    _of_sound,
    # Sounds begin anywhere: in the middle of a beat that nothing before the window tells of.
    lambda layout: Sizes(latent=24, hidden=64, head=96, level=128, start=96),
    # A window's level is no secret: it is one number among many. And rows are samples there, not y.
    {"hidden_levels": 0.0, "level": 0, "moments": 0.0, "epochs": 0},
)


HEADS: dict[Form, Head] = {"sound": SOUND}
"""Those of rows that mean more than their columns."""


def head_of(form: Form) -> Head:
    """The head of a form."""
    return HEADS.get(form, ROWS)


def recipe_of(form: Form, name: RecipeName) -> Recipe:
    """A recipe by name, as it is for a form."""
    return replace(RECIPES[name], **head_of(form).changes)
