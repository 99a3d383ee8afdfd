"""What is missing in the same rows of the data is missing in the same rows of samples."""

from pathlib import Path

import numpy as np
import pytest

from contract.seal import load
from export.exporter import export
from serving.sampler import load as load_generator
from training.config import TrainConfig
from training.data import load as load_data
from training.trainer import train

ROWS = 400
CONFIG = TrainConfig(steps=12, length=8)


@pytest.fixture(scope="module")
def logger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two loggers that fail for a while now and then, with all that they measure; of one it is known in
    which state it was. Power is often 0; and one sensor fails by itself."""
    random = np.random.default_rng(0)
    failed = [random.random(ROWS // 8).repeat(8) < 0.2 for _ in range(2)]
    alone = random.random(ROWS) < 0.1
    lines = ["heat,power,damp,state,wind,dust,noise"]
    for i in range(ROWS):
        heat, damp, wind, dust, noise = random.normal(20, 3, 5)
        power = max(0.0, random.normal())
        first = ["", "", "", ""] if failed[0][i] else [
            f"{heat:.2f}", f"{power:.3f}", f"{damp:.2f}", random.choice(["on", "off"])
        ]  # fmt: skip
        second = ["", ""] if failed[1][i] else [f"{wind:.2f}", f"{dust:.2f}"]
        lines.append(",".join([*first, *second, "" if alone[i] else f"{noise:.2f}"]))
    path = tmp_path_factory.mktemp("logger") / "logger.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_numbers_have_the_choice_of_those_they_are_missing_with(logger: Path):
    dataset = load_data(str(logger), CONFIG)
    assert [c.missing_with for c in dataset.columns] == [None] * 7  # what is judged is judged by itself
    learnt = dataset.learnt
    assert {c.name: c.missing_with for c in learnt.columns if c.missing_with} == {
        "heat": "state", "damp": "state", "dust": "wind",
    }  # fmt: skip
    assert learnt.layout.sizes == (3, 3, 2, 2)  # state, power, wind, noise
    assert sum("are missing in the same rows" in note for note in dataset.notes) == 2
    assert "'state', 'heat', 'damp' are missing in the same rows, and so they will be in samples" in (
        dataset.notes
    )
    values, labels = learnt.layout.tensors(
        np.zeros((ROWS, 6), np.float32), learnt.layout.outcomes(learnt.values)
    )
    rows = learnt.layout.rows(values, labels)
    assert np.array_equal(np.isnan(rows), np.isnan(learnt.values))


def test_samples_have_them_missing_together(logger: Path):
    train(str(logger), logger.with_suffix(".run"), CONFIG)
    export(logger.with_suffix(".run"), logger.with_suffix(".onnx"))  # which checks the decoding bit for bit
    spec = load(logger.with_suffix(".onnx")).spec
    assert [c.missing_with for c in spec.channels] == ["state", None, "state", None, None, "wind", None]
    with load_generator(logger.with_suffix(".onnx")) as generator:
        samples = generator.sample(20, 60, 1)
    absent = {
        c.name: np.array([str(x) in ("None", "nan") for x in samples.column(c.name).ravel().tolist()])
        for c in spec.channels
    }
    assert absent["heat"].any() and absent["wind"].any()
    assert np.array_equal(absent["heat"], absent["state"])
    assert np.array_equal(absent["damp"], absent["state"])
    assert np.array_equal(absent["dust"], absent["wind"])
    assert not np.array_equal(absent["noise"], absent["wind"])


def test_what_follows_from_others_has_the_gaps_of_these(tmp_path: Path):
    """A sum, and a move since the row before, of which the first one is learnt."""
    random = np.random.default_rng(1)
    lines = ["a,b,sum,close,move,beside,with"]
    before = None
    for i in range(ROWS):
        a, b, close = random.integers(1, 99, 3)
        gone, closed = (random.random(2) < 0.1) & (i > 0)
        here = None if closed else close
        move = "" if here is None or before is None else here - before
        both = "" if gone else a + b
        lines.append(
            f"{'' if gone else a},{b},{both},{'' if here is None else here},{move},"
            f"{'' if both == '' else random.integers(99)},{'' if move == '' else random.integers(99)}"
        )
        before = here
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    dataset = load_data(str(tmp_path / "x.csv"), TrainConfig(length=8))
    assert {dataset.columns[rule.column].name for rule in dataset.rules} == {"sum", "move"}
    found = {c.name: c.missing_with for c in dataset.learnt.columns if c.missing_with}
    assert found == {"beside": "a"}
    assert [note for note in dataset.notes if "in the same rows" in note] == [
        "'a', 'beside' are missing in the same rows, and so they will be in samples"
    ]
