"""Columns that follow from others of their row are found, where they do in every row, and only there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.config import TrainConfig
from training.data import Dataset, load
from training.data.columns import Column
from training.data.rules.following import told
from training.data.rules.making import Rules
from training.data.rules.rule import Cuts, Rule, Sum, Table
from training.decoder import channels_of
from training.layout import Layout
from training.trainer import train

N = 400


def numbers(*columns: np.ndarray, names: str = "abcdefgh", named: tuple[str, ...] = ()) -> Dataset:
    """A table of columns of numbers, with its rules."""
    of = [Column(name) for name, _ in zip(names, columns, strict=False)]
    return told(Dataset.of("table", of, [np.column_stack(columns)]), named, whole=False)


def rules(dataset: Dataset) -> dict[str, str]:
    return {dataset.columns[r.column].name: r.said(dataset.columns) for r in dataset.rules}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_total_follows_from_its_parts_wherever_it_stands(random: np.random.Generator):
    web, shop, kiosk = (random.poisson(mean, N).astype(float) for mean in (40, 9, 3))
    total = web + shop + kiosk
    assert rules(numbers(web, shop, kiosk, total)) == {"d": "a + b + c"}
    assert rules(numbers(total, web, shop, kiosk)) == {"a": "b + c + d"}


def test_what_is_left_over_follows_and_nothing_that_is_never_negative_comes_out_so(
    random: np.random.Generator,
):
    cost, revenue = random.gamma(9, 10, N).round(2), random.gamma(9, 11, N).round(2)
    assert rules(numbers(revenue, cost, (revenue - cost).round(2))) == {"c": "a - b"}
    bid = (100 + random.normal(0, 1, N).cumsum() / 10).round(2)
    spread = random.gamma(2, 0.05, N).round(2)
    found = rules(numbers(bid, (bid + spread).round(2), spread))
    assert found in ({"b": "a + c"}, {"a": "b - c"})  # and not the spread, of which a is thousands


def test_other_units_follow_within_their_rounding(random: np.random.Generator):
    celsius = random.normal(15, 8, N).round(1)
    dataset = numbers(celsius, (1.8 * celsius + 32).round(1))
    assert rules(dataset) == {"b": "1.8 a + 32"}
    np.testing.assert_allclose(dataset.rules[0](np.float32([24.8, -0.5])), [76.6, 31.1], rtol=1e-6)
    exact = random.normal(15, 8, N)
    assert rules(numbers(exact, (1.8 * exact + 32).round(0))) == {"b": "1.8 a + 32"}  # the coarser one
    assert rules(numbers((1.8 * exact + 32).round(0), exact)) == {"a": "1.8 b + 32"}


def test_products_and_ratios_follow(random: np.random.Generator):
    price, amount = random.gamma(9, 1, N).round(2), random.poisson(4, N) + 1.0
    dataset = numbers(price, amount, (price * amount).round(2))
    assert rules(dataset) == {"c": "a · b"}
    np.testing.assert_allclose(dataset.rules[0](np.float32([2.35]), np.float32([3])), [7.05], rtol=1e-6)
    size, used = random.choice([8.0, 16, 32, 64], N), random.gamma(3, 2, N).round(3)
    assert rules(numbers(used, size, (100 * used / size).round(1))) == {"c": "100 · a / b"}
    amount[7] = 0  # and is divided by no more
    assert rules(numbers((price * amount).round(2), price, amount)) == {"a": "b · c"}
    assert not numbers(*random.gamma(900, 1, (4, N)).round()).rules  # all of them nearly constant


def test_what_follows_can_be_followed(random: np.random.Generator):
    prices = [random.gamma(9, 1, N).round(2) for _ in range(2)]
    amounts = [random.poisson(4, N) + 1.0 for _ in range(2)]
    paid = [(p * n).round(2) for p, n in zip(prices, amounts, strict=True)]
    dataset = numbers((paid[0] + paid[1]).round(2), *paid, *prices, *amounts)
    assert rules(dataset) == {"a": "b + c", "b": "d · f", "c": "e · g"}
    learnt = dataset.learnt.values.astype(np.float32)
    made, _ = Rules.of(dataset.rules, dataset.columns)(learnt, np.zeros((N, 0), np.int64))
    np.testing.assert_allclose(made, dataset.values, rtol=1e-5)


def test_weights_have_the_digits_that_the_data_ask_for(random: np.random.Generator):
    km = random.gamma(2, 20, N).round(1)
    assert rules(numbers(km, (0.621371 * km).round(1))) == {"b": "0.62137 a"}
    assert rules(numbers(km, (0.621371 * km).round(2))) == {"b": "0.621371 a"}
    parts = random.gamma(9, 10, (3, N)).round(1)
    (mean,) = rules(numbers(*parts, parts.mean(0).round(2))).values()
    assert mean.split()[0].startswith("0.3333")
    pounds = (2.20462 * (kilos := random.gamma(9, 8, N).round())).round()
    assert [*rules(numbers(kilos, pounds))] == ["b"]  # and not kilos, of which pounds know no more


def test_what_holds_to_the_last_digit_comes_before_what_is_rounded(random: np.random.Generator):
    net = random.gamma(9, 10, N).round(2)
    tax = (0.19 * net).round(2)
    assert rules(numbers(net, tax, (net + tax).round(2))) == {"b": "0.19 a", "c": "a + b"}


def test_a_step_or_two_is_no_rounding(random: np.random.Generator):
    bid = (100 + (0.05 * random.normal(size=N)).cumsum()).round(2)
    assert not numbers(bid, (bid + random.choice([0.01, 0.02, 0.03], N)).round(2)).rules
    ordered = random.poisson(2, N).cumsum().astype(float)
    assert not numbers(ordered, ordered - random.integers(0, 2, N)).rules
    p = (100 + random.choice([-0.01, 0, 0.01], 3 * N + 1).cumsum()).round(2)
    begun, ended = p[:-1:3], p[3::3]
    ticks = p[:-1].reshape(N, 3), ended[:, None]
    assert not numbers(begun, np.hstack(ticks).max(1), np.hstack(ticks).min(1), ended).rules


def test_nothing_is_made_that_could_be_negative_and_never_is(random: np.random.Generator):
    shares = (100 * random.dirichlet([0.3, 0.3, 0.3], N)).round()
    assert not numbers(*shares.T[:2], 100 - shares[:, 0] - shares[:, 1]).rules


def test_what_single_precision_does_not_tell_apart_follows_from_nothing(random: np.random.Generator):
    assert not numbers(*(1e12 * (k + 1) + random.normal(size=N) for k in range(3))).rules
    assert not numbers(*(1 + 1e-9 * random.normal(size=(4, N)))).rules


def test_few_rows_between_which_others_lie_are_few(random: np.random.Generator):
    knots = np.linspace(0, N, 24)
    columns = [np.interp(np.arange(N), knots, random.normal(100, 10, 24)).round(3) for _ in range(30)]
    of = [Column(f"c{n}") for n in range(30)]
    assert not told(Dataset.of("between", of, [np.column_stack(columns)]), (), whole=False).rules


def test_one_event_makes_no_rule(random: np.random.Generator):
    damage, injured = np.zeros(N), np.zeros(N)
    damage[70], injured[70] = 12.5, 3
    assert not numbers(random.normal(size=N), damage, injured).rules
    counter = np.arange(float(N))
    assert not labelled(counter, counter < 150).rules


def test_the_arithmetic_of_a_shop_holds_together(random: np.random.Generator):
    """One column can be said in several ways, of which each rule gets one."""
    price, amount = random.gamma(9, 3, N).round(2), random.poisson(3, N) + 1.0
    revenue = (price * amount).round(2)
    percent = random.choice([0.0, 5, 10, 20], N)
    discount = (revenue * percent / 100).round(2)
    net = (revenue - discount).round(2)
    web, app, shop = random.poisson([[30], [20], [9]], (3, N)) + 1.0
    orders = web + app + shop
    share, mean = (100 * web / orders).round(1), (revenue / orders).round(2)
    tax = (0.19 * revenue).round(2)
    dataset = numbers(
        price, amount, revenue, percent, discount, net, web, app, shop, orders, share, mean, tax,
        (revenue + tax).round(2), names="abcdefghijklmn",
    )  # fmt: skip
    assert rules(dataset) == {
        "c": "a · b", "e": "0.01 · c · d", "f": "c - e", "j": "g + h + i", "k": "100 · g / j", "l": "c / j",
        "m": "0.19 c", "n": "c + m",
    }  # fmt: skip
    volt, ampere = random.normal(230, 5, N).round(1), random.gamma(9, 1, N).round(2)
    power = (volt * ampere).round()
    output = (power * (efficiency := random.uniform(0.8, 0.95, N).round(3))).round()
    found = rules(numbers(volt, ampere, power, output, power - output, efficiency))
    assert found == {"c": "a · b", "d": "c · f", "e": "c - d"}


def test_nothing_is_divided_by_0(random: np.random.Generator):
    """What is never 0 in the data may be where it is made of what is."""
    web, shop = random.poisson(3, (2, N)).astype(float)
    shop[web + shop == 0] = 1
    orders = web + shop
    revenue = random.gamma(9, 10, N).round(2)
    found = rules(numbers(web, shop, orders, revenue, revenue / orders))
    assert found == {"e": "d / c"}  # and no order is made of two that may be 0 at once
    assert rules(numbers(web, shop, orders, revenue)) == {"c": "a + b"}


def test_a_whole_number_is_no_quotient_for_its_rounding(random: np.random.Generator):
    price, amount = random.gamma(9, 3, N).round(2), random.poisson(3, N) + 1.0
    revenue = (price * amount).round(2)
    revenue[77] += 1
    assert not numbers(price, amount, revenue).rules


def test_copies_and_chains_follow_from_one(random: np.random.Generator):
    a = random.normal(size=N)
    assert rules(numbers(a, a, 2 * a)) == {"b": "a", "c": "2 a"}


def test_many_sums_of_one_number_are_found(random: np.random.Generator):
    parts = random.normal(size=(N, 6)).round(2)
    of = [Column(f"c{n}") for n in range(12)]
    dataset = told(
        Dataset.of("wide", of, [np.hstack([parts, (1.7 * parts + parts[:, 1:2]).round(2)])]),
        (),
        whole=False,
    )
    assert [r.column for r in dataset.rules] == [6, 7, 8, 9, 10, 11]
    assert rules(dataset)["c6"] == "1.7 c0 + c1"


def test_several_sums_share_their_parts(random: np.random.Generator):
    parts = [random.poisson(20, N).astype(float) for _ in range(4)]
    dataset = numbers(*parts, parts[0] + parts[1], sum(parts))
    assert len(dataset.rules) == 2
    learnt = dataset.learnt.values
    assert learnt.shape == (N, 4)
    made = Rules.of(dataset.rules, dataset.columns)(learnt.astype(np.float32), np.zeros((N, 0), np.int64))
    np.testing.assert_array_equal(made[0], dataset.values)


@pytest.mark.parametrize("change", [lambda x: x + 1, lambda x: np.nan], ids=["another", "missing"])
def test_what_one_row_breaks_is_no_rule(random: np.random.Generator, change):  # type: ignore[no-untyped-def]
    a, b = random.poisson(40, N).astype(float), random.poisson(9, N).astype(float)
    total, label = a + b, np.where(a > 40, 1.0, 0.0)
    total[77], label[a.argmin()] = change(total[77]), 1.0
    dataset = Dataset.of(
        "table",
        [*map(Column, "abc"), Column("d", labels=("no", "yes"))],
        [np.column_stack([a, b, total, label])],
    )
    assert not told(dataset, (), whole=False).rules


def test_alike_is_not_the_same(random: np.random.Generator):
    one = random.normal(size=N).cumsum().round(1)
    assert not numbers(one, one + random.normal(0, 0.3, N).round(1)).rules
    assert not numbers(*random.normal(size=(5, N))).rules
    assert not numbers(*random.poisson(1, (4, N)).astype(float)).rules


def test_of_few_rows_nothing_follows(random: np.random.Generator):
    a = random.normal(size=20)
    assert not numbers(a, 2 * a).rules


def test_gaps_follow_where_they_are_the_same(random: np.random.Generator):
    a, b = random.poisson(40, N).astype(float), random.poisson(9, N).astype(float)
    a[random.random(N) < 0.1] = np.nan
    dataset = numbers(a, b, a + b)
    assert rules(dataset) == {"c": "a + b"}
    values = np.array([[np.nan, 3], [4, 3]], np.float32)
    made, _ = Rules.of(dataset.rules, dataset.columns)(values, np.zeros((2, 0), np.int64))
    np.testing.assert_array_equal(made[:, 2], [np.nan, 7])


def labelled(number: np.ndarray, *labels: np.ndarray, named: tuple[str, ...] = ()) -> Dataset:
    """A number x and columns a, b, … of labels."""
    columns, values = [Column("x")], [number]
    for name, column in zip("abc", labels, strict=False):
        own, index = np.unique(column.astype(str), return_inverse=True)
        gone = len(own) - 1 if own[-1] == "~" else len(own)
        columns.append(Column(name, labels=tuple(own[:gone].tolist())))
        values.append(np.where(index == gone, -1, index).astype(float))
    return told(Dataset.of("table", columns, [np.column_stack(values)]), named, whole=False)


def test_labels_follow_from_thresholds(random: np.random.Generator):
    x = random.normal(15, 8, N).round(1)
    dataset = labelled(x, np.where(x < 5, "cold", np.where(x < 25, "warm", "hot")), np.abs(x - 15) > 10)
    assert rules(dataset) == {
        "a": "x: cold below 5, warm from 5 on, hot from 25 on",
        "b": "x: True below 5, False from 5 on, True from 25 on",
    }
    cold = dataset.columns[1].labels.index("cold")
    at = np.float32([4.9, 5, np.nan])
    np.testing.assert_array_equal(dataset.rules[0](at) == cold, [True, False, False])
    assert dataset.rules[0](at)[2] == -1


def test_labels_of_gaps_may_be_known(random: np.random.Generator):
    x = random.normal(15, 8, N).round(1)
    x[random.random(N) < 0.2] = np.nan
    dataset = labelled(x, x > 20)  # as pandas compares
    assert rules(dataset) == {"a": "x: False up to 20, True over 20, False where it is missing"}
    at = np.array([20, 20.1, np.nan], np.float32)
    assert [dataset.columns[1].labels[i] for i in dataset.rules[0](at)] == ["False", "True", "False"]


def test_labels_of_what_was_rounded_later_follow_all_the_same(random: np.random.Generator):
    exact = random.normal(120, 50, 2000)
    dataset = labelled(exact.round(), np.where(exact < 70, "low", "fine"))
    assert rules(dataset) in (
        {"a": "x: low below 70, fine from 70 on"},
        {"a": "x: low up to 70, fine over 70"},
    )
    vague = random.normal(120, 50, 2000).round(-1)
    assert not labelled(vague, np.where(vague + random.normal(0, 5, 2000) < 70, "low", "fine")).rules


def test_labels_follow_from_labels(random: np.random.Generator):
    city = random.choice(["Bern", "Graz", "Linz", "Rome"], N)
    country = np.select([city == "Bern", city == "Rome"], ["CH", "IT"], "A")
    dataset = labelled(random.normal(size=N), country, city)
    assert rules(dataset) == {"a": "b: Bern → CH, Graz → A, Linz → A, Rome → IT"}
    assert not labelled(random.normal(size=N), city, random.permutation(city)).rules
    gone = np.where(city == "Rome", "~", country)
    assert rules(labelled(random.normal(size=N), gone, city))["a"].endswith("Rome → missing")


def test_numbers_follow_from_labels(random: np.random.Generator):
    product = random.choice(["tea", "milk", "salt"], N)
    price = np.select([product == "tea", product == "milk"], [4.5, 1.2], 0.9)
    dataset = labelled(price, product)
    assert rules(dataset) == {"x": "a: milk → 1.2, salt → 0.9, tea → 4.5"}
    assert dataset.learnt.columns == dataset.columns[1:]


def test_flags_of_0_and_1_follow_from_thresholds(random: np.random.Generator):
    x = random.gamma(2, 30, N).round(1)
    assert rules(numbers(x, (x >= 100).astype(float))) == {"b": "a: 0 below 100, 1 from 100 on"}


def test_what_is_named_is_learnt(random: np.random.Generator):
    a, b = random.poisson(40, N).astype(float), random.poisson(9, N).astype(float)
    assert rules(numbers(a, b, a + b, named=("c",))) == {"a": "c - b"}
    assert not numbers(a, b, a + b, named=("a", "c")).rules  # b would be negative now and then
    assert not numbers(a, 2 * a, named=("a", "b")).rules
    x = random.normal(size=N)
    assert not labelled(x, x > 0, named=("a",)).rules


def test_rules_are_said_and_ranges_are_what_the_graph_can_make(tmp_path: Path):
    random = np.random.default_rng(0)
    a, b = random.poisson(40, N), random.poisson(9, N)
    path = tmp_path / "t.csv"
    rows = [f"{x},{y},{x + y},{'much' if x > 40 else 'little'}" for x, y in zip(a, b, strict=True)]
    path.write_text("\n".join(["web,shop,total,how", *rows]) + "\n")
    dataset = load(str(path), TrainConfig())
    said = [note for note in dataset.notes if "in every row" in note]
    assert [note.split("in every sample, ")[1] for note in said] == [
        "'total' is web + shop", "'how' goes by web: little up to 40, much over 40"
    ]  # fmt: skip
    assert dataset.notes[-1].endswith("as with --continuous total")
    assert [r.column for r in load(str(path), TrainConfig(integer=("web", "total"))).rules] == [3]
    checkpoint = train(str(path), tmp_path / "run", TrainConfig(steps=2, length=12))
    total = checkpoint.channels[2]
    assert (total.low, total.high) == (a.min() + b.min(), a.max() + b.max())
    assert [c.follows is not None for c in checkpoint.channels] == [False, False, True, True]
    assert checkpoint.decoding.layout == Layout.of(dataset.learnt.columns)


def test_channels_by_thresholds_and_by_labels_have_the_ranges_of_their_outcomes():
    of = [Column("x"), Column("y"), Column("z"), Column("l", labels=("a", "b"))]
    values = np.column_stack(
        [np.arange(60.0), np.arange(60) // 30, np.arange(60) % 2 + 0.5, np.arange(60) % 2]
    )
    own: list[Rule] = [
        Cuts(1, (0,), (30.0,), (False,), (0.0, 1.0), np.nan, False),
        Table(2, (3,), (0.5, 1.5, np.nan), False),
    ]
    dataset = replace(Dataset.of("t", of, [values]), rules=tuple(own))

    class Straight:
        per = np.ones(1, np.float32)
        table = np.array([[0.0, 59.0]], np.float32)

    x, y, z, _ = channels_of(dataset, Straight())  # type: ignore[arg-type]
    assert [(c.kind, c.low, c.high) for c in (x, y, z)] == [
        ("integer", 0.0, 59.0), ("integer", 0.0, 1.0), ("continuous", 0.5, 1.5)
    ]  # fmt: skip


def test_a_sum_of_nothing_but_a_constant_is_said():
    columns = [Column("a"), Column("b")]
    assert Sum(1, (0,), (-2.0,), 0.5, 0, 1).said(columns) == "-2 a + 0.5"
