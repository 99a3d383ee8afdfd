"""What TensorBoard is given, read back."""

import io
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import selection
from training.board import FOLDER, Board, events, sketch
from training.config import TrainConfig
from training.trainer import train


def shown(run: Path) -> dict[str, list[int]]:
    """The steps at which each curve and picture has a point."""
    points = defaultdict(list)
    for path in sorted((run / FOLDER).iterdir()):
        for event in events(path):
            for value in event.summary.value:
                points[value.tag].append(event.step)
    return points


def test_losses_the_score_and_a_picture_are_there(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(selection, "APART", 5)
    monkeypatch.setattr("training.loop.HISTORY_EVERY", 5)
    train(str(prices), tmp_path / "run", TrainConfig(steps=15, save_every=10, length=12))
    points = shown(tmp_path / "run")
    assert set(points) == {
        "loss/discriminator",
        "loss/generator",
        "distance/held_out",
        "samples/diversity",
        "real beside generated",
    }
    assert all(steps == [5, 10, 15] for steps in points.values())
    (tmp_path / "run" / "checkpoint-00000015.pt").unlink()
    train(str(prices), tmp_path / "run", TrainConfig(), resume=True)
    assert shown(tmp_path / "run") == points  # nothing twice, nothing lost


def test_what_is_behind_the_checkpoint_is_forgotten(tmp_path: Path):
    board = Board(tmp_path, 0)
    for step in range(1, 6):
        board.numbers(step, loss=float(step))
    board.close()
    board = Board(tmp_path, 3)
    board.numbers(4, loss=40.0)
    board.back_to(3)
    board.numbers(4, loss=41.0)
    board.close()
    assert shown(tmp_path)["loss"] == [1, 2, 3, 4]
    (path,) = (tmp_path / FOLDER).iterdir()
    assert "tfevents" in path.name
    assert [e.summary.value[0].simple_value for e in events(path) if e.step == 4] == [41.0]


def test_a_record_that_was_cut_off_is_left_out(tmp_path: Path):
    board = Board(tmp_path, 0)
    board.numbers(1, loss=1.0)
    board.numbers(2, loss=2.0)
    board.close()
    (path,) = (tmp_path / FOLDER).iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    Board(tmp_path, 9).close()
    assert shown(tmp_path)["loss"] == [1]


def test_the_picture_is_a_png_with_real_beside_generated(tmp_path: Path):
    real, generated = np.zeros((5, 8, 2)), np.ones((5, 8, 2))
    board = Board(tmp_path, 0)
    board.picture(1, real, generated)
    board.close()
    (path,) = (tmp_path / FOLDER).iterdir()
    image = next(v.image for e in events(path) for v in e.summary.value)
    drawn = Image.open(io.BytesIO(image.encoded_image_string))
    assert drawn.size == (image.width, image.height)
    left, right = (
        np.array(sketch(real, generated))
        .astype(int)
        .reshape(drawn.height, 1, -1, 3)[:, 0, [50, -50]]
        .transpose(1, 0, 2)
    )
    assert (left != right).any()
