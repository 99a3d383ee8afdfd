"""From a file of a person's own to samples in the same form, from the command line and over HTTP."""

import io
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import pytest
from PIL import Image

from cadenza.evaluation import evaluate_subject
from export.exporter import export
from serving.sampler import load as load_generator
from tests.conftest import Server, booted, cadenza
from training.config import TrainConfig
from training.trainer import train


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words of two classes, in a folder each."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data") / "words"
    for name, letters in (("north", "ptk"), ("south", "aei")):
        lines = ["".join(random.choice(list(letters), random.integers(1, 5))) for _ in range(60)]
        (folder / name).mkdir(parents=True)
        (folder / name / "all.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def model(words: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "words"
    train(str(words), run, TrainConfig(steps=200))
    export(run, run.with_suffix(".onnx"))
    return run.with_suffix(".onnx")


@pytest.fixture(scope="module")
def text_server(model: Path) -> Iterator[Server]:
    with booted(model, model.with_name("log"), {}) as (server, _):
        yield server


def test_a_text_comes_back_as_text_under_the_condition_that_its_folder_named(model: Path, tmp_path: Path):
    arguments = ("-n", 30, "--seed", 3, "--where", "class=north")
    done = cadenza("sample", model, *arguments, "-o", tmp_path / "x.txt")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "x.txt").read_text().splitlines()
    assert len(lines) == 30
    assert set("".join(lines)) <= set("aeikpt")
    refused = cadenza("sample", model, "-o", tmp_path / "x.mid")
    assert refused.returncode == 2
    assert "a text is no music; these samples can be written as .json, " in refused.stderr


def test_a_server_answers_in_the_form_that_accept_names(model: Path, text_server: Server, tmp_path: Path):
    answer = text_server.post("/generate", {"count": 8, "seed": 5}, "text/plain")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    generator = load_generator(model)
    generator.sample(8, seed=5).save(tmp_path / "x.txt")
    generator.close()
    assert answer.content == (tmp_path / "x.txt").read_bytes()
    refused = text_server.post("/generate", {}, "image/png")
    assert refused.status == 406
    assert "text/plain" in refused.error["message"]
    assert "text/plain" in text_server.get("/model").json()["answers"]["/generate"]


def test_a_model_and_a_file_of_texts_are_scored_with_the_alphabet_of_the_model(
    model: Path, words: Path, tmp_path: Path
):
    names = ("bigrams", "lengths", "repeated")
    report, _ = evaluate_subject(str(model), str(words), tmp_path / "a.json", names, 1, 0, with_page=False)
    assert [s.name for s in report.scores] == list(names)
    samples = tmp_path / "x.txt"
    assert cadenza("sample", model, "-n", 120, "-o", samples).returncode == 0
    report, _ = evaluate_subject(
        str(samples), str(words), tmp_path / "b.json", names, 1, 0, with_page=False
    )
    assert report.samples == 120


def test_a_run_that_began_by_likelihood_is_scored_beside_it(model: Path, words: Path, tmp_path: Path):
    names = ("bigrams", "repeated")
    report, (_, page) = evaluate_subject(str(model.with_suffix("")), None, tmp_path / "a.json", names, 1, 0)
    assert [s.name for s in report.baseline] == [s.name for s in report.scores] == list(names)
    assert report.baseline[0].value != report.scores[0].value
    assert "likelihood alone" in report.table()
    assert page.read_text().count("likelihood alone") == 2
    of_model, _ = evaluate_subject(
        str(model), str(words), tmp_path / "b.json", names, 1, 0, with_page=False
    )
    assert of_model.baseline == ()
    assert "likelihood" not in of_model.table()


def test_pictures_films_and_music_of_a_person_come_back_as_such(tmp_path: Path):
    random = np.random.default_rng(0)
    for i in range(30):
        shades = random.integers(0, 256, (4, 3)).astype(np.uint8)
        (tmp_path / "squares").mkdir(exist_ok=True)
        Image.fromarray(shades).save(tmp_path / "squares" / f"{i}.png")
        frames = [Image.fromarray(s) for s in random.integers(0, 256, (5, 3, 4)).astype(np.uint8)]
        (tmp_path / "films").mkdir(exist_ok=True)
        frames[0].save(tmp_path / "films" / f"{i}.gif", save_all=True, append_images=frames[1:])
        song = mido.MidiFile(type=1)
        track = [mido.Message("note_on", note=int(p), time=240) for p in random.integers(60, 64, 12)]
        song.tracks.append(mido.MidiTrack(track))
        (tmp_path / "songs").mkdir(exist_ok=True)
        song.save(tmp_path / "songs" / f"{i}.mid")
    made = {}
    for name, length, suffixes in (
        ("squares", None, ("png", "gif")), ("films", None, ("gif", "png")), ("songs", 8, ("mid",))
    ):  # fmt: skip
        run = tmp_path / f"{name}-run"
        train(str(tmp_path / name), run, TrainConfig(steps=4, length=length))
        export(run, tmp_path / f"{name}.onnx")
        generator = load_generator(tmp_path / f"{name}.onnx")
        for suffix in suffixes:
            generator.sample(4, seed=1).save(tmp_path / f"{name}.{suffix}")
            made[name, suffix] = (tmp_path / f"{name}.{suffix}").read_bytes()
        generator.close()
        assert (run / "samples.png").is_file()
    assert Image.open(io.BytesIO(made["squares", "png"])).size == (7, 9)
    assert Image.open(io.BytesIO(made["squares", "gif"])).n_frames == 4
    assert Image.open(io.BytesIO(made["films", "png"])).size == (24, 15)
    film = Image.open(io.BytesIO(made["films", "gif"]))
    assert (film.n_frames, film.size) == (5, (9, 7))
    assert len(mido.MidiFile(file=io.BytesIO(made["songs", "mid"])).tracks) == 2
