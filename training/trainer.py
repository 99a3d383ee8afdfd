"""From a dataset to a finished run: calibrate, play, keep, draw."""

import fcntl
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from contract.errors import UsageError
from training import checkpoint as checkpoints
from training import record, selection
from training.checkpoint import Checkpoint, DataFacts
from training.config import FEWEST, Recipe, TrainConfig, batch_for, most_steps, steps_in, window_for
from training.data import Dataset, Windows, load, schema
from training.data.dataset import counted
from training.data.holding import notes_on
from training.data.rules.making import Rules
from training.data.windows import held_back
from training.decoder import Decoding, channels_of
from training.discriminator import GROUP
from training.errors import RunError, RunExistsError, TrainingError
from training.game import Game
from training.heads import head_of, recipe_of
from training.loop import Loop, Say
from training.picture import draw_run
from training.record import Cost
from training.stages import growth, mean_length, stages_for
from training.team import Team, together
from training.view import View
from training.yardstick import Yardstick

DEFAULT_MINUTES = 2.0
_CALIBRATION = 32


def train(data: str, run: Path, config: TrainConfig, resume: bool = False, say: Say = print) -> Checkpoint:
    """Train on `data` into the folder `run`, or go on with what is there.

    Raises:
        DataError: the data cannot be learnt from.
        RunExistsError: `run` holds something and `resume` is False.
        RunError: there is nothing whole to resume, or it was made of other data.
        TrainingError: the disk is full, or the losses are no numbers any more.
    """
    config = schema.applied(data, config)
    if resume:
        config = _resumed(run, config, say)
    elif run.exists() and (not run.is_dir() or _begun(run)):
        raise RunExistsError(f"{run} exists already: choose another name, or go on with --resume")
    work = partial(_train, data=data, run=run, config=config, resume=resume, say=say)
    together(config, work)
    return checkpoints.load(run)[0]


def _train(team: Team, data: str, run: Path, config: TrainConfig, resume: bool, say: Say) -> None:
    """What each process does; all but the leading one in silence."""
    torch.set_num_threads(config.threads)
    say = say if team.leads else _silent
    dataset = load(data, config)
    dataset.require_varied()
    config = replace(config, length=dataset.length, whole=dataset.ends or bool(config.whole))
    before = checkpoints.load(run)[0] if resume else None
    if before and dataset.fingerprint != before.data.fingerprint:
        raise RunError(f"{run} was trained on other data than {data}: bring the same, or start anew")
    learnt = dataset.learnt
    windows, held_out = learnt.split(dataset.length, config.stride, config.hold_out)
    head, recipe = head_of(dataset.form), recipe_for(dataset, config)
    basis = head.basis(learnt, windows, recipe.basis)
    sizes = head.sizes(learnt.layout)
    window = window_for(np.diff(dataset.bounds).tolist(), dataset.length)
    rules = Rules.of(dataset.rules, dataset.columns)
    decoding = Decoding(learnt.layout, basis.decoder, rules)
    every = dataset.split(dataset.length, config.stride, config.hold_out)  # the same, with what is made
    yardstick = Yardstick(*every, decoding, View(dataset), basis.conditions)

    def game_of(steps: int) -> Game:
        return Game(
            basis, len(windows), dataset.length, sizes, window, recipe, steps, config.seed, team.device,
            team, head,
        )  # fmt: skip

    for note in dataset.notes:
        say(note)
    say(
        f"{dataset.name}: {counted(len(dataset.bounds) - 1)}, {len(dataset.values)} rows of "
        f"{len(dataset.columns)} channels, {len(windows)} "
        + (f"whole sequences of up to {dataset.length}" if dataset.ends else f"windows of {dataset.length}")
        + f" to train on, {held_back(held_out, config.hold_out)}"
    )
    for note in notes_on(dataset, windows):
        say(note)
    most = shown_at_most(recipe, dataset, windows)
    steps = (
        before.steps
        if before
        else config.steps or _calibrate(game_of, config, dataset.length, most, team, say)
    )
    if grows := growth(stages_for(recipe, steps, dataset.length)):
        say(grows)
    state = before or Checkpoint(
        config=config,
        steps=steps,
        sizes=sizes,
        batch=recipe.batch,
        shortest=recipe.shortest,
        window=window,
        data=DataFacts(
            data, dataset.name, dataset.fingerprint, len(dataset.bounds) - 1,
            len(dataset.values), dataset.step, dataset.time, dataset.derived, {**dataset.types},
            {**dataset.cells}, dataset.form, dataset.rate, dataset.frame,
        ),
        channels=channels_of(dataset, basis.decoder),
        rules=rules,
        conditions=basis.conditions,
        decoder=basis.decoder,
        mixing=basis.mixing,
        versions=record.versions(),
        machine=record.machine(team.device),
        cost=Cost(),
        history=torch.zeros(0, 3),
        recent=torch.zeros(0, 2, dtype=torch.float64),
        looks=(),
        rollbacks=(),
        warnings={},
        game={},
    )  # fmt: skip
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot make the folder {run}: {error.strerror}") from error
    with _alone(run, resume) if team.leads else nullcontext():
        finished = Loop(game_of(steps), run, state, yardstick, team, say).play()
    if team.leads:
        choice = selection.describe(selection.chosen(finished.looks), yardstick.held_out, finished.step)
        say(f"the weights of step {choice['step']} of {finished.steps} are kept: {choice['by']}")
        draw_run(finished, dataset, run / "samples.png")


