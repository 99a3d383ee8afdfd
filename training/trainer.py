"""From a dataset to a finished run: calibrate, play, keep, draw."""

import json
import math
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from tqdm import tqdm

from contract.errors import UsageError
from training import checkpoint as checkpoints
from training.basis import Basis, channels_of
from training.checkpoint import Checkpoint, DataFacts
from training.config import RECIPES, TrainConfig, drift_for, sizes_for
from training.data import load
from training.errors import RunError, RunExistsError, TrainingError
from training.game import Game
from training.picture import draw_run

DEFAULT_MINUTES = 2.0
_HISTORY_EVERY = 50
_CALIBRATION = 32

Say = Callable[[str], None]


def train(data: str, run: Path, config: TrainConfig, resume: bool = False, say: Say = print) -> Checkpoint:
    """Train on `data` into the folder `run`, or go on with what is there.

    Raises:
        DataError: the data cannot be learnt from.
        RunExistsError: `run` holds something and `resume` is False.
        RunError: there is nothing whole to resume, or it was made of other data.
        TrainingError: the disk is full, or the losses are no numbers any more.
    """
    torch.set_num_threads(config.threads)
    before = _resumed(run, config, say) if resume else None
    if before:
        config = before.config
    elif run.exists() and (not run.is_dir() or _begun(run)):
        raise RunExistsError(f"{run} exists already: choose another name, or go on with --resume")
    dataset = load(data, config)
    windows, held_out = dataset.split(config.length, config.stride, config.hold_out)
    if before and dataset.fingerprint != before.data.fingerprint:
        raise RunError(f"{run} was trained on other data than {data}: bring the same, or start anew")
    recipe = RECIPES[config.recipe]
    basis = Basis(dataset, windows, recipe.basis)
    sizes = sizes_for(len(dataset.columns))
    drift = drift_for(np.diff(dataset.bounds).tolist(), config.length)
    device = _device(config)

    def game_of(steps: int) -> Game:
        return Game(basis, len(windows), config.length, sizes, drift, recipe, steps, config.seed, device)

    for note in dataset.notes:
        say(note)
    say(
        f"{dataset.name}: {len(dataset.bounds) - 1} sequences, {len(dataset.values)} rows of "
        f"{len(dataset.columns)} channels, {len(windows)} windows of {config.length} to train on, "
        f"{len(held_out)} held out"
    )
    steps = before.steps if before else config.steps or _calibrate(game_of, config, say)
    state = before or Checkpoint(
        config=config,
        steps=steps,
        sizes=sizes,
        drift=drift,
        data=DataFacts(
            data, dataset.name, dataset.fingerprint, len(dataset.bounds) - 1,
            len(dataset.values), dataset.step,
        ),
        channels=channels_of(dataset, basis.decoder),
        decoder=basis.decoder,
        mixing=basis.mixing,
        versions=versions(),
        seconds=0.0,
        history=torch.zeros(0, 3),
        game={},
    )  # fmt: skip
    game = game_of(steps)
    if before:
        game.load_state_dict(before.game)
    else:
        game.begin()
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot make the folder {run}: {error.strerror}") from error
    finished = _play(game, run, state, say)
    _describe(run, finished)
    draw_run(finished, dataset, run / "samples.png")
    return finished


def versions() -> dict[str, str]:
    """What a figure depends on."""
    return {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}


def _resumed(run: Path, config: TrainConfig, say: Say) -> Checkpoint:
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
    return state


def _begun(run: Path) -> bool:
    """Whether a folder holds more than a first checkpoint that was never finished."""
    return any(path.suffix != ".partial" for path in run.iterdir())


def _device(config: TrainConfig) -> torch.device:
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise TrainingError("CUDA was asked for and torch sees none here: use --device cpu or auto")
    return torch.device("cuda" if there and config.device != "cpu" else "cpu")


def _calibrate(game_of: Callable[[int], Game], config: TrainConfig, say: Say) -> int:
    """Minutes to steps, by timing a game that is thrown away."""
    minutes = DEFAULT_MINUTES if config.minutes is None else config.minutes
    game = game_of(_CALIBRATION)
    seconds = _seconds_of(lambda count: [game.play() for _ in range(count)])
    most = RECIPES[config.recipe].level
    level = _seconds_of(game.play_level) if most else 0.0
    budget = 60 * minutes
    steps = round(budget / (seconds + level))
    if steps > most:  # no more of the level's than that
        steps = round((budget - most * level) / seconds)
    steps = max(1, steps)
    say(f"{seconds * 1000:.0f} ms a step: {minutes:g} minutes are {steps} steps")
    return steps


def _seconds_of(play: Callable[[int], object]) -> float:
    """Seconds of one step of something that plays so many of them, once it is warm."""
    play(_CALIBRATION // 4)
    begun = time.perf_counter()
    play(_CALIBRATION)
    return (time.perf_counter() - begun) / _CALIBRATION


def _play(game: Game, run: Path, state: Checkpoint, say: Say) -> Checkpoint:
    """Play to the end, keeping a checkpoint every `save_every` steps and on Ctrl-C."""
    begun = time.process_time()

    def keep() -> Checkpoint:
        spent = state.seconds + time.process_time() - begun
        history = torch.cat([state.history, torch.tensor(entries).reshape(-1, 3)])
        now = replace(state, game=game.state_dict(), seconds=spent, history=history)
        checkpoints.save(run, now)
        return now

    entries: list[tuple[float, float, float]] = []
    recent: list[tuple[float, float]] = []
    kept = state if state.game else None
    with (
        tqdm(
            total=state.steps,
            initial=game.step,
            unit="step",
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 15,
            desc="training",
        ) as bar,
        _between_steps() as interrupted,
    ):
        while game.step < state.steps:
            losses = game.play()
            if not math.isfinite(losses.discriminator + losses.generator):
                raise TrainingError(
                    f"the losses are no numbers any more at step {game.step}: {losses}; the last "
                    f"whole checkpoint is kept in {run}"
                )
            recent.append((losses.discriminator, losses.generator))
            if game.step % _HISTORY_EVERY == 0 or game.step == state.steps:
                mean_d, mean_g = np.mean(recent, axis=0)
                entries.append((game.step, mean_d, mean_g))
                recent.clear()
                bar.set_postfix_str(f"D {mean_d:.3f} G {mean_g:.3f}", refresh=False)
            if game.step % state.config.save_every == 0:
                kept = keep()
            bar.update()
            if interrupted():
                keep()
                say(f"stopped at step {game.step} of {state.steps}; go on with --resume")
                raise KeyboardInterrupt
    return kept if kept is not None and kept.step == game.step else keep()


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


def _describe(run: Path, finished: Checkpoint) -> None:
    """`run.json` and `losses.csv`: the run for people; nothing reads them."""
    about = {
        "data": asdict(finished.data),
        "config": asdict(finished.config),
        "recipe": asdict(finished.recipe),
        "sizes": asdict(finished.sizes),
        "steps": finished.steps,
        "seconds": round(finished.seconds, 1),
        "versions": finished.versions,
    }
    (run / "run.json").write_text(json.dumps(about, indent=2) + "\n")
    lines = [f"{int(s)},{d:.6f},{g:.6f}" for s, d, g in finished.history.tolist()]
    (run / "losses.csv").write_text("\n".join(["step,discriminator,generator", *lines]) + "\n")
