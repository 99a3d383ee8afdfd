"""The exported file is its checkpoint, keeps the contract, and is the same when made again."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from contract import checks
from contract.rollout import rollout
from contract.seal import Artifact, load
from contract.spec import Precision
from export.errors import ExportError
from export.exporter import export
from export.runtime import run_of
from serving.session import Session
from tests.conftest import cadenza
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.trainer import train

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


@pytest.fixture(scope="module")
def exported(run: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Precision, Artifact]:
    """The run in every precision."""
    folder = tmp_path_factory.mktemp("precisions")
    others = {p: export(run, folder / f"{p}.onnx", p).artifact for p in PRECISIONS if p != "fp32"}
    return {"fp32": load(model)} | others


@pytest.mark.parametrize("precision", PRECISIONS)
def test_made_twice_it_is_the_same_bytes(
    run: Path, exported: dict[Precision, Artifact], tmp_path: Path, precision: Precision
):
    export(run, tmp_path / "again.onnx", precision)
    assert (tmp_path / "again.onnx").read_bytes() == exported[precision].data


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_passes_its_checks(exported: dict[Precision, Artifact], precision: Precision):
    artifact = exported[precision]
    outcomes = list(checks.checks(artifact.spec, Session(artifact, "cpu").run))
    assert [c for c in outcomes if not c.passed] == []
    parity = artifact.spec.parity
    assert parity.decoding == 0
    if precision != "int8":
        assert parity.chunks == parity.company == 0
    assert 0 < parity.network < {"fp32": 1e-5, "fp16": 1e-2, "int8": 0.25}[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_set_points_and_tenths_come_out_of_the_graph_as_they_are(tmp_path: Path, precision: Precision):
    random = np.random.default_rng(0)
    points = np.repeat(random.choice([0.0, 900, 1500, 3000], 60), 20)
    tenths = np.round(np.sin(np.arange(1200) / 50) * 3, 1)
    np.save(tmp_path / "x.npy", np.column_stack([points, tenths]))
    train(str(tmp_path / "x.npy"), tmp_path / "run", TrainConfig(steps=2), say=lambda line: None)
    artifact = export(tmp_path / "run", tmp_path / "x.onnx", precision).artifact
    assert artifact.spec.parity.decoding == 0
    session = Session(artifact, "cpu")
    values = rollout(artifact.spec, session.run, 0, range(64), (48,))["values"]
    assert set(np.unique(values[..., 0])) <= {0, 900, 1500, 3000}
    assert len(np.unique(values[..., 0])) > 2
    assert (values[..., 1] == np.round(values[..., 1].astype(np.float64), 1).astype(np.float32)).all()


def test_half_precision_halves_the_weights(exported: dict[Precision, Artifact]):
    sizes = [len(exported[p].data) for p in PRECISIONS]
    assert sizes[1] < 0.7 * sizes[0]
    assert sizes[2] < 0.8 * sizes[0]


def test_no_axis_is_frozen_and_nothing_is_beside_the_file(model: Path):
    graph = onnx.load(model).graph
    for tensor in (*graph.input, *graph.output):
        dims = [d.dim_param or d.dim_value for d in tensor.type.tensor_type.shape.dim]
        assert "batch" in dims
        if tensor.name in ("noise", "values"):
            assert dims[:2] == ["batch", "steps"]
    assert [p.name for p in model.parent.iterdir()] == [model.name]


def test_the_file_says_what_the_checkpoint_decodes_to(run: Path, model: Path):
    """From noise to values: torch and the numpy twin against the sealed graph."""
    artifact = load(model)
    checkpoint, _ = checkpoints.load(run)
    generator = checkpoint.generator()
    feeds = checks.feeds(artifact.spec, range(5), 31)
    y, _ = generator(torch.from_numpy(feeds["latent"]), torch.from_numpy(feeds["noise"]))
    wanted = checkpoint.decoder(generator.scores(y).numpy())
    found = run_of(artifact.data)(feeds)["values"]
    spans = np.array([c.high - c.low for c in artifact.spec.channels])
    assert (abs(found - wanted) / spans).max() < 1e-4


def test_steps_beyond_the_training_length_go_on(model: Path):
    artifact = load(model)
    out = rollout(artifact.spec, Session(artifact, "cpu").run, 3, range(2), (5000,))
    assert np.isfinite(out["values"]).all()


def test_what_leaves_the_data_comes_back(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A level that starts beyond all of the data is seen as far inside of it."""
    checkpoint, _ = checkpoints.load(run)
    inside, beyond = checkpoint.generator(), checkpoint.generator()
    span = inside.high - inside.low
    y = inside.low + (2 * torch.rand(4, 50, len(span)) - 0.5) * span
    over = torch.where(
        y > inside.high, 2 * inside.high - y, torch.where(y < inside.low, 2 * inside.low - y, y)
    )
    assert (over != y).any()
    torch.testing.assert_close(inside.scores(y), inside.scores(over))
    with torch.no_grad():
        beyond.level[-1][-1].bias.add_(4 * span)
        beyond.high.copy_(inside.high * 0.3)  # where much is mirrored, the graph is its checkpoint as well
        beyond.low.copy_(inside.low * 0.3)
        beyond.mean.add_(2)  # and each channel beyond its own end
    monkeypatch.setattr(checkpoints.Checkpoint, "generator", lambda _: beyond)
    assert export(run, tmp_path / "m.onnx").artifact.spec.parity.network < 2e-5


