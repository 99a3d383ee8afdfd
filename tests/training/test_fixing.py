"""Numbers that have one value where another column says so: found where they do, and learnt elsewhere."""

from pathlib import Path

import numpy as np
import pytest

from contract.calendar import Season
from training.config import TrainConfig
from training.data import Dataset, load
from training.data.columns import Column
from training.data.rules import turning
from training.data.rules.following import told
from training.data.rules.keeping import broken, kept
from training.data.rules.making import Rules
from training.data.rules.rule import Fixed, said_of
from training.layout import Layout
from training.trainer import train

N = 1200


def table(
    columns: dict[str, np.ndarray], *named: str, sequences: int = 1, **labels: tuple[str, ...]
) -> Dataset:
    of = [Column(name, labels=labels.get(name, ())) for name in columns]
    values = np.column_stack([np.asarray(x, float) for x in columns.values()])
    return told(Dataset.of("table", of, np.split(values, sequences)), named, whole=sequences > 1)


def said(dataset: Dataset) -> dict[str, str]:
    texts = said_of(dataset.rules, dataset.columns)
    return {dataset.columns[i].name: text for i, text in texts.items()}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def state(random: np.random.Generator) -> np.ndarray:
    """Off, idle or running, for a while each."""
    return np.repeat(random.integers(0, 3, N // 10), 10)


def test_what_a_label_says_holds_and_is_not_learnt(random: np.random.Generator, state: np.ndarray):
    power = np.where(state > 0, random.gamma(9, 1, N).round(3), 0)
    flow = np.where(state == 2, random.gamma(9, 2, N).round(2), np.nan)
    names = {"state": ("off", "idle", "run")}
    dataset = table({"state": state, "power": power, "flow": flow}, **names)
    assert said(dataset) == {"power": "0 where state is off", "flow": "missing where state is off or idle"}
    learnt = dataset.learnt
    assert [(c.name, c.mass, c.missing) for c in learnt.columns] == [
        ("state", None, False), ("power", None, False), ("flow", None, False)
    ]  # fmt: skip
    assert not learnt.layout.choices[1:]  # that it is 0, or missing, is no choice of its own
    np.testing.assert_array_equal(np.isnan(learnt.values[:, 1]), state == 0)
    filled = learnt.filled  # of what nobody sees a line is made
    assert (filled[:, 0] > 0).all() and np.isfinite(filled).all()
    made, labels = Rules.of(dataset.rules, dataset.columns)(filled.astype(np.float32), state[:, None])
    np.testing.assert_allclose(made, dataset.values[:, 1:], rtol=1e-6)
    assert (labels[:, 0] == state).all()


def test_what_is_made_of_others_elsewhere_is(random: np.random.Generator):
    status, amount = random.integers(0, 3, N), random.gamma(9, 3, N).round(2)
    refund = np.where(status == 1, amount, 0)
    tax = np.where(status == 2, 0, (0.19 * amount).round(2))
    columns = {"amount": amount, "status": status, "refund": refund, "tax": tax}
    dataset = table(columns, status=("sent", "returned", "cancelled"))
    assert said(dataset) == {
        "refund": "0 where status is sent or cancelled, and amount in all other rows",
        "tax": "0 where status is cancelled, and 0.19 amount in all other rows",
    }
    assert [c.name for c in dataset.learnt.columns] == ["amount", "status"]
    assert broken(dataset.rules, dataset.values[None]) == [0, 0, 0, 0]
    wrong = dataset.values.copy()
    wrong[0, 2] += 1
    assert sum(share > 0 for share in broken(dataset.rules, wrong[None])) == 1
    columns["status"] = np.where(status == 2, -1, status)  # that it is not known says so as well
    dataset = table(columns, status=("sent", "returned"))
    assert said(dataset)["tax"] == "0 where status is missing, and 0.19 amount in all other rows"


def test_numbers_say_so_by_one_value_or_by_a_bound(random: np.random.Generator, state: np.ndarray):
    speed = np.where(state > 0, random.gamma(9, 9, N).round(1), 0)
    power = np.where(speed > 0, random.gamma(5, 9, N).round(1), 0)
    height = (90 * np.sin(np.arange(N) * 0.37) + random.normal(0, 3, N)).round(2)
    light = np.where(height <= -0.8, 0, (random.gamma(5, 1, N)).round(3))
    dark = np.where(height > 20, 9, random.gamma(5, 1, N).round(3))
    found = said(table({"speed": speed, "power": power, "height": height, "light": light, "dark": dark}))
    assert found == {
        "power": "0 where speed is 0",
        "light": "0 where height is -0.6 or less",
        "dark": "9 where height is 20 or more",
    }


def test_the_first_says_so_of_those_that_stand_still_together(
    random: np.random.Generator, state: np.ndarray
):
    columns = {name: np.where(state > 0, random.gamma(9, 9, N).round(1), 0) for name in "abc"}
    assert said(table(columns)) == {"b": "0 where a is 0", "c": "0 where a is 0"}
    assert said(table(columns, "a", "b")) == {"c": "0 where a is 0"}
    found = said(table({"on": state > 0} | columns, on=("no", "yes")))  # which goes by one of them
    assert found == {"on": "b: no up to 0, yes over 0", "b": "0 where a is 0", "c": "0 where on is no"}


def test_an_accident_says_nothing(random: np.random.Generator, state: np.ndarray):
    rare = np.where(random.random(N) < 0.02, random.gamma(9, 1, N).round(2), 0)  # mostly 0 anyway
    city = random.integers(0, 30, N)
    labels = {"city": tuple(f"c{i}" for i in range(30))}
    assert not table({"city": city, "rare": rare}, **labels).rules
    once = np.where((np.arange(N) > 300) & (np.arange(N) < 400), 0, random.gamma(9, 1, N).round(2))
    site = (np.arange(N) > 300) & (np.arange(N) < 400)  # one event, however long
    assert not table({"site": site, "once": once}, site=("a", "b")).rules
    walk = random.normal(0, 1, N).cumsum().round(2)
    step = np.where(state > 0, random.gamma(9, 1, N).round(2), 0)
    assert not table({"walk": walk, "step": step}).rules


def test_a_label_by_thresholds_stays_one(random: np.random.Generator, state: np.ndarray):
    power = np.where(
        state == 0, 0, np.where(state == 1, random.gamma(9, 0.1, N), 5 + random.gamma(9, 1, N))
    )
    heat = np.where(state == 0, 0, random.gamma(9, 3, N).round(2))
    columns = {"power": power.round(2), "state": state, "heat": heat}
    found = said(table(columns, state=("off", "idle", "run")))
    assert found["state"].startswith("power: off")
    assert found["heat"] in ("0 where state is off", "0 where power is 0")


def test_a_wrong_cell_is_said(random: np.random.Generator, state: np.ndarray):
    power = np.where(state > 0, random.gamma(9, 1, N).round(3), 0)
    power[np.flatnonzero(state == 0)[40]] = 3
    dataset = table({"state": state, "power": power}, state=("off", "idle", "run"))
    assert not dataset.rules
    assert [
        note for note in dataset.notes if "'power' is 0 where state is off in all 1,200 rows but 1" in note
    ]


def test_rules_say_in_which_rows_they_hold():
    columns = [Column("a"), Column("b"), Column("c", labels=("x", "y"))]
    rows = np.array([[0.0, 5, 0], [2, 5, 1], [np.nan, 5, -1], [4, 0, 1]])
    for rule, holds, text in (
        (Fixed(1, (0,), 5, least=1, most=2), [0, 1, 0, 0], "5 where a is 1 or more and 2 or less"),
        (Fixed(1, (0,), 5, most=2), [1, 1, 0, 0], "5 where a is 2 or less"),
        (Fixed(1, (2,), 5, labels=(-1, 0)), [1, 0, 1, 0], "5 where c is missing or x"),
        (Fixed(1, (2,), np.nan, labels=(1,)), [0, 1, 0, 1], "missing where c is y"),
    ):
        np.testing.assert_array_equal(rule.holds(rows[:, rule.sources[0]]), np.array(holds, bool))
        assert rule.said(columns) == text
    np.testing.assert_array_equal(kept(Fixed(1, (2,), 5, labels=(1,)), rows[None], 1e-7), [[1, 1, 1, 0]])


def test_a_run_says_them_and_has_the_ranges_of_both(tmp_path: Path):
    random = np.random.default_rng(1)
    state = np.repeat(random.integers(0, 3, 60), 8)
    power = np.where(state, random.gamma(9, 1, 480).round(2), 0)
    path = tmp_path / "t.csv"
    rows = [f"{x},{('off', 'slow', 'fast')[s]}" for x, s in zip(power, state, strict=True)]
    path.write_text("\n".join(["power,state", *rows]) + "\n")
    dataset = load(str(path), TrainConfig())
    checkpoint = train(str(path), tmp_path / "run", TrainConfig(steps=2, length=12))
    channel = checkpoint.channels[0]
    assert (channel.low, channel.high, channel.missing) == (0, np.float32(power.max()), False)
    assert channel.follows == "0 where state is off"
    assert checkpoint.decoding.layout == Layout.of(dataset.learnt.columns)


def shop(path: Path) -> Path:
    """Three years of days of a shop that is closed on Sundays, and now and then beside."""
    random = np.random.default_rng(2)
    days = np.datetime64("2021-01-01") + np.arange(1095)
    sunday = (days.astype(np.int64) + 3) % 7 == 6
    revenue = np.where(sunday, 0, (900 + 300 * random.normal(0, 1, 1095).cumsum() / 9).round(2))
    tax = np.where(sunday, 0, (0.19 * revenue).round(2))
    rows = [f"{d},{r:.2f},{t:.2f}" for d, r, t in zip(days, revenue, tax, strict=True)]
    path.write_text("\n".join(["day,revenue,tax", *rows]) + "\n")
    return path


def test_the_calendar_says_so(tmp_path: Path):
    dataset = load(str(shop(tmp_path / "shop.csv")), TrainConfig())
    assert said(dataset) == {"revenue": "0 where the weekday is Sunday", "tax": "0.19 revenue"}
    assert np.isnan(dataset.learnt.values).sum() == 157  # Sundays, of which a line is made
    hours = np.datetime64("2024-01-01T00:00") + np.timedelta64(60, "m") * np.arange(24 * 90)
    random = np.random.default_rng(3)
    clock = np.arange(24 * 90) % 24
    sun = np.where(
        (clock < 5) | (clock > 20), 0, random.gamma(9, 1, 24 * 90) * np.sin((clock - 4) / 17 * 3.14)
    )
    path = tmp_path / "sun.csv"
    lines = [f"{h},{x:.3f}" for h, x in zip(hours, np.maximum(sun, 0), strict=True)]
    path.write_text("\n".join(["time,sun", *lines]) + "\n")
    assert said(load(str(path), TrainConfig())) == {"sun": "0 where the time is 21:00 to 4:00"}
    assert not load(str(path), TrainConfig(seasons=("none",))).rules


def test_parts_of_turns_are_said_as_people_say_them():
    day, half, week = Season("day", 24), Season("day", 1440), Season("week", 168)
    assert turning.said(day, [0, 1, 5, 22, 23]) == "the time is 5:00 or 22:00 to 1:00"
    assert turning.said(half, [0, 1, 2]) == "the time is 0:00 to 0:10"
    assert turning.said(week, [5, 6]) == "the weekday is Saturday or Sunday"
    np.testing.assert_array_equal(turning.part(week, np.array([0, 23, 24, 167, 168])), [0, 0, 1, 6, 0])
    assert [turning.parts_of(s) for s in (day, half, week, Season("year", 365), Season("week", 4))] == [
        24, 288, 7, 0, 0
    ]  # fmt: skip


def test_what_only_some_rows_show_is_kept_in_mind(random: np.random.Generator, state: np.ndarray):
    names = {"state": ("off", "idle", "run")}
    amount = np.where(state == 0, np.nan, random.gamma(9, 1, N).round(2))
    fee = np.where(state == 1, np.nan, random.gamma(9, 1, N).round(2))
    back = np.where(state == 2, amount, 0)
    found = said(table({"state": state, "amount": amount, "fee": fee, "back": back}, **names))
    assert found["back"] == "0 where state is off or idle"  # there are gaps of amounts in other rows
    amount = random.gamma(9, 1, N).round(2)
    columns = {"state": state, "amount": amount, "fee": fee, "back": np.where(state == 2, amount, 0)}
    assert (
        said(table(columns, **names))["back"]
        == "0 where state is off or idle, and amount in all other rows"
    )
    count = np.where(state == 1, 0.0, random.integers(1, 9, N))
    each = np.where(state == 2, (amount / np.maximum(count, 1)).round(4), 0)
    dataset = table({"state": state, "amount": amount, "count": count, "each": each}, **names)
    assert said(dataset)["each"] == "0 where state is off or idle"  # and not by a count that may be 0
    half = np.where(state == 0, 0.5, random.integers(3, 40, N))
    dataset = table({"state": state, "half": half, "minus": np.where(state == 0, -0.0, -amount)}, **names)
    assert said(dataset) == {"half": "0.5 where state is off", "minus": "0 where state is off"}
    assert not np.signbit(dataset.rules[1].value)


def test_several_values_may_be_said(random: np.random.Generator, state: np.ndarray):
    other = np.where(random.random(N) < 0.7, 20, random.gamma(9, 1, N).round(2))
    level = np.where(state == 0, 0, np.where(state == 1, np.nan, other))
    level[random.random(N) < 0.05] = 0  # and so the state goes by it no more
    level[state == 1] = np.nan
    assert said(table({"state": state, "level": level}, state=("off", "dead", "run"))) == {
        "level": "0 where state is off, and missing where state is dead"
    }


def test_what_goes_from_row_to_row_does_so_still(random: np.random.Generator, state: np.ndarray):
    close = (100 + np.where(state > 0, random.normal(0, 1, N), 0).cumsum()).round(2)
    change = np.diff(close, prepend=close[0]).round(2)
    volume = np.where(state > 0, random.poisson(900, N) + 1, 0)
    found = said(table({"close": close, "volume": volume, "change": change}))
    assert found["change"].startswith("close - close before")


def test_orders_hold_where_both_are_seen(tmp_path: Path):
    random = np.random.default_rng(4)
    state = np.repeat(random.integers(0, 3, 80), 6)
    low = 20 + random.normal(0, 0.3, 480).cumsum().round(2)
    high = (low + random.gamma(1, 0.4, 480)).round(2)
    low = np.where(state == 0, 0, low.round(2))
    path = tmp_path / "t.csv"
    rows = [
        f"{h:.2f},{x:.2f},{('off', 'slow', 'fast')[s]}" for h, x, s in zip(high, low, state, strict=True)
    ]
    path.write_text("\n".join(["high,low,state", *rows]) + "\n")
    checkpoint = train(str(path), tmp_path / "run", TrainConfig(steps=2, length=12))
    assert checkpoint.channels[1].follows == "0 where state is off"
    decoder = checkpoint.decoder
    values = decoder(np.float32(np.random.default_rng(5).normal(0, 2, (400, 2))))
    assert (values[:, 0] >= values[:, 1]).all()


def test_of_what_is_hidden_it_is_not_said_that_it_is_drawn_by_itself(random: np.random.Generator):
    state = np.repeat(random.integers(0, 4, N // 10), 10)  # of which two say that it is 0
    load = np.where(state > 1, random.gamma(9, 1, N).round(2), 0)
    other = np.where(random.random(N) < 0.7, 0, random.gamma(9, 1, N).round(2))
    columns = {"state": state, "driver's load": load, "other": other}
    dataset = table(columns, state=("off", "out", "slow", "fast"))
    assert said(dataset) == {"driver's load": "0 where state is off or out"}
    assert [note.split(" is ")[0] for note in dataset.notes if "drawn by itself" in note] == ["'other'"]
