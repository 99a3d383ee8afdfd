"""The loop: steps, looks, checkpoints, and what to do when something goes wrong between them.

A step may end in numbers that are none. The run then goes back to its last checkpoint, with half
the learning rate, and that is a checkpoint too: whoever takes the run up goes on from there.
"""

import copy
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Never

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from training import checkpoint as checkpoints
from training import record, selection
from training.board import Board
from training.checkpoint import Checkpoint
from training.errors import TrainingError
from training.game import Game, Losses
from training.generator import Generator
from training.health import ROLLBACKS, ailments, finite
from training.selection import Look
from training.settling import SETTLED, centred, recentre, settle
from training.team import Team
from training.yardstick import Yardstick

HISTORY_EVERY = 50
_PICTURED = 20

Say = Callable[[str], None]


class Loop:
    """A game on its way through a run. `good` is the last state that is kept."""

    good: Checkpoint
    _history: Tensor
    _recent: list[tuple[float, float]]
    _looks: tuple[Look, ...]
    _warnings: dict[str, str]

    def __init__(
        self, game: Game, run: Path, state: Checkpoint, yardstick: Yardstick, team: Team, say: Say
    ):
        self.game, self.run, self.team, self.say = game, run, team, say
        self.yardstick = yardstick
        self._look_steps = selection.look_steps(state.steps)
        self._meter = record.Meter(state.cost)
        self._board: Board | None = None
        self._begun = bool(state.game)
        self._take(state if self._begun else replace(state, game=copy.deepcopy(game.state_dict())))

    def play(self) -> Checkpoint:
        """Play to the end, keeping a checkpoint every `save_every` steps and on Ctrl-C.

        Raises:
            TrainingError: the disk is full, or the run is beyond help.
        """
        try:
            with _between_steps() as interrupted:
                if not self._begun:
                    self._keep()  # whatever happens from here on, the run can be taken up again
            self._begin(interrupted)
            with _between_steps() as interrupted:
                self._board = Board(self.run, self.good.step) if self.team.leads else None
                try:
                    self._play(interrupted)
                finally:
                    if self._board:
                        self._board.close()
        except OSError as error:
            raise TrainingError(
                f"cannot write into {self.run}: {error.strerror}; the last checkpoint is kept: make room "
                "and go on with --resume"
            ) from error
        return self.good

    def _begin(self, interrupted: Callable[[], bool]) -> None:
        """Play the level's own game, if it is still to come. Ctrl-C does not wait here: half a level is no
        state to go on from, and it begins anew."""
        try:
            if self.team.total(interrupted()):
                raise KeyboardInterrupt
            if self.game.begun:
                return
            self.game.begin(progress=self.team.leads)
        except KeyboardInterrupt:
            self._say_stopped()
            raise
        self._keep()

    def _play(self, interrupted: Callable[[], bool]) -> None:
        with tqdm(
            total=self.good.steps,
            initial=self.game.step,
            unit="step",
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 15,
            desc="training",
            disable=not self.team.leads,
        ) as bar:
            while self.game.step < self.good.steps:
                self._step(bar)
                if self.team.total(interrupted()):
                    self._stop()

    def _step(self, bar: "tqdm[Never]") -> None:
        game, steps = self.game, self.good.steps
        losses = game.play()
        if not math.isfinite(losses.discriminator + losses.generator):
            return self._go_back(bar, f"the losses are no numbers any more ({losses})")
        look_due = game.step in self._look_steps
        keep_due = game.step % self.good.config.save_every == 0 or game.step == steps
        if (look_due or keep_due) and not finite(game.state_dict()):
            return self._go_back(bar, "some weights are no numbers any more")
        self._remember(losses, bar)
        if look_due:
            self._look()
        if keep_due:
            self._keep()
        bar.update()
        return None

    def _remember(self, losses: Losses, bar: "tqdm[Never]") -> None:
        """One entry of the history is the mean over HISTORY_EVERY steps."""
        self._recent.append((losses.discriminator, losses.generator))
        if self.game.step % HISTORY_EVERY and self.game.step != self.good.steps:
            return
        mean_d, mean_g = np.mean(self._recent, axis=0)
        entry = torch.tensor([[self.game.step, mean_d, mean_g]])
        self._history = torch.cat([self._history, entry.float()])
        self._recent.clear()
        bar.set_postfix_str(f"D {mean_d:.3f} G {mean_g:.3f}", refresh=False)
        if self._board:
            self._board.numbers(self.game.step, loss__discriminator=mean_d, loss__generator=mean_g)
        self._examine(None)

    def _look(self) -> None:
        """Measure the averaged weights; the leading process alone would do, but each needs the result."""
        step, average = self.game.step, self.game.average
        generator = copy.deepcopy(average).cpu()
        self._recentre(generator)
        reading = self.yardstick.read(generator)
        may = self.yardstick.held_out and selection.eligible(step, self.good.steps, self.game.likely)
        look = Look(
            step, reading.distance, reading.diversity, reading.pinned, reading.blocks,
            generator.state_dict() if may else None,
        )  # fmt: skip
        self._looks = selection.with_look(self._looks, look, self.yardstick.slack)
        if self._board:
            kind = "held_out" if self.yardstick.held_out else "trained_on"
            self._board.numbers(
                step, **{f"distance__{kind}": look.distance, "samples__diversity": look.diversity}
            )
            real = self.yardstick.real
            spread = np.linspace(0, len(real) - 1, min(len(real), _PICTURED)).astype(int)
            self._board.picture(step, real[spread], reading.values[:_PICTURED])
        self._examine(look)

    def _examine(self, look: Look | None) -> None:
        for kind, sentence in ailments(self._history, self.good.recipe, look, self.good.steps):
            if kind not in self._warnings:
                self._warnings[kind] = sentence
                self.say(f"warning: {sentence}")

    def _keep(self) -> None:
        """Make the state of now the good one, and write it."""
        if self.game.step == self.good.steps:
            self._settle()
        state = replace(
            self.good,
            game=copy.deepcopy(self.game.state_dict()),
            cost=self._meter.cost(self.team.total(self._meter.cpu())),
            history=self._history,
            recent=torch.tensor(self._recent, dtype=torch.float64).reshape(-1, 2),
            looks=self._looks,
            warnings=dict(self._warnings),
        )
        if self.team.leads:
            checkpoints.save(self.run, state)
            record.write(self.run, state, self.yardstick.held_out)
        self.good = state

    def _settle(self) -> None:
        """The weights that the run gives are made fit for long sequences."""
        look = selection.chosen(self._looks)
        generator = copy.deepcopy(self.game.average).cpu()
        if look is None or look.weights is None:
            self._recentre(generator)
            settle(generator, self.game.length, self._given(SETTLED))
            self.game.average.load_state_dict(generator.state_dict())
        else:
            generator.load_state_dict(look.weights)
            settle(generator, self.game.length, self._given(SETTLED))
            weights = generator.state_dict()
            self._looks = tuple(
                replace(other, weights=weights) if other is look else other for other in self._looks
            )

    def _recentre(self, generator: Generator) -> None:
        recentre(generator, self.game.length, self._given(centred(self.game.length)))

    def _given(self, windows: int) -> Tensor:
        conditions = self.good.conditions
        return torch.from_numpy(conditions.encode(conditions.draw(windows, seed=0)))

    def _take(self, state: Checkpoint) -> None:
        """Go on from a state."""
        self.good = state
        self.game.load_state_dict(copy.deepcopy(state.game))
        self._history = state.history
        self._recent = [(d, g) for d, g in state.recent.tolist()]
        self._looks, self._warnings = state.looks, dict(state.warnings)

    def _go_back(self, bar: "tqdm[Never]", why: str) -> None:
        step, rollbacks = self.game.step, (*self.good.rollbacks, self.game.step)
        if len(rollbacks) > ROLLBACKS:
            raise TrainingError(
                f"step {step}: {why}, after {ROLLBACKS} times back with half the learning rate; the last "
                f"good checkpoint is kept in {self.run}. Look for outliers and for columns that are "
                "nearly constant, or train anew with another --seed or --recipe"
            )
        self._take(replace(self.good, rollbacks=rollbacks))
        self.game.slowdown = 0.5 ** len(rollbacks)
        self._keep()
        if self._board:
            self._board.back_to(self.game.step)
        bar.update(self.game.step - step + 1)
        self.say(
            f"step {step}: {why}: back to step {self.game.step}, with {self.game.slowdown:g} of the "
            f"learning rate ({len(rollbacks)} of at most {ROLLBACKS} times)"
        )

    def _stop(self) -> None:
        if self.good.step != self.game.step and finite(self.game.state_dict()):
            self._keep()
        self._say_stopped()
        raise KeyboardInterrupt

    def _say_stopped(self) -> None:
        self.say(f"stopped at step {self.good.step} of {self.good.steps}; go on with --resume")


@contextmanager
def _between_steps() -> Iterator[Callable[[], bool]]:
    """Ctrl-C waits for the end of a step: a checkpoint from the middle of one could not go on bit for
    bit. A second Ctrl-C does not wait. Gives a function that tells whether the first one came."""
    asked: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)

    # Only the main thread may listen, and who was started deaf to Ctrl-C stays so.
    listens = threading.current_thread() is threading.main_thread() and before is not signal.SIG_IGN
    if listens:
        signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        if listens:
            signal.signal(signal.SIGINT, before)
