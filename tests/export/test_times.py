"""Times from a table to samples of the same columns: whole, in parts, streamed and taken up again."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.compute
import pyarrow.ipc
import pyarrow.parquet
import pytest

from cadenza.evaluation import evaluate_subject
from contract.calendar import Time
from contract.errors import ConditionError, SpecError
from contract.seal import load
from contract.spec import Spec
from export.exporter import export
from serving import formats, sampler
from serving.formats import arrow as arrow_format
from serving.sampler import Generator
from serving.sampler import load as load_generator
from tests.conftest import Server, booted, cadenza
from training.config import TrainConfig
from training.trainer import train

ARROW = "application/vnd.apache.arrow.stream"
BODY = {"count": 3, "length": 150, "seed": 4}


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sales at moments that are not evenly apart; the times stand between two columns."""
    random = np.random.default_rng(0)
    seconds = np.cumsum(1 + random.lognormal(4, 1.5, 300).astype(int))
    moments = np.datetime64("2021-05-01T08:00:00") + seconds
    lines = [f"{random.choice(['cash', 'card'])},{m},{random.lognormal(2, 1):.2f}" for m in moments]
    path = tmp_path_factory.mktemp("visits") / "visits.csv"
    path.write_text("\n".join(["how,at,paid", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def run(visits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "visits"
    train(str(visits), folder, TrainConfig(steps=10, length=8))
    return folder


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "visits.onnx"
    export(run, path)
    return path


@pytest.fixture
def generator(model: Path) -> Iterator[Generator]:
    generator = load_generator(model)
    yield generator
    generator.close()


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_the_file_says_how_times_follow(model: Path):
    artifact = load(model)
    time = artifact.spec.time
    assert time is not None
    assert (time.name, time.place, time.kind, time.gap, time.step) == ("at", 1, "timestamp", "at gap", 1)
    assert [c.name for c in artifact.spec.tabled] == ["how", "at", "paid"]
    assert [c.name for c in artifact.spec.channels] == ["how", "paid", "at gap"]
    assert "windows of a long series, begin at" in artifact.spec.data.disclosure
    assert Spec.from_json(artifact.spec.to_json()) == artifact.spec


def test_tables_have_the_columns_of_the_data_and_their_times_are_sums_of_gaps(
    generator: Generator, tmp_path: Path
):
    samples = generator.sample(2, 20, 1)
    samples.save(tmp_path / "x.csv")
    rows = rows_of(tmp_path / "x.csv")
    assert list(rows[0]) == ["sequence", "step", "how", "at", "paid"]
    gaps = samples.column("at gap")
    assert (gaps >= 1).all()
    found = np.array([row["at"] for row in rows], "datetime64[s]").reshape(2, 20)
    assert (np.diff(found).astype(np.int64) == gaps[:, :-1]).all()
    # Parquet knows no whole seconds.
    for suffix, read, unit in (("parquet", pyarrow.parquet.read_table, "ms"), ("arrow", read_stream, "s")):
        samples.save(tmp_path / f"x.{suffix}")
        table = read(tmp_path / f"x.{suffix}")
        assert table.column_names == ["sequence", "step", "how", "at", "paid"]
        assert str(table.schema.field("at").type) == f"timestamp[{unit}]"
        assert (table["at"].to_numpy().reshape(2, 20) == found).all()


def read_stream(path: Path) -> arrow.Table:
    with arrow.ipc.open_stream(path) as stream:
        return stream.read_all()


@pytest.mark.parametrize(
    ("time", "texts", "kind", "second"),
    [
        (Time("t", 0, "number", 1, None, "", 5, 2, "even", None, (0,)),
         ["0.5", "0.7", "0.9"], "double", 0.7),
        (Time("t", 0, "number", 0, None, "", 7, 3, "even", None, (0,)), ["7", "10", "13"], "int64", 10),
        (
            Time("t", 0, "date", 0, None, "%d.%m.%Y", 18_292, 1, "weekdays", None, (0,)),
            ["31.01.2020", "03.02.2020", "04.02.2020"], "date32[day]", date(2020, 2, 3),
        ),
        (
            Time("t", 0, "timestamp", 3, "+02:00", "%Y-%m-%dT%H:%M:%S.%f+02:00", 0, 250, "even", None,
                 (0,)),
            [f"1970-01-01T00:00:00.{ms}+02:00" for ms in ("000", "250", "500")],
            "timestamp[ms, tz=+02:00]", datetime(1969, 12, 31, 22, 0, 0, 250_000, UTC),
        ),
        (
            Time("t", 0, "timestamp", 0, "UTC", "%Y-%m-%d %H:%MZ", 1_580_428_800, 1, "month ends", None,
                 (0,)),
            ["2020-01-31 00:00Z", "2020-02-29 00:00Z", "2020-03-31 00:00Z"],
            None, datetime(2020, 2, 29, tzinfo=UTC),
        ),
    ],
)  # fmt: skip
def test_times_of_every_kind_are_typed_and_written_as_they_were(
    generator: Generator, tmp_path: Path, time: Time, texts: list[str], kind: str | None, second: object
):
    made = generator.sample(2, 3, 1)
    time = replace(time, begins=(time.start,))
    samples = replace(made, spec=replace(made.spec, time=time))
    samples.save(tmp_path / "x.csv")
    assert [row["t"] for row in rows_of(tmp_path / "x.csv")] == 2 * texts
    for suffix, read in (("parquet", pyarrow.parquet.read_table), ("arrow", read_stream)):
        samples.save(tmp_path / f"x.{suffix}")
        column = read(tmp_path / f"x.{suffix}")["t"]
        assert column.to_pylist()[1] == second
        assert kind is None or str(column.type) == kind


def test_a_file_in_many_parts_has_the_times_of_the_whole(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    generator.sample(2, 150, 1).save(tmp_path / "whole.csv")
    monkeypatch.setattr(sampler, "_BATCH_VALUES", 100)  # some steps of a sequence at a time
    plan = generator.plan(2, 150, 1)
    formats.save(tmp_path / "parts.csv", plan, generator.batches(plan))
    assert (tmp_path / "parts.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_samples_start_when_they_are_asked_to(model: Path, tmp_path: Path):
    out = tmp_path / "x.csv"
    asked = ("sample", model, "-o", out, "--seed", 1, "-l", 5)
    assert cadenza(*asked).returncode == 0
    default = rows_of(out)
    done = cadenza(*asked, "--start-time", "2030-01-01T00:00:00")
    assert done.returncode == 0, done.stderr
    shifted = rows_of(out)
    assert shifted[0]["at"] == "2030-01-01T00:00:00"
    assert [r["paid"] for r in shifted] == [r["paid"] for r in default]
    moved = [np.array([r["at"] for r in rows], "datetime64[s]") for rows in (default, shifted)]
    assert (np.diff(moved[0]) == np.diff(moved[1])).all()
    done = cadenza(*asked, "--start-time", "tomorrow")
    assert done.returncode == 2
    assert "'tomorrow' is no time of 'at'; such as 2024-01-31T12:00:00 is wanted" in done.stderr


def test_each_sequence_can_start_at_a_time_of_its_own(generator: Generator, tmp_path: Path):
    first = ["2030-01-01T00:00:00", "2031-06-15T12:30:00", "2030-01-01T00:00:00"]
    samples = generator.sample(3, 6, 1, {"at": first})
    plain = generator.sample(3, 6, 1)
    assert (samples.times()[:, 0] == np.array(first, "datetime64[s]").astype(np.int64)).all()
    assert (np.diff(samples.times()) == np.diff(plain.times())).all()
    samples.save(tmp_path / "x.csv")
    assert [r["at"] for r in rows_of(tmp_path / "x.csv") if r["step"] == "0"] == first
    with pytest.raises(ConditionError, match="'now' is no time of 'at'"):
        generator.sample(1, 6, 1, {"at": "now"})
    with pytest.raises(ConditionError, match="2 values for 3 sequences"):
        generator.sample(3, 6, 1, {"at": first[:2]})


def test_a_first_time_is_said_once(model: Path, tmp_path: Path):
    begun = "2030-01-01T00:00:00"
    asked = ("sample", model, "-o", tmp_path / "x.csv", "-n", 1, "-l", 3, "--where", f"at={begun}")
    assert cadenza(*asked).returncode == 0
    assert rows_of(tmp_path / "x.csv")[0]["at"] == begun
    done = cadenza(*asked, "--start-time", begun)
    assert done.returncode == 2
    assert "--start-time and --where at=… say the same" in done.stderr


@pytest.fixture(scope="module")
def served(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with booted(model, tmp_path_factory.mktemp("server") / "log", {}) as (server, _):
        yield server


@pytest.mark.parametrize("start", [1, 31, 32, 64, 149])
def test_a_stream_taken_up_again_has_the_times_of_the_whole(served: Server, start: int):
    tables = []
    for path, body in (("/generate", BODY), ("/stream", BODY), ("/stream", BODY | {"start": start})):
        with arrow.ipc.open_stream(served.post(path, body, ARROW).content) as stream:
            table = stream.read_all()
        table.validate(full=True)
        tables.append(table.sort_by([("sequence", "ascending"), ("step", "ascending")]).combine_chunks())
    whole, streamed, rest = tables
    assert whole.column_names == ["sequence", "step", "how", "at", "paid"]
    assert streamed.equals(whole)
    assert rest.equals(whole.filter(arrow.compute.field("step") >= start).combine_chunks())


def test_a_stream_taken_up_where_a_frame_began_is_the_very_same_bytes(served: Server, model: Path):
    schema = len(arrow_format.opening(load(model).spec))
    whole = served.post("/stream", BODY, ARROW).content
    rest = served.post("/stream", BODY | {"start": 64}, ARROW).content
    assert len(rest) > 2 * schema
    assert whole.endswith(rest[schema:])


def test_a_run_a_model_and_a_file_are_scored_alike(visits: Path, run: Path, model: Path, tmp_path: Path):
    generator = load_generator(model)
    generator.sample(60, 8, 1).save(tmp_path / "x.csv")
    generator.close()
    for subject in (run, model, tmp_path / "x.csv"):
        report, _ = evaluate_subject(
            str(subject),
            str(visits),
            tmp_path / f"{subject.name}.json",
            ["marginal"],
            1,
            0,
            with_page=False,
        )
        assert {c.name for c in report.channels} == {"how = cash", "paid", "at gap (seconds)"}


def test_a_gap_that_is_no_channel_is_refused(model: Path):
    spec = load(model).spec
    assert spec.time is not None
    with pytest.raises(SpecError, match=r"spec\.time\.gap is 'speed', which is no numeric channel"):
        Spec.from_json(replace(spec, time=replace(spec.time, gap="speed")).to_json())
    with pytest.raises(SpecError, match="as a channel is called"):
        Spec.from_json(replace(spec, time=replace(spec.time, name="paid")).to_json())
