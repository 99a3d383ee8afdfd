"""Where the milliseconds of a training step go, beside the same game written plainly.

Thread CPU time on one core, repeats of both games interleaved, medians. The parts are timed from
outside, around what the game calls, so the game is the very one that trains; the level's own game,
before the first step, is not in it. `plain` is a stand-in: a relativistic game with its penalty, of the
same sizes, in stock torch (`nn.LSTM`, Adam, windows encoded beforehand), without homes, moments, and
the sums that forget. Only the ratio of the two says something on another machine.
"""

import argparse
import copy
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from training import game as game_module
from training.basis import Basis
from training.config import Recipe, Sizes, TrainConfig, sizes_for, window_for
from training.data import load
from training.game import Game
from training.trainer import recipe_for

RESULT = Path(__file__).parent / "results" / "training.json"
REPEATS, STEPS, WARM = 7, 16, 8
STEPS_ALL = (REPEATS + 1) * STEPS + WARM

Spent = dict[str, float]
"""Seconds by part."""


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="stocks")
    parser.add_argument("--length", type=int, default=24)
    choices = parser.parse_args()
    torch.set_num_threads(1)
    config = TrainConfig(length=choices.length)
    dataset = load(choices.data, config)
    windows, _ = dataset.split(dataset.length, config.stride, config.hold_out)
    recipe = replace(recipe_for(dataset, config), shortest=0)  # a step of windows that have grown
    basis, sizes = Basis(dataset, windows, recipe.basis), sizes_for(len(dataset.columns))
    window = window_for(np.diff(dataset.bounds).tolist(), dataset.length)
    game = Game(
        basis, len(windows), dataset.length, sizes, window, recipe, STEPS_ALL, 0, torch.device("cpu")
    )  # fmt: skip
    few = np.arange(min(2048, len(windows)))
    plain = Plain(basis.encode(few, np.full((len(few), 1, 1), 0.5)), sizes, recipe)
    for _ in range(WARM):
        game.play()
        plain.play()
    ours, theirs, parts = [], [], []
    for _ in range(REPEATS):
        with timed_parts(game) as spent:
            ours.append(_milliseconds(game.play))
        parts.append({name: 1000 * seconds / STEPS for name, seconds in spent.items()})
        theirs.append(_milliseconds(plain.play))
    step, stock = statistics.median(ours), statistics.median(theirs)
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    names = sorted({name for part in parts for name in part})
    medians = {name: statistics.median(part.get(name, 0.0) for part in parts) for name in names}
    medians["everything else"] = statistics.median(
        whole - sum(part.values()) for whole, part in zip(ours, parts, strict=True)
    )
    for name, value in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"{name:<28} {value:>8.2f} ms {value / step:>7.1%}")
    print(f"{'a step':<28} {step:>8.2f} ms")
    print(f"{'a step, written plainly':<28} {stock:>8.2f} ms {ratio:>6.2f} times as long")
    line = json.dumps(
        {
            "benchmark": "training",
            "unit": "ms of CPU a step, one thread",
            "data": choices.data,
            "length": choices.length,
            "parts": {name: round(value, 3) for name, value in medians.items()},
            "step": round(step, 3),
            "plain": round(stock, 3),
            "plain_over_step": round(ratio, 3),
        }
    )
    RESULT.write_text(line + "\n")
    print(line)


def _milliseconds(play: Callable[[], object]) -> float:
    """CPU milliseconds of this thread a step."""
    begun = time.thread_time()
    for _ in range(STEPS):
        play()
    return 1000 * (time.thread_time() - begun) / STEPS


