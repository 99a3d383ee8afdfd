"""Waveforms of another tool, in files, tables and arrays, are judged as sound."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from cadenza.evaluation import evaluate_subject
from cadenza.foreign import of_samples
from cadenza.subjects import of_run
from contract.errors import UsageError
from tests.conftest import cadenza
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.errors import DataError
from training.evaluation.report import Report

RATE, HOP = 100, 16


def wave(samples: int, seed: int) -> np.ndarray:
    """A tone that wanders, (samples,), within ±1."""
    random = np.random.default_rng(seed)
    return 0.5 * np.sin(np.cumsum(0.4 + 0.1 * random.normal(size=samples)))


@pytest.fixture(scope="module")
def heart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three long recordings in one table, beside a column that is none."""
    path = tmp_path_factory.mktemp("data") / "heart.csv"
    rows = [f"p{i},{value:.4f},{t % 7}" for i in range(3) for t, value in enumerate(wave(1600, seed=i))]
    path.write_text("\n".join(["patient,mv,note", *rows]) + "\n")
    return path


def scored(subject: Path, heart: Path) -> Report:
    report, _ = evaluate_subject(
        str(subject), str(heart), subject.with_name("report.json"), ["peaks", "seam"], 1, 0,
        id_column="patient", with_page=False, waveform="mv", rate=RATE,
    )  # fmt: skip
    assert all(np.isfinite(s.value) for s in report.scores)
    return report


def test_wav_files_of_any_length_are_cut_into_windows_of_the_data(heart: Path, tmp_path: Path):
    (tmp_path / "theirs").mkdir()
    for i, samples in enumerate((9000, 6000)):
        wavfile.write(tmp_path / "theirs" / f"{i}.wav", RATE, wave(samples, seed=i).astype(np.float32))
    report = scored(tmp_path / "theirs", heart)
    assert (report.length, report.samples) == (32, 17 + 11)  # whole windows of 512 samples


def test_a_single_long_recording_at_another_rate_is_enough(heart: Path, tmp_path: Path):
    wavfile.write(tmp_path / "one.wav", 2 * RATE, wave(30_000, seed=1).astype(np.float32))
    assert scored(tmp_path / "one.wav", heart).samples == 29


def test_arrays_are_waveforms_or_hops(heart: Path, tmp_path: Path):
    waves = np.stack([wave(20 * HOP, seed=i) for i in range(24)])
    np.save(tmp_path / "waves.npy", waves)
    np.save(tmp_path / "hops.npy", waves.reshape(24, 20, HOP))
    np.savez(tmp_path / "each.npz", *waves)
    for name in ("waves.npy", "hops.npy", "each.npz"):
        report = scored(tmp_path / name, heart)
        assert (report.length, report.samples) == (20, 24)
    np.save(tmp_path / "odd.npy", np.zeros((24, 20, 5)))
    with pytest.raises(UsageError, match=r"shape \[24, 20, 5\].*\(sequences, hops, 16\) is wanted"):
        scored(tmp_path / "odd.npy", heart)


def test_a_table_of_another_tool_is_read_by_its_column_and_its_id(heart: Path, tmp_path: Path):
    rows = [f"{t},{i},{v:.4f}" for i in range(3) for t, v in enumerate(wave(9000, seed=i))]
    (tmp_path / "theirs.csv").write_text("\n".join(["t,patient,mv", *rows]) + "\n")
    done = cadenza(
        "evaluate", tmp_path / "theirs.csv", "--data", heart, "--id-column", "patient", "--waveform", "mv",
        "--rate", RATE, "--scores", "peaks", "--no-page",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "peaks" in done.stdout
    (tmp_path / "other.csv").write_text("\n".join(["t,patient,volts", *rows]) + "\n")
    with pytest.raises(UsageError, match="columns t, volts, and none is 'mv'"):
        scored(tmp_path / "other.csv", heart)


def test_recordings_shorter_than_a_window_are_refused(heart: Path, tmp_path: Path):
    (tmp_path / "short").mkdir()
    for i in range(30):
        wavfile.write(tmp_path / "short" / f"{i}.wav", RATE, wave(100 + i, seed=i).astype(np.float32))
    with pytest.raises(UsageError, match="at most 144 samples in a row, and a window of the data 512"):
        scored(tmp_path / "short", heart)


def test_wav_and_a_unit_of_its_own_are_not_compared(heart: Path, tmp_path: Path):
    loud = tmp_path / "loud.csv"
    lines = heart.read_text().splitlines()
    rows = (line.split(",") for line in lines[1:])
    loud.write_text("\n".join([lines[0], *(f"{p},{3 * float(mv)},{n}" for p, mv, n in rows)]) + "\n")
    wavfile.write(tmp_path / "one.wav", RATE, wave(30_000, seed=1).astype(np.float32))
    with pytest.raises(UsageError, match=r"full scale, 1, and loud reaches 1\.5 in its own: bring npz"):
        scored(tmp_path / "one.wav", loud)
    notes = scored(tmp_path / "one.wav", heart).notes
    assert any("is one recording, and is cut into windows, pauses and all" in note for note in notes)
    assert any("both are taken to be of one unit" in note for note in notes)


def test_a_table_with_another_column_is_judged_beside_recordings_that_have_none(tmp_path: Path):
    rows = [f"p{i},{value:.4f},{t % 7}" for i in range(3) for t, value in enumerate(wave(4000, seed=i))]
    (tmp_path / "theirs.csv").write_text("\n".join(["who,sample,temp", *rows]) + "\n")
    wavfile.write(tmp_path / "real.wav", RATE, wave(9000, seed=3).astype(np.float32))
    real, told = str(tmp_path / "real.wav"), TrainConfig(id_column="who", waveform="sample")
    sides = of_samples(tmp_path / "theirs.csv", real, told)
    assert sides.samples.shape[2] == len(sides.real.dataset.columns)
    with pytest.raises(
        DataError, match=r"csv holds tables and .*wav holds sound, and --alphabet is for text"
    ):
        of_samples(tmp_path / "theirs.csv", real, TrainConfig(alphabet="ab"))


def test_what_was_chosen_for_a_run_is_no_matter_where_other_data_have_none_of_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
):
    checkpoint, notes = checkpoints.load(run)
    changed = replace(checkpoint, config=replace(checkpoint.config, ignore=("note",)))
    monkeypatch.setattr(checkpoints, "load", lambda path: (changed, notes))
    sides, _ = of_run(run, "stocks", 0)
    assert sides.real.dataset.name == "stocks"
