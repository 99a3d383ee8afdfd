"""Tables as people write them: separators, encodings, marks and mistakes are read, or said clearly."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.training.tables import csv, rows_of
from training.basis import Basis
from training.config import TrainConfig
from training.data import Dataset, heeds, load
from training.data.schema import outline
from training.errors import DataError
from training.trainer import train

CONFIG = TrainConfig()


def test_a_csv_without_a_header_keeps_its_first_row(tmp_path: Path):
    dataset = load(csv(tmp_path / "x.csv", "1,2\n3,4\n5,7\n"), CONFIG)
    np.testing.assert_array_equal(dataset.values, [[1, 2], [3, 4], [5, 7]])
    assert any("first line holds numbers" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "is empty"),
        ("header.csv", "a,b\n", "is empty: there is no row"),
        ("ragged.csv", "a,b\n1,2\n3\n", "Row #3: Expected 2 columns, got 1"),
        (
            "mixed.csv",
            "a,b\n1,2\n2,y\n3,4\n",
            "'b' mixes numbers and words: 2.*row 2 is 'y'.*--categorical b",
        ),
        ("gone.csv", "a,b\n1,\n3,\n5,\n", "'b' has no value in any row.*--ignore b"),
        (
            "ids.csv",
            "a,b\n" + "".join(f"{i},x{i}\n" for i in range(10_000)),
            "'b' has 10,000 .*at most 128",
        ),
        ("inf.csv", "a,b\n1,2\n3,inf\n5,6\n", "'b' is infinite in 1 of 3 rows, first in row 2"),
        ("twice.csv", "a,b,a\n1,2,3\n", "names columns twice: a"),
        ("table.xlsx", "PK", "xlsx is not read; one of .csv.* is: save the sheet as CSV"),
        ("table.csv.gz", "x", "gz is not read; .* is: unpack it"),
        ("table.doc", "x", "doc is not read; one of .* is$"),
        ("broken.npy", "no array", "is no NPY file, as numpy.save writes it"),
        ("broken.npz", "no archive", "cannot be read"),
        ("broken.parquet", "no table", "cannot be read"),
    ],
)
def test_a_bad_file_is_said_clearly(tmp_path: Path, name: str, content: str, message: str):
    with pytest.raises(DataError, match=message) as caught:
        load(csv(tmp_path / name, content), CONFIG)
    assert name.split(".", maxsplit=1)[0] in str(caught.value)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"\xef\xbb\xbfa,b\r\n1.5,2\r\n2.5,3\r\n", None),
        (b"a;b\n1,5;2\n2,5;3\n", "semicolons, and numbers have a decimal comma"),
        (b"a;b\n1.5;2\n2.5;3\n", "told apart by semicolons"),
        (b"a\tb\r\n1.5\t2\r\n2.5\t3\r\n", "told apart by tabs"),
        ("a,b\n1.5,2\n2.5,3\n".encode("utf-16"), "x.csv is UTF-16"),
    ],
)
def test_csv_is_read_as_people_have_it(tmp_path: Path, content: bytes, note: str | None):
    (tmp_path / "x.csv").write_bytes(content)
    dataset = load(str(tmp_path / "x.csv"), CONFIG)
    assert [c.name for c in dataset.columns] == ["a", "b"]
    assert dataset.values.tolist() == [[1.5, 2], [2.5, 3]]
    assert (note is None and not dataset.notes) or any(str(note) in n for n in dataset.notes)


def test_letters_that_are_not_utf_8_are_read_as_windows_writes_them_and_said(tmp_path: Path):
    (tmp_path / "x.csv").write_bytes("Größe,b\n1,zwölf\n2,elf\n".encode("cp1252"))
    dataset = load(str(tmp_path / "x.csv"), CONFIG)
    assert [c.name for c in dataset.columns] == ["Größe", "b"]
    assert dataset.columns[1].labels == ("elf", "zwölf")
    assert any("not UTF-8: it is read as Windows-1252" in note for note in dataset.notes)
    (tmp_path / "x.csv").write_bytes(b"a,b\n1,\x81\n2,x\n")
    (tmp_path / "z.csv").write_bytes("Eröffnung;b\n".encode("cp1252") + b"1,5;2\n2,5;1\n3,5;4\n")
    assert [c.name for c in load(str(tmp_path / "z.csv"), CONFIG).columns] == ["Eröffnung", "b"]
    with pytest.raises(DataError, match=r"x\.csv is neither UTF-8 nor Windows-1252: write it as UTF-8"):
        load(str(tmp_path / "x.csv"), CONFIG)


def test_a_table_without_names_is_read_as_any_other(tmp_path: Path):
    text = "".join(f"{i},{'?' if i % 9 == 4 else i / 2},\n" for i in range(60))
    dataset = load(csv(tmp_path / "x.csv", text), CONFIG)
    assert [c.name for c in dataset.columns] == ["column 1", "column 2"]
    assert np.isnan(dataset.values[:, 1]).sum() == 7


def test_an_infinite_value_is_named_by_its_file_and_its_own_row(tmp_path: Path):
    csv(tmp_path / "a.csv", "a,b,c\n1,2,3\n2,4,1\n")
    csv(tmp_path / "b.csv", "a,b,c\n1,2,3\n4,inf,6\n")
    with pytest.raises(DataError, match=r"b\.csv: column 'b' .* first in row 2"):
        load(str(tmp_path), CONFIG)
    path = csv(tmp_path / "ids.csv", "id,a\n2,1\n1,inf\n2,3\n")
    with pytest.raises(DataError, match="first in row 2"):
        load(path, TrainConfig(id_column="id"))


def test_a_column_that_only_counts_rows_is_left_out(tmp_path: Path):
    """As pandas writes its index, which nobody wants to be made."""
    rows = [f"{i},{i},{i * i % 11}" for i in range(60)]
    (tmp_path / "x.csv").write_text("\n".join([",n,a", *rows]) + "\n")
    read = load(str(tmp_path / "x.csv"), TrainConfig())
    assert [c.name for c in read.columns] == ["n", "a"]
    assert "'' counts the rows and is left out" in read.notes


def test_tables_of_tabs_may_say_so(tmp_path: Path):
    (tmp_path / "x.tsv").write_text("a\tb\n" + "".join(f"{i % 7}\t{i % 5}\n" for i in range(60)))
    assert [c.name for c in load(str(tmp_path / "x.tsv"), TrainConfig()).columns] == ["a", "b"]


def test_numbers_that_samples_could_not_tell_apart_are_said(tmp_path: Path):
    (tmp_path / "x.csv").write_text("a,b\n" + "".join(f"{10**17 + 7 * i},{i % 5}\n" for i in range(60)))
    notes = load(str(tmp_path / "x.csv"), TrainConfig()).notes
    assert any(note.startswith("'a' has values that are one in single precision") for note in notes)
    assert not any(note.startswith("'b' has values") for note in notes)


def test_an_empty_line_of_a_single_column_is_a_missing_value(tmp_path: Path):
    cells = ["" if i % 10 == 5 else str(i * i % 31) for i in range(100)]
    dataset = load(csv(tmp_path / "x.csv", rows_of(cells, "a") + "\n\n"), CONFIG)
    assert len(dataset.values) == 100
    assert np.flatnonzero(np.isnan(dataset.values[:, 0])).tolist() == list(range(5, 100, 10))


def test_an_underscore_makes_no_number(tmp_path: Path):
    text = rows_of([f"1_{i % 4},{i}" for i in range(60)], "a,b")
    assert load(csv(tmp_path / "x.csv", text), CONFIG).columns[0].labels == ("1_0", "1_1", "1_2", "1_3")


def test_names_that_samples_have_for_themselves_are_refused(tmp_path: Path):
    text = rows_of([f"{i * i % 13},{i}" for i in range(60)], "step,a")
    with pytest.raises(DataError, match="samples have a column 'step' of their own"):
        load(csv(tmp_path / "x.csv", text), CONFIG)


def test_a_table_of_samples_can_be_learnt_from(tmp_path: Path):
    text = rows_of([f"{i // 30},{i % 30},{i * i % 13}" for i in range(90)], "sequence,step,a")
    dataset = load(csv(tmp_path / "x.csv", text), replace(CONFIG, id_column="sequence"))
    assert [c.name for c in dataset.columns] == ["a"]
    assert len(dataset.bounds) == 4
    assert any("'step' counts rows, as samples have it" in note for note in dataset.notes)


@pytest.mark.parametrize("value", ["1.8e308", "-9.9e99"])
def test_a_number_that_single_precision_does_not_hold_is_named(tmp_path: Path, value: str):
    text = rows_of([f"{value if i == 41 else i},1" for i in range(60)], "a,b")
    with pytest.raises(DataError, match=r"column 'a' is .* in 1 of 60 rows, first in row 42"):
        load(csv(tmp_path / "x.csv", text), CONFIG)


def test_sequences_that_are_too_short_for_a_window_are_said(tmp_path: Path):
    rows = [f"{n},{i * 7 % 11}" for n in range(9) for i in range(60 if n < 2 else 15)]
    config = replace(CONFIG, id_column="who", length=24)
    dataset = load(csv(tmp_path / "x.csv", rows_of(rows, "who,a")), config)
    assert any("7 of 9 sequences, with 105 of 225 rows, are shorter" in note for note in dataset.notes)


def test_choices_of_columns_hold_for_arrays(tmp_path: Path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 3)))
    path = str(tmp_path / "x.npy")
    left = load(path, replace(CONFIG, ignore=("channel 2",)))
    assert [c.name for c in left.columns] == ["channel 1", "channel 3"]
    assert left.values.shape == (60, 2)
    chosen = load(path, replace(CONFIG, columns=("channel 2",)))
    assert [c.name for c in chosen.columns] == ["channel 2"]
    with pytest.raises(DataError, match="no column 'who'; it has channel 1, channel 2, channel 3"):
        load(path, replace(CONFIG, id_column="who"))


def test_choices_of_columns_are_refused_where_there_are_none(tmp_path: Path):
    (tmp_path / "x.txt").write_text("one\ntwo\nthree\nfour\n" * 20)
    with pytest.raises(DataError, match="holds text, and --id-column is for tables"):
        load(str(tmp_path / "x.txt"), replace(CONFIG, id_column="who"))
    path = csv(tmp_path / "x.csv", rows_of([f"{i * i % 13},{i}" for i in range(60)], "x,y"))
    for given, told in (
        (TrainConfig(alphabet="abc"), "holds tables, and --alphabet is for text: leave it out"),
        (TrainConfig(frames=True), "--frames is for films and pictures"),
        (TrainConfig(hop=16), "--hop is for a waveform: name the column that is one with --waveform"),
    ):
        with pytest.raises(DataError, match=told):
            load(path, given)
    with pytest.raises(DataError, match="stocks is built in, and --time-column is for tables"):
        load("stocks", TrainConfig(time_column="date"))
    assert heeds("ecg") == ("hop",)


def test_a_few_short_sequences_are_learnt_in_windows_that_they_hold(tmp_path: Path):
    for lengths, window in (
        ((11, 12, 13), 11),
        ((2, 20, 20), 20),
        ((1, 1, 1, 1, 1, 2, 2), 2),
        ((20, 20, 19, 19, 19, 19, 19), 19),
    ):
        rows = [f"{i},{i * k % 7},{k}" for k, n in enumerate(lengths) for i in range(n)]
        path = csv(tmp_path / "x.csv", rows_of(rows, "x,y,who"))
        dataset = load(path, TrainConfig(id_column="who"))
        assert (dataset.length, dataset.ends) == (window, False)
        told = f"all sequences are shorter than a window of 24: windows are {window} long"
        assert told in dataset.notes
        assert len(dataset.split(dataset.length, 1, 0.1)[0]) >= 2


def test_what_is_not_read_of_a_folder_is_said(tmp_path: Path):
    for name in ("b", "a"):
        csv(tmp_path / f"{name}.csv", rows_of([f"{i * i % 13},{i}" for i in range(60)], "x,y"))
    (tmp_path / "._a.csv").write_bytes(b"\0\5\26\7")
    (tmp_path / "c.wav").write_bytes(b"RIFF")
    dataset = load(str(tmp_path), CONFIG)
    assert len(dataset.bounds) == 3
    assert any("holds .wav too, which is not read beside .csv" in note for note in dataset.notes)


def test_codes_that_begin_with_zeros_are_kept_where_they_are_labels(tmp_path: Path):
    rows = [f"{'00501' if i % 3 else '10001'},{i % 7},{'' if i % 5 else '0.5'}" for i in range(60)]
    path = csv(tmp_path / "x.csv", rows_of(rows, "zip,a,b"))
    dataset = load(path, CONFIG)
    assert dataset.values[:, 0].tolist()[:2] == [10001, 501]
    (note,) = (n for n in dataset.notes if "zeros" in n)
    assert note.startswith("'zip' has numbers that begin with zeros")
    told = load(path, replace(CONFIG, categorical=("zip", "a")))
    assert told.columns[0].labels == ("00501", "10001")
    assert told.columns[1].labels == ("0", "1", "2", "3", "4", "5", "6")
    assert not any("zeros" in note for note in told.notes)
    again = load(path, replace(CONFIG, id_column="zip"))
    assert not any("zeros" in note for note in again.notes)  # ids are no channel


def test_nothing_is_learnt_where_nothing_varies(tmp_path: Path):
    path = csv(tmp_path / "x.csv", "a,b\n" + "1,2\n" * 40)
    for refused in (partial(outline, path), partial(train, path, tmp_path / "run")):
        with pytest.raises(DataError, match="every column is constant"):
            refused(CONFIG)


def test_labels_with_commas_and_line_breaks_stand_in_quotes(tmp_path: Path):
    rows = [f'"{label}",{i}' for i in range(20) for label in ("a, b", "c\nd", "plain")]
    dataset = load(csv(tmp_path / "x.csv", rows_of(rows, "what,n")), CONFIG)
    assert any(note.endswith(r"of 3 labels: 'a, b', 'c\nd', plain") for note in dataset.notes)


def test_a_column_of_words_may_be_empty_in_one_file_of_a_folder(tmp_path: Path):
    random = np.random.default_rng(0)
    for name, words in (("a", ("x", "y", "")), ("b", ("",)), ("c", ("y", "z"))):
        rows = [f"{words[i % len(words)]},{random.normal():.3f}" for i in range(40)]
        csv(tmp_path / f"{name}.csv", rows_of(rows, "word,n"))
    dataset = load(str(tmp_path), CONFIG)
    word = dataset.columns[0]
    assert (word.labels, word.missing) == (("x", "y", "z"), True)
    first, second, third = np.split(dataset.values[:, 0], 3)
    assert first[:3].tolist() == [0, 1, -1]
    assert set(second) == {-1}
    assert third[:2].tolist() == [1, 2]


def test_gaps_neither_add_decimals_nor_make_whole_numbers_broken(tmp_path: Path):
    """What lies on a line over a gap is no value of the data."""
    random = np.random.default_rng(0)
    warm = 20 + np.cumsum(random.normal(0, 0.3, 200))
    rows = [
        f"{'' if i % 7 == 3 else f'{w:.1f}'},{'' if i % 5 == 2 else i * i % 11}" for i, w in enumerate(warm)
    ]
    dataset = load(csv(tmp_path / "x.csv", "\n".join(["warm,count", *rows]) + "\n"), CONFIG)
    decoder = Basis(dataset, dataset.windows(24, 1), "cowhitened").decoder
    assert (decoder.per.tolist(), decoder.of.tolist()) == ([10, 1], [1, 1])


def test_words_that_are_called_numbers_are_not_to_be_left_empty(tmp_path: Path):
    path = csv(tmp_path / "x.csv", "a,b\nx1.5,5\nx2.5,6\n")
    with pytest.raises(DataError, match="has none: row 1 is 'x1.5'. Write them as 1234.5"):
        load(path, TrainConfig(continuous=("a",)))


def test_static_columns_know_their_place_among_the_others(tmp_path: Path):
    rows = [
        f"{k},{'ab'[k]},2024-01-{d:02d},{d + d % 3},{k + 5},{d * k}" for k in (0, 1) for d in range(1, 9)
    ]
    path = csv(tmp_path / "x.csv", "\n".join(["id,kind,at,day,size,sold", *rows]) + "\n")
    dataset = load(path, TrainConfig(id_column="id", length=4))
    assert [c.name for c in dataset.columns] == ["day", "sold"]
    assert [(c.name, c.place) for c in dataset.statics] == [("kind", 0), ("size", 2)]  # at, day, size, sold
    dataset = load(path, TrainConfig(id_column="id", ignore=("at",), length=4))
    assert [(c.name, c.place) for c in dataset.statics] == [("kind", 0), ("size", 1)]


def test_first_rows_of_what_looks_back_are_left_out(tmp_path: Path):
    price = 100 + np.random.default_rng(0).normal(0, 1, 200).cumsum()
    back = [f"{x:.2f},{'' if n < 4 else f'{price[n - 4 : n].mean():.3f}'}" for n, x in enumerate(price)]
    path = tmp_path / "x.csv"

    def read(head: str, lines: list[str], **how: object) -> Dataset:
        path.write_text("\n".join([head, *lines]) + "\n")
        return load(str(path), TrainConfig(**how))  # type: ignore[arg-type]

    dataset = read("price,mean", back)
    assert len(dataset.values) == 196
    assert not any(c.missing for c in dataset.columns)
    assert dataset.lines[0] == 5
    assert any("'mean' is missing in first or last rows alone" in note for note in dataset.notes)
    assert not any("and so it will be in samples" in note for note in dataset.notes)
    ahead = [f"{x:.2f},{'' if n > 197 else f'{price[n + 2]:.2f}'}" for n, x in enumerate(price)]
    assert len(read("price,next", ahead).values) == 198
    assert len(read("price,mean", [*back, "7,", "8,3"]).values) == 202  # it is missing elsewhere, too
    short = [f"{n // 25},{x}" for n, x in enumerate(back)]
    assert len(read("id,price,mean", short, id_column="id").values) == 200  # no window would be left of one
    several = [f"{k},{x}" for k in range(3) for x in back]
    assert read("id,price,mean", several, id_column="id").bounds.tolist() == [0, 196, 392, 588]
    assert len(read("id,price,mean", several, id_column="id", whole=True).values) == 600
