"""The rows of a tick side by side: what the runtime is fed with, and what it gave.

Rows that go on together stay where they are: what the runtime gave as their next state is what it is
fed with, and nothing is copied. Only when the company changes are the rows put together anew, one
gather for each tensor. Noise is drawn into the tick's own array, all rows' in one pass.
"""

import numpy as np

from contract import interface
from contract.noise import NoiseStream, normals, words_of
from contract.rollout import Array, Arrays
from contract.spec import Spec
from serving.jobs import Group


class Batch:
    """What a sequence brings once, and its state as the runtime gave it. All are (rows, …), states
    with layers (layers, rows, …)."""

    def __init__(self, spec: Spec) -> None:
        tensors = [t for t in interface.inputs(spec) if t.name not in ("noise", "position")]
        self._states = [(t.name, "next." + t.name[6:]) for t in tensors if t.name.startswith("state.")]
        self._axes = {t.name: t.shape.index(interface.BATCH) for t in tensors}
        shapes = {t.name: [1 if d == interface.BATCH else int(d) for d in t.shape] for t in tensors}
        self._arrays: Arrays = {t.name: np.zeros(shapes[t.name], t.dtype) for t in tensors}
        self._groups: list[Group] = []
        self._noise = spec.noise_size
        self._stream = NoiseStream()

    def bring(self, groups: list[Group]) -> list[Group]:
        """Put these groups' rows side by side; gives the groups in the order of their rows."""
        present = set(groups)
        # Those who stay, in their order, then those who join.
        groups = [g for g in self._groups if g in present] + [g for g in groups if g.row is None]
        if groups == self._groups:
            return groups
        old = {n: np.asarray(a) for n, a in self._arrays.items()}
        origin: list[int] = []
        for group in groups:  # who joins gathers row 0, and then writes its own
            origin += [0] * group.size if group.row is None else range(group.row, group.row + group.size)
        for group in self._groups:
            if group not in present and not (group.ended or group.job.over):
                group.kept = {n: self.part(n, a, group).copy() for n, a in old.items()}
        rows = np.array(origin)
        if any(group.row is not None for group in groups):
            self._arrays = {n: a.take(rows, self._axes[n]) for n, a in old.items()}
        else:  # nobody stays, and there is nothing to gather
            self._arrays = {n: _blank(a, self._axes[n], len(rows)) for n, a in old.items()}
        for group in self._groups:
            group.row = None
        at = 0
        for group in groups:
            group.row = at
            at += group.size
            for name, own in group.kept.items():
                self.part(name, self._arrays[name], group)[...] = own
            group.kept = {}
        self._groups = groups
        return groups

    def feeds(self, steps: int) -> Arrays:
        """What a tick of so many steps is fed with; a group may need fewer, and what it is fed with behind
        its end is anything."""
        rows = sum(g.size for g in self._groups)
        words = np.empty((rows, steps, words_of(self._noise)), np.uint64)
        position: list[int] = []
        for group in self._groups:
            own = words[len(position) : len(position) + group.size, : group.needs]
            self._stream.words(group.job.request.seed, group.rows, group.position, own)
            position += [group.position] * group.size
        noise = normals(words, self._noise)  # (rows, steps, noise)
        return {**self._arrays, "noise": noise, "position": np.array(position)}

    def keep(self, out: Arrays) -> None:
        """Take the states that the runtime gave."""
        for state, following in self._states:
            self._arrays[state] = out[following]

    def part(self, name: str, array: Array, group: Group) -> Array:
        """A group's rows of an array of the batch, not copied."""
        assert group.row is not None
        rows = slice(group.row, group.row + group.size)
        return array[:, rows] if self._axes.get(name) else array[rows]


def _blank(like: Array, axis: int, rows: int) -> Array:
    """An array of so many rows on that axis, else `like` this one: zeros."""
    return np.zeros((*like.shape[:axis], rows, *like.shape[axis + 1 :]), like.dtype)
