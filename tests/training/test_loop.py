"""What happens between steps: going back from numbers that are none, kills at any moment."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from training import checkpoint as checkpoints
from training.checkpoint import Checkpoint
from training.config import TrainConfig
from training.errors import TrainingError
from training.game import Game
from training.trainer import train

CONFIG = TrainConfig(steps=20, save_every=5, length=12)


def flat(state: Any) -> list[Any]:
    """Every tensor and number of a nested state, in order."""
    if isinstance(state, dict):
        return [leaf for key in state for leaf in flat(state[key])]
    if isinstance(state, (list, tuple)):
        return [leaf for part in state for leaf in flat(part)]
    return [state]


def equal(a: Checkpoint, b: Checkpoint) -> bool:
    """Whether two runs are the same bit for bit: game, losses, looks, what went wrong."""
    left, right = (
        flat([c.game, c.history, c.recent, [vars(look) for look in c.looks], c.rollbacks, c.warnings])
        for c in (a, b)
    )
    return len(left) == len(right) and all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y
        for x, y in zip(left, right, strict=True)
    )


def spoil(monkeypatch: pytest.MonkeyPatch, at: dict[int, float]) -> None:
    """At these steps the generator's loss is no number, until the learning rate is so low."""
    whole = Game._step_generator

    def spoiled(self: Game, *arguments: Any) -> float:
        loss = whole(self, *arguments)
        return math.nan if self.slowdown > at.get(self.step, 1.0) else loss

    monkeypatch.setattr(Game, "_step_generator", spoiled)


def test_losses_that_are_no_numbers_take_the_run_back_with_half_the_rate(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spoil(monkeypatch, {7: 0.25, 16: 0.125})
    said: list[str] = []
    state = train(str(prices), tmp_path / "run", CONFIG, say=said.append)
    assert state.rollbacks == (8, 8, 17)
    assert state.game["slowdown"] == 0.125
    assert state.game["optimisers"][0]["param_groups"][0]["lr"] < 0.2 * 1e-3
    back = [line for line in said if "back to step" in line]
    assert "back to step 5, with 0.5 of the learning rate (1 of at most 5 times)" in back[0]
    assert "back to step 15, with 0.125" in back[2]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["rollbacks"] == [8, 8, 17]


def test_a_run_that_went_back_is_taken_up_bit_for_bit(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spoil(monkeypatch, {7: 0.5, 12: 0.25})
    whole = train(str(prices), tmp_path / "whole", CONFIG)
    train(str(prices), tmp_path / "cut", CONFIG)
    newest = tmp_path / "cut" / "checkpoint-00000020.pt"
    newest.unlink()
    assert checkpoints.load(tmp_path / "cut")[0].rollbacks == (8, 13)
    assert equal(train(str(prices), tmp_path / "cut", TrainConfig(), resume=True), whole)


def test_weights_that_are_no_numbers_are_never_kept(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = Game._follow

    def broken(self: Game) -> None:
        whole(self)
        if self.step == 9 and self.slowdown == 1:
            next(self.average.parameters()).data.fill_(math.inf)

    monkeypatch.setattr(Game, "_follow", broken)
    said: list[str] = []
    state = train(str(prices), tmp_path / "run", CONFIG, say=said.append)
    assert state.rollbacks == (10,)
    assert any("some weights are no numbers any more: back to step 5" in line for line in said)


def test_a_run_that_is_beyond_help_gives_up_and_says_what_to_do(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spoil(monkeypatch, {7: 0.0})
    with pytest.raises(TrainingError, match="after 5 times back .* outliers .* --seed"):
        train(str(prices), tmp_path / "run", CONFIG)
    state = checkpoints.load(tmp_path / "run")[0]
    assert state.step == 5
    assert len(state.rollbacks) == 5


def test_run_json_tells_everything_from_the_first_checkpoint_on(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Stopped(Exception):
        pass

    whole = Game.play

    def stopped(self: Game) -> Any:
        if self.step == 7:
            raise Stopped
        return whole(self)

    monkeypatch.setattr(Game, "play", stopped)
    with pytest.raises(Stopped):
        train(str(prices), tmp_path / "run", CONFIG)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["step"] == 5
    assert len(about["data"]["fingerprint"]) == 64
    assert {"cadenza", "python", "torch", "numpy", "system"} <= set(about["versions"])
    assert about["config"]["save_every"] == 5
    assert about["recipe"]["batch"] > 0
    assert {"cpu", "cores", "device"} <= set(about["machine"])
    assert {"cpu_seconds", "wall_seconds", "peak_mib", "ms_a_step"} == set(about["cost"])
    assert about["cost"]["peak_mib"] > 0


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import torch._dynamo  # the first optimiser imports it, in seconds: once is enough
from training import checkpoint, selection
from training.config import TrainConfig
from training.trainer import train

selection.APART = 4
data, run, whole = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
config = TrainConfig(steps=24, save_every=2, length=8)
random.seed(7)
sys.stderr = open(os.devnull, "w")

def child_of(delay, run):
    # Trains in a child; gives its number and a pipe that speaks when it has used so much CPU time
    # since its first step was near, and that ends with it.
    hears, tells = os.pipe()
    if child := os.fork():
        os.close(tells)
        return child, hears
    os.set_blocking(tells, False)
    signal.signal(signal.SIGPROF, lambda number, frame: None)
    signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    near = []
    def say(line):
        if "to train on" in line:
            signal.setitimer(signal.ITIMER_PROF, delay)
            near.append(time.process_time())
    resume = any(run.glob("checkpoint-*.pt"))
    train(data, run, TrainConfig() if resume else config, resume=resume, say=say)
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.set_wakeup_fd(-1)
    os.write(tells, str(time.process_time() - near[0]).encode())
    os._exit(0)

child, hears = child_of(1000, whole)
takes = float(os.read(hears, 100))
os.waitpid(child, 0)
kept = []
for kill in range(20):
    child, hears = child_of(random.uniform(0.001, takes / 5), run)
    os.read(hears, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    kept.append(checkpoint.load(run)[0].step if any(run.glob("checkpoint-*.pt")) else -1)
child, hears = child_of(1000, run)
os.waitpid(child, 0)
print(*kept)
"""


def test_twenty_kills_at_random_moments_change_nothing(prices: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, prices, tmp_path / "killed", tmp_path / "whole"],
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kept = [int(step) for step in done.stdout.split()[-20:]]
    assert len(set(kept)) > 3, kept  # they came at different moments
    assert kept == sorted(kept)  # no kill costs what was kept before it
    killed, whole = (checkpoints.load(tmp_path / name)[0] for name in ("killed", "whole"))
    assert whole.step == 24
    assert equal(killed, whole)
    for name in ("losses.csv", "samples.png"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
