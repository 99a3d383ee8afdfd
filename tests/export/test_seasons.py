"""What goes with the calendar goes with it in the file, in samples and over HTTP, by when they begin."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.ipc
import pytest

from cadenza.evaluation import evaluate_subject
from cadenza.sampling import said_of_times
from contract.calendar import Season
from contract.errors import ConditionError, SpecError
from contract.seal import load
from contract.spec import Spec
from export.exporter import export
from serving.sampler import Generator
from serving.sampler import load as load_generator
from tests.conftest import booted, cadenza
from training import checkpoint as checkpoints
from training.config import TrainConfig
from training.evaluation.statistics import courses_apart
from training.trainer import train

ARROW = "application/vnd.apache.arrow.stream"
BEGUN = "2024-03-04T00:00:00"


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight weeks of two houses by the hour, which need more by day and less on Sundays."""
    random = np.random.default_rng(0)
    hours = np.arange(8 * 168)
    moments = np.datetime64(BEGUN) + hours * np.timedelta64(3600, "s")
    load = 10 - 5 * np.cos(2 * np.pi * hours / 24) - 4 * (hours // 24 % 7 == 6)
    lines = [
        f"{moment},{house},{value:.3f}"
        for house in ("north", "south")
        for moment, value in zip(moments, load + random.normal(0, 0.5, len(hours)), strict=True)
    ]
    path = tmp_path_factory.mktemp("loads") / "loads.csv"
    path.write_text("\n".join(["when,house,load", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def run(loads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "loads"
    how = TrainConfig(steps=40, length=12, save_every=20, id_column="house", static=("house",))
    train(str(loads), folder, how)
    return folder


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "loads.onnx"
    export(run, path)  # which checks parity, chunks and company
    return path


@pytest.fixture
def generator(model: Path) -> Iterator[Generator]:
    generator = load_generator(model)
    yield generator
    generator.close()


def test_the_file_says_what_the_generator_is_told(model: Path):
    spec = load(model).spec
    assert spec.seasons == (Season("day", 24), Season("week", 168))
    assert Spec.from_json(spec.to_json()) == spec
    with pytest.raises(SpecError, match="one step apart"):
        Spec.from_json(replace(spec, time=None).to_json())


def test_values_go_with_the_time_that_sequences_begin_at(generator: Generator):
    def made(when: str) -> np.ndarray:
        values = generator.sample(4, 40, 3, {"when": when, "house": "north"}).values
        assert values is not None
        return values

    plain = made(BEGUN)
    assert np.array_equal(made("2024-05-06T00:00:00"), plain)  # nine weeks later
    assert not np.array_equal(made("2024-03-04T07:00:00"), plain)
    assert not np.array_equal(made("2024-03-07T00:00:00"), plain)


def test_sequences_begin_as_windows_of_the_data_do(generator: Generator):
    samples = generator.sample(400, 12, 3)
    begun = samples.times()[:, 0].astype("datetime64[s]")
    hours = (begun - np.datetime64(BEGUN)).astype(np.int64) / 3600
    assert (hours % 1 == 0).all()
    assert 0 <= hours.min() < 24 * 4
    assert 0 <= 8 * 168 - 12 - hours.max() < 24 * 4
    assert set(hours % 24) == set(range(24))
    assert abs(hours.mean() - 4 * 168) < 4 * 24
    asked = generator.sample(400, 12, 3, {"when": np.datetime_as_string(begun).tolist()})
    assert np.array_equal(asked.values, samples.values)
    longer = generator.sample(2, 100, 3)
    assert np.array_equal(longer.times()[:, :12], samples.times()[:2])
    assert np.array_equal(longer.values[:, :12], samples.values[:2])


def test_what_samples_do_not_go_with_is_said(model: Path, tmp_path: Path):
    asked = ("sample", model, "-o", tmp_path / "x.csv", "-l", 3)
    done = cadenza(*asked, "--start-time", "2030-01-07")
    assert "values go with no year: none was learnt" in done.stdout
    said = cadenza(*asked).stdout
    assert "values go with no" not in said
    assert "each sequence begins as the data's do, from 2024-03-0" in said
    assert "each sequence begins" not in done.stdout


def test_a_first_time_that_rows_do_not_have_is_said_to_be_moved(model: Path):
    spec = load(model).spec
    assert spec.time is not None
    weekdays = replace(spec, time=replace(spec.time, calendar="weekdays", kind="date", format="%Y-%m-%d"))
    said = [*said_of_times(weekdays, {"when": "2030-01-05"})]
    assert said[0] == "rows are not at 2030-01-05: samples begin at 2030-01-07"
    assert not any("samples begin" in note for note in said_of_times(weekdays, {"when": "2030-01-07"}))


def test_what_differs_from_row_to_row_is_no_condition(generator: Generator):
    name = generator.spec.channels[0].name
    with pytest.raises(ConditionError, match=f"'{name}' differs from row to row"):
        generator.sample(1, 3, 1, {name: 1})


def test_a_list_is_each_by_itself(generator: Generator):
    begins = [BEGUN, "2024-03-04T07:00:00", "2024-03-10T13:00:00"]
    together = generator.sample(3, 40, 3, {"when": begins, "house": "south"})
    for row, begin in enumerate(begins):
        alone = generator.sample(3, 40, 3, {"when": begin, "house": "south"})
        assert np.array_equal(together.values[row], alone.values[row])
        assert np.array_equal(together.times()[row], alone.times()[row])


def test_a_run_and_its_model_are_scored_at_the_times_of_the_data(
    loads: Path, run: Path, model: Path, tmp_path: Path
):
    checkpoint, _ = checkpoints.load(run)
    drawn = checkpoint.conditions.draw(500, 0)
    assert set(drawn[:, 1]) == set(range(24))
    assert (drawn[:, 2] % 24 == drawn[:, 1]).all()  # of one moment
    with load_generator(model) as generator:
        samples = generator.sample(60, 24, 1, {"when": "2024-03-04"})
        for suffix in ("csv", "npz"):
            samples.save(tmp_path / f"x.{suffix}")
    for subject in (run, model, tmp_path / "x.csv", tmp_path / "x.npz"):
        known = {} if subject == run else {"id_column": "house"}
        report, _ = evaluate_subject(
            str(subject), str(loads), tmp_path / f"{subject.name}.json", ["marginal", "seasons"], 1, 0,
            with_page=False, **known,
        )  # fmt: skip
        assert [score.name for score in report.scores] == ["marginal", "seasons"]
        assert report.scores[1].floor < 0.2 < report.scores[1].value  # of forty steps of training


def test_the_season_error_is_of_means_by_hour():
    hours = np.arange(48)
    real = np.stack(
        [np.stack([np.sin(2 * np.pi * hours / 24) + n, hours % 24], 1) for n in (-1.0, 0.0, 1.0)]
    )
    other = real.copy()
    assert courses_apart(real, other, 1) == 0
    other[..., 0] += 0.5
    assert courses_apart(real, other, 1) == pytest.approx(0.5 / real[..., 0].std())
    other[..., 1] = (other[..., 1] + 12) % 24  # the same values at other hours
    other[..., 0] -= 0.5
    assert courses_apart(real, other, 1) > 1


def test_a_request_says_when_it_begins(model: Path, tmp_path: Path, generator: Generator):
    asked = {"when": ["2024-03-04T07:00:00", "2024-03-10"], "house": "north"}
    with booted(model, tmp_path / "log", {}) as (server, _):
        body = {"count": 2, "length": 70, "seed": 5, "condition": asked}
        whole = server.post("/generate", body, "text/csv").content
        said = server.post("/generate", {**body, "length": 2}).json()["conditions"]
        begun = {**body, "condition": {**asked, "when": "2024-02-30"}}
        refused = server.post("/generate", begun)
        rest = server.post("/stream", {**body, "start": 33}, ARROW).content
    samples = generator.sample(2, 70, 5, asked)
    samples.save(tmp_path / "own.csv")
    assert whole == (tmp_path / "own.csv").read_bytes()
    assert said == {"house": ["north"] * 2, "when": ["2024-03-04T07:00:00", "2024-03-10T00:00:00"]}
    assert refused.status == 422
    assert "condition.when" in refused.content.decode()
    with pyarrow.ipc.open_stream(rest) as stream:
        taken_up = stream.read_all().sort_by([("sequence", "ascending"), ("step", "ascending")])
    assert np.array_equal(taken_up["load"].to_numpy(), samples.column("load")[:, 33:].reshape(-1))
    assert taken_up["when"][0].as_py() == datetime(2024, 3, 5, 16)
