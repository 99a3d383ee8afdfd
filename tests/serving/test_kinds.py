"""What later kinds of data need is in the interface today: labels, conditions, ends, missing values.

A small graph is written by hand whose outputs can be reckoned in the head; the very same session,
scheduler and writers as for any model run it.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from onnx import TensorProto, helper, numpy_helper

from contract import checks, conditions, interface, noise
from contract.errors import ConditionError
from contract.seal import DIGEST_KEY, SPEC_KEY, UNSEALED, seal
from contract.seal import load as load_artifact
from contract.spec import Channel, Condition, ConditionTable, Spec, State
from export.runtime import run_of
from serving import formats, sampler, schema
from serving.errors import FormatError
from serving.formats import stream as stream_format
from serving.sampler import Generator, load
from serving.scheduler import Chunk, Request, Scheduler
from serving.session import Session
from serving.settings import Settings

DTYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


def spec_of(artifact_spec: Spec) -> Spec:
    """A counter that says "odd" or "even", counts by its speed, and ends at the length wanted, or
    after 5 steps."""
    return replace(
        artifact_spec,
        name="counter",
        time=None,
        derived=(),
        seasons=(),
        channels=(
            Channel(
                "parity",
                "categorical",
                None,
                None,
                None,
                ("even", "odd, or not"),
                missing=False,
                missing_with=None,
                mass=None,
                follows=None,
            ),
            Channel(
                "count",
                "integer",
                "steps",
                0.0,
                1e6,
                (),
                missing=True,
                missing_with=None,
                mass=None,
                follows=None,
            ),
        ),
        training_length=5,
        endings="length",
        conditions=(
            Condition("pace", "categorical", None, None, ("slow", "fast"), 0),
            Condition("weight", "continuous", 0.0, 9.0, (), 0),
        ),
        condition_table=ConditionTable(((0.0, 1.5, 5.0), (1.0, 2.5, 5.0), (1.0, 3.5, 5.0)), (3, 1, 1)),
        latent_size=2,
        noise_size=1,
        states=(State("made", 1, None),),
        scores=(),
    )


@pytest.fixture(scope="module")
def counter_path(artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = spec_of(artifact.spec)
    ints = {"one": [1], "two": [2], "nothing": [-1], "axis": 1}
    consts = [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in ints.items()]
    consts.append(numpy_helper.from_array(np.array([np.nan], np.float32), "nan"))
    n = helper.make_node
    nodes = [
        # step index of every row: position + 0 … steps - 1
        n("Shape", ["noise"], ["shape"], start=0, end=2),
        n(
            "ConstantOfShape",
            ["shape"],
            ["ones"],
            value=helper.make_tensor("v", TensorProto.INT64, [1], [1]),
        ),
        n("CumSum", ["ones", "axis"], ["from_one"]),
        n("Sub", ["from_one", "one"], ["offset"]),
        n("Unsqueeze", ["position", "one"], ["start"]),
        n("Add", ["offset", "start"], ["step"]),  # (batch, steps)
        # pace: 1 or 2 a step
        n("Add", ["condition.pace", "one"], ["pace"]),
        n("Unsqueeze", ["pace", "one"], ["pace.wide"]),
        n("Mul", ["step", "pace.wide"], ["count.int"]),
        n("Mod", ["count.int", "two"], ["parity"]),
        n("Cast", ["count.int"], ["count.float"], to=TensorProto.FLOAT),
        n("Equal", ["count.int", "two"], ["is.two"]),  # the value 2 is always missing
        n("Where", ["is.two", "nan", "count.float"], ["count.holes"]),
        # valid: step < length; nothing is behind
        n("Unsqueeze", ["length", "one"], ["end.wide"]),
        n("Less", ["step", "end.wide"], ["valid"]),
        n("Where", ["valid", "parity", "nothing"], ["parity.valid"]),
        n("Unsqueeze", ["parity.valid", "two"], ["labels"]),
        n("Where", ["valid", "count.holes", "nan"], ["count.valid"]),
        n("Unsqueeze", ["count.valid", "two"], ["values"]),
        n("Identity", ["state.made"], ["next.made"]),
    ]
    infos = [
        [helper.make_tensor_value_info(t.name, DTYPES[t.dtype], t.shape) for t in tensors]
        for tensors in (interface.inputs(spec), interface.outputs(spec))
    ]
    graph = helper.make_graph(nodes, "counter", *infos, consts)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    run = run_of(model)
    spec = replace(spec, reference=checks.seal_reference(spec, run))
    helper.set_model_props(model, {SPEC_KEY: spec.to_json(), DIGEST_KEY: UNSEALED})
    path = tmp_path_factory.mktemp("kinds") / "counter.onnx"
    path.write_bytes(seal(model.SerializeToString(deterministic=True)))
    return path


@pytest.fixture
def counter(counter_path: Path) -> Iterator[Generator]:
    generator = load(counter_path)
    yield generator
    generator.close()


def test_it_keeps_the_contract(counter_path: Path, counter: Generator):
    run = run_of(counter_path.read_bytes())
    assert [c for c in checks.checks(counter.spec, run) if not c.passed] == []


def test_labels_and_numbers_come_back_as_columns(counter: Generator):
    samples = counter.sample(1, 4, 1, {"pace": "slow"})
    assert samples.column("parity").tolist() == [["even", "odd, or not", "even", "odd, or not"]]
    np.testing.assert_array_equal(samples.values[0, :, 0], [0, 1, np.nan, 3])


def test_a_length_asked_for_is_kept_and_one_drawn_ends_by_itself(counter: Generator):
    assert counter.sample(2, 7, 1).lengths().tolist() == [7, 7]
    chunks = list(counter._chunks(Request(1, 2, 65_536, drawn=True)))
    valid = np.concatenate([c.arrays["valid"] for c in chunks], axis=1)
    assert valid.sum(axis=1).tolist() == [5, 5]
    assert valid.shape[1] <= 1024  # nobody goes on making what has ended


def test_how_long_an_answer_is_depends_on_no_company(counter: Generator, tmp_path: Path, monkeypatch):
    counter.spec = replace(counter.spec, training_length=200)  # of which sequences have 5
    asked = counter.sample(3, seed=1)
    assert asked.shape == (3, 200)
    assert asked.lengths().tolist() == [5, 5, 5]
    asked.save(tmp_path / "whole.npz")
    monkeypatch.setattr(sampler, "_BATCH_VALUES", 10)  # each sequence a few steps at a time
    plan = counter.plan(3, None, 1)
    formats.save(tmp_path / "parts.npz", plan, counter.batches(plan))
    assert (tmp_path / "parts.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert np.load(tmp_path / "whole.npz")["valid"].sum() == 15


@pytest.mark.parametrize("steps", [32, 128])
@pytest.mark.parametrize("company", [0, 3])
def test_a_stream_ends_with_the_chunk_its_sequences_do(counter_path: Path, steps: int, company: int):
    session = Session(load_artifact(counter_path), "cpu")
    scheduler = Scheduler(session.spec, session.run, 8, steps, 10**9, threaded=False)
    found: list[Chunk | object] = []
    scheduler.submit(Request(1, 2, None, drawn=True, ahead=9), found.append)
    late: list[Chunk | object] = []
    scheduler.submit(Request(1, 2, None, drawn=True, ahead=9, start=40), late.append)
    for seed in range(company):
        scheduler.submit(Request(seed, 2, 400), lambda item: None)
    while scheduler.step():
        pass
    chunk, nothing = found
    assert isinstance(chunk, Chunk) and nothing is None
    assert chunk.arrays["valid"].sum(axis=1).tolist() == [5, 5]
    assert chunk.arrays["values"].shape[1] == 32
    assert late == [None]  # behind the end is nothing


def test_a_condition_not_given_is_drawn_as_in_the_data(counter: Generator):
    counts = counter.sample(3000, 2, 5).values[:, 1, 0]
    slow = np.mean(counts == 1)
    assert slow == pytest.approx(0.6, abs=0.03)  # 3 of 5 rows of the table
    again = counter.sample(100, 2, 5).values[:, 1, 0]
    np.testing.assert_array_equal(again, counts[:100])


def test_each_sequence_can_have_a_condition_of_its_own(counter: Generator):
    paces = ["slow", "fast", "fast", "slow"] * 5
    counts = counter.sample(20, 2, 5, {"pace": paces}).values[:, 1, 0]
    np.testing.assert_array_equal(counts, [1, np.nan, np.nan, 1] * 5)  # the value 2 is missing
    plan = counter.plan(20, 2, 5, {"pace": paces, "weight": list(range(9)) + [1] * 11})
    parts = list(counter.batches(plan))
    np.testing.assert_array_equal(parts[0].values[:, 1, 0], counts)
    with pytest.raises(ConditionError, match="pace has 2 values for 3 sequences: one, or one for each"):
        counter.sample(3, condition={"pace": ["slow", "fast"]})
    with pytest.raises(ConditionError, match="'warp' is not one of slow, fast"):
        counter.sample(2, condition={"pace": ["slow", "warp"]})


def test_unknown_conditions_and_values_list_what_is_known(counter: Generator):
    with pytest.raises(ConditionError, match="'speed'; this model's conditions: pace, weight"):
        counter.sample(condition={"speed": 1})
    with pytest.raises(ConditionError, match="'warp' is not one of slow, fast"):
        counter.sample(condition={"pace": "warp"})
    with pytest.raises(ConditionError, match="'heavy' is not a number"):
        counter.sample(condition={"weight": "heavy"})
    with pytest.raises(ConditionError, match="weight is 9.5; the data had 0 to 9"):
        counter.sample(condition={"weight": 9.5})


def test_a_label_can_be_given_as_what_it_means(counter: Generator):
    pace = replace(counter.spec.conditions[0], labels=("7", "true"))
    spec = replace(counter.spec, conditions=(pace, *counter.spec.conditions[1:]))
    for value, place in ((7, 0), (7.0, 0), ("7", 0), (np.int64(7), 0), (True, 1), ("true", 1), ("True", 1)):
        assert conditions.validate(spec, {"pace": value}, 1) == {"pace": place}
    for value in (1, False, 7.5):
        with pytest.raises(ConditionError, match="is not one of 7, true"):
            conditions.validate(spec, {"pace": value}, 1)
    body = schema.body_schema(spec, Settings(), streamed=False)
    one = body["properties"]["condition"]["properties"]["pace"]["anyOf"][0]
    assert one == {"enum": ["7", "true", True, 7]}
    coded = replace(spec, conditions=(replace(pace, labels=("007", "7")), *spec.conditions[1:]))
    body = schema.body_schema(coded, Settings(), streamed=False)
    one = body["properties"]["condition"]["properties"]["pace"]["anyOf"][0]
    assert one == {"enum": ["007", "7", 7]}


@pytest.mark.parametrize("value", [1, True, None, "", {"a": 1}, [["slow"]], b"slow"])
def test_a_condition_of_the_wrong_type_is_refused(counter: Generator, value: object):
    with pytest.raises(ConditionError, match="is not one of slow, fast") as caught:
        counter.sample(condition={"pace": value})
    assert caught.value.field == "condition.pace"
    for wrong in ("1", True, None, float("nan"), {"a": 1}, [[1]]):
        with pytest.raises(ConditionError, match="is not a number"):
            counter.sample(condition={"weight": wrong})


def test_conditions_stand_where_the_data_had_them(counter: Generator, tmp_path: Path):
    pace, weight = counter.spec.conditions
    spec = replace(counter.spec, conditions=(replace(pace, place=1), replace(weight, place=2)))
    samples = replace(counter.sample(2, 4, 1, {"pace": "slow"}), spec=spec)
    columns = ["sequence", "step", "parity", "pace", "count", "weight"]
    assert [name for name, _ in samples.table()] == columns
    for suffix in ("csv", "parquet", "arrow"):
        samples.save(tmp_path / f"x.{suffix}")
    rows = list(csv.reader(io.StringIO((tmp_path / "x.csv").read_text())))
    assert rows[:2] == [columns, ["0", "0", "even", "slow", "0", "1.5"]]
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    assert (table.column_names, table.to_pylist()[0]["pace"]) == (columns, "slow")
    with pyarrow.ipc.open_stream(tmp_path / "x.arrow") as stream:
        assert stream.read_all().to_pydict() == table.to_pydict()


def test_every_form_holds_labels_and_missing_values(counter: Generator, tmp_path: Path):
    samples = counter.sample(2, 4, 1, {"pace": "slow"})
    for suffix in ("csv", "json", "npz", "arrow", "parquet"):
        samples.save(tmp_path / f"x.{suffix}")
    rows = list(csv.reader(io.StringIO((tmp_path / "x.csv").read_text())))
    assert rows[0] == ["sequence", "step", "pace", "weight", "parity", "count"]
    assert rows[2] == ["0", "1", "slow", "1.5", "odd, or not", "1"]
    assert rows[3] == ["0", "2", "slow", "1.5", "even", ""]
    body = json.loads((tmp_path / "x.json").read_text())
    assert json.dumps(body["sequences"][1][:2]) == '[["even", 0], ["odd, or not", 1]]'
    assert body["sequences"][1][2] == ["even", None]
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pydict()
    assert table["parity"][:2] == ["even", "odd, or not"]
    assert table["count"][:4] == [0, 1, None, 3]
    with pyarrow.ipc.open_stream(tmp_path / "x.arrow") as stream:
        streamed = stream.read_all()
    streamed.validate(full=True)
    assert streamed.to_pydict() == table
    types = ["int64", "int64", "large_string", "float", "large_string", "int64"]
    assert [str(t) for t in streamed.schema.types] == types
    assert [f.nullable for f in streamed.schema] == [False] * 5 + [True]
    archive = np.load(tmp_path / "x.npz")
    assert sorted(archive.files) == ["condition.pace", "condition.weight", "labels", "valid", "values"]
    assert archive["condition.pace"].tolist() == [0, 0]


def test_what_each_sequence_was_made_under_is_said(counter: Generator, tmp_path: Path, monkeypatch):
    samples = counter.sample(40, 3, 5, {"weight": list(range(4)) * 10})
    paces, weights = samples.conditions["pace"], samples.conditions["weight"]
    assert weights.tolist() == [0.0, 1.0, 2.0, 3.0] * 10  # as asked for
    second = samples.values[:, 1, 0]  # 1, or 2, which is missing: as drawn
    np.testing.assert_array_equal(paces == "slow", second == 1)
    assert set(paces) == {"slow", "fast"}
    for suffix in ("json", "npz", "csv", "parquet", "arrow"):
        samples.save(tmp_path / f"whole.{suffix}")
    body = json.loads((tmp_path / "whole.json").read_text())
    assert body["conditions"] == {"pace": paces.tolist(), "weight": weights.tolist()}
    assert np.load(tmp_path / "whole.npz")["condition.pace"].tolist() == (paces == "fast").tolist()
    table = pyarrow.parquet.read_table(tmp_path / "whole.parquet").to_pydict()
    assert table["pace"] == np.repeat(paces, 3).tolist()
    assert table["weight"] == np.repeat(weights, 3).tolist()
    monkeypatch.setattr(sampler, "_BATCH_VALUES", 10)  # a sequence or two at a time
    plan = counter.plan(40, 3, 5, {"weight": list(range(4)) * 10})
    for suffix in ("json", "npz", "csv"):
        formats.save(tmp_path / f"parts.{suffix}", plan, counter.batches(plan))
        parts, whole = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("parts", "whole"))
        assert parts == whole


def test_a_line_of_a_stream_says_its_conditions(counter: Generator):
    samples = counter.sample(2, 4, 1, {"pace": ["fast", "slow"], "weight": 2.5})
    for part in (samples, samples.since(3)):
        line = json.loads(stream_format.frame(stream_format.NDJSON, part))
        assert line["conditions"] == {"pace": ["fast", "slow"], "weight": [2.5, 2.5]}


def test_what_a_form_cannot_hold_is_said(counter: Generator, tmp_path: Path):
    with pytest.raises(FormatError, match="use npz"):
        counter.sample(1, 3).save(tmp_path / "x.npy")
    assert formats.npy.MEDIA_TYPE not in formats.served(counter.spec)


def test_the_noise_version_is_the_one_sealed(counter: Generator):
    assert counter.spec.noise.version == noise.VERSION


def test_what_was_not_asked_for_is_drawn_of_those_nearest_to_the_numbers(counter: Generator):
    """A shop that is asked for by its number has its own town."""
    paces = {
        weight: set(counter.sample(40, 3, 1, {"weight": weight}).conditions["pace"])
        for weight in (1.5, 0.0, 2.4, 9.0)
    }
    assert paces == {1.5: {"slow"}, 0.0: {"slow"}, 2.4: {"fast"}, 9.0: {"fast"}}
    mixed = counter.sample(4, 3, 1, {"weight": [1.5, 9.0, 1.5, 2.5]})
    assert mixed.conditions["pace"].tolist() == ["slow", "fast", "slow", "fast"]
    # Labels come first, and the number is taken as it was asked for.
    both = counter.sample(3, 3, 1, {"weight": 1.5, "pace": "fast"})
    assert set(both.conditions["pace"]) == {"fast"}
    assert both.conditions["weight"].tolist() == [1.5] * 3


def test_samples_show_what_they_are_and_not_all_of_it(counter: Generator):
    assert repr(counter.sample(2, 3, 1)) == (
        "Samples('counter', 2 × 3 steps, seed=1, values (2, 3, 1), labels (2, 3, 1), valid (2, 3))"
    )
