"""cadenza as Python sees it: wrong arguments are said, and what was there before is left."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cadenza
from contract.errors import UsageError
from serving.errors import InvalidRequest
from tests.conftest import cadenza as command


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"recipe": "best"}, "recipe is 'best'; one of 'relativistic', 'vanilla' is wanted"),
        ({"steps": "10"}, "steps is '10'; int | None is wanted"),
        ({"steps": True}, "steps is True; int | None is wanted"),
        ({"columns": "price"}, "columns is 'price'; tuple is wanted"),
        ({"frames": 1}, "frames is 1; bool is wanted"),
        ({"threads": 20_000}, "threads is 20000; at most 1024"),
        ({"step": 10}, "unknown choices step"),
    ],
)
def test_a_choice_of_another_type_is_said_before_anything_is_made(
    prices: Path, tmp_path: Path, choices: dict[str, Any], said: str
):
    with pytest.raises(UsageError) as error:
        cadenza.train(prices, tmp_path / "run", **choices)
    assert said in str(error.value)
    assert not list(tmp_path.iterdir())


def test_the_road_in_python(prices: Path, tmp_path: Path):
    torch.set_num_threads(2)
    run = cadenza.train(
        prices, tmp_path / "run", steps=np.int64(5), columns=["close", "volume"], hold_out=0
    )
    report = cadenza.evaluate(run.path, scores=["marginal"], with_page=False)
    assert [score.name for score in report.scores] == ["marginal"]
    assert (tmp_path / "run" / "evaluation.json").is_file()
    artifact = run.export(str(tmp_path / "model.onnx"))
    assert [score.name for score in artifact.spec.scores] == ["marginal"]
    with cadenza.load(tmp_path / "model.onnx") as generator:
        assert generator.digest == artifact.digest
    assert torch.get_num_threads() == 2  # nobody else's torch is slower for it


def test_a_channel_or_a_condition_that_is_not_there_is_said(model: Path):
    with cadenza.load(model) as generator:
        samples = generator.sample(1, 3, 0)
        with pytest.raises(UsageError, match="there is no channel 'zz'; there are"):
            samples.column("zz")
        with pytest.raises(InvalidRequest, match=r"condition is \['a'\]; a mapping"):
            generator.sample(1, 3, 0, condition=["a"])  # type: ignore[arg-type]


def test_more_threads_than_any_machine_has_are_refused(model: Path, tmp_path: Path):
    done = command("sample", model, "-o", tmp_path / "x.csv", "--threads", 20_000)
    assert done.returncode == 2
    assert "threads is 20000; at most 1024 is wanted" in done.stderr


def test_a_model_is_not_written_over_a_table(run: Path, prices: Path, tmp_path: Path):
    table = tmp_path / "prices.csv"
    table.write_bytes(prices.read_bytes())
    done = command("export", run, "-o", table)
    assert done.returncode == 2
    assert "name a file that ends in .onnx" in done.stderr
    assert table.read_bytes() == prices.read_bytes()


def test_sigterm_takes_half_a_file_away(model: Path, tmp_path: Path):
    arguments = ["sample", model, "-n", 100_000, "-l", 1000, "-o", tmp_path / "x.csv"]
    with subprocess.Popen([sys.executable, "-m", "cadenza", *map(str, arguments)]) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert list(tmp_path.iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())
