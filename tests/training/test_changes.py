"""Columns that follow from how others change from row to row are found, and made of them."""

from dataclasses import replace

import numpy as np
import pytest

from training.data import Dataset
from training.data.columns import Column
from training.data.rules.following import told
from training.data.rules.making import Rules

N = 600


def table(
    columns: dict[str, np.ndarray], sequences: int = 1, whole: bool = False, **labels: tuple[str, ...]
) -> Dataset:
    """A table of such columns, cut into equal sequences, with its rules."""
    of = [Column(name, labels=labels.get(name, ())) for name in columns]
    values = np.column_stack([np.asarray(x, float) for x in columns.values()])
    return told(Dataset.of("table", of, np.split(values, sequences)), (), whole)


def rules(dataset: Dataset) -> dict[str, str]:
    return {dataset.columns[r.column].name: r.said(dataset.columns) for r in dataset.rules}


@pytest.fixture
def price() -> np.ndarray:
    return (100 * np.exp(np.random.default_rng(0).normal(0, 0.01, N).cumsum())).round(2)


def after_none(x: np.ndarray) -> np.ndarray:
    return np.concatenate([[np.nan], x])


LEARNT = "; learnt in the first row"


def test_a_change_a_return_and_yesterday_follow(price: np.ndarray):
    ago, now = price[:-1], price[1:]
    for made, said in (
        ((now - ago).round(2), "price - price before"),
        (now / ago - 1, "price / price before - 1"),
        ((100 * (now / ago - 1)).round(2), "100 · price / price before - 100"),
        (now / ago, "price / price before"),
        (ago, "price before"),
        (((now + ago) / 2).round(3), "the mean of price over 2 rows"),
    ):
        assert rules(table({"price": price, "made": after_none(made)})) == {"made": said + LEARNT}


def test_bookings_follow_from_a_balance_and_what_kind_they_are_from_them():
    random = np.random.default_rng(0)
    booked = np.where(random.random(N) < 0.6, 0, random.normal(0, 50, N).round(2))
    kind = np.where(booked == 0, 0, np.where(booked > 0, 1, 2))
    columns = {"booked": booked, "balance": (1000 + booked.cumsum()).round(2), "kind": kind}
    assert rules(table(columns, kind=("none", "in", "out"))) == {
        "booked": "balance - balance before" + LEARNT,
        "kind": "booked: out below 0, none from 0 on, in over 0",
    }


def test_several_changes_and_numbers_make_one(price: np.ndarray):
    random = np.random.default_rng(1)
    held, fee = (50 + random.normal(0, 3, N).cumsum()).round(2), random.normal(0, 2, N).round(2)
    flow = np.diff(held, prepend=np.nan) + np.diff(price, prepend=np.nan) - fee
    columns = {"price": price, "held": held, "fee": fee, "flow": flow.round(2)}
    assert rules(table(columns)) == {
        "flow": "price + held - fee - price before - held before" + LEARNT
    } or rules(table(columns)) == {"flow": "held + price - fee - held before - price before" + LEARNT}


def test_a_label_goes_by_a_change_within_its_rounding(price: np.ndarray):
    trend = np.where(np.diff(price) > 0.5, 2, np.where(np.diff(price) < -0.5, 0, 1))
    coarse = price.round(1)
    for shown in (price, coarse):
        found = table({"price": shown, "trend": np.append(-1, trend)}, trend=("falls", "steady", "rises"))
        said = rules(found).get("trend", "")
        assert said.startswith("price - price before: falls ") or shown is coarse
        assert said.endswith(LEARNT) or not said


def test_first_rows_of_whole_sequences_say_what_was_before(price: np.ndarray):
    sequences = price.reshape(30, 20)
    moved = np.diff(sequences, axis=1, prepend=sequences[:, :1]).round(2)
    since = np.diff(sequences, axis=1, prepend=np.zeros((30, 1))).round(2)
    gone, odd = moved.copy(), moved.copy()
    gone[:, 0], odd[:, 0] = np.nan, np.arange(30)
    for made, said in (
        (moved, "in the first row as after the same"),
        (since, "in the first row as after 0"),
        (gone, "missing in the first row"),
        (odd, "learnt in the first row"),
    ):
        dataset = table({"price": price, "moved": made.ravel()}, 30, whole=True)
        assert rules(dataset) == {"moved": f"price - price before; {said}"}
        assert len(dataset.learnt.columns) == 1 + (made is odd)
        every = Rules.of(dataset.rules, dataset.columns)
        learnt = dataset.learnt.values.reshape(30, 20, -1).astype(np.float32)
        values, _ = every(learnt, np.zeros((30, 20, 0), np.int64))
        np.testing.assert_allclose(values, dataset.values.reshape(30, 20, 2), rtol=1e-5, atol=1e-4)
        # And in two parts, of which the second goes on.
        carried = values[:, 11, :1]
        before = np.concatenate([carried, np.zeros_like(carried)], 1)
        later, _ = every(learnt[:, 12:], np.zeros((30, 8, 0), np.int64), before, 12)
        np.testing.assert_array_equal(later, values[:, 12:])


def test_of_windows_first_rows_are_learnt(price: np.ndarray):
    moved = np.diff(price.reshape(30, 20), axis=1, prepend=price.reshape(30, 20)[:, :1]).round(2)
    dataset = table({"price": price, "moved": moved.ravel()}, 30, whole=False)
    assert rules(dataset) == {"moved": "price - price before" + LEARNT}
    assert dataset.learnt.columns == dataset.columns


