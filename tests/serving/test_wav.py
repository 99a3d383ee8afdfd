"""Samples as sound: WAV files, and streams of their bytes."""

import io
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.errors import SpecError
from contract.forms import FULL_SCALE
from contract.spec import Channel, Spec
from serving.errors import FormatError, InvalidRequest
from serving.formats import save, stream, wav
from serving.samples import Plan, Samples
from tests.serving.plain import SPEC

HOP, RATE = 4, 8000


def sound(unit: str | None = FULL_SCALE, high: float = 1.25) -> Spec:
    channels = tuple(
        Channel(
            f"sample {i + 1}",
            "continuous",
            unit,
            -high,
            high,
            (),
            missing=False,
            missing_with=None,
            mass=None,
            follows=None,
        )
        for i in range(HOP)
    )
    return replace(SPEC, form="sound", rate=RATE, channels=channels)


def made(count: int = 3, steps: int = 10, spec: Spec | None = None) -> Samples:
    values = np.random.default_rng(0).uniform(-1.2, 1.2, (count, steps, HOP)).astype(np.float32)
    return Samples.of(spec or sound(), 1, {"values": values})


def read(content: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def written(spec: Spec, count: int, length: int, *batches: Samples) -> bytes:
    file = io.BytesIO()
    wav.write(file, Plan(spec, 1, count, length), iter(batches))
    return file.getvalue()


def test_sequences_follow_each_other_after_a_pause():
    samples = made()
    heard = read(written(samples.spec, 3, 10, samples)) / 32767
    pause, long = RATE // 4, 10 * HOP
    for row in range(3):
        at = row * (long + pause)
        wanted = samples.values[row].reshape(-1).clip(-1, 1)
        assert np.abs(heard[at : at + long] - wanted).max() <= 0.5 / 32767 + 1e-9
        assert not heard[at + long : at + long + pause].any()
    assert len(heard) == 3 * long + 2 * pause


def test_parts_of_sequences_are_the_whole():
    samples = made(2, 10)
    rows = [Samples.of(samples.spec, 1, {"values": samples.values[i : i + 1]}, i) for i in range(2)]
    parts = [
        Samples.of(samples.spec, 1, {"values": row.values[:, a:b]}, row.first_row, a)
        for row in rows
        for a, b in ((0, 3), (3, 10))
    ]
    assert written(samples.spec, 2, 10, *parts) == written(samples.spec, 2, 10, samples)


def test_what_is_behind_an_end_is_not_written():
    valid = np.arange(10) < np.array([[4], [10]])
    samples = replace(made(2), valid=valid)
    assert len(read(written(samples.spec, 2, 10, samples))) == (4 + 10) * HOP + RATE // 4


def test_of_another_unit_the_largest_value_is_full_scale():
    spec = sound("mV", 4.0)
    values = np.full((1, 1, HOP), 4.0, np.float32) * np.array([1, 0.5, 0, -1], np.float32)
    heard = read(written(spec, 1, 1, Samples.of(spec, 1, {"values": values})))
    assert heard.tolist() == [32767, 16384, 0, -32767]


def test_a_table_is_no_sound_and_a_file_counts_no_more_than_it_can(tmp_path: Path):
    with pytest.raises(FormatError, match="a table is no sound; these samples can be written as .json"):
        save(tmp_path / "x.wav", Plan(SPEC, 1, 1, 1), iter(()))
    with pytest.raises(FormatError, match="bytes of sound are more than the 4,294,966,272 that a WAV file"):
        save(tmp_path / "x.wav", Plan(sound(), 1, 4000, 2**20), iter(()))
    assert not list(tmp_path.iterdir())


def test_a_stream_is_a_header_without_an_end_and_the_samples_of_the_file():
    samples = made(1, 10)
    chunks = [
        Samples.of(samples.spec, 1, {"values": samples.values[:, a:b]}, 0, a) for a, b in ((0, 7), (7, 10))
    ]
    streamed = stream.opening(stream.WAV, samples.spec)
    streamed += b"".join(stream.frame(stream.WAV, chunk) for chunk in chunks)
    streamed += stream.closing(stream.WAV)
    whole = written(samples.spec, 1, 10, samples)
    assert len(streamed) == len(whole)
    assert streamed[44:] == whole[44:]
    assert streamed[8:40] == whole[8:40]  # all but the lengths
    assert stream.offered(samples.spec)[-1] == "audio/wav"
    assert "audio/wav" not in stream.offered(SPEC)


def test_a_stream_of_sound_is_of_one_sequence():
    stream.require(stream.WAV, 1)
    stream.require(stream.NDJSON, 5)
    with pytest.raises(InvalidRequest, match="count is 2, and a stream of audio/wav is of one sequence"):
        stream.require(stream.WAV, 2)


def test_a_sound_alone_has_a_rate():
    for spec in (replace(sound(), rate=None), replace(SPEC, rate=8000), replace(sound(), rate=0)):
        with pytest.raises(SpecError, match="a sound alone has one"):
            Spec.from_json(spec.to_json())


def test_what_went_beyond_full_scale_is_not_clipped():
    values = np.array([[[0.0, 3.0, -6.0, 8.0]]], np.float32)
    samples = Samples.of(sound(high=8.0), 1, {"values": values})
    heard = read(written(samples.spec, 1, 1, samples))
    np.testing.assert_array_equal(heard, np.rint(np.array([0, 3 / 8, -6 / 8, 1]) * 32767))
