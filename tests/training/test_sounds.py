"""WAV files and columns as waveforms."""

import wave
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from training.config import TrainConfig
from training.data import load
from training.data.dataset import Dataset
from training.data.schema import applied, outline
from training.errors import DataError


def tone(hertz: float, seconds: float = 0.5, rate: int = 8000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def write(path: Path, channels: Sequence[np.ndarray], rate: int = 8000, width: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(width)
        file.setframerate(rate)
        whole = np.rint(np.stack(channels, 1) * (2 ** (8 * width - 1) - 1)).astype("<i4")  # (samples, …)
        file.writeframes(whole.reshape(-1, 1).view(np.uint8)[:, :width].tobytes())
    return path


def samples(dataset: Dataset, sequence: int = 0) -> np.ndarray:
    a, b = dataset.bounds[sequence : sequence + 2]
    return dataset.values[a:b].reshape(-1)


def loudest(x: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(x * np.hanning(len(x)))).argmax() * rate / len(x))


def test_a_sound_is_rows_of_a_sixty_fourth_of_a_second(tmp_path: Path):
    dataset = load(str(write(tmp_path / "a.wav", [tone(440)])), TrainConfig())
    assert (dataset.form, dataset.rate, len(dataset.columns)) == ("sound", 8000, 125)
    assert dataset.step == "hop of 125 samples at 8,000 Hz"
    assert np.abs(samples(dataset) - tone(440)).max() < 1e-4
    assert dataset.notes == ()
    assert len(load(str(tmp_path / "a.wav"), TrainConfig(hop=32)).columns) == 32


def test_what_is_behind_the_last_whole_hop_is_kept_and_filled_up(tmp_path: Path):
    short = tone(440)[:900]
    dataset = load(str(write(tmp_path / "a.wav", [short])), TrainConfig())
    assert len(dataset.values) == 8
    assert np.abs(samples(dataset)[:900] - short).max() < 1e-4
    assert set(samples(dataset)[900:]) == {samples(dataset)[899]}


def test_several_channels_are_mixed_down_and_it_is_said(tmp_path: Path):
    one, two = tone(440), tone(700)
    dataset = load(str(write(tmp_path / "a.wav", [one, two])), TrainConfig())
    assert np.abs(samples(dataset) - (one + two) / 2).max() < 1e-4
    assert "1 of 1 files have several channels, which are mixed down to one" in dataset.notes


@pytest.mark.parametrize("width", [2, 3, 4])
def test_sounds_of_every_width_are_as_loud(tmp_path: Path, width: int):
    dataset = load(str(write(tmp_path / "a.wav", [tone(440)], width=width)), TrainConfig())
    assert np.abs(samples(dataset) - tone(440)).max() < 1e-4


def test_other_rates_are_resampled_to_that_of_most_and_it_is_said(tmp_path: Path):
    for name, rate in (("a", 8000), ("b", 8000), ("c", 44_100)):
        write(tmp_path / f"{name}.wav", [tone(440, rate=rate)], rate)
    dataset = load(str(tmp_path), TrainConfig())
    assert dataset.rate == 8000
    assert "1 of 3 files are resampled to 8,000 Hz, from 44,100 Hz" in dataset.notes
    assert len(samples(dataset, 2)) == 4000
    assert loudest(samples(dataset, 2), 8000) == pytest.approx(440, abs=3)
    assert load(str(tmp_path), TrainConfig(rate=16_000)).rate == 16_000


def test_sub_folders_are_classes(tmp_path: Path):
    for name in ("one", "two"):
        for i in range(3):
            write(tmp_path / name / f"{i}.wav", [tone(300 + 100 * i)])
    dataset = load(str(tmp_path), TrainConfig())
    assert dataset.statics[0].labels == ("one", "two")
    assert dataset.static_values[:, 0].tolist() == [0, 0, 0, 1, 1, 1]


def test_many_clips_are_learnt_whole(tmp_path: Path):
    for i in range(64):
        write(tmp_path / f"{i:02}.wav", [tone(300, 0.1 + 0.001 * i)])
    dataset = load(str(tmp_path), TrainConfig())
    assert dataset.ends
    assert dataset.length == 11


def test_clips_that_are_shorter_than_a_hop_are_said_and_nothing_if_all_are(tmp_path: Path):
    for i in range(64):
        write(tmp_path / f"{i:02}.wav", [tone(300)[: 40 + i]])
    with pytest.raises(DataError, match=r"every recording is one hop of 125 samples at 8,000 Hz, .*--hop"):
        load(str(tmp_path), TrainConfig())
    write(tmp_path / "long.wav", [tone(300)[:300]])
    dataset = load(str(tmp_path), TrainConfig())
    assert (dataset.ends, dataset.length) == (True, 3)
    assert any("64 of 65 recordings are shorter than a hop of 125 samples" in n for n in dataset.notes)
    assert load(str(tmp_path), TrainConfig(hop=50)).length == 6


def test_a_file_that_was_cut_off_is_an_error(tmp_path: Path):
    path = write(tmp_path / "a.wav", [tone(440)])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(
        DataError, match="a.wav is cut off: it says that it holds 8,000 bytes of sound, and"
    ):
        load(str(path), TrainConfig())


def test_what_is_no_wav_and_what_is_silent_are_errors(tmp_path: Path):
    (tmp_path / "a.wav").write_bytes(b"ID3 and what follows in an MP3")
    with pytest.raises(DataError, match="a.wav cannot be read as WAV"):
        load(str(tmp_path / "a.wav"), TrainConfig())
    write(tmp_path / "b.wav", [0 * tone(440)])
    with pytest.raises(DataError, match="b is silent: every sample is 0"):
        load(str(tmp_path / "b.wav"), TrainConfig())
    write(tmp_path / "c.wav", [tone(440)[:0]])
    with pytest.raises(DataError, match=r"c\.wav is empty"):
        load(str(tmp_path / "c.wav"), TrainConfig())


def patched(path: Path, at: int, header: bytes) -> Path:
    content = bytearray(path.read_bytes())
    content[at : at + len(header)] = header
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("at", "header", "message"),
    [(24, bytes(8), "says that it has 0 samples a second"), (22, bytes(2), "says that it has no channel")],
)
def test_a_header_without_a_rate_or_a_channel_is_an_error(
    tmp_path: Path, at: int, header: bytes, message: str
):
    path = patched(write(tmp_path / "a.wav", [tone(440)]), at, header)
    with pytest.raises(DataError, match=message):
        load(str(path), TrainConfig())


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_an_error(tmp_path: Path, strange: float):
    sound = tone(440).astype(np.float32)
    sound[7] = strange
    wavfile.write(tmp_path / "a.wav", 8000, sound)
    with pytest.raises(DataError, match="a.wav has 1 samples that are no number, or infinite"):
        load(str(tmp_path / "a.wav"), TrainConfig())


