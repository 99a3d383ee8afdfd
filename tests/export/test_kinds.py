"""Tables with labels and gaps, from a file to samples of the same columns: everything is the real code."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cadenza.evaluation import evaluate_subject
from cadenza.foreign import of_samples
from contract.errors import ConditionError, UsageError
from contract.seal import load
from export.errors import ExportError
from export.exporter import export
from serving.sampler import load as load_generator
from tests.conftest import cadenza
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.trainer import train

DAYS = ("Mon", "Tue", "Wed")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Temperatures with gaps, days with gaps, whether it rains, a count, and a constant."""
    random = np.random.default_rng(0)
    warm = 10 + np.cumsum(random.normal(0, 0.5, 300))
    lines = [
        f"{'' if random.random() < 0.2 else f'{t:.2f}'},{'' if random.random() < 0.1 else DAYS[i % 3]},"
        f"{'true' if random.random() < t / 20 else 'false'},{random.poisson(3)},7"
        for i, t in enumerate(warm)
    ]
    path = tmp_path_factory.mktemp("mixed") / "weather.csv"
    path.write_text("\n".join(["warm,day,rain,count,seven", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def run(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "weather"
    train(str(mixed), path, TrainConfig(steps=12, length=8))
    return path


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "weather.onnx"
    export(run, path)
    return path


def test_in_8_bits_it_is_its_checkpoint_and_keeps_the_contract(run: Path, tmp_path: Path):
    export(run, tmp_path / "m.onnx", "int8")  # which refuses what is not
    assert load(tmp_path / "m.onnx").spec.precision == "int8"


def test_what_numbers_say_of_labels_is_in_the_graph(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """After a few steps they say next to nothing."""
    talks = checkpoints.load(run)[0].generator()
    torch.nn.init.normal_(talks.tells[2].weight)
    monkeypatch.setattr(checkpoints.Checkpoint, "generator", lambda _: talks)
    assert export(run, tmp_path / "m.onnx").artifact.spec.parity.network < 1e-5
    monkeypatch.setattr("export.choices.LOUDNESS", 2.99)
    with pytest.raises(ExportError, match="not its checkpoint"):
        export(run, tmp_path / "wrong.onnx")


def test_the_spec_has_kinds_labels_and_gaps(run: Path):
    kinds = {c.name: (c.kind, c.labels, c.missing) for c in checkpoints.load(run)[0].channels}
    assert kinds == {
        "warm": ("continuous", (), True),
        "day": ("categorical", DAYS, True),
        "rain": ("categorical", ("false", "true"), False),
        "count": ("integer", (), False),
        "seven": ("integer", (), False),
    }


def test_what_inspect_says_is_strict_json(model: Path):
    spec = json.loads(cadenza("inspect", model, "--json").stdout, parse_constant=pytest.fail)
    assert None in spec["reference"]["values"]  # a gap


def test_samples_have_the_columns_of_the_table(model: Path, tmp_path: Path):
    done = cadenza("sample", model, "-n", 40, "-l", 8, "--seed", 3, "-o", tmp_path / "x.csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text())))
    assert list(rows[0]) == ["sequence", "step", "warm", "day", "rain", "count", "seven"]
    columns = {name: {row[name] for row in rows} for name in rows[0]}
    assert columns["day"] == {*DAYS, ""}
    assert columns["rain"] == {"true", "false"}
    assert columns["seven"] == {"7"}
    assert "" in columns["warm"]
    assert all(number.isdigit() for number in columns["count"])


def test_a_run_a_model_and_a_file_are_scored_alike(mixed: Path, run: Path, model: Path, tmp_path: Path):
    generator = load_generator(model)
    generator.sample(200, 8, 1).save(tmp_path / "x.csv")
    generator.close()
    for subject, page in ((run, True), (model, False), (tmp_path / "x.csv", False)):
        data, out = str(mixed), tmp_path / f"{subject.name}.json"
        report, files = evaluate_subject(
            str(subject), data, out, ["marginal", "correlation"], 1, 0, with_page=page
        )
        assert {c.name for c in report.channels} == {
            "warm", "warm = there", *(f"day = {d}" for d in (*DAYS, "missing")), "rain = true", "count",
        }  # fmt: skip
        assert all(np.isfinite([score.value, score.floor]).all() for score in report.scores)
        if page:
            assert "day = missing" in files[1].read_text()


@pytest.mark.parametrize("columns", [("day", "rain"), ("day", "seven")])
def test_labels_need_no_numbers(mixed: Path, tmp_path: Path, columns: tuple[str, ...]):
    train(str(mixed), tmp_path / "run", TrainConfig(steps=4, length=6, columns=columns))
    spec = export(tmp_path / "run", tmp_path / "m.onnx").artifact.spec
    assert tuple(c.name for c in spec.channels) == columns
    assert "total" not in {s.name for s in spec.states}


def test_a_number_that_is_mostly_zero_is_so_in_the_graph(tmp_path: Path):
    random = np.random.default_rng(0)
    rain = np.where(random.random(400) < 0.7, 0, random.lognormal(0, 1, 400)).round(3)
    (tmp_path / "x.csv").write_text(
        "rain,a\n" + "".join(f"{x},{y:.3f}\n" for x, y in zip(rain, rain.cumsum(), strict=True))
    )
    train(str(tmp_path / "x.csv"), tmp_path / "run", TrainConfig(steps=20, length=8))
    channel = export(tmp_path / "run", tmp_path / "m.onnx").artifact.spec.channels[0]
    assert (channel.low, channel.mass) == (0, 0)
    generator = load_generator(tmp_path / "m.onnx")
    made = generator.sample(50, 8, 1).values[..., 0]
    generator.close()
    assert 0 < (made == 0).mean() < 1
    assert made[made > 0].min() >= np.float32(rain[rain > 0].min())


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sales of shops that have a size and a kind, constant in each; the kind decides about the level."""
    random = np.random.default_rng(1)
    lines = []
    for shop in range(40):
        kind, size = ("books", "wine")[shop % 2], 10 + shop % 4 * 5
        level = {"books": 0, "wine": 30}[kind] + np.cumsum(random.normal(0, 0.3, 12))
        lines += [f"{shop},{kind},{size},{x:.3f},{random.choice(DAYS)}" for x in level]
    path = tmp_path_factory.mktemp("shops") / "shops.csv"
    path.write_text("\n".join(["shop,kind,size,sales,day", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def conditional(shops: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train(str(shops), folder / "run", TrainConfig(steps=60, length=8, id_column="shop"))
    export(folder / "run", folder / "shops.onnx")
    return folder / "shops.onnx"


def test_static_columns_are_conditions_with_a_joint_table(conditional: Path):
    spec = load(conditional).spec
    assert [c.name for c in spec.channels] == ["sales", "day"]
    assert [(c.name, c.kind, c.labels) for c in spec.conditions] == [
        ("kind", "categorical", ("books", "wine")), ("size", "integer", ()),
    ]  # fmt: skip
    assert set(spec.condition_table.rows) == {(0, 10), (0, 20), (1, 15), (1, 25)}
    assert "every combination of the conditions" in spec.data.disclosure


def test_samples_follow_the_condition_they_are_asked_for(conditional: Path, tmp_path: Path):
    generator = load_generator(conditional)
    try:
        means = [generator.sample(200, 8, 1, {"kind": k}).values.mean() for k in ("books", "wine")]
        with pytest.raises(ConditionError, match="'beer' is not one of books, wine"):
            generator.sample(condition={"kind": "beer"})
    finally:
        generator.close()
    assert means[1] - means[0] > 15  # of 30
    out = tmp_path / "x.csv"
    done = cadenza("sample", conditional, "-n", 3, "-o", out, "--where", "kind=wine", "size=15")
    assert done.returncode == 0, done.stderr
    first = "sequence,step,kind,size,sales,day\n0,0,wine,15,"
    assert out.read_text().startswith(first)
    done = cadenza("sample", conditional, "-n", 3, "-o", out, "--where", "size=large")
    assert done.returncode == 2
    assert "'large' is not a number" in done.stderr


@pytest.mark.parametrize("columns", ["sales", "sales,day"])
def test_long_samples_of_one_sequence_stay_where_it_is(tmp_path: Path, columns: str):
    """Numbers alone, and beside labels, whose totals are summed step by step."""
    random = np.random.default_rng(2)
    lines = [
        f"{shop},{30 * n + x:.3f}{',' + str(random.choice(DAYS)) if ',' in columns else ''}"
        for n, shop in enumerate(("Oslo", "Bergen", "Molde"))
        for x in random.normal(0, 1, 300)
    ]
    (tmp_path / "x.csv").write_text("\n".join([f"shop,{columns}", *lines]) + "\n")
    config = TrainConfig(steps=60, length=8, id_column="shop", static=("shop",))
    run = tmp_path / "run"
    train(str(tmp_path / "x.csv"), run, config)
    homes = checkpoints.load(run)[0].generator().homes
    assert homes.shape[0] == 3
    assert homes.abs().max() > 0.5
    export(run, tmp_path / "m.onnx")  # which refuses what is not its checkpoint
    generator = load_generator(tmp_path / "m.onnx")
    try:
        late = [
            generator.sample(50, 400, 1, {"shop": shop}).values[:, 300:].mean()
            for shop in ("Oslo", "Bergen", "Molde")
        ]
    finally:
        generator.close()
    np.testing.assert_allclose(late, [0, 30, 60], atol=10)


def test_a_file_of_samples_says_its_conditions_to_the_judges(
    shops: Path, conditional: Path, tmp_path: Path
):
    generator = load_generator(conditional)
    every = generator.sample(200, 8, 0)  # as the model itself is sampled: the data have 200 windows
    wine = generator.sample(200, 8, 0, {"kind": "wine"})
    generator.close()
    every.save(tmp_path / "every.csv")
    scores = []
    for subject in (conditional, tmp_path / "every.csv"):
        report, _ = evaluate_subject(
            str(subject), str(shops), tmp_path / "x.json", ["condition"], 1, 0, "shop", with_page=False
        )
        assert {c.name.partition(" ")[0] for c in report.channels} == {"sales", "day"}
        scores.append([(score.name, score.value) for score in report.scores])
    assert scores[0] == scores[1] != []
    for samples, suffix in ((every, "npz"), (wine, "csv"), (wine, "parquet")):
        samples.save(tmp_path / f"x.{suffix}")
        given = TrainConfig(id_column="shop", hold_out=0)
        found = of_samples(tmp_path / f"x.{suffix}", str(shops), given)
        assert [c.name for c in found.real.dataset.columns] == ["sales", "day"]
        assert found.samples[..., 0].astype(np.float32).tobytes() == samples.values.tobytes()
        assert found.conditions[:, 0].tolist() == (samples.conditions["kind"] == "wine").tolist()
        assert found.conditions[:, 1].tolist() == samples.conditions["size"].tolist()
    with pytest.raises(UsageError, match="has the condition 'kind', and nothing of that name is"):
        evaluate_subject(str(conditional), str(shops), tmp_path / "x.json", None, 1, 0)
