"""Files of samples are typed and written as the data's file was."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from contract.errors import SpecError
from contract.seal import load
from contract.spec import Spec
from export.exporter import export
from serving.sampler import load as load_generator
from training.config import TrainConfig
from training.data import load as load_data
from training.trainer import train

ROWS = 240


def made(source: Path, **choices: object) -> Path:
    train(str(source), source.with_suffix(".run"), TrainConfig(steps=6, length=8, **choices))
    export(source.with_suffix(".run"), source.with_suffix(".onnx"))
    return source.with_suffix(".onnx")


def table_of_types() -> arrow.Table:
    random = np.random.default_rng(0)
    begun = datetime(2024, 1, 1)
    hours = [begun + timedelta(hours=i) for i in range(ROWS)]
    walk = random.normal(0, 1, ROWS).cumsum()
    return arrow.table(
        {
            "at": arrow.array(hours, arrow.timestamp("us")),
            "site": arrow.array(["north", "south"] * (ROWS // 2), arrow.string()),
            "price": arrow.array(np.round(100 + walk, 1), arrow.float64()),
            "heat": arrow.array((20 + random.normal(0, 3, ROWS)).astype(np.float32), arrow.float32()),
            "calls": arrow.array(random.poisson(30, ROWS), arrow.int32()),
            "small": arrow.array(
                random.integers(0, 200, ROWS), arrow.uint8(), mask=random.random(ROWS) < 0.2
            ),
            "code": arrow.array(random.choice([3, 5, 8], ROWS), arrow.int16()),
            "open": arrow.array(random.random(ROWS) < 0.5),
            "shop": arrow.array(random.choice(["a", "b"], ROWS)).dictionary_encode(),
            "hour": arrow.array([moment.hour for moment in hours], arrow.int8()),
        }
    )


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("typed") / "typed.parquet"
    arrow.parquet.write_table(table_of_types(), path)
    return made(path, categorical=("code",))


def test_parquet_of_samples_has_the_types_of_the_data(typed: Path):
    with load_generator(typed) as generator:
        samples = generator.sample(3, 20, 1)
    samples.save(typed.with_suffix(".out.parquet"))
    found = arrow.parquet.read_table(typed.with_suffix(".out.parquet"))
    wanted = table_of_types().schema
    assert [*found.column_names] == ["sequence", "step", *wanted.names]
    assert {name: str(found.schema.field(name).type) for name in wanted.names} == {
        name: str(wanted.field(name).type) for name in wanted.names
    }
    # Doubles are as short as the data's, and everything is what the tensors say.
    assert all(price == round(price, 1) for price in found["price"].to_pylist())
    assert np.array_equal(found["price"].to_numpy().astype(np.float32), samples.column("price").ravel())
    assert np.array_equal(found["calls"].to_numpy(), samples.column("calls").ravel())
    assert found["small"].null_count == np.isnan(samples.column("small")).sum() > 0
    assert found["code"].to_pylist() == [int(code) for code in samples.column("code").ravel()]
    assert found["at"].cast(arrow.int64()).to_pylist() == (samples.times() * 1_000_000).ravel().tolist()
    # And what was written is read as the same data are.
    again = load_data(str(typed.with_suffix(".out.parquet")), TrainConfig(id_column="sequence", length=8))
    assert {**load(typed).spec.types}.items() <= {**again.types}.items() | {("shop", "string")}


def test_arrow_streams_have_them_too(typed: Path):
    with load_generator(typed) as generator:
        generator.sample(3, 20, 1).save(typed.with_suffix(".arrow"))
    with arrow.ipc.open_stream(typed.with_suffix(".arrow")) as stream:
        found = stream.read_all()
    found.validate(full=True)
    kept = ("at", "site", "price", "heat", "calls", "small", "code", "open", "hour")
    schema = table_of_types().schema
    assert [str(found.schema.field(name).type) for name in kept] == [
        str(schema.field(name).type) for name in kept
    ]
    assert str(found.schema.field("shop").type) == "large_string"
    table = arrow.parquet.read_table(typed.with_suffix(".out.parquet"))
    assert all(found[name].to_pylist() == table[name].to_pylist() for name in kept)


def test_cells_have_as_many_decimals_as_those_of_the_data(tmp_path: Path):
    random = np.random.default_rng(0)
    rows = [
        f"{price:.2f},{ratio:.6g},{whole:.1f},{'' if i % 9 == 4 else f'{gap:.3f}'},{gap > 0.5}"
        for i, (price, ratio, whole, gap) in enumerate(
            zip(
                *random.normal(50, 9, (2, ROWS)),
                random.integers(0, 99, ROWS),
                random.random(ROWS),
                strict=True,
            )
        )
    ]
    (tmp_path / "x.csv").write_text("\n".join(["price,ratio,whole,gap,sold", *rows]) + "\n")
    model = made(tmp_path / "x.csv")
    assert load(model).spec.cells == {"price": ".2f", "whole": ".1f", "gap": ".3f", "sold": "True"}
    with load_generator(model) as generator:
        samples = generator.sample(5, 40, 1)
    samples.save(tmp_path / "out.csv")
    cells = [line.split(",")[2:] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    for place, (name, decimals) in enumerate([("price", 2), ("ratio", None), ("whole", 1), ("gap", 3)]):
        own = [row[place] for row in cells]
        assert np.array_equal(
            np.array([float(cell or "nan") for cell in own], np.float32), samples.column(name).ravel(),
            equal_nan=True,
        )  # fmt: skip
        if decimals:
            assert {len(cell.partition(".")[2]) for cell in own if cell} == {decimals}
    assert {row[4] for row in cells} == {"True", "False"}
    again = load_data(str(tmp_path / "out.csv"), TrainConfig(id_column="sequence", length=8))
    assert again.cells == load(model).spec.cells


def test_what_only_looks_so_at_first_has_decimals_as_it_needs(tmp_path: Path):
    values = [*(f"{i / 10:.2f}" for i in range(5000)), *(f"{i / 1000:.3f}" for i in range(99))] * 2
    (tmp_path / "x.csv").write_text("\n".join(["a", *values]) + "\n")
    assert load_data(str(tmp_path / "x.csv"), TrainConfig()).cells == {}


def test_files_that_differ_say_nothing(tmp_path: Path):
    for n, kind in enumerate((arrow.int32(), arrow.int64())):
        table = arrow.table({"a": arrow.array(np.arange(60) % 7, kind), "b": np.arange(60.0) % 5 + 0.5})
        arrow.parquet.write_table(table, tmp_path / f"{n}.parquet")
    assert load_data(str(tmp_path), TrainConfig(length=8)).types == {"b": "double"}


def test_a_type_that_nobody_knows_is_refused(typed: Path):
    spec = load(typed).spec
    with pytest.raises(SpecError, match=r"spec\.types has 'int31'"):
        Spec.from_json(spec.to_json().replace('"int32"', '"int31"'))
