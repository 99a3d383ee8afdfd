"""Seasons: where in the day, in the week and in the year a row is, as the players see it.

A load at noon is not one at midnight, and of the noise of a step nobody knows which it is. So where rows
are one step apart, and the data have to do with the calendar (`training/data/seasonal.py`), both players
are told: sines and cosines of the share of each turn that has gone, and of its multiples.

    given = [conditions, the row of each turn that the first row is],   place_t = (given's + t) mod rows

Places are looked up in a table of 1,024 at most, so that the graph, which does the same in whole numbers,
says the very same wherever a sequence is cut.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from contract.calendar import Season, Turn
from training.data.dataset import Doubles
from training.layers import float32

_WAVES: dict[Turn, int] = {"day": 2, "week": 3, "year": 1}
"""Multiples of a turn's frequency that are seen: of a year, of which there are few, nothing sudden."""
_PLACES = 1024
"""In a table."""


class Seasons(nn.Module):
    """What players see of the calendar; where there are no seasons, nothing."""

    def __init__(self, seasons: tuple[Season, ...]):
        super().__init__()
        self.seasons = seasons
        for season in seasons:
            self.register_buffer(season.name, float32(table_of(season)), persistent=False)

    @property
    def width(self) -> int:
        """How many numbers that are."""
        return sum(2 * _WAVES[season.name] for season in self.seasons)

    def parted(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """`given` (batch, …) to conditions (batch, …) and the places of the first row (batch, seasons)."""
        known, places = given.tensor_split([given.shape[1] - len(self.seasons)], 1)
        return known, places

    def first(self, given: Tensor) -> Tensor:
        """Conditions, and what is seen of the calendar in the first row: (batch, conditions + width)."""
        known, places = self.parted(given)
        return torch.cat([known, self._seen(places, 1)[:, 0]], 1) if self.seasons else known

    def each(self, given: Tensor, steps: int) -> Tensor:
        """The same in each row: (batch, steps, conditions + width)."""
        known, places = self.parted(given)
        known = known[:, None].expand(-1, steps, -1)
        return torch.cat([known, self._seen(places, steps)], 2) if self.seasons else known

    def later(self, given: Tensor, steps: int) -> Tensor:
        """`given` of sequences that begin so many steps later."""
        known, places = self.parted(given)
        rows = given.new_tensor([season.rows for season in self.seasons])
        return torch.cat([known, (places + steps) % rows], 1) if self.seasons else known

    def _seen(self, places: Tensor, steps: int) -> Tensor:
        """(batch, steps, width), of places in the first row (batch, seasons)."""
        time = torch.arange(steps, device=places.device)
        parts = []
        for season, place in zip(self.seasons, places.unbind(1), strict=True):
            at = (place.round().long()[:, None] + time) % season.rows  # (batch, steps)
            table: Tensor = getattr(self, season.name)
            parts.append(table[at // rows_of(season)])
        return torch.cat(parts, 2)


def unseasonal(y: Doubles, given: Tensor, seasons: tuple[Season, ...]) -> tuple[Doubles, Doubles]:
    """y (windows, steps, components) under `given` (windows, …), less what goes with what is seen of the
    calendar, and this, (seen, components), by least squares."""
    if not seasons:
        return y, np.zeros((0, 0))
    own = Seasons(seasons)
    x = (
        own.each(given, y.shape[1])[..., -own.width :].flatten(0, 1).numpy().astype(np.float64)
    )  # (rows, seen)
    flat = y.reshape(len(x), -1)  # (rows, components)
    goes = np.linalg.lstsq(x, flat, rcond=None)[0]  # (seen, components)
    rest: Doubles = (flat - x @ goes).reshape(y.shape)
    return rest, goes.astype(np.float64)


def rows_of(season: Season) -> int:
    """Rows that are one place."""
    return -(-season.rows // _PLACES)


def table_of(season: Season) -> np.ndarray:
    """What is seen at each place of a turn: (places, numbers) float64."""
    each = rows_of(season)
    places = -(-season.rows // each)
    turn = 2 * math.pi * each * np.arange(places)[:, None] / season.rows  # (places, 1)
    waves = turn * np.arange(1, _WAVES[season.name] + 1)
    return np.concatenate([np.sin(waves), np.cos(waves)], axis=1)