def test_floats_beyond_full_scale_are_said(tmp_path: Path):
    for name, gain in (("a", 1), ("b", 5), ("c", 3)):
        wavfile.write(tmp_path / f"{name}.wav", 8000, (gain * tone(500)).astype(np.float32))
    dataset = load(str(tmp_path), TrainConfig())
    assert "2 of 3 files go beyond full scale, up to 2.5 times it" in dataset.notes
    assert np.abs(samples(dataset, 1)).max() == pytest.approx(2.5)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        f"{patient},{lead},{x:.5f},{i}"
        for patient, lead in (("ann", "II"), ("bob", "V1"))
        for i, x in enumerate(np.sin(np.arange(320) / 5))
    ]
    path = tmp_path / "heart.csv"
    path.write_text("\n".join(["patient,lead,mv,beat", *rows]) + "\n")
    return path


def test_a_column_of_a_table_is_a_waveform(table: Path):
    dataset = load(str(table), TrainConfig(waveform="mv", rate=360, id_column="patient"))
    assert (dataset.form, dataset.rate, len(dataset.bounds) - 1) == ("sound", 360, 2)
    assert [c.name for c in dataset.columns[:2]] == ["mv 1", "mv 2"]
    assert (dataset.statics[0].labels, dataset.statics[0].place) == (("II", "V1"), 0)
    behind = table.parent / "behind.csv"
    rows = (row.split(",") for row in table.read_text().splitlines())
    behind.write_text("\n".join(",".join([row[0], row[3], row[2], row[1]]) for row in rows) + "\n")
    turned = load(str(behind), TrainConfig(waveform="mv", rate=360, id_column="patient"))
    assert turned.statics[0].place == 1
    assert np.abs(samples(dataset, 1) - np.sin(np.arange(320) / 5)).max() < 1e-4
    assert "beside a waveform no channel is learnt; left out: beat" in dataset.notes


def test_a_schema_says_so_as_well(table: Path, tmp_path: Path):
    told = outline(str(table), TrainConfig(waveform="mv", rate=360, id_column="patient", length=8))
    assert '"mv" = "waveform"  # one step is a hop of 16 samples at 360 Hz' in told.splitlines()
    (tmp_path / "x.toml").write_text(told)
    config = applied(str(table), TrainConfig(schema=str(tmp_path / "x.toml"), rate=360))
    assert config.waveform == "mv"
    assert load(str(table), config).form == "sound"


