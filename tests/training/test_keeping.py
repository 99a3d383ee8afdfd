"""Rules that a few rows break are said, and whether samples keep those of the data is measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.config import TrainConfig
from training.data import Dataset, load
from training.data.columns import Column
from training.data.rules.following import told
from training.data.rules.keeping import broken, kept
from training.data.rules.rule import Cuts, Product, Sum, Table
from training.data.windows import ENDED

N = 1200


def table(columns: dict[str, np.ndarray], sequences: int = 1, **labels: tuple[str, ...]) -> Dataset:
    of = [Column(name, labels=labels.get(name, ())) for name in columns]
    values = np.column_stack([np.asarray(x, float) for x in columns.values()])
    return told(Dataset.of("table", of, np.split(values, sequences)), (), whole=sequences > 1)


def near(dataset: Dataset) -> list[str]:
    return [note for note in dataset.notes if "mistake" in note]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_wrong_cell_is_said_and_the_column_learnt(random: np.random.Generator):
    web, shop = random.poisson((30, 9), (N, 2)).T
    total = web + shop
    total[500] += 7
    dataset = table({"web": web, "shop": shop, "total": total})
    assert not dataset.rules
    assert near(dataset) == [
        "'total' is web + shop in all 1,200 rows but 1 (row 501): if there is a mistake, mend it, and it "
        "will hold in every sample; if not, it is learnt as it is"
    ]
    total[500] -= 7
    dataset = table({"web": web, "shop": shop, "total": total})
    assert len(dataset.rules) == 1
    assert not near(dataset)


def test_all_kinds_of_rules_are_nearly_kept(random: np.random.Generator):
    price = (100 * np.exp(random.normal(0, 0.01, N).cumsum())).round(2)
    moved = np.diff(price, prepend=np.nan).round(2)
    city = random.integers(0, 5, N)
    country, zone = np.array([0, 0, 1, 1, 2])[city], (price > 100) * 1
    moved[[700, 701]], country[5], zone[900] = 9, (country[5] + 1) % 3, -1
    dataset = table(
        {"price": price, "moved": moved, "city": city, "country": country, "zone": zone},
        city=tuple("abcde"), country=tuple("xyz"), zone=("low", "high"),
    )  # fmt: skip
    assert [note.split(" in all")[0].split(":")[0] for note in near(dataset)] == [
        "'country' goes by city",
        "'zone' goes by price",
        "'moved' is price - price before",
    ]


def test_what_happens_a_few_times_is_explained_by_nothing(random: np.random.Generator):
    alarm = np.zeros(N)
    alarm[[3, 400, 900, 1100]] = 1
    columns = {"city": random.integers(0, 9, N), "a": random.poisson(30, N), "alarm": alarm}
    assert not near(table(columns, city=tuple("abcdefghi"), alarm=("no", "yes")))
    walks = {name: x.cumsum().round(2) for name, x in zip("abcd", random.normal(0, 1, (4, N)), strict=True)}
    assert not near(table(walks))


def test_times_say_where(tmp_path: Path, random: np.random.Generator):
    hours = np.datetime64("2024-01-01T00:00") + 60 * np.arange(600)
    a = random.normal(15, 8, 600).round(1)
    b = (1.8 * a + 32).round(2)
    b[100] += 1
    rows = [f"{h},{x},{y}" for h, x, y in zip(hours, a, b, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["hour,c,f", *rows]))
    (said,) = near(load(str(tmp_path / "t.csv"), TrainConfig()))
    assert "'f' is 1.8 c + 32 in all 600 rows but 1 (row 101, of 2024-01-05T04:00)" in said


def test_an_empty_cell_is_said_to_be_one(random: np.random.Generator):
    web, shop = (x.astype(float) for x in random.poisson((30, 9), (N, 2)).T)
    total = web + shop
    shop[[3, 40]] = np.nan
    total[900] += 1
    (said,) = near(table({"web": web, "shop": shop, "total": total}))
    assert "but 3 (row 4, 41, 901, where a cell is empty in 2)" in said


def test_rows_are_counted_as_they_stand_in_the_file(tmp_path: Path, random: np.random.Generator):
    a, b = random.poisson((30, 9), (N, 2)).T
    total = a + b
    total[777] += 5
    lines = [f"{n % 20},{x},{y},{z}" for n, (x, y, z) in enumerate(zip(a, b, total, strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(["shop,web,store,total", *lines]))
    (said,) = near(load(str(tmp_path / "t.csv"), TrainConfig(id_column="shop")))
    assert "(row 778)" in said


def test_a_first_row_unlike_the_others_is_said(random: np.random.Generator):
    price = (100 + random.normal(0, 1, N).cumsum()).round(2).reshape(100, 12)
    moved = np.diff(price, axis=1, prepend=price[:, :1]).round(2)
    moved[40, 0] = 3
    dataset = table({"price": price.ravel(), "moved": moved.ravel()}, 100)
    assert dataset.rules[0].begins == "learnt"
    (said,) = near(dataset)
    assert "in the first row as after the same in all 1,200 rows but 1 (row 481)" in said


def test_what_holds_and_is_learnt_all_the_same_is_said(random: np.random.Generator):
    rain = random.poisson(3, N)
    notes = table({"rain": rain, "total": 50 + rain.cumsum()}).notes
    assert any(
        note.startswith("in every row 'rain' is total - total before, and is learnt all the same: made so")
        for note in notes
    )
    shares = (100 * random.dirichlet([3, 3], N)[:, 0]).round()
    assert not any("learnt all the same" in note for note in table({"a": shares, "b": 100 - shares}).notes)


def test_samples_may_be_rounded_where_the_data_are_not(random: np.random.Generator):
    celsius = random.normal(15, 8, N)
    rows = np.column_stack([celsius, 1.8 * celsius + 32])
    rule = Sum(1, (0,), (1.8,), 32.0, 0, 1)
    assert broken([rule], rows.reshape(100, 12, 2)) == [0]
    assert broken([rule], rows.round(3).reshape(100, 12, 2)) == [0]
    gone = rows.reshape(100, 12, 2).copy()
    gone[..., 0] = np.nan
    assert broken([rule], gone) == [1]
    rows[:, 1] += 0.004
    assert broken([rule], rows.round(3).reshape(100, 12, 2)) == [1]


def test_rows_keep_rules_within_their_rounding_and_what_is_not_known():
    rows = np.array([[1.0, 2, 3], [1, 2, 4], [np.nan, 2, np.nan], [np.nan, 2, 3], [ENDED] * 3])
    total = Sum(2, (0, 1), (1.0, 1.0), 0.0, 1, 1)
    assert kept(total, rows, 0).tolist() == [True, False, True, False, True]
    assert broken([total], rows[None]) == [0.5]
    moved = rows + np.array([0, 0, 1e-7])
    assert kept(replace(total, per=0), moved, 1e-7).tolist()[:2] == [True, False]
    ratio = Product(2, (0, 0), True, 100.0, 100, 1, -100.0, (0, 1), "learnt")
    prices = np.array([[10, 0, 7.0], [11, 0, 10.004], [11, 0, 1]])
    assert kept(ratio, prices, 0).tolist() == [True, True, False]
    assert kept(replace(ratio, begins="missing"), prices, 0).tolist() == [False, True, False]
    cut = Cuts(1, (0, 0), (0.0,), (True,), (0.0, 1.0), -1, True, 100, 1, (0, 1), "same")
    moves = np.array([[10, 0.0], [11, 1], [11, 1]])
    assert kept(cut, moves, 0).tolist() == [True, True, False]
    capital = Table(1, (0,), (2.0, 5.0, np.nan), False)
    assert kept(capital, np.array([[0, 2.0], [1, 2], [-1, np.nan]]), 0).tolist() == [True, False, True]
