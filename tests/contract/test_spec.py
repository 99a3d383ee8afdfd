"""The Spec survives its own JSON, and says clearly what it does not take."""

import json

import pytest

from contract.errors import SpecError
from contract.seal import Artifact
from contract.spec import SCHEMA_VERSION, Condition, Spec


def edited(artifact: Artifact, **changes: object) -> str:
    return json.dumps(json.loads(artifact.spec.to_json()) | changes)


def test_json_and_back_is_the_same_spec(artifact: Artifact):
    assert Spec.from_json(artifact.spec.to_json()) == artifact.spec


def test_a_newer_schema_is_refused_by_name(artifact: Artifact):
    with pytest.raises(SpecError, match=f"schema {SCHEMA_VERSION + 1}.*upgrade cadenza"):
        Spec.from_json(edited(artifact, schema_version=SCHEMA_VERSION + 1, novelty=1))


def test_a_missing_field_is_named(artifact: Artifact):
    raw = json.loads(artifact.spec.to_json())
    del raw["noise"]["digest"]
    with pytest.raises(SpecError, match=r"spec\.noise lacks digest"):
        Spec.from_json(json.dumps(raw))


def test_an_unknown_field_is_named(artifact: Artifact):
    with pytest.raises(SpecError, match="unknown fields: mood"):
        Spec.from_json(edited(artifact, mood="blue"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "fp7"}, r"spec\.precision is 'fp7'"),
        ({"training_length": 0}, "training_length is 0"),
        ({"training_length": "24"}, r"spec\.training_length is '24'; int"),
        ({"channels": []}, "channels is empty"),
        ({"states": 3}, r"spec\.states is int; a list"),
        ({"frame": [1, 3]}, "films alone have frames"),
        ({"form": "film"}, "films alone have frames"),
        ({"form": "film", "frame": [2, 2]}, r"frame is \(2, 2\), and there are 3 pixels"),
    ],
)
def test_a_wrong_value_is_named(artifact: Artifact, changes: dict, message: str):
    with pytest.raises(SpecError, match=message):
        Spec.from_json(edited(artifact, **changes))


@pytest.mark.parametrize("where", ["channels", "conditions"])
def test_two_columns_of_one_name_are_refused(artifact: Artifact, where: str):
    raw = json.loads(artifact.spec.to_json())
    first = raw["channels"][0]
    raw[where].append(
        first if where == "channels" else {k: first.get(k, 0) for k in Condition.__annotations__}
    )
    with pytest.raises(SpecError, match="spec.channels, spec.conditions and spec.derived name one twice"):
        Spec.from_json(json.dumps(raw))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3"])
def test_what_is_no_object_is_refused(text: str):
    with pytest.raises(SpecError):
        Spec.from_json(text)


def test_a_condition_outside_of_the_table_is_refused(artifact: Artifact):
    raw = json.loads(artifact.spec.to_json())
    raw["conditions"] = [
        {
            "name": "kind",
            "kind": "categorical",
            "low": None,
            "high": None,
            "labels": ["x", "y"],
            "place": -1,
        }
    ]
    with pytest.raises(SpecError, match="'kind' has no place among the columns"):
        Spec.from_json(json.dumps(raw))
