"""What a column that nobody named looks like is said: what it may be meant to be, and how to say so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.test_tables import csv, rows_of
from training.config import TrainConfig
from training.data import load
from training.data.schema import outline

CONFIG = TrainConfig()


def test_labels_that_may_tell_sequences_apart_are_said(tmp_path: Path):
    machines = [f"M{i // 10},{i % 3},{'ab'[i % 2]}" for i in range(100)]
    path = csv(tmp_path / "x.csv", "\n".join(["machine,v,state", *machines]) + "\n")
    said = "the rows of each label of 'machine' stand together"
    assert any(said in note for note in load(path, CONFIG).notes)
    assert not any("of 'state' stand together" in note for note in load(path, CONFIG).notes)
    assert not any(said in note for note in load(path, replace(CONFIG, id_column="machine")).notes)


def test_so_are_numbers_that_may_and_no_slow_count(tmp_path: Path):
    shops = [f"{7 * (i // 12) % 23},{i // 12},{i % 3}" for i in range(12 * 20)]
    path = csv(tmp_path / "x.csv", rows_of(shops, "shop,rising,v"))
    slow = [f"{i // 7 + min(i, 5)},{i % 3}" for i in range(240)]
    counted = csv(tmp_path / "y.csv", rows_of(slow, "total,v"))
    said, other = (" ".join(load(x, CONFIG).notes) for x in (path, counted))
    for name in ("shop", "rising"):
        assert f"the rows of each number of '{name}' stand together" in said
        assert f"'{name}' never" not in said
    assert "stand together" not in other
    assert "'total' never falls" in other


def test_that_few_long_sequences_can_be_asked_for_is_said(tmp_path: Path):
    for count, size, expected in ((8, 100, True), (8, 50, False), (40, 100, False)):
        rows = "".join(f"{n},{n + i % 5}\n" for n in range(count) for i in range(size))
        path = csv(tmp_path / "x.csv", "shop,sold\n" + rows)
        for static in ((), ("shop",)):
            notes = load(path, replace(CONFIG, id_column="shop", static=static)).notes
            said = any("with --static shop as well they can be asked of one of these 8" in n for n in notes)
            assert said == (expected and not static)


def test_counters_are_said_to_be_such(tmp_path: Path):
    rows = [f"{i % 4},{i // 4 * (3 + i % 4)},{i * i % 13},{-i // 8}" for i in range(80)]
    dataset = load(
        csv(tmp_path / "x.csv", rows_of(rows, "car,km,speed,fuel")), replace(CONFIG, id_column="car")
    )
    said = [note for note in dataset.notes if " never " in note]
    assert [note.split(",")[0] for note in said] == ["'km' never falls", "'fuel' never rises"]


def test_what_rises_evenly_in_each_sequence_may_be_its_times(tmp_path: Path):
    rows = [f"{firm},{1935 + year},{year * firm % 7}" for firm in range(3) for year in range(20)]
    path = csv(tmp_path / "x.csv", rows_of(rows, "firm,year,a"))
    said = [note for note in load(path, replace(CONFIG, id_column="firm")).notes if "'year'" in note]
    assert len(said) == 1
    assert "name it with --time-column year" in said[0]


def test_what_goes_one_way_in_each_file_and_not_in_all_is_no_counter(tmp_path: Path):
    for n in range(4):
        rows = [f"{(-1) ** n * i * i},{i * i}" for i in range(40)]
        (tmp_path / "set").mkdir(exist_ok=True)
        csv(tmp_path / "set" / f"{n}.csv", rows_of(rows, "a,b"))
    notes = load(str(tmp_path / "set"), CONFIG).notes
    assert [note.split(",")[0] for note in notes if " never " in note] == ["'b' never falls"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (
            "t,a\n" + "".join(f"{1704067200 + 60 * i * i},{i % 3}\n" for i in range(30)),
            "'t' rises in every",
        ),
        ("year,a\n" + "".join(f"{1900 + i},{i % 3}\n" for i in range(30)), "'year' rises in every row"),
        ("".join(f"2024-01-{1 + i:02d},{i % 3}.5,x\n" for i in range(28)), "begins with '2024-01-01'"),
        (
            "a,b\n" + "".join(f"d{i},{i % 3}\n" for i in range(30)),
            "'a' has another label in nearly every row",
        ),
    ],
)
def test_what_is_probably_meant_otherwise_is_said(tmp_path: Path, text: str, note: str):
    assert any(note in said for said in load(csv(tmp_path / "x.csv", text), CONFIG).notes)
    plain = "a,b\n" + "".join(f"{i * i % 17},{'xy'[i % 2]}\n" for i in range(30))
    assert not any(note[4:] in said for said in load(csv(tmp_path / "y.csv", plain), CONFIG).notes)


def test_whole_numbers_of_few_values_may_be_settings(tmp_path: Path):
    rows = [f"{(0, 900, 1500)[i // 20 % 3]},{i * i % 50}" for i in range(200)]
    path = csv(tmp_path / "x.csv", "\n".join(["rpm,count", *rows]) + "\n")
    said = outline(path, CONFIG).splitlines()
    (rpm,) = (line for line in said if line.startswith('"rpm"'))
    assert rpm.endswith("# 0 to 1,500, 3 values: if these are settings or codes, make it categorical")
    (count,) = (line for line in said if line.startswith('"count"'))
    assert count.endswith("# 0 to 49")


def test_what_counts_the_rows_of_each_sequence_is_left_out(tmp_path: Path):
    for begin in (0, 1):
        rows = [f"{n},{begin + i},{i * n % 5}" for n in range(1, 20) for i in range(2 + n % 4)]
        path = csv(tmp_path / f"{begin}.csv", rows_of(rows, "who,page,v"))
        dataset = load(path, replace(CONFIG, id_column="who"))
        assert [c.name for c in dataset.columns] == ["v"]
        assert "'page' counts the rows of each sequence, as samples do, and is left out" in dataset.notes
        named = load(path, replace(CONFIG, id_column="who", integer=("page",)))
        assert [c.name for c in named.columns] == ["page", "v"]
        own = csv(tmp_path / f"{begin}s.csv", rows_of(rows, "who,step,v"))
        assert [c.name for c in load(own, replace(CONFIG, id_column="who")).columns] == ["v"]


def test_a_counter_that_begins_anew_is_said(tmp_path: Path):
    made = np.random.default_rng(0).integers(0, 4, 400).cumsum()
    counts = [f"{made[i] - made[i // 50 * 50]},{(i * 37) % 11 + i % 7}" for i in range(400)]
    notes = load(csv(tmp_path / "x.csv", rows_of(counts, "parts,v")), CONFIG).notes
    assert [n for n in notes if "begins anew" in n] == [
        "'parts' falls in 7 rows alone, to where it begins anew, and samples may at any time: to have it "
        "so, learn what it gains in each row, and add up that of samples"
    ]
