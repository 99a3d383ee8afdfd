"""What was found can be printed, edited, and given back."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import cadenza
from training.basis import Basis
from training.config import TrainConfig
from training.data import load
from training.data.schema import applied, outline
from training.errors import DataError

ROWS = "".join(
    f"{shop},2021-03-{day:02},{kind},{day + day % 2},{day * day / 4},{day % 3},x\n"
    for shop, kind in (("a", "wine"), ("b", "beer"))
    for day in range(1, 29)
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    path.write_text("shop,day,kind,sold,paid,mood,remark\n" + ROWS)
    return path


def told(folder: Path, text: str) -> TrainConfig:
    (folder / "schema.toml").write_text(text)
    return applied("x.csv", TrainConfig(schema=str(folder / "schema.toml")))


def test_what_is_printed_is_what_is_read(table: Path, tmp_path: Path):
    config = TrainConfig(id_column="shop", ignore=("remark",), categorical=("mood",))
    text = outline(str(table), config)
    assert tomllib.loads(text)["columns"] == {
        "shop": "id", "day": "time", "kind": "static", "sold": "integer", "paid": "continuous",
        "mood": "categorical", "remark": "ignore",
    }  # fmt: skip
    assert '"day" = "time"' in text
    assert "# from 2021-03-01 on, 1 day apart" in text
    read, flagged = load(str(table), told(tmp_path, text)), load(str(table), config)
    assert read.statics == flagged.statics
    assert read.fingerprint == flagged.fingerprint
    assert outline(str(table), told(tmp_path, text)) == text


def test_the_printed_file_changes_nothing(tmp_path: Path):
    """Neither how numbers are rounded nor what follows from what."""
    random = np.random.default_rng(0)
    price, amount = random.gamma(9, 1, 200).round(2), random.poisson(4, 200) + 1
    rows = [
        f"{p},{n},{round(p * n, 2)},{'much' if n > 4 else 'few'}"
        for p, n in zip(price, amount, strict=True)
    ]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["price,amount,paid,how", *rows]) + "\n")
    plain = load(str(path), TrainConfig())
    (tmp_path / "schema.toml").write_text(outline(str(path), TrainConfig()))
    told = load(str(path), applied(str(path), TrainConfig(schema=str(tmp_path / "schema.toml"))))
    assert [r.column for r in plain.rules] == [2, 3]
    assert (told.columns, told.rules, told.notes) == (plain.columns, plain.rules, plain.notes)


def test_an_id_that_can_be_asked_for_is_written_and_read(table: Path, tmp_path: Path):
    config = TrainConfig(id_column="shop", static=("shop",))
    text = outline(str(table), config)
    assert tomllib.loads(text)["columns"]["shop"] == "static id"
    read = load(str(table), told(tmp_path, text))
    assert [(c.name, c.labels) for c in read.statics] == [("shop", ("a", "b")), ("kind", ("beer", "wine"))]
    assert read.fingerprint == load(str(table), config).fingerprint
    again = applied(str(table), replace(config, static=(), schema=str(tmp_path / "schema.toml")))
    assert "shop" in again.static  # though a flag says what it is beside that


def test_a_label_of_several_lines_stays_in_one(tmp_path: Path):
    rows = "".join(f'{i},"one\nway"\n{i * i},other\n' for i in range(30))
    (tmp_path / "x.csv").write_text("a,b\n" + rows)
    text = outline(str(tmp_path / "x.csv"), TrainConfig())
    assert tomllib.loads(text)["columns"] == {"a": "integer", "b": "categorical"}
    assert r"of 2 labels: 'one\nway', other" in text


def test_the_command_prints_it_and_trains_nothing(table: Path, tmp_path: Path):
    done = cadenza("train", table, "--dry-run", "--id-column", "shop", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert tomllib.loads(done.stdout)["columns"]["shop"] == "id"
    assert not (tmp_path / "runs").exists()


def test_a_flag_is_stronger_than_the_file(tmp_path: Path):
    (tmp_path / "s.toml").write_text('[columns]\na = "continuous"\nb = "id"\nc = "time"\n')
    told = TrainConfig(schema=str(tmp_path / "s.toml"), categorical=("a",), id_column="z", ignore=("c",))
    config = applied("x.csv", told)
    assert (config.categorical, config.continuous, config.id_column) == (("a",), (), "z")
    assert (config.time_column, config.schema) == (None, None)


def test_whole_numbers_that_are_told_to_be_continuous_are_not_rounded(table: Path, tmp_path: Path):
    for kind, rounded in (("integer", True), ("continuous", False)):
        dataset = load(
            str(table), told(tmp_path, f'[columns]\nshop = "id"\nsold = "{kind}"\nmood = "{kind}"\n')
        )
        decoder = Basis(dataset, dataset.windows(8, 1), "cowhitened").decoder
        names = [dataset.columns[i].name for i in dataset.layout.numeric]
        assert dict(zip(names, (decoder.per == 1).tolist(), strict=True)) == {
            "sold": rounded, "paid": False, "mood": rounded,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns = 3", r"no table \[columns\]"),
        ('[columns]\na = "number"', "'a' is of kind 'number'; one of categorical, continuous"),
        ('[columns]\na = "id"\nb = "id"', "'a' and 'b' are both of kind id"),
        ('[colums]\na = "id"', "has colums; a table"),
        ("[columns", "is no TOML"),
    ],
)
def test_a_file_that_says_what_it_cannot_is_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message) as caught:
        told(tmp_path, text)
    assert "schema.toml" in str(caught.value)


def test_a_column_that_is_not_there_is_named(table: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"sales\.csv has no column 'price'; it has shop, day"):
        load(str(table), told(tmp_path, '[columns]\nprice = "ignore"\n'))
    with pytest.raises(DataError, match=r"none\.toml cannot be read"):
        applied("x.csv", TrainConfig(schema=str(tmp_path / "none.toml")))


@pytest.mark.parametrize("data", ["sines", "stocks"])
def test_what_has_no_columns_of_its_own_is_told_nothing_by_a_file(data: str, tmp_path: Path):
    found = outline(data, TrainConfig())
    assert all(line.startswith("#") for line in found.splitlines())
    assert "--schema" not in found
    (tmp_path / "x.toml").write_text("[columns]\n")
    with pytest.raises(DataError, match=f"{data} is built in, and --schema is for tables: leave it out"):
        applied(data, TrainConfig(schema=str(tmp_path / "x.toml")))


def test_an_outline_keeps_the_labels_of_what_is_constant(tmp_path: Path):
    rows = [f"{who},{who % 3},{(who * 7 + i) % 5}" for who in range(12) for i in range(20)]
    (tmp_path / "x.csv").write_text("\n".join(["who,code,a", *rows]) + "\n")
    config = TrainConfig(id_column="who", categorical=("code",), length=8)
    (tmp_path / "x.toml").write_text(outline(str(tmp_path / "x.csv"), config))
    for told in (config, TrainConfig(schema=str(tmp_path / "x.toml"), length=8)):
        dataset = load(str(tmp_path / "x.csv"), applied("x.csv", told))
        assert [(c.name, c.labels) for c in dataset.statics] == [("code", ("0", "1", "2"))]