def _silent(sentence: str) -> None:
    """What processes say that do not lead."""


def _resumed(run: Path, config: TrainConfig, say: Say) -> TrainConfig:
    """The choices of the run that is taken up."""
    state, notes = checkpoints.load(run)
    for note in notes:
        say(note)
    default = TrainConfig()
    for f in fields(TrainConfig):
        asked, was = getattr(config, f.name), getattr(state.config, f.name)
        # Steps stand in the run; minutes were turned into them once.
        if asked not in (getattr(default, f.name), was):
            raise UsageError(
                f"{run} was begun with {f.name} {was}, not {asked}: a resumed run keeps its choices"
            )
    say(f"{run}: going on at step {state.step} of {state.steps}")
    return state.config


@contextmanager
def _alone(run: Path, resume: bool) -> Iterator[None]:
    """While nobody else trains into the folder.

    Raises:
        RunExistsError: somebody does, or did since it was looked at first.
    """
    folder = os.open(run, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunExistsError(
                f"another training writes into {run}: choose another name, or wait"
            ) from error
        if not resume and _begun(run):
            raise RunExistsError(f"{run} exists already: choose another name, or go on with --resume")
        yield
    finally:
        os.close(folder)


def _begun(run: Path) -> bool:
    """Whether a folder holds more than a first checkpoint that was never finished."""
    return any(path.suffix != ".partial" for path in run.iterdir())


def recipe_for(dataset: Dataset, config: TrainConfig) -> Recipe:
    """The recipe, in batches for such data; of several processes each has a group of windows at least.
    Windows grow where the data are long tables: these go on in the same way before and behind a window, and
    the first rows of all windows are nearly all the data, if they are as many as lie between two
    beginnings."""
    recipe = recipe_of(dataset.form, config.recipe)
    if dataset.form != "table":
        return replace(recipe, shortest=0)
    sizes = head_of(dataset.form).sizes(dataset.learnt.layout)
    batch = max(batch_for(recipe, dataset.length, sizes), GROUP * config.processes)
    long = window_for(np.diff(dataset.bounds).tolist(), dataset.length)
    grows = recipe.shortest and long and not dataset.ends
    return replace(recipe, batch=batch, shortest=max(recipe.shortest, config.stride) if grows else 0)


def shown_at_most(recipe: Recipe, dataset: Dataset, windows: Windows) -> float:
    """Steps that minutes are turned into at most for these windows of the data, see `most_steps`."""
    rows = int(windows.covered.sum())
    # Rows that one has, in the mean.
    window = rows / len(windows) if dataset.ends else mean_length(recipe, dataset.length)
    return most_steps(recipe, rows, window)


def _calibrate(
    game_of: Callable[[int], Game], config: TrainConfig, length: int, most: float, team: Team, say: Say
) -> int:
    """Minutes to steps, at `most` so many, by timing a game that is thrown away."""
    minutes = DEFAULT_MINUTES if config.minutes is None else config.minutes
    game = game_of(_CALIBRATION)

    def play(count: int) -> None:
        game.step = 0  # a run has steps of several kinds, in the order that a short one has them
        for _ in range(count):
            game.play()

    seconds = _seconds_of(play)
    recipe, rows = game.recipe, mean_length(game.recipe, length)
    level = _seconds_of(game.play_level) if game.first is not None else 0.0
    steps = team.of_first(steps_in(recipe, 60 * minutes, seconds, level, rows))
    say(f"{seconds * 1000:.0f} ms a step: --minutes {minutes:g} is {steps} steps")
    if steps < FEWEST:
        wanted = math.ceil(minutes * FEWEST / steps)
        say(f"that is little: {FEWEST:,} steps and more are mostly wanted, so --minutes {wanted} and more")
    if steps <= most:
        return steps
    say(
        f"only {round(most)} are played: in more, rows as few as these are learnt by heart, and samples "
        "get no better; --steps plays as many as it says"
    )
    return round(most)


def _seconds_of(play: Callable[[int], object]) -> float:
    """Seconds of one step of something that plays so many of them, once it is warm."""
    play(_CALIBRATION // 4)
    begun = time.perf_counter()
    play(_CALIBRATION)
    return (time.perf_counter() - begun) / _CALIBRATION
