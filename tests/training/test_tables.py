"""Tables as people write them: separators, encodings, marks and mistakes are read, or said clearly."""

from pathlib import Path

import numpy as np
import pytest

from training.config import TrainConfig
from training.data import load
from training.errors import DataError

CONFIG = TrainConfig()


def csv(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


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
        ("constant.csv", "a,b\n" + "1,2\n" * 40, "every column is constant"),
        ("table.xlsx", "PK", "xlsx is not read; one of .csv"),
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
    with pytest.raises(DataError, match=r"x\.csv is neither UTF-8 nor Windows-1252: write it as UTF-8"):
        load(str(tmp_path / "x.csv"), CONFIG)


def test_numbers_with_marks_are_labels_and_said(tmp_path: Path):
    path = csv(tmp_path / "x.csv", 'a,b\n"1,234.5",5%\n"2,234.5",6%\n"1,334.5",7%\n')
    notes = load(path, CONFIG).notes
    assert any(
        "'a' looks like numbers with units or marks of thousands, such as '2,234.5'" in n for n in notes
    )
    assert any("'b' looks like numbers" in n for n in notes)


def test_an_infinite_value_is_named_by_its_file_and_its_own_row(tmp_path: Path):
    csv(tmp_path / "a.csv", "a,b,c\n1,2,3\n2,4,1\n")
    csv(tmp_path / "b.csv", "a,b,c\n1,2,3\n4,inf,6\n")
    with pytest.raises(DataError, match=r"b\.csv: column 'b' .* first in row 2"):
        load(str(tmp_path), CONFIG)
    path = csv(tmp_path / "ids.csv", "id,a\n2,1\n1,inf\n2,3\n")
    with pytest.raises(DataError, match="first in row 2"):
        load(path, TrainConfig(id_column="id"))


def test_dates_in_another_form_are_left_out_and_it_is_said_how_to_have_them(tmp_path: Path):
    rows = [f"{1 + i % 28:02d}.{1 + i // 28:02d}.2024;{i % 7}" for i in range(200)]
    (tmp_path / "x.csv").write_text("\n".join(["Datum;a", *rows]) + "\n")
    read = load(str(tmp_path / "x.csv"), TrainConfig())
    assert [c.name for c in read.columns] == ["a"]
    assert any("'Datum' looks like dates, such as 01.01.2024" in note for note in read.notes)


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