def test_a_waveform_without_a_rate_with_gaps_or_of_labels_is_an_error(table: Path):
    with pytest.raises(DataError, match="'mv' is a waveform; say how many samples a second it has with --"):
        load(str(table), TrainConfig(waveform="mv"))
    with pytest.raises(DataError, match="has no column 'volts'"):
        load(str(table), TrainConfig(waveform="volts", rate=360))
    with pytest.raises(DataError, match="'lead' was named with --waveform, and holds labels"):
        load(str(table), TrainConfig(waveform="lead", rate=360))
    table.write_text(table.read_text().replace("0.19867", "", 1))
    with pytest.raises(DataError, match="'mv' is missing in 1 of 640 rows, and a waveform has no gaps"):
        load(str(table), TrainConfig(waveform="mv", rate=360))


def timed(path: Path, stamps: Sequence[object]) -> Path:
    rows = [f"{stamp},{x:.5f}" for stamp, x in zip(stamps, np.sin(np.arange(len(stamps)) / 5), strict=True)]
    path.write_text("\n".join(["when,mv", *rows]) + "\n")
    return path


def clock(rate: float, count: int = 300, random: float = 0) -> np.ndarray:
    """Times in milliseconds, off by up to `random` steps."""
    off = random * np.random.default_rng(0).uniform(-1, 1, count)
    return np.datetime64("2024-01-01T12:00:00.000") + ((np.arange(count) + off) * 1000 / rate).astype(int)


@pytest.mark.parametrize(("rate", "random"), [(100, 0), (100, 0.2), (360, 0), (800, 0), (1500, 0)])
def test_times_of_a_waveform_are_for_holes_alone(tmp_path: Path, rate: int, random: float):
    times = clock(rate, random=random)
    config = TrainConfig(waveform="mv", rate=rate, id_column="who")
    path = tmp_path / "a.csv"
    path.write_text("who,when,mv\n" + "".join(f"x,{t},{i % 7}\n" for i, t in enumerate(times)))
    dataset = load(str(path), config)
    assert dataset.time is None
    assert dataset.notes[-1] == (
        "'when' holds the times: they tell whether rows are missing, and are not learnt"
    )
    cut = np.delete(times, range(200, 205))
    path.write_text("who,when,mv\n" + "".join(f"x,{t},{i % 7}\n" for i, t in enumerate(cut)))
    with pytest.raises(DataError, match=f"rows are missing between the 'when' 2024.*{str(cut[200])[-6:]}"):
        load(str(path), config)


def test_one_row_that_is_missing_is_a_hole(tmp_path: Path):
    path = timed(tmp_path / "a.csv", np.delete(clock(1), 100))
    with pytest.raises(DataError, match="12:01:39.000 and .*12:01:41.000, 2 usual steps apart: fill"):
        load(str(path), TrainConfig(waveform="mv", rate=1))


def test_times_that_contradict_the_rate_are_said(tmp_path: Path):
    path = timed(tmp_path / "a.csv", [f"{i / 100:.2f}" for i in range(300)])
    config = TrainConfig(waveform="mv", rate=360, time_column="when")
    assert "by 'when' there are 100 samples a second, and 360 by --rate" in load(str(path), config).notes
    timed(path, [10 * i for i in range(300)])  # milliseconds
    assert len(load(str(path), replace(config, rate=100)).notes) == 1
    timed(path, range(300))  # the numbers of the rows
    assert len(load(str(path), config).notes) == 1


def test_a_hop_that_is_too_long_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="--hop is 300; at most 128 samples are learnt as one step"):
        load(str(write(tmp_path / "a.wav", [tone(440)])), TrainConfig(hop=300))


def test_a_file_without_a_sample_moves_no_class(tmp_path: Path):
    write(tmp_path / "x" / "a.wav", [tone(440)])
    write(tmp_path / "y" / "b.wav", [tone(880)])
    write(tmp_path / "x" / "0.wav", [np.zeros(0)])
    with pytest.raises(DataError, match=r"0\.wav is empty: .*leave it out"):
        load(str(tmp_path), TrainConfig())


def test_a_header_that_was_never_finished_is_said(tmp_path: Path):
    path = write(tmp_path / "a.wav", [tone(440)])
    content = bytearray(path.read_bytes())
    content[40:44] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(DataError, match="says that it holds no sound, and has 8,000 bytes of it"):
        load(str(path), TrainConfig())