@contextmanager
def timed_parts(game: Game) -> Iterator[Spent]:
    """CPU seconds by part of the game's steps, while the context lasts.

    A backward pass belongs to the player whose optimiser steps next; the generator's leads through
    the discriminator, and the second one of the penalty is inside the discriminator's.
    """
    spent: Spent = defaultdict(float)
    nested: list[float] = []
    waiting: list[float] = []

    def around(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            nested.append(0.0)
            begun = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                whole = time.thread_time() - begun
                own = whole - nested.pop()
                if nested:
                    nested[-1] += whole
                if name == "backward":
                    waiting.append(own)
                else:
                    spent[name] += own
                if name.endswith("optimiser") and waiting:
                    spent[f"{name.removesuffix(' optimiser')} backward"] += sum(waiting)
                    waiting.clear()

        return timed

    with ExitStack() as stack:

        def wrap(owner: object, attribute: str, name: str) -> None:
            wrapped = around(name, getattr(owner, attribute))
            stack.enter_context(mock.patch.object(owner, attribute, wrapped))

        wrap(game.generator, "forward", "generator forward")
        wrap(game.discriminator, "forward", "discriminator forward")
        wrap(game.basis, "encode", "encode")
        wrap(game, "_follow", "average")
        wrap(game_module, "gradient_penalty", "penalty, first gradient")
        for player, optimiser in zip(("generator", "discriminator"), game.optimisers, strict=True):
            wrap(optimiser, "step", f"{player} optimiser")
        wrap(torch.autograd, "backward", "backward")
        yield spent


class Plain:
    """The relativistic game with its penalty, as one would write it down."""

    def __init__(self, windows: Tensor, sizes: Sizes, recipe: Recipe):
        self.windows, self.recipe = windows, recipe  # (windows, steps, components)
        torch.manual_seed(0)
        self.generator = PlainGenerator(sizes, windows)
        self.discriminator = PlainDiscriminator(sizes, windows)
        self.average = copy.deepcopy(self.generator)
        self.optimisers = [
            torch.optim.Adam(n.parameters(), recipe.learning_rate, recipe.betas)
            for n in (self.generator, self.discriminator)
        ]
        self.step = 0

    def play(self) -> None:
        """One step of each player."""
        recipe = self.recipe
        real = self.windows[torch.randint(len(self.windows), (recipe.batch,))]
        fake = self.generator(recipe.batch)
        both = torch.cat([real, fake.detach()])
        penalised = recipe.penalty > 0 and self.step % recipe.penalty_every == 0
        both.requires_grad_(penalised)
        logits = self.discriminator(both)
        r, f = logits.chunk(2)
        loss = softplus(f - r).mean()
        if penalised:
            (slope,) = torch.autograd.grad(logits.sum(), both, create_graph=True)
            weight = recipe.penalty * recipe.penalty_every
            loss = loss + weight * slope.square().sum((1, 2)).mean()
        self._descend(1, loss)
        self._descend(0, softplus(r.detach() - self.discriminator(fake)).mean())
        with torch.no_grad():
            for kept, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                kept.lerp_(now, 1e-3)
        self.step += 1

    def _descend(self, player: int, loss: Tensor) -> None:
        self.optimisers[player].zero_grad()
        loss.backward()
        self.optimisers[player].step()


class PlainGenerator(nn.Module):
    """Level, direct part and running sum from one LSTM."""

    def __init__(self, sizes: Sizes, windows: Tensor):
        super().__init__()
        self.sizes, self.steps = sizes, windows.shape[1]
        components, hidden = windows.shape[2], sizes.hidden
        self.noise = 8 if sizes.latent < 32 else 32  # the lab's
        self.first = _two_layers(sizes.latent, hidden, 2 * hidden)
        self.lstm = nn.LSTM(self.noise + sizes.latent, hidden, batch_first=True)
        self.head = nn.Linear(hidden + self.noise, 2 * components)
        self.level = nn.Sequential(
            _two_layers(sizes.latent, hidden, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, components)
        )
        increments = windows.diff(dim=1).flatten(0, 1).std(0)
        self.a, self.b = (nn.Parameter(increments.clone()) for _ in range(2))

    def forward(self, batch: int) -> Tensor:
        """(batch, steps, components)"""
        latent = torch.randn(batch, self.sizes.latent)
        noise = torch.randn(batch, self.steps, self.noise)
        h, c = self.first(latent).chunk(2, 1)
        wide = latent[:, None].expand(-1, self.steps, -1)
        state = (torch.tanh(h)[None].contiguous(), c[None].contiguous())
        hidden, _ = self.lstm(torch.cat([noise, wide], 2), state)
        u, v = self.head(torch.cat([hidden, noise], 2)).chunk(2, 2)
        made: Tensor = self.level(latent)[:, None] + u * self.a + torch.cumsum(v * self.b, 1)
        return made


class PlainDiscriminator(nn.Module):
    """Windows and their increments through one LSTM."""

    scale: Tensor

    def __init__(self, sizes: Sizes, windows: Tensor):
        super().__init__()
        hidden = sizes.hidden
        self.lstm = nn.LSTM(2 * windows.shape[2], hidden, batch_first=True)
        self.whole = _two_layers(2 * hidden + 1, hidden, 1)
        self.each = nn.Linear(hidden, 1)
        self.register_buffer("scale", windows.diff(dim=1).flatten(0, 1).std(0) + 1e-4)

    def forward(self, x: Tensor) -> Tensor:
        """(batch,)"""
        change = pad((x[:, 1:] - x[:, :-1]) / self.scale, (0, 0, 1, 0))
        hidden, _ = self.lstm(torch.cat([x, change], 2))
        pooled = torch.cat([hidden[:, -1], hidden.mean(1)], 1)
        groups = pooled.view(-1, 8, pooled.shape[1])
        deviation = (groups.var(1, unbiased=False) + 1e-6).sqrt().mean(1)
        pooled = torch.cat([pooled, deviation.repeat_interleave(8)[:, None]], 1)
        logits: Tensor = self.whole(pooled)[:, 0] + self.each(hidden)[..., 0].mean(1)
        return logits


def _two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, outputs))


if __name__ == "__main__":
    main()
