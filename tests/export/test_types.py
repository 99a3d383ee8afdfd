"""Files of samples are typed and written as the data's file was."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from cadenza.evaluation import evaluate_subject
from contract.errors import ConditionError, SpecError
from contract.seal import load
from contract.spec import Spec
from export.exporter import export
from serving.errors import FormatError
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
    found = read_arrow(typed.with_suffix(".arrow"))
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
    values = [*(f"{i / 10:.2f}" for i in range(15_000)), *(f"{i / 1000:.3f}" for i in range(99))]
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


def test_what_follows_from_the_time_is_in_a_type_that_holds_it(tmp_path: Path):
    """The day of the year as int8, of data that end in April."""
    hours = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(1000)]
    days = arrow.array([moment.timetuple().tm_yday for moment in hours], arrow.int8())
    noise = np.random.default_rng(0).normal(size=1000)
    arrow.parquet.write_table(arrow.table({"at": hours, "day": days, "a": noise}), tmp_path / "x.parquet")
    with load_generator(made(tmp_path / "x.parquet")) as generator:
        samples = generator.sample(2, 30, 1, {"at": "2024-06-01"})
    samples.save(tmp_path / "out.parquet")
    found = arrow.parquet.read_table(tmp_path / "out.parquet")
    assert set(found["day"].to_pylist()) == {153, 154}


def test_money_in_decimals_and_times_in_singles(tmp_path: Path):
    amounts = [Decimal(f"{i * i % 977 / 100:.2f}") for i in range(ROWS)]
    times = arrow.array(np.arange(ROWS, dtype=np.float32) / np.float32(10))
    table = arrow.table({"t": times, "paid": arrow.array(amounts, arrow.decimal128(10, 2))})
    arrow.parquet.write_table(table, tmp_path / "x.parquet")
    dataset = load_data(str(tmp_path / "x.parquet"), TrainConfig(time_column="t"))
    assert dataset.time is not None
    assert (dataset.time.digits, dataset.time.step, dataset.time.gap) == (1, 1, None)
    with load_generator(made(tmp_path / "x.parquet", time_column="t")) as generator:
        generator.sample(2, 30, 1).save(tmp_path / "out.parquet")
    found = arrow.parquet.read_table(tmp_path / "out.parquet")
    assert [str(found.schema.field(name).type) for name in ("t", "paid")] == ["float", "double"]
    assert all(paid == round(paid, 2) for paid in found["paid"].to_pylist())


def test_a_day_beside_its_hour_stays_a_day(tmp_path: Path):
    hours = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(ROWS)]
    table = arrow.table(
        {
            "day": arrow.array([moment.date() for moment in hours]),
            "hour": arrow.array([moment.hour for moment in hours], arrow.int8()),
            "a": np.random.default_rng(0).normal(size=ROWS),
        }
    )
    arrow.parquet.write_table(table, tmp_path / "x.parquet")
    with load_generator(made(tmp_path / "x.parquet")) as generator:
        samples = generator.sample(2, 30, 1)
    for suffix, read in (("parquet", arrow.parquet.read_table), ("arrow", read_arrow)):
        samples.save(tmp_path / f"out.{suffix}")
        found = read(tmp_path / f"out.{suffix}")
        assert [str(found.schema.field(name).type) for name in ("day", "hour")] == ["date32[day]", "int8"]
        moments = (samples.times() * 10**6).ravel().astype("datetime64[us]").tolist()
        assert found["day"].to_pylist() == [moment.date() for moment in moments]
        assert found["hour"].to_pylist() == [moment.hour for moment in moments]


def read_arrow(path: Path) -> arrow.Table:
    with arrow.ipc.open_stream(path) as stream:
        return stream.read_all()


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (["$ 1,234.50", "$ -3.25", "$ 12.75", "$ 0.99"], ".2f"),
        (["(4.50)", "3.25", "12.75", "0.99"], ".2f"),
        (["1.50 %", "3.25 %", "12.75 %", "0.99 %"], ".2f"),
        (["1,230", "3,250", "12,750", "1,999"], None),  # thousands
        (["1.50M", "3.25M", "12.75M", "0.99M"], None),
    ],
)
def test_decimals_of_money(tmp_path: Path, cells: list[str], form: str | None):
    lines = [f'"{cells[i % len(cells)]}",{i * i % 7}' for i in range(60)]
    more = [f'"{cells[0].replace("1", str(1 + i % 9))}",1' for i in range(30)]  # names are fewer
    (tmp_path / "x.csv").write_text("\n".join(["paid,n", *lines, *more]) + "\n")
    dataset = load_data(str(tmp_path / "x.csv"), TrainConfig(continuous=("paid",)))
    assert dataset.cells.get("paid") == form


def test_samples_are_judged_alike_in_every_form(typed: Path):
    data, found = str(typed.with_suffix(".parquet")), {}
    with load_generator(typed) as generator:
        samples = generator.sample(60, 8, 1)
    for suffix in ("csv", "parquet", "arrow", "npz"):
        path = typed.with_suffix(f".judged.{suffix}")
        samples.save(path)
        report, _ = evaluate_subject(
            str(path), data, path.with_suffix(".json"), ["marginal", "correlation"], 1, 0, with_page=False,
            categorical=("code",),
        )  # fmt: skip
        found[suffix] = [score.value for score in report.scores]
        said = any("is not judged" in note and "'hour'" in note for note in report.notes)
        assert said == (suffix != "npz")
    for suffix in ("parquet", "arrow", "npz"):
        assert found[suffix] == pytest.approx(found["csv"], rel=1e-4)


def test_labels_have_no_decimals_and_what_is_missing_is_not_yes_or_no(tmp_path: Path):
    """Hours as pandas writes them beside gaps, and members of whom some are not known to be some."""
    lines = [
        f"{n},{'' if n == 3 else n % 2 == 0},{'' if i % 11 == 5 else f'{i % 24}.0'},{i * i % 31 / 10:.2f}"
        for n in range(12)
        for i in range(48)
    ]
    (tmp_path / "x.csv").write_text("\n".join(["who,member,hour,a", *lines]) + "\n")
    chosen = {"id_column": "who", "static": ("member",), "categorical": ("hour",)}
    model = made(tmp_path / "x.csv", **chosen)
    assert load(model).spec.cells == {"a": ".2f"}
    with load_generator(model) as generator:
        generator.sample(12, 48, 1).save(tmp_path / "out.csv")
    head, *rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert {row[head.index("member")] for row in rows} <= {"true", "false", "missing"}
    assert {row[head.index("hour")] for row in rows} <= {"", *map(str, range(24))}


def test_columns_that_are_left_out_are_not_named(tmp_path: Path):
    table = arrow.table({"who": np.arange(90) // 30, "secret": np.arange(90), "a": np.arange(90.0) % 7})
    arrow.parquet.write_table(table, tmp_path / "x.parquet")
    choices = TrainConfig(id_column="who", ignore=("secret",), length=8)
    assert load_data(str(tmp_path / "x.parquet"), choices).types == {"a": "double"}


def test_a_clock_with_seconds_is_not_lost_in_a_column_of_days(tmp_path: Path):
    moments = [datetime(2024, 1, 1, 9, 0, 5) + timedelta(minutes=7 * i) for i in range(ROWS)]
    table = arrow.table(
        {
            "day": arrow.array([moment.date() for moment in moments]),
            "clock": [f"{moment:%H:%M:%S}" for moment in moments],
            "a": np.random.default_rng(0).normal(size=ROWS),
        }
    )
    arrow.parquet.write_table(table, tmp_path / "x.parquet")
    with load_generator(made(tmp_path / "x.parquet")) as generator:
        samples = generator.sample(2, 30, 1)
    samples.save(tmp_path / "out.parquet")
    found = arrow.parquet.read_table(tmp_path / "out.parquet")
    assert str(found.schema.field("day").type).startswith("timestamp")
    assert len(set(found["day"].to_pylist())) > 30


def test_times_beyond_the_data_s_type_are_refused(tmp_path: Path):
    at = arrow.array(
        [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(ROWS)], arrow.timestamp("ns")
    )
    arrow.parquet.write_table(arrow.table({"at": at, "a": np.arange(ROWS) % 9 / 2}), tmp_path / "x.parquet")
    with load_generator(made(tmp_path / "x.parquet")) as generator:
        with pytest.raises(
            ConditionError, match=r"at is timestamp\[ns\] in the data, which does not go so far"
        ):
            generator.sample(1, 9, 1, {"at": "2300-01-01"})
        samples = generator.sample(1, 24 * 365 * 4, 1, {"at": "2260-01-01"})
        with pytest.raises(FormatError, match="does not go so far as these times: use csv"):
            samples.save(tmp_path / "out.parquet")