def test_a_graph_that_is_not_its_checkpoint_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("export.layers.SLOPE", 0.21)
    with pytest.raises(ExportError, match="not its checkpoint"):
        export(run, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_recurrence_that_forgets_no_rounding_is_held_as_strictly(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    checkpoint, _ = checkpoints.load(run)
    lively = checkpoint.generator()
    with torch.no_grad():
        lively.lstm.weight_hh_l0.mul_(8)
        once, noise = torch.randn(4, lively.latents), torch.randn(4, 300, lively.noise_size)
        whole, _, _ = lively.play(once, noise)
        exact, _, _ = copy.deepcopy(lively).double().play(once.double(), noise.double())
    assert (whole - exact).abs().max() > 0.1  # after 300 steps two right runs are strangers
    monkeypatch.setattr(checkpoints.Checkpoint, "generator", lambda _: lively)
    assert export(run, tmp_path / "m.onnx").artifact.spec.parity.network < 2e-5
    monkeypatch.setattr("export.layers.SLOPE", 0.201)
    with pytest.raises(ExportError, match="not its checkpoint"):
        export(run, tmp_path / "wrong.onnx")


def test_an_export_takes_the_scores_of_its_own_checkpoint_along(prices: Path, tmp_path: Path):
    folder = tmp_path / "run"
    assert cadenza("train", prices, "-o", folder, "--steps", 5, "--length", 12).returncode == 0
    done = cadenza("evaluate", folder, "--scores", "marginal", "--no-page")
    assert done.returncode == 0, done.stderr
    assert "real against real" in done.stdout
    (score,) = export(folder, tmp_path / "m.onnx").artifact.spec.scores
    assert score.name == "marginal"
    assert 0 <= score.floor < score.value


def test_a_folder_that_is_no_run_is_said(tmp_path: Path):
    done = cadenza("export", tmp_path, "-o", tmp_path / "m.onnx")
    assert done.returncode == 1
    assert "is no run" in done.stderr


def test_scores_are_sealed_that_are_of_this_checkpoint_and_its_data(run: Path, tmp_path: Path):
    checkpoint, _ = checkpoints.load(run)
    score = {"name": "field", "value": 0.1, "spread": 0.0, "floor": 0.0, "floor_spread": 0.0, "judges": 1}
    own = {
        "subject": {"step": checkpoint.step},
        "data_fingerprint": checkpoint.data.fingerprint,
        "scores": [score],
    }
    copied = shutil.copytree(run, tmp_path / "run")
    report = copied / "evaluation.json"
    for changed, count in (({}, 1), ({"data_fingerprint": "another"}, 0), ({"subject": {"step": 1}}, 0)):
        report.write_text(json.dumps(own | changed))
        assert len(export(copied, tmp_path / "m.onnx").artifact.spec.scores) == count
    for text in ("{", "{}", "[]"):
        report.write_text(text)
        with pytest.raises(ExportError, match=r"evaluation\.json is no report"):
            export(copied, tmp_path / "m.onnx")


def test_a_run_that_is_not_done_is_exported_and_said(run: Path, tmp_path: Path):
    copied = shutil.copytree(run, tmp_path / "run")
    assert export(copied, tmp_path / "m.onnx").notes == ()
    _, *others = sorted(copied.glob("checkpoint-*.pt"))
    for path in others:
        path.unlink()
    steps = checkpoints.load(copied)[0]
    (note,) = export(copied, tmp_path / "m.onnx").notes
    assert note == f"the run is at step {steps.step} of {steps.steps}: what it has learnt so far"
