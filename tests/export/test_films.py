"""A film's way from codes to pixels is in the graph, and keeps its promises there."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from contract.seal import load
from export.exporter import export
from tests.conftest import cadenza
from training.config import TrainConfig
from training.data.films import bouncing
from training.trainer import train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares and bars that move, in a folder each; frames of 10 by 10 that few components do not show."""
    folder = tmp_path_factory.mktemp("films")
    for name, rows in (("squares", slice(1, 4)), ("bars", slice(0, 5))):
        pictures = np.zeros((15, 5, 5))
        pictures[:, rows, 2:4] = np.linspace(150, 255, 15)[:, None, None]
        (folder / "data" / name).mkdir(parents=True)
        for i, film in enumerate(bouncing(pictures, side=10, frames=6).astype(np.uint8)):
            first, *others = map(Image.fromarray, film)
            first.save(
                folder / "data" / name / f"{i}.gif", save_all=True, append_images=others, optimize=False
            )
    train(str(folder / "data"), folder / "run", TrainConfig(steps=4))
    return folder / "run"


@pytest.fixture(scope="module")
def model(run: Path) -> Path:
    path = run.with_suffix(".onnx")
    export(run, path)
    return path


def test_the_screen_is_in_the_graph(model: Path):
    artifact = load(model)
    assert (artifact.spec.form, artifact.spec.frame, len(artifact.spec.channels)) == ("film", (10, 10), 100)
    weights = [tensor.name for tensor in onnx.load_from_string(artifact.data).graph.initializer]
    assert any(name.startswith("screen.what1") for name in weights)


def test_in_8_bits_it_is_its_checkpoint_and_keeps_the_contract(run: Path, tmp_path: Path):
    export(run, tmp_path / "m.onnx", "int8")  # which refuses what is not
    assert load(tmp_path / "m.onnx").spec.precision == "int8"


def test_a_person_samples_films_of_a_class_and_inspects_the_model(model: Path, tmp_path: Path):
    where = ("--where", "class=bars", "class=squares")
    done = cadenza("sample", model, "-n", 2, "-o", tmp_path / "x.gif", *where)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "x.gif") as film:
        assert (film.n_frames, film.size) == (6, (21, 10))
    told = cadenza("inspect", model).stdout
    assert "frames of 10 by 10 pixels" in told
    assert "pixel 4, 4" not in told
