"""What --where means."""

from dataclasses import replace

import pytest

from cadenza.sampling import _conditions
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
