"""Runs are never overwritten, go on bit for bit, and survive what happens to files."""

import math
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from contract.errors import UsageError
from tests.conftest import STEPS, cadenza
from training import checkpoint as checkpoints
from training import trainer
from training.config import RECIPES, TrainConfig, most_steps
from training.errors import RunError, RunExistsError
from training.game import Game
from training.heads import recipe_of
from training.team import Team
from training.trainer import train

CONFIG = TrainConfig(steps=20, save_every=5, length=12)


@pytest.fixture(scope="module")
def whole(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of CONFIG that nothing happened to."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    train(str(prices), path, CONFIG)
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """The same, for something to happen to."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def same(a: Path, b: Path) -> bool:
    left, right = checkpoints.load(a)[0].game, checkpoints.load(b)[0].game
    return all(torch.equal(left["average"][k], right["average"][k]) for k in left["average"])


def test_a_finished_run_holds_what_people_look_for(run: Path):
    names = {p.name for p in run.iterdir()}
    assert {"run.json", "losses.csv", "samples.png"} <= names
    assert checkpoints.load(run)[0].step == STEPS
    assert (run / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert (run / "losses.csv").read_text().count("\n") >= 2


def test_an_existing_run_is_not_touched(prices: Path, run: Path):
    before = {p: p.stat().st_mtime_ns for p in run.iterdir()}
    with pytest.raises(RunExistsError, match="--resume"):
        train(str(prices), run, CONFIG)
    assert {p: p.stat().st_mtime_ns for p in run.iterdir()} == before


def test_a_run_that_is_cut_off_goes_on_bit_for_bit(prices: Path, whole: Path, copy: Path):
    files = sorted(copy.glob("checkpoint-*.pt"))
    assert [int(f.stem[-8:]) for f in files] == [15, 20]
    files[-1].unlink()
    done = cadenza("train", prices, "-o", copy, "--resume")
    assert done.returncode == 0, done.stderr
    assert same(whole, copy)


@pytest.mark.parametrize("damage", ["truncated", "emptied", "overwritten"])
def test_a_broken_checkpoint_gives_way_to_the_one_before(copy: Path, tmp_path: Path, damage: str):
    newest = copy / "checkpoint-00000020.pt"
    data = newest.read_bytes()
    newest.write_bytes({"truncated": data[:-1000], "emptied": b"", "overwritten": b"x" * len(data)}[damage])
    state, notes = checkpoints.load(copy)
    assert state.step == 15
    assert any("checkpoint-00000020.pt cannot be read" in n for n in notes)
    assert any("step 15 is used" in n for n in notes)
    done = cadenza("export", copy, "-o", tmp_path / "m.onnx")
    assert done.returncode == 0
    assert "step 15 is used" in done.stdout


def test_a_write_that_was_cut_off_is_said(copy: Path):
    (copy / "checkpoint-00000025.partial").write_bytes(b"half")
    state, notes = checkpoints.load(copy)
    assert state.step == 20
    assert any("cut off while it was written" in n for n in notes)


LISTENING = """
import signal
# A shell starts its background jobs deaf to Ctrl-C, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from cadenza.cli import main
main()
"""


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_the_last_step(prices: Path, tmp_path: Path, asked: signal.Signals):
    command = [
        sys.executable, "-c", LISTENING, "train", str(prices), "-o", str(tmp_path / "run"),
        "--steps", "100000", "--save-every", "20", "--length", "12",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        while not list((tmp_path / "run").glob("checkpoint-*.pt")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(asked)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + asked
    assert "go on with --resume" in said
    assert f"step {checkpoints.load(tmp_path / 'run')[0].step} of 100000" in said


@pytest.mark.parametrize("player", ["_step_discriminator", "_step_generator", "_follow"])
def test_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(
    prices: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, player: str
):
    step = getattr(Game, player)
    calls = []

    def interrupted(self: Game, *arguments: object) -> object:
        calls.append(player)
        if len(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return step(self, *arguments)

    # Under a shell's background job Python is deaf to Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Game, player, interrupted)
            with pytest.raises(KeyboardInterrupt):
                train(str(prices), tmp_path / "cut", CONFIG)
    finally:
        signal.signal(signal.SIGINT, before)
    assert checkpoints.load(tmp_path / "cut")[0].step == 7
    train(str(prices), tmp_path / "cut", TrainConfig(), resume=True)
    assert same(whole, tmp_path / "cut")


def test_ctrl_c_just_behind_the_first_checkpoint_is_not_lost(
    prices: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    def total(self: Team, number: float) -> float:
        asked.append(number is False)
        if asked[-1] and sum(asked) == 1:  # nobody had asked when it was looked for
            signal.raise_signal(signal.SIGINT)
        return number

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Team, "total", total)
            with pytest.raises(KeyboardInterrupt):
                train(str(prices), tmp_path / "cut", CONFIG)
    finally:
        signal.signal(signal.SIGINT, before)
    train(str(prices), tmp_path / "cut", TrainConfig(), resume=True)
    assert same(whole, tmp_path / "cut")


def test_a_run_that_died_in_its_first_write_is_begun_anew(prices: Path, tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint-00000005.partial").write_bytes(b"half")
    assert train(str(prices), tmp_path / "run", CONFIG).step == 20
    assert checkpoints.load(tmp_path / "run")[1] == []  # the old half is no news any more


def test_other_data_are_not_resumed_on(prices: Path, run: Path, tmp_path: Path):
    other = tmp_path / "prices.csv"
    other.write_text(prices.read_text().replace("2020-01-01,", "2020-01-01,9"))
    with pytest.raises(RunError, match="trained on other data"):
        train(str(other), run, TrainConfig(), resume=True)


def test_other_choices_are_not_resumed_with(prices: Path, run: Path):
    with pytest.raises(UsageError, match="begun with length 12, not 48"):
        train(str(prices), run, TrainConfig(length=48), resume=True)


def test_a_folder_that_is_no_run_is_said(tmp_path: Path):
    with pytest.raises(RunError, match="is no run"):
        checkpoints.load(tmp_path)
    with pytest.raises(RunError, match="no such folder"):
        checkpoints.load(tmp_path / "none")


def test_minutes_become_steps_once_and_are_written_down(prices: Path, tmp_path: Path):
    state = train(str(prices), tmp_path / "run", TrainConfig(minutes=0.002, length=12))
    assert state.steps == state.step >= 1
    again = train(str(prices), tmp_path / "run", TrainConfig(), resume=True)
    assert again.steps == state.steps


def test_few_rows_are_not_shown_for_ever(prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Minutes are many steps of so fast a machine, and more than these rows are worth."""
    monkeypatch.setattr(trainer, "_seconds_of", lambda play: 1e-5)
    monkeypatch.setattr(trainer, "most_steps", lambda *facts: 3.0)
    said: list[str] = []
    state = train(str(prices), tmp_path / "run", TrainConfig(minutes=1, length=12), say=said.append)
    assert state.steps == state.step == 3
    assert any("only 3 are played" in sentence for sentence in said)
    asked = train(str(prices), tmp_path / "asked", TrainConfig(steps=5, length=12))
    assert asked.step == 5


def test_minutes_that_are_few_steps_are_said_to_be_little(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trainer, "_seconds_of", lambda play: 0.25)
    said: list[str] = []
    state = train(str(prices), tmp_path / "run", TrainConfig(minutes=0.05, length=12), say=said.append)
    assert state.steps < 10
    assert any(f"so --minutes {math.ceil(0.05 * 2000 / state.steps)} and more" in line for line in said)


def test_rows_are_shown_as_often_whatever_the_windows():
    recipe = RECIPES["relativistic"]
    assert most_steps(recipe, 64_000, 24) == 64_000 * 1500 / (64 * 24)
    assert most_steps(recipe, 64_000, 12) == 2 * most_steps(recipe, 64_000, 24)
    assert most_steps(recipe, 500, 24) == 2000  # of whatever is learnt, so many are wanted
    assert most_steps(RECIPES["vanilla"], 500, 24) == math.inf
    assert most_steps(recipe_of("sound", "relativistic"), 500, 24) == math.inf


def test_vanilla_trains_too(prices: Path, tmp_path: Path):
    state = train(str(prices), tmp_path / "run", TrainConfig(steps=10, recipe="vanilla", length=12))
    assert torch.isfinite(state.history).all()


@contextmanager
def small_disk(limit: int) -> Iterator[None]:
    """No file may grow beyond `limit` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_while_training_is_said_and_costs_no_checkpoint(prices: Path, copy: Path):
    (copy / "checkpoint-00000020.pt").unlink()
    with small_disk(100_000):
        done = cadenza("train", prices, "-o", copy, "--resume")
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "--resume" in done.stderr
    assert checkpoints.load(copy)[0].step == 15
    assert not list(copy.glob("*.partial"))


@pytest.mark.parametrize("suffix", ["csv", "npy", "npz", "arrow", "parquet", "json"])
def test_a_full_disk_while_sampling_leaves_no_half_file(model: Path, tmp_path: Path, suffix: str):
    out = tmp_path / f"out.{suffix}"
    with small_disk(100_000):
        done = cadenza("sample", model, "-n", 3000, "-l", 24, "-o", out)
    assert done.returncode == 1, done.stderr
    assert "cannot write" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_full_disk_while_exporting_keeps_the_old_file(run: Path, tmp_path: Path):
    out = tmp_path / "m.onnx"
    out.write_bytes(b"the old one")
    with small_disk(50_000):
        done = cadenza("export", run, "-o", out)
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]
    assert out.read_bytes() == b"the old one"


def test_a_checkpoint_whose_bits_have_changed_is_not_taken(prices: Path, tmp_path: Path):
    run = tmp_path / "run"
    train(str(prices), run, TrainConfig(steps=4, length=8, save_every=2), say=print)
    newest = run / "checkpoint-00000004.pt"
    content = bytearray(newest.read_bytes())
    weights = checkpoints.load(run)[0].game["generator"]["lstm.weight_hh_l0"].numpy().tobytes()
    at = content.index(weights)
    content[at + len(weights) // 2] ^= 1  # torch itself reads it
    newest.write_bytes(content)
    checkpoint, notes = checkpoints.load(run)
    assert checkpoint.step == 2
    assert notes[0].startswith("checkpoint-00000004.pt cannot be read")


def test_two_trainings_do_not_write_into_one_folder(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run, config = tmp_path / "run", TrainConfig(steps=3, length=8)
    play, refused = Game.play, []

    def meanwhile(game: Game) -> object:
        if not refused:
            refused.append(None)
            for resume in (False, True):
                with pytest.raises(RunExistsError) as caught:
                    train(str(prices), run, config, resume)
                refused.append(str(caught.value))
        return play(game)

    monkeypatch.setattr(Game, "play", meanwhile)
    train(str(prices), run, config)
    assert "exists already" in refused[1]
    assert "another training writes into" in refused[2]
    assert checkpoints.load(run)[0].step == 3


def test_a_seed_is_one_that_every_part_can_have():
    with pytest.raises(UsageError, match="seed is 18446744073709551616; at most 9223372036854775807"):
        TrainConfig(seed=2**64)