def test_rows_that_are_missing_are_no_change(price: np.ndarray):
    moved = np.diff(price, prepend=np.nan).round(2)
    kept = np.delete(np.arange(N), np.arange(300, 340))
    of = [Column("price"), Column("moved")]
    values = np.column_stack([price, moved])[kept]
    values[300, 1] = 77  # since the row before it is not the one that is known
    dataset = Dataset.of("broken", of, [values])
    assert not told(dataset, (), whole=False).rules
    assert told(replace(dataset, breaks=np.array([300])), (), whole=False).rules


def test_what_wanders_follows_from_no_change_and_nothing_from_itself():
    random = np.random.default_rng(0)
    walks = {name: x.cumsum().round(2) for name, x in zip("abcd", random.normal(0, 1, (4, N)), strict=True)}
    assert not table(walks).rules
    turns = {"a": np.sin(np.arange(N) / 50), "b": np.cos(np.arange(N) / 50)}
    assert not table(turns).rules
    assert not table({"row": np.arange(N), "two": 3 * np.arange(N) + random.integers(0, 2, N)}).rules


def test_what_another_bounds_is_learnt_so_that_it_stays_so(price: np.ndarray):
    opened, closed = price[:-1], price[1:]
    columns = {"opened": opened, "closed": closed}
    assert rules(table(columns)) == {"opened": "closed before" + LEARNT}
    assert not table(columns | {"high": np.maximum(opened, closed) + (np.arange(N - 1) % 3) / 100}).rules


def test_what_was_before_may_be_missing_where_the_number_is_not(price: np.ndarray):
    price[::40] = np.nan
    ago = after_none(price[:-1])
    assert rules(table({"price": price, "ago": ago})) == {"ago": "price before" + LEARNT}


def test_copies_of_a_change_hide_it_not(price: np.ndarray):
    moved = np.diff(price, prepend=price[0]).round(2)
    again = np.concatenate([[np.nan], moved[1:]])
    assert rules(table({"price": price, "moved": moved, "again": again}))["moved"] == (
        "price - price before" + LEARNT
    )


def test_signs_go_by_a_change_whatever_they_are_less_than(price: np.ndarray):
    sign = np.sign(np.diff(price, prepend=price[0]))
    quantity = np.random.default_rng(1).integers(2, 9, N)
    for signs in (sign, sign + 1):
        found = rules(table({"price": price, "sign": signs, "quantity": quantity}))
        assert [*found] == ["sign"]
        assert found["sign"].startswith("price - price before: ")


def test_changes_that_single_precision_does_not_show_are_learnt():
    random = np.random.default_rng(0)
    for least, made in ((2_500_000, False), (2_500, True)):
        balance = (least + random.normal(0, 50, N).cumsum()).round(2)
        booked = np.diff(balance, prepend=np.nan).round(2)
        assert bool(table({"balance": balance, "booked": booked}).rules) == made


def test_what_has_values_of_its_own_is_learnt_and_said_to_be():
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, N)
    paid = np.choose(kind, [np.full(N, -4.5), -random.gamma(2, 15, N), random.normal(900, 50, N)]).round(2)
    for columns in ({"paid": paid}, {"paid": paid + random.normal(0, 0.3, N).round(2), "kind": kind}):
        columns["balance"] = (500 + columns["paid"].cumsum()).round(2)
        dataset = table(columns, kind=("fee", "card", "salary"))
        assert "paid" not in rules(dataset)
        assert any(
            note.startswith(
                "in every row 'paid' is balance - balance before, and is learnt all the same: it has"
            )
            for note in dataset.notes
        )
    calm = random.normal(0, 40, N).round(2)
    assert [*rules(table({"paid": calm, "balance": (500 + calm.cumsum()).round(2)}))] == ["paid"]


def test_running_totals_are_said_to_be_learnt(price: np.ndarray):
    moved = np.diff(price, prepend=price[0]).round(2)
    total = np.concatenate([part.cumsum() for part in np.split(moved, 20)]).round(2)
    notes = table({"moved": moved, "total": total}).notes
    assert any(note.startswith("'total' adds up 'moved', and is learnt all the same") for note in notes)
    assert not any("adds up" in note for note in table({"moved": moved, "price": price}).notes)
    season, share = np.arange(1200) // 300 + 1.0, np.random.default_rng(0).random(1200)
    # Lost in how the season is rounded.
    assert not any("adds up" in note for note in table({"season": season, "share": share}).notes)


def test_what_is_known_in_first_rows_alone_is_no_number_that_changes(price: np.ndarray):
    base = np.full(N, np.nan)
    base[::12] = np.random.default_rng(0).normal(70, 8, N // 12).round(1)
    assert not table({"price": price, "base": base}, N // 12, whole=True).rules
    base[[95, 300]] = 70.2, 71.3
    assert not table({"price": price, "base": base}, N // 12, whole=True).rules


def test_nothing_that_is_never_negative_is_a_change():
    random = np.random.default_rng(0)
    rain = random.poisson(3, N)
    assert not table({"rain": rain, "total": rain.cumsum()}).rules
    sold, received = random.poisson((4, 4), (N, 2)).T
    assert not table({"sold": sold, "received": received, "held": 300 + (received - sold).cumsum()}).rules
