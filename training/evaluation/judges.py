"""Judges: small GRUs that try to tell generated windows from real ones, or to learn from them.

The protocol is that of Yoon et al., "Time-series generative adversarial networks" (NeurIPS
2019, section 5), with the cell, the initial values and the sizes of its published code. All
judges of a score train at once: their weights are stacked along a first axis, `judges`.

What the field's numbers do not say: its judge has few hidden units (3 on six channels), so a
score of 0 means that this judge was fooled, no more. The strong judge has two layers of 32.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from training.evaluation.progress import Tick, silent

Windows = NDArray[np.float32]
Labelled = tuple[Windows, NDArray[np.int64]]
"""Windows and the class of each."""

_BATCH, _RATE, _HELD_OUT = 128, 1e-3, 0.2
_CLASS_RATE = 3e-3
"""Of classifiers: there is no other side whose mistakes a quick one could be misled by."""


@dataclass(frozen=True)
class Judge:
    """A kind of judge. `hidden` None: half the channels, as in the published code."""

    layers: int
    hidden: int | None
    iterations: int


FIELD = Judge(layers=1, hidden=None, iterations=2000)
STRONG = Judge(layers=2, hidden=32, iterations=1000)
PREDICTIVE = Judge(layers=1, hidden=None, iterations=5000)


def discriminative(
    real: Windows, other: Windows, judge: Judge, judges: int, seed: int,
    unseen: tuple[Windows, Windows] | None = None, tick: Tick = silent,
) -> Tensor:  # fmt: skip
    """|accuracy − ½| of each judge on windows that it did not train on: (judges,).

    0: cannot tell `other` from `real`; ½: always can. All are (windows, length, channels),
    scaled to 0 … 1 by channel. Each judge draws its own split of 80 to 20, or trains on all and is
    asked about `unseen` windows of both kinds.
    """
    random = torch.Generator().manual_seed(seed)
    sets = [torch.from_numpy(x) for x in (real, other)]
    orders = [_permutations(len(x), judges, random) for x in sets]
    cuts = [int((1 - _HELD_OUT) * len(x)) for x in sets]
    asked = [(x, order[:, cut:]) for x, order, cut in zip(sets, orders, cuts, strict=True)]
    if unseen is not None:
        cuts = [len(x) for x in sets]
        asked = [(torch.from_numpy(x), _permutations(len(x), judges, random)) for x in unseen]
    net = _StackedGRU(judges, real.shape[2], judge, random)
    optimiser = torch.optim.Adam(net.weights, _RATE, foreach=True)
    truth = torch.cat([torch.ones(_BATCH), torch.zeros(_BATCH)]).expand(judges, -1)
    for _ in range(judge.iterations):
        batch = torch.cat(
            [
                x[order.gather(1, torch.randint(cut, (judges, _BATCH), generator=random))]
                for x, order, cut in zip(sets, orders, cuts, strict=True)
            ],
            dim=1,
        )  # (judges, 2 batch, length, channels)
        # Summed over judges: each gets the gradient that it would get alone.
        loss = binary_cross_entropy_with_logits(net.last(batch), truth, reduction="none")
        optimiser.zero_grad()
        loss.mean(1).sum().backward()
        optimiser.step()
        tick(1 / judge.iterations)
    count = min(order.shape[1] for _, order in asked)
    right = torch.zeros(judges)
    with torch.no_grad():
        for (x, order), sign in zip(asked, (1, -1), strict=True):
            for part in order[:, :count].split(2000, dim=1):
                right += (sign * net.last(x[part]) > 0).float().sum(1)
    return (right / (2 * count) - 0.5).abs()


def predictive(
    real: Windows, other: Windows, judge: Judge, judges: int, seed: int, tick: Tick = silent
) -> Tensor:
    """Mean absolute error, on `real`, of one-step forecasters of the last channel trained on
    `other`: (judges,). Both are (windows, length, channels) with at least two channels."""
    random = torch.Generator().manual_seed(seed)
    train, test = torch.from_numpy(other), torch.from_numpy(real)
    net = _StackedGRU(judges, real.shape[2] - 1, judge, random, hidden=judge.hidden or real.shape[2] // 2)
    optimiser = torch.optim.Adam(net.weights, _RATE, foreach=True)
    for _ in range(judge.iterations):
        batch = train[torch.randint(len(train), (judges, _BATCH), generator=random)]
        error = (net.each(batch[:, :, :-1, :-1]).sigmoid() - batch[:, :, 1:, -1]).abs()
        optimiser.zero_grad()
        error.mean((1, 2)).sum().backward()
        optimiser.step()
        tick(1 / judge.iterations)
    total = torch.zeros(judges)
    with torch.no_grad():
        for part in test.split(2000):
            wide = part[None].expand(judges, -1, -1, -1)  # (judges, windows, length, channels)
            error = (net.each(wide[:, :, :-1, :-1]).sigmoid() - wide[:, :, 1:, -1]).abs()
            total += error.mean(2).sum(1)
    return total / len(test)


def mistaken(
    train: Labelled, asked: Labelled, classes: int, judge: Judge, judges: int, seed: int,
    tick: Tick = silent,
) -> Tensor:  # fmt: skip
    """Share of the windows `asked` that classifiers trained on others take for another class: (judges,).
    They are judges with an output a class."""
    random = torch.Generator().manual_seed(seed)
    (x, of), (unseen, truth) = ((torch.from_numpy(w), torch.from_numpy(c)) for w, c in (train, asked))
    net = _StackedGRU(judges, x.shape[2], judge, random, outputs=classes)
    optimiser = torch.optim.Adam(net.weights, _CLASS_RATE, foreach=True)
    for _ in range(judge.iterations):
        picked = torch.randint(len(x), (judges, _BATCH), generator=random)
        logits = net.outputs(x[picked])  # (judges, batch, classes)
        loss = cross_entropy(logits.flatten(0, 1), of[picked].flatten(), reduction="none")
        optimiser.zero_grad()
        loss.view(judges, -1).mean(1).sum().backward()
        optimiser.step()
        tick(1 / judge.iterations)
    wrong = torch.zeros(judges)
    with torch.no_grad():
        for part, right in zip(unseen.split(2000), truth.split(2000), strict=True):
            guessed = net.outputs(part[None].expand(judges, -1, -1, -1)).argmax(2)
            wrong += (guessed != right).float().sum(1)
    return wrong / len(unseen)


class _StackedGRU:
    """Several GRUs of equal size side by side, each (judges, …)."""

    def __init__(
        self, judges: int, channels: int, judge: Judge, random: torch.Generator,
        hidden: int | None = None, outputs: int = 1,
    ):  # fmt: skip
        self.hidden = max(1, hidden or judge.hidden or channels // 2)
        self.layers: list[tuple[Tensor, ...]] = []
        for layer in range(judge.layers):
            inputs = self.hidden if layer else channels
            gates = _glorot(judges, inputs + self.hidden, 2 * self.hidden, random)
            candidate = _glorot(judges, inputs + self.hidden, self.hidden, random)
            self.layers.append(
                (
                    torch.cat([gates[:, :inputs], candidate[:, :inputs]], 2),
                    gates[:, inputs:].clone(),
                    candidate[:, inputs:].clone(),
                    torch.cat(
                        [torch.ones(judges, 1, 2 * self.hidden), torch.zeros(judges, 1, self.hidden)], 2
                    ),
                )
            )
        self.out = (_glorot(judges, self.hidden, outputs, random), torch.zeros(judges, 1, outputs))
        self.weights = [w.requires_grad_() for part in (*self.layers, self.out) for w in part]

    def last(self, x: Tensor) -> Tensor:
        """Logits from the last step: (judges, batch, length, channels) to (judges, batch)."""
        return self.outputs(x)[..., 0]

    def outputs(self, x: Tensor) -> Tensor:
        """All logits from the last step: (judges, batch, length, channels) to (judges, batch, outputs)."""
        return torch.baddbmm(self.out[1], self._run(x)[-1], self.out[0])

    def each(self, x: Tensor) -> Tensor:
        """Logits from every step: (judges, batch, length, channels) to (judges, batch, length)."""
        hidden = torch.stack(self._run(x), 2)  # (judges, batch, length, hidden)
        flat = torch.baddbmm(self.out[1], hidden.flatten(1, 2), self.out[0])
        return flat.view(hidden.shape[:3])

    def _run(self, x: Tensor) -> list[Tensor]:
        """The top layer's hidden state after every step, each (judges, batch, hidden)."""
        judges, batch, length, _ = x.shape
        x = x.transpose(1, 2)  # (judges, length, batch, channels)
        states: list[Tensor] = []
        for inward, gates, candidate, bias in self.layers:
            flat = x.reshape(judges, length * batch, -1)
            driven = torch.baddbmm(bias, flat, inward).view(judges, length, batch, -1).unbind(1)
            h, states = x.new_zeros(judges, batch, self.hidden), []
            for step in driven:
                pre_gates, pre_candidate = step.split([2 * self.hidden, self.hidden], 2)
                reset, update = torch.baddbmm(pre_gates, h, gates).sigmoid().chunk(2, 2)
                new = torch.baddbmm(pre_candidate, reset * h, candidate).tanh()
                h = new + update * (h - new)
                states.append(h)
            x = torch.stack(states, 1)  # (judges, length, batch, hidden)
        return states


def _glorot(judges: int, inputs: int, outputs: int, random: torch.Generator) -> Tensor:
    edge = math.sqrt(6 / (inputs + outputs))
    return (torch.rand(judges, inputs, outputs, generator=random) * 2 - 1) * edge


def _permutations(count: int, judges: int, random: torch.Generator) -> Tensor:
    return torch.stack([torch.randperm(count, generator=random) for _ in range(judges)])
