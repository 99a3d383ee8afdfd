"""From a folder of short recordings to sound: a file, an answer over HTTP, and a stream."""

import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export.exporter import export
from serving.sampler import load as load_generator
from tests.conftest import Server, booted, cadenza
from training.config import TrainConfig
from training.trainer import train

RATE = 2000


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tones of two classes, a tenth of a second and longer."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data") / "tones"
    for name, hertz in (("high", 500), ("low", 100)):
        (folder / name).mkdir(parents=True)
        for i in range(32):
            time = np.arange(random.integers(200, 400)) / RATE
            wave_ = np.sin(2 * np.pi * hertz * time + random.uniform(0, 6)) * np.exp(-9 * time)
            with wave.open(str(folder / name / f"{i}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(np.rint(20_000 * wave_).astype("<i2").tobytes())
    return folder


@pytest.fixture(scope="module")
def model(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "tones"
    train(str(clips), run, TrainConfig(steps=6))
    export(run, run.with_suffix(".onnx"))
    return run.with_suffix(".onnx")


@pytest.fixture(scope="module")
def sound_server(model: Path) -> Iterator[Server]:
    with booted(model, model.with_name("log"), {}) as (server, _):
        yield server


def heard(content: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(content)) as file:
        assert file.getframerate() == RATE
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_clips_end_by_themselves_under_the_condition_that_their_folder_named(model: Path, tmp_path: Path):
    arguments = ("-n", 4, "--seed", 3, "--where", "class=low")
    done = cadenza("sample", model, *arguments, "-o", tmp_path / "x.wav")
    assert done.returncode == 0, done.stderr
    generator = load_generator(model)
    samples = generator.sample(4, seed=3, condition={"class": "low"})
    generator.close()
    hop, lengths = samples.values.shape[2], samples.lengths()
    assert hop == 31
    assert 7 <= lengths.min() < lengths.max() <= 13
    assert len(heard((tmp_path / "x.wav").read_bytes())) == lengths.sum() * hop + 3 * (RATE // 4)


def test_a_server_answers_with_sound(model: Path, sound_server: Server, tmp_path: Path):
    answer = sound_server.post("/generate", {"count": 3, "seed": 5}, "audio/wav")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "audio/wav"
    generator = load_generator(model)
    generator.sample(3, seed=5).save(tmp_path / "x.wav")
    generator.close()
    assert answer.content == (tmp_path / "x.wav").read_bytes()


def test_a_stream_of_sound_is_the_whole_without_a_gap_or_a_click(sound_server: Server):
    asked = {"length": 500, "seed": 8}  # far beyond a chunk
    whole = sound_server.post("/generate", asked, "audio/wav")
    streamed = sound_server.post("/stream", asked, "audio/wav")
    assert streamed.status == 200
    assert streamed.headers["Content-Type"] == "audio/wav"
    assert streamed.content[44:] == whole.content[44:]
    later = sound_server.post("/stream", asked | {"start": 123}, "audio/wav")
    assert later.content[44:] == whole.content[44 + 2 * 31 * 123 :]
    refused = sound_server.post("/stream", asked | {"count": 2}, "audio/wav")
    assert (refused.status, refused.error["field"]) == (422, "count")


def test_chunks_of_a_stream_of_numbers_are_the_whole_bit_for_bit(model: Path, sound_server: Server):
    lines = sound_server.post("/stream", {"length": 300, "seed": 8}).content.splitlines()
    assert len(lines) > 3
    parts = [np.array(json.loads(line)["sequences"], np.float32) for line in lines]
    generator = load_generator(model)
    whole = generator.sample(1, 300, seed=8).values
    generator.close()
    assert np.concatenate(parts, 1).tobytes() == whole.tobytes()
