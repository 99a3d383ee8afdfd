"""Sequences that end, from a table to samples: drawn or asked for, whole, streamed, and scored."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from cadenza.evaluation import evaluate_subject
from contract.seal import load
from contract.spec import Endings, Precision
from export.errors import ExportError
from export.exporter import export
from serving.jobs import Request
from serving.sampler import Generator
from serving.sampler import load as load_generator
from tests.conftest import cadenza
from tests.training.test_ends import ragged
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.trainer import train

LENGTHS = [2 + (i % 2) * (1 + i % 7) for i in range(80)]
"""Of kind x all have 2 rows; of kind y 3 to 9."""


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ragged(tmp_path_factory.mktemp("walks"), LENGTHS)


@pytest.fixture(scope="module", params=["length", "gate"])
def endings(request: pytest.FixtureRequest) -> Endings:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def run(walks: Path, endings: Endings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "walks"
    train(str(walks), path, TrainConfig(steps=12, id_column="id", endings=endings))
    return path


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "walks.onnx"
    export(run, path)
    return path


@pytest.fixture
def generator(model: Path):
    made = load_generator(model)
    yield made
    made.close()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_with_fewer_bits_it_is_its_checkpoint_and_keeps_the_contract(
    run: Path, tmp_path: Path, precision: Precision
):
    export(run, tmp_path / "m.onnx", precision)  # which refuses what is not
    assert load(tmp_path / "m.onnx").spec.precision == precision


def test_rounding_behind_every_end_is_nobodys(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    checkpoint, _ = checkpoints.load(run)
    lively = checkpoint.generator()
    with torch.no_grad():
        lively.lstm.weight_hh_l0.mul_(8)  # after 300 steps two right runs are strangers
    monkeypatch.setattr(checkpoints.Checkpoint, "generator", lambda _: lively)
    assert export(run, tmp_path / "m.onnx").artifact.spec.parity.network < 1e-5
    monkeypatch.setattr("export.layers.SLOPE", 0.201)
    with pytest.raises(ExportError, match="not its checkpoint"):
        export(run, tmp_path / "wrong.onnx")


@pytest.mark.parametrize("endings", ["length"], indirect=True)
def test_lengths_are_drawn_as_in_the_data_and_with_their_condition(generator: Generator):
    drawn = Counter(generator.sample(4000, seed=1).lengths().tolist())
    data = Counter(LENGTHS)
    assert set(drawn) <= set(data)
    assert all(abs(drawn[k] / 4000 - data[k] / 80) < 0.07 for k in data)  # eight are held out
    assert set(generator.sample(50, seed=1, condition={"kind": "x"}).lengths()) == {2}


@pytest.mark.parametrize("endings", ["gate"], indirect=True)
def test_a_gate_ends_each_sequence_after_the_longest_at_the_latest(generator: Generator):
    assert set(generator.sample(500, seed=1).lengths().tolist()) == set(range(1, 10))


def test_a_length_asked_for_is_kept(generator: Generator):
    assert generator.sample(5, 12, seed=1, condition={"kind": "x"}).lengths().tolist() == [12] * 5


def test_a_stream_is_the_whole(generator: Generator):
    whole = generator.sample(7, seed=3)
    request = Request(3, 7, None, drawn=True, ahead=1)
    chunks = list(generator._chunks(request))
    assert sum(c.arrays["valid"].shape[1] for c in chunks) >= whole.shape[1]
    streamed = np.concatenate([c.arrays["values"] for c in chunks], axis=1)[:, : whole.shape[1]]
    np.testing.assert_array_equal(streamed, whole.values)


def test_nothing_is_behind_an_end(generator: Generator):
    samples = generator.sample(20, seed=1)
    assert np.isnan(samples.values[~samples.valid]).all()
    assert (samples.labels[~samples.valid] == -1).all()
    assert np.isfinite(samples.values[samples.valid]).all()


def test_a_table_has_as_many_rows_as_each_sequence(model: Path, generator: Generator, tmp_path: Path):
    done = cadenza("sample", model, "-n", 30, "--seed", 3, "-o", tmp_path / "x.csv")
    assert done.returncode == 0, done.stderr
    assert "30 sequences of up to 9 steps" in done.stdout
    with (tmp_path / "x.csv").open() as file:
        rows = Counter(int(row["sequence"]) for row in csv.DictReader(file))
    assert [rows[i] for i in range(30)] == generator.sample(30, seed=3).lengths().tolist()


def test_a_run_a_model_and_a_file_are_scored_alike(walks: Path, run: Path, model: Path, tmp_path: Path):
    generator = load_generator(model)
    for form in ("csv", "npz"):
        generator.sample(200, seed=1).save(tmp_path / f"x.{form}")
    generator.close()
    for subject in (run, model, tmp_path / "x.csv", tmp_path / "x.npz"):
        out = tmp_path / f"{subject.name}.json"
        report, _ = evaluate_subject(
            str(subject), str(walks), out, ["marginal", "correlation"], 1, 0, "id", with_page=False
        )
        assert {c.name for c in report.channels} == {"a", "tag = on", "not ended"}
        assert report.length == 9
        assert all(np.isfinite([score.value, score.floor]).all() for score in report.scores)


def test_the_seal_holds_a_table_that_fits(model: Path, endings: Endings):
    spec = load(model).spec
    assert (spec.endings, spec.training_length) == (endings, 9)
    assert len(spec.condition_table.rows[0]) == len(spec.conditions) + (endings == "length")
    assert sum(spec.condition_table.counts) == 72  # the sequences trained on
