"""The game: one step of both players, and everything that a step changes.

`Game.state_dict` is all of it, so that a run taken up again goes on bit for bit.
"""

import copy
import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.config import Recipe, Sizes, hidden_share, level_steps, likely_steps, penalty_for
from training.constraints import Constraints
from training.ends import parted
from training.gate import Pair, pair
from training.generator import Generator
from training.heads import ROWS, Encoded, Head
from training.level import FirstRows, critic_of, fit_level
from training.likelihood import BETAS, FASTER, negative_log_likelihood
from training.losses import (
    bce_discriminator,
    gradient_penalty,
    non_saturating_generator,
    relativistic_discriminator,
    relativistic_generator,
)
from training.moments import LOOKED_AT
from training.stages import mean_length, stages_for
from training.team import Team, own_lstms

_JOINED = 0.1
"""Share of the steps by likelihood, the last, in which the discriminator learns as well."""


@dataclass(frozen=True)
class Losses:
    """What one step cost the players."""

    discriminator: float
    generator: float


class Game:
    """Generator, discriminator, their optimisers and their randomness."""

    def __init__(
        self, basis: Encoded, windows: int, length: int, sizes: Sizes, window: int,
        recipe: Recipe, steps: int, seed: int, device: torch.device, team: Team | None = None,
        head: Head = ROWS,
    ):  # fmt: skip
        self.team = team or Team(device)
        self.basis, self.recipe, self.sizes = basis, recipe, sizes
        self.windows, self.length, self.steps, self.device = windows, length, steps, device
        self.penalty = penalty_for(recipe, len(basis.layout.numeric), basis.layout.width)
        self.hidden = hidden_share(recipe, basis.rows, length)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.generator = Generator(
                sizes, basis.mixing, window, basis.layout.sizes, *basis.conditions.seen
            ).to(device)
            self.discriminator = head.discriminator(basis, sizes).to(device)
        self.stages = stages_for(recipe, steps, length)
        self.constraints: list[Constraints] = []
        """Of windows as long as those of each stage; none where the recipe has none."""
        self.first: FirstRows | None = None
        """Where windows begin, if that is settled before the game of windows, which would only blur it."""
        if len(basis.mixing.increments) and (recipe.level or recipe.moments):
            chosen, y, valid = self._some_of_data()
            mixtures = basis.mixing.mixtures.to(device)
            for stage in self.stages if recipe.moments else ():
                rows = slice(stage.length)
                there = None if valid is None else valid[:, rows]
                self.constraints.append(
                    Constraints(basis.layout.sizes, mixtures, chosen[:, rows], y[:, rows], there)
                )
            self.first = FirstRows.of(y[:, 0], basis.mixing) if recipe.level else None
        self.generator.level.requires_grad_(not recipe.level)
        if self.first is not None:
            self.generator.unsettled.copy_(self.first.fleeting / self.generator.a.detach())
        self.average = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.optimisers = tuple(
            torch.optim.Adam(
                [p for p in n.parameters() if p.requires_grad],
                recipe.learning_rate,
                recipe.betas,
                foreach=True,
            )
            for n in (self.generator, self.discriminator)
        )
        self.random = torch.Generator().manual_seed(seed)
        self.step = 0
        self.begun = False
        """Whether the level's own game was played."""
        self.numbers, self.labels = bool(basis.layout.numeric), bool(basis.layout.width)
        self.likely = likely_steps(recipe, steps, self.numbers) if self.labels else 0
        """Steps in which the generator learns by likelihood alone; then by the game as well."""
        self.alone: dict[str, Tensor] = {}
        """The averaged weights when these steps were done: the baseline of the game."""
        self.slowdown = 1.0
        """What the learning rate is multiplied with; halved each time that a run goes back."""

    def begin(self, progress: bool = False) -> None:
        """Before the first step: the level's own game. Every process plays it, and all alike."""
        steps = level_steps(self.recipe, self.steps, mean_length(self.recipe, self.length))
        if steps and self.first is not None:
            self.play_level(steps, progress)
            self.average.load_state_dict(self.generator.state_dict())
        self.begun = True

    def play_level(self, steps: int, progress: bool = False) -> None:
        """`steps` of the level's own game, on where windows begin."""
        assert self.first is not None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (), generator=self.random)))
            inputs = len(self.generator.a) + self.basis.conditions.width + self.generator.seasons.width
            critic = critic_of(inputs, self.sizes.level).to(self.device)
        level = self.generator.level.requires_grad_(True)
        fit_level(level, critic, steps, self.first, self._first_rows, self._beginnings, progress)
        level.requires_grad_(False)

    def _first_rows(self, batch: int) -> tuple[Tensor, Tensor]:
        real, given = self._real(batch, slice(None), steps=1)
        given = self.generator.seasons.first(given)
        return real[:, 0, : len(self.generator.a)], given  # (batch, components), (batch, given)

    def _beginnings(self, batch: int) -> tuple[Tensor, Tensor]:
        assert self.first is not None
        anew = torch.randn((batch, len(self.generator.a)), generator=self.random).to(self.device)
        latent = self._latent(batch)[:, : self.sizes.latent]
        return latent, anew * self.first.fleeting

    def _latent(self, batch: int) -> Tensor:
        return torch.randn((batch, self.generator.latents), generator=self.random).to(self.device)

    @property
    def rows(self) -> int:
        """Of the windows of this step."""
        return self.stages[self._stage].length

    @property
    def _stage(self) -> int:
        return sum(self.step >= stage.first for stage in self.stages) - 1

    def play(self) -> Losses:
        """One step of the discriminator and one of the generator, on one batch of each."""
        recipe = self.recipe
        likely, joined = self.step < self.likely, round((1 - _JOINED) * self.likely)
        own = (
            (FASTER * self._rate(0, self.likely), BETAS)
            if likely
            else (self._rate(self.likely, self.steps), recipe.betas)
        )
        others = self._rate(joined, self.steps), recipe.betas
        for optimiser, pace in zip(self.optimisers, (own, others), strict=True):
            for group in optimiser.param_groups:
                group["lr"], group["betas"] = pace
        real, given = self._real(recipe.batch, self.team.part(recipe.batch), self.rows)
        alone = self.step < joined
        loss_d = math.log(2) if alone else 0.0  # what chance costs: it has not begun
        if not alone:
            shown = self._shifted(real, given)
            fake = self._made(recipe.batch, given)
            loss_d, real_logits = self._step_discriminator(shown, fake.windows.detach(), given)
        if likely:
            loss_g = self._step_likelihood(real, given)
        else:
            loss_g = self._step_generator(real_logits, fake, given, real)
        self._follow()
        self.step += 1
        if self.step == self.likely and not self.numbers:
            self.alone = copy.deepcopy(self.average.state_dict())
        return Losses(loss_d, loss_g)

    def state_dict(self) -> dict[str, Any]:
        """Everything a step changes: tensors and plain numbers only."""
        return {
            "step": self.step,
            "begun": self.begun,
            "alone": self.alone,
            "slowdown": self.slowdown,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [o.state_dict() for o in self.optimisers],
            "random": self.random.get_state(),
            "constraints": [constraints.now for constraints in self.constraints],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.step, self.begun, self.slowdown = state["step"], state["begun"], state["slowdown"]
        self.alone = state["alone"]
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.random.set_state(state["random"])
        for constraints, now in zip(self.constraints, state["constraints"], strict=True):
            constraints.take([mean.to(self.device) for mean in now])

    def _step_discriminator(self, real: Tensor, fake: Tensor, given: Tensor) -> tuple[float, Tensor]:
        recipe = self.recipe
        penalised = recipe.penalty > 0 and self.step % recipe.penalty_every == 0
        both = torch.cat([real, fake]).requires_grad_(penalised)  # (2 batch, steps, components)
        # cuDNN has no double backward, and oneDNN's fused LSTM makes the penalty's step 1.5 times as slow.
        with own_lstms() if penalised else nullcontext():
            logits = self._judge(both, given.repeat(2, 1))  # (2 batch,)
            r, f = logits.chunk(2)
            loss = (
                relativistic_discriminator(r, f)
                if recipe.loss == "relativistic"
                else bce_discriminator(r, f)
            )
            total = loss
            if penalised:
                # The mean over both halves, times two: γ/2 (E‖∇D(r)‖² + E‖∇D(f)‖²).
                weight = self.penalty * recipe.penalty_every * self.stages[self._stage].weight
                total = loss + weight * gradient_penalty(logits, both)
            optimiser = self.optimisers[1]
            optimiser.zero_grad()
            total.backward()
            mean = self.team.average(self.discriminator, loss)
            optimiser.step()
        return mean, r.detach()

    def _step_generator(self, real_logits: Tensor, fake: Pair, given: Tensor, real: Tensor) -> float:
        self.discriminator.requires_grad_(False)
        losses = self._fooled(real_logits, fake.windows, given)
        loss = losses.mean()
        total = loss + self._likelihood(real, given) if self.recipe.likelihood and self.labels else loss
        if self.constraints:
            total = total + self.recipe.moments * self._push(fake.made, given)
        if fake.other is not None and fake.odds is not None:
            with torch.no_grad():
                better = losses - self._fooled(real_logits, fake.other, given)  # (batch,)
            total = total + (better * fake.odds).mean() / 2
        optimiser = self.optimisers[0]
        optimiser.zero_grad()
        total.backward()
        mean = self.team.average(self.generator, loss)
        optimiser.step()
        self.discriminator.requires_grad_(True)
        return mean

    def _push(self, windows: Tensor, given: Tensor) -> Tensor:
        """What the generator pays for windows that are not as the data are, see `Constraints`: ()."""
        step = self.step - self.stages[self._stage].first
        return self.constraints[self._stage].push(*self._rows(windows, given), step, self._of_all)

    def _of_all(self, part: Tensor) -> Tensor:
        """The mean over processes of what each has measured."""
        part = part.detach().clone()
        self.team.mean_(part)
        return part

    def _some_of_data(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Windows of the data, see `_rows`: what is held is measured by them."""
        random = np.random.default_rng(0)
        index = np.sort(random.permutation(self.windows)[:LOOKED_AT])
        windows = self.basis.encode(index, random.random((len(index), 1, 1))).to(self.device)
        return self._rows(windows, self.basis.given(index).to(self.device))

    def _rows(self, windows: Tensor, given: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """What is chosen in windows, (batch, steps, width), their y, (batch, steps, components), and where
        there are rows: (batch, steps)."""
        _, most, gated, _ = self.basis.conditions.seen
        x, valid = parted(windows, given, most, gated)
        y, chosen = x.tensor_split([len(self.basis.mixing.increments)], 2)
        return chosen, y, valid

    def _fooled(self, real_logits: Tensor, windows: Tensor, given: Tensor) -> Tensor:
        """What each of the generator's windows costs it: (batch,)."""
        logits = self._judge(windows, given)
        if self.recipe.loss == "relativistic":
            return relativistic_generator(real_logits, logits)
        return non_saturating_generator(real_logits, logits)

    def _step_likelihood(self, real: Tensor, given: Tensor) -> float:
        loss = self._likelihood(real, given)
        optimiser = self.optimisers[0]
        optimiser.zero_grad()
        loss.backward()
        mean = self.team.average(self.generator, loss)
        optimiser.step()
        return mean

    def _likelihood(self, real: Tensor, given: Tensor) -> Tensor:
        """Of the labels of `real` windows, negative and in logarithms: ()."""
        batch = self.recipe.batch
        latent = self._latent(batch)
        noise = torch.randn((batch, self.rows, self.generator.noise_size), generator=self.random)
        mine = self.team.part(batch)
        once = torch.cat([latent[mine], given], 1)
        return negative_log_likelihood(self.generator, once, noise[mine].to(self.device), real)

    def _judge(self, windows: Tensor, given: Tensor) -> Tensor:
        """Logits (batch,) of windows (batch, steps, components + width) under conditions (batch, given)."""
        with self.team.autocast():
            logits: Tensor = self.discriminator(windows, given)
        return logits.float()

    def _real(self, batch: int, part: slice, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """Windows of a part of a batch, or their first `steps`, and their conditions."""
        index = torch.randint(self.windows, (batch,), generator=self.random)
        chance = torch.rand((batch, 1, 1), generator=self.random, dtype=torch.float64)
        mine = index[part].numpy()
        windows = self.basis.encode(mine, chance[part].numpy(), steps).to(self.device)
        return windows, self.basis.given(mine).to(self.device)

    def _made(self, batch: int, given: Tensor) -> Pair:
        """What the generator shows the discriminator."""
        if not self.generator.gated:
            made = self._fake(batch, given)
            return Pair(self._shifted(made, given), made)
        latent, mine = self._latent(batch), self.team.part(batch)
        noise = torch.randn((batch, self.rows, self.generator.noise_size), generator=self.random)
        again = torch.randn((batch, self.rows, self.generator.gate.width), generator=self.random)
        noise, again = (part[mine].to(self.device) for part in (noise, again))
        with self.team.autocast():
            x, other, odds = pair(self.generator, torch.cat([latent[mine], given], 1), noise, again)
        made, shift = x.float(), self._shift()
        x, other = (self._shifted(windows, given, shift) for windows in (made, other.float()))
        return Pair(x, made, other, odds.float())

    def _fake(self, batch: int, given: Tensor) -> Tensor:
        """This process's part of a batch, under the conditions of its real partners."""
        latent, mine = self._latent(batch), self.team.part(batch)
        noise = torch.randn((batch, self.rows, self.generator.noise_size), generator=self.random)
        with self.team.autocast():
            once = torch.cat([latent[mine], given], 1)
            x, _ = self.generator(once, noise[mine].to(self.device))
        return x.float()  # type: ignore[no-any-return]

    def _shift(self) -> Tensor:
        """By how much windows are moved, some of them by about as much as levels differ: (batch, 1,
        components)."""
        batch = self.recipe.batch
        shift = torch.randn((batch, 1, len(self.generator.a)), generator=self.random)
        shift *= torch.rand((batch, 1, 1), generator=self.random) < self.hidden
        return shift[self.team.part(batch)].to(self.device)

    def _shifted(self, windows: Tensor, given: Tensor, shift: Tensor | None = None) -> Tensor:
        """Windows (batch, steps, components + width) as the discriminator sees them, moved as a whole by
        `shift`, or another."""
        if not self.hidden:
            return windows
        shift = self._shift() if shift is None else shift
        shift = torch.nn.functional.pad(shift, (0, windows.shape[2] - shift.shape[2]))  # labels stay
        _, most, gated, _ = self.basis.conditions.seen
        _, valid = parted(windows, given, most, gated)
        return windows + (shift if valid is None else shift * valid[..., None])  # nothing is behind an end

    def _rate(self, first: int, last: int) -> float:
        """The learning rate at this step of what lasts from one step to another: a linear rise, then a
        cosine."""
        recipe, step = self.recipe, max(0, self.step - first)
        rise = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
        cosine = 0.5 * (1 + math.cos(math.pi * step / max(1, last - first)))
        share = rise * max(recipe.final_rate, cosine if recipe.final_rate < 1 else 1.0)
        return recipe.learning_rate * share * self.slowdown

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the weight average, which forgets its beginning faster while it is young."""
        keep = min(self.recipe.average, (self.step + 1) / (self.step + 20))
        self.team.mean_(self.generator.centre)
        self.average.centre.copy_(self.generator.centre)
        torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 1 - keep)
