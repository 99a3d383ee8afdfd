"""Sound in the graph: overlap-add, its tail, and clips that end by themselves."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from cadenza.evaluation import evaluate_subject
from contract.rollout import rollout
from contract.seal import load
from export.exporter import export
from export.runtime import run_of
from serving.sampler import load as load_generator
from training import data
from training.config import TrainConfig
from training.trainer import train


@pytest.fixture(scope="module")
def heart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beats of two patients, at 100 Hz."""
    random = np.random.default_rng(3)
    rows = []
    for patient, lead, apart in (("ann", "II", 80), ("bob", "V1", 110)):
        time = np.arange(1500)
        wave = np.exp(-(((time % apart) - 40) ** 2) / 20) + random.normal(0, 0.02, len(time))
        rows += [f"{patient},{lead},{x:.4f}" for x in wave]
    path = tmp_path_factory.mktemp("data") / "heart.csv"
    path.write_text("\n".join(["patient,lead,mv", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def run(heart: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "heart"
    config = TrainConfig(steps=12, length=8, waveform="mv", rate=100, id_column="patient")
    train(str(heart), path, config)
    return path


@pytest.fixture(scope="module")
def model(run: Path) -> Path:
    path = run.with_suffix(".onnx")
    export(run, path)
    return path


def test_the_spec_has_the_rate_and_the_tail(model: Path):
    spec = load(model).spec
    assert (spec.form, spec.rate) == ("sound", 100)
    assert spec.states[-1].name == "tail"
    assert [c.name for c in spec.conditions] == ["lead"]


def test_in_8_bits_it_is_its_checkpoint_and_keeps_the_contract(run: Path, tmp_path: Path):
    export(run, tmp_path / "m.onnx", "int8")  # which refuses what is not
    assert load(tmp_path / "m.onnx").spec.precision == "int8"


def test_chunks_of_any_length_are_the_whole_bit_for_bit(model: Path):
    artifact = load(model)
    spec, graph = artifact.spec, run_of(artifact.data)
    whole = rollout(spec, graph, 7, range(6), (400,))["values"]
    parts = rollout(spec, graph, 7, range(6), (1, 32, 31, 2, 300, 34))["values"]
    assert parts.tobytes() == whole.tobytes()


def test_a_run_and_a_model_are_scored_as_sound(run: Path, model: Path, heart: Path, tmp_path: Path):
    for subject, page in ((run, True), (model, False)):
        report, files = evaluate_subject(
            str(subject), str(heart), tmp_path / f"{subject.name}.json", ["spectrum-low", "peaks", "seam"],
            1, 0, id_column="patient", with_page=page,
        )  # fmt: skip
        assert [s.name for s in report.scores] == ["spectrum-low", "peaks", "seam"]
        assert all(np.isfinite([s.value, s.floor]).all() for s in report.scores)
        if page:
            assert "spectrogram of generated windows" in files[1].read_text()
    assert (run / "samples.png").is_file()


def test_a_table_of_samples_has_the_column_of_the_data_a_row_a_sample(model: Path, tmp_path: Path):
    generator = load_generator(model)
    samples = generator.sample(2, 5, seed=1)
    generator.close()
    for suffix in ("csv", "parquet"):
        samples.save(tmp_path / f"x.{suffix}")
        config = TrainConfig(columns=("mv",), id_column="sequence", length=5, hold_out=0)
        read = data.load(str(tmp_path / f"x.{suffix}"), config)
        assert read.values[:, 0].astype(np.float32).tobytes() == samples.values.tobytes()
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[0] == "sequence,step,lead,mv"
    one, two = samples.conditions["lead"]
    assert [line.rpartition(",")[0] for line in (*lines[1:3], *lines[80:82])] == [
        f"0,0,{one}",
        f"0,1,{one}",
        f"0,79,{one}",
        f"1,0,{two}",
    ]
    later = samples.since(3)
    assert next(column for name, column in later.table() if name == "step")[0] == 3 * 16


def test_a_table_of_samples_is_scored_as_sound(clips: Path, tmp_path: Path):
    random = np.random.default_rng(1)
    rows = [f"{i},{t},{random.normal():.4f}" for i in range(60) for t in range(16 * random.integers(2, 5))]
    (tmp_path / "x.csv").write_text("\n".join(["sequence,step,sample", *rows]) + "\n")
    report, _ = evaluate_subject(
        str(tmp_path / "x.csv"), str(clips), tmp_path / "x.json", ["spectrum-high", "lengths"], 1, 0,
        with_page=False,
    )  # fmt: skip
    assert [s.name for s in report.scores] == ["spectrum-high", "lengths"]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Short recordings of different lengths, at 1 kHz."""
    random = np.random.default_rng(0)
    (tmp_path / "clips").mkdir()
    for i in range(64):
        noise = (8000 * random.normal(size=random.integers(32, 80)).cumsum() / 9).clip(-32000, 32000)
        wavfile.write(tmp_path / "clips" / f"{i}.wav", 1000, noise.astype(np.int16))
    return tmp_path / "clips"
