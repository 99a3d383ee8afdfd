"""Several processes play the game that one plays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from contract.errors import UsageError
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.errors import DataError
from training.team import Team, device_of, require_divisible
from training.trainer import train


@pytest.fixture(scope="module")
def by_two(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One step of two processes over gloo."""
    run = tmp_path_factory.mktemp("runs") / "two"
    train(str(prices), run, TrainConfig(steps=1, length=12, processes=2, device="cpu"))
    return run


def test_two_processes_get_the_gradients_of_one(prices: Path, tmp_path: Path, by_two: Path):
    one = train(str(prices), tmp_path / "one", TrainConfig(steps=1, length=12, device="cpu"))
    two = checkpoints.load(by_two)[0]
    # The discriminator's last bias has gradient 0 but for rounding, which Adam makes a whole step of
    # its first learning rate, 2e-5: so near, and no nearer, is what comes after it.
    assert torch.allclose(one.history, two.history, rtol=1e-4)
    for alone, shared in zip(one.game["optimisers"], two.game["optimisers"], strict=True):
        # The first moment forgets at once (beta1 is 0): it is the gradient. The first step of the
        # discriminator has the penalty in it.
        one_gradient, two_gradient = (
            torch.cat([state["exp_avg"].flatten() for state in o["state"].values()])
            for o in (alone, shared)
        )
        assert one_gradient.abs().max() > 0
        scale = float(one_gradient.abs().max())
        torch.testing.assert_close(two_gradient, one_gradient, rtol=1e-4, atol=1e-4 * scale)


def test_only_the_leading_process_writes(by_two: Path):
    assert len(list((by_two / "tensorboard").iterdir())) == 1
    assert not list(by_two.glob("*.partial"))
    assert '"processes": 2' in (by_two / "run.json").read_text()


def test_what_goes_wrong_in_a_process_is_said_as_if_there_were_one(tmp_path: Path):
    (tmp_path / "short.csv").write_text("a\n1\n2\n3\n")
    with pytest.raises(DataError, match="windows of 24 rows"):
        train(
            str(tmp_path / "short.csv"), tmp_path / "run", TrainConfig(steps=1, processes=2, device="cpu")
        )


LISTENING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from cadenza.cli import main
if __name__ == "__main__":
    main()
"""


def test_ctrl_c_stops_all_processes_after_the_same_step(prices: Path, tmp_path: Path):
    (tmp_path / "main.py").write_text(LISTENING)
    command = [
        sys.executable, str(tmp_path / "main.py"), "train", str(prices), "-o", str(tmp_path / "run"),
        "--steps", "100000", "--save-every", "2", "--length", "12", "--processes", "2", "--device", "cpu",
        "--recipe", "vanilla",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        while all(p.stem.endswith("-00000000") for p in (tmp_path / "run").glob("checkpoint-*.pt")):
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"stopped at step {checkpoints.load(tmp_path / 'run')[0].step} of 100000" in said


def test_a_batch_is_split_into_whole_groups():
    require_divisible(TrainConfig(processes=8))
    with pytest.raises(UsageError, match="batch of 64 can be split between 1, 2, 4, 8"):
        require_divisible(TrainConfig(processes=3))


def test_a_run_of_two_processes_is_not_taken_up_by_four(prices: Path, by_two: Path):
    with pytest.raises(UsageError, match="begun with processes 2, not 4"):
        train(str(prices), by_two, TrainConfig(processes=4), resume=True)


def test_who_is_alone_plays_the_whole_batch():
    team = Team(torch.device("cpu"))
    assert team.leads
    assert list(range(64))[team.part(64)] == list(range(64))
    assert team.total(3.0) == 3.0


def test_bf16_trains_labels_beside_numbers(tmp_path: Path):
    lines = [f"{i * i % 17},{'abc'[i % 3] if i % 5 else ''}" for i in range(200)]
    (tmp_path / "x.csv").write_text("\n".join(["n,label", *lines]) + "\n")
    config = TrainConfig(steps=8, length=12, precision="bf16", device="cpu")
    train(str(tmp_path / "x.csv"), tmp_path / "run", config)
    checkpoint, _ = checkpoints.load(tmp_path / "run")
    assert checkpoint.step == 8
    assert {w.dtype for w in checkpoint.game["generator"].values()} == {torch.float32}


def test_bf16_trains_and_keeps_weights_in_fp32(prices: Path, tmp_path: Path):
    config = TrainConfig(steps=5, length=12, precision="bf16", device="cpu")
    state = train(str(prices), tmp_path / "run", config)
    assert torch.isfinite(state.history).all()
    assert {w.dtype for w in state.game["generator"].values()} == {torch.float32}


def test_auto_takes_the_cpu_where_there_is_no_gpu():
    assert device_of(TrainConfig(device="cpu")).type == "cpu"
    assert device_of(TrainConfig()).type == ("cuda" if torch.cuda.is_available() else "cpu")
