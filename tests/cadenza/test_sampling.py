"""What --where and --start-time mean, and what is said of them."""

from dataclasses import replace

import pytest

from cadenza.sampling import _begun, _conditions, said_of_length, said_of_times
from contract.calendar import Time
from contract.conditions import validate
from contract.errors import UsageError
from contract.spec import Condition
from tests.serving.plain import SPEC

CONDITIONS = (
    Condition("a", "continuous", 0.0, 9.0, (), 0),
    Condition("a=b", "categorical", None, None, ("x", "y=z"), 0),
    Condition("ü ñ", "categorical", None, None, ("東京",), 0),
)


def test_names_and_values_may_hold_a_mark_of_equality_and_any_letter():
    spec = replace(SPEC, conditions=CONDITIONS)
    assert _conditions(spec, ["a=b=y=z", "a=2", "ü ñ=東京"]) == {"a=b": "y=z", "a": 2.0, "ü ñ": "東京"}
    assert _conditions(spec, ["a=b=x", "a=b=y=z"]) == {"a=b": ["x", "y=z"]}
    assert _conditions(spec, ["c=d=e"]) == {
        "c": "d=e"
    }  # the contract knows no such, and says which it does
    with pytest.raises(UsageError, match="'large' is not a number"):
        _conditions(spec, ["a=large"])
    with pytest.raises(UsageError, match="NAME=VALUE is wanted"):
        _conditions(spec, ["a"])


def test_a_first_time_may_be_a_plain_number():
    spec = replace(SPEC, time=Time("t", 0, "number", 1, None, "", 0, 1, "even", None, (0, 7)))
    assert _begun(spec, "5.5", {}) == {"t": 5.5}
    assert _conditions(spec, ["t=5", "t=6"]) == {"t": [5.0, 6.0]}
    assert validate(spec, _conditions(spec, ["t=5.5"]), 1) == {"t": 55}
    with pytest.raises(UsageError, match="--start-time: 'soon' is not a number"):
        _begun(spec, "soon", {})


def test_what_is_said_of_when_sequences_begin():
    spec = replace(SPEC, time=Time("on", 0, "date", 0, None, "%Y-%m-%d", 0, 1, "weekdays", None, (0, 7)))
    assert [*said_of_times(spec, {})] == [
        "each sequence begins as the data's do, from 1970-01-01 to 1970-01-08: --start-time says when"
    ]
    said = [*said_of_times(spec, {"on": ["2024-01-06", "2024-01-08", "2024-01-06"]})]
    assert said[0] == "rows are not at 2024-01-06: samples begin at 2024-01-08"
    assert sum("samples begin at" in note for note in said) == 1
    assert not [*said_of_times(replace(SPEC, time=None), {})]


def test_of_samples_longer_than_the_data_s_sequences_it_is_said_that_nobody_knows():
    short = replace(SPEC, training_length=24, data=replace(SPEC.data, sequences=100, rows=4000))
    assert not [*said_of_length(short, 40)]
    assert "sequences of the data have 40 rows in the mean" in next(said_of_length(short, 41))
    long = replace(short, data=replace(SPEC.data, sequences=1, rows=4000))
    assert not [*said_of_length(long, 10_000)]
    ending = replace(long, endings="gate")
    assert not [*said_of_length(ending, 24)]
    assert "24 rows at most: what lies behind these" in next(said_of_length(ending, 25))
