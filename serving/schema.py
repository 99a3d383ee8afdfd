"""What may be asked for: from a request's body to a `Request` within the bounds.

The same table of fields makes the checks, the messages and the OpenAPI description.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from contract import conditions
from contract.calendar import TimeKind
from contract.errors import ConditionError
from contract.noise import MAX_SEED, draw_seed
from contract.spec import NUMERIC, Condition, Spec
from serving.errors import InvalidRequest, NotJson
from serving.jobs import Request
from serving.settings import Settings


@dataclass(frozen=True)
class _Field:
    """A whole number that a body may hold."""

    name: str
    low: int
    high: int
    default: int | None
    nullable: bool
    about: str


Fields = tuple[_Field, ...]

_FIRST: dict[TimeKind, dict[str, Any]] = {
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "examples": ["2024-01-31T12:00:00"]},
    "number": {"type": "number"},
}
"""When sequences begin, where the data had times."""
_SHOWN = 60
"""Characters of what came that a message repeats."""


def fields(spec: Spec, settings: Settings, streamed: bool) -> Fields:
    """The whole numbers of a body, with their bounds."""
    end = "null: no end" if streamed else f"null: {spec.training_length}, the training length"
    if spec.ends:
        end = "null: as many as each has, since these end by themselves"
    shared = (
        _Field("count", 1, settings.max_count, 1, False, "How many sequences."),
        _Field("length", 1, settings.max_length, None, True, f"Steps of each sequence; {end}."),
        _Field(
            "seed", 0, MAX_SEED, None, True,
            "The same seed gives the same bytes; null: one is drawn and given back.",
        ),
    )  # fmt: skip
    if not streamed:
        return shared
    start = _Field("start", 0, settings.max_length - 1, 0, False, "First step wanted.")
    return (*shared, start)


def parse(
    body: bytes, spec: Spec, settings: Settings, streamed: bool, known: Fields, client: str
) -> Request:
    """A body as a `client`'s request; `known` are its `fields`.

    Raises:
        NotJson: the body is not a JSON object.
        InvalidRequest: a field is unknown, of the wrong type, or over its bound.
    """
    asked = _object(body)
    numbers = {f.name: _number(f, asked.get(f.name, f.default)) for f in known}
    for name in asked:
        if name not in numbers and name != "condition":
            listed = ", ".join([*numbers, "condition"])
            raise InvalidRequest(f"unknown field {_shown(name)}; known are {listed}", name[:_SHOWN])
    count, length, seed = numbers["count"], numbers["length"], numbers["seed"]
    start = numbers.get("start") or 0
    assert count is not None
    drawn = length is None and spec.ends
    if length is None and not streamed:
        length = spec.training_length
        if length > settings.max_length:
            raise InvalidRequest(
                f"null is {length} steps, the training length; at most {settings.max_length} are made",
                "length",
            )
    if length is not None and count * length > settings.max_row_steps:
        raise InvalidRequest(
            f"count × length is {count * length:,} row-steps; at most {settings.max_row_steps:,} "
            "are answered at once: ask for fewer, or use several requests with their own seeds",
            "count",
        )
    if count * start > settings.max_row_steps:
        raise InvalidRequest(
            f"count × start is {count * start:,} row-steps to be made before the first is sent; at most "
            f"{settings.max_row_steps:,} are",
            "start",
        )
    if length is not None and start >= length:
        raise InvalidRequest(f"start is {start}; less than length, {length}, is wanted", "start")
    return Request(
        seed=draw_seed() if seed is None else seed,
        count=count,
        length=length,
        drawn=drawn,
        condition=_condition(spec, asked.get("condition"), count),
        start=start,
        ahead=settings.stream_ahead if streamed else None,
        client=client,
    )


def body_schema(spec: Spec, settings: Settings, streamed: bool) -> dict[str, Any]:
    """The body as a JSON schema."""
    properties: dict[str, Any] = {
        f.name: {
            "type": ["integer", "null"] if f.nullable else "integer",
            "minimum": f.low,
            "maximum": f.high,
            "default": f.default,
            "description": f.about,
        }
        for f in fields(spec, settings, streamed)
    }
    attributes = {c.name: _attribute(c, settings) for c in spec.conditions}
    if spec.time is not None:
        attributes[spec.time.name] = _one_or_each(_FIRST[spec.time.kind], settings)
    properties["condition"] = {
        "type": ["object", "null"],
        "properties": attributes,
        "additionalProperties": False,
        "description": "Static attributes of the sequences, one value for all or one for each; what is not "
        "given is drawn. Where the data had times, that of the first row as well, by the name of their "
        "column; not given, it is drawn as those of the data.",
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _attribute(condition: Condition, settings: Settings) -> dict[str, Any]:
    whole = [int(label) for label in condition.labels if label.isdecimal() and label == str(int(label))]
    plain = [value for value in (True, False, *whole) if conditions.as_label(value) in condition.labels]
    one: dict[str, Any] = {"enum": [*condition.labels, *plain]}
    if condition.kind in NUMERIC:
        kind = "integer" if condition.kind == "integer" else "number"
        one = {"type": kind, "minimum": condition.low, "maximum": condition.high}
    return _one_or_each(one, settings)


def _one_or_each(one: dict[str, Any], settings: Settings) -> dict[str, Any]:
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": settings.max_count}]}


def _object(body: bytes) -> Mapping[str, Any]:
    if not body.strip():
        return {}
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJson(f"the body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise NotJson(f"the body is {_shown(asked)}; an object is wanted")
    return asked


def _number(field: _Field, value: Any) -> int | None:
    if value is None and field.nullable:
        return None
    # A JSON schema's integer may be written 2.0.
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole or not field.low <= value <= field.high:
        null = ", or null," if field.nullable else ""
        wanted = f"a whole number from {field.low} to {field.high}{null} is wanted"
        raise InvalidRequest(f"{field.name} is {_shown(value)}; {wanted}", field.name)
    return int(value)


def _shown(value: Any) -> str:
    """A value of somebody's JSON in a message: no more of it than helps."""
    if isinstance(value, list | dict):  # maybe a thousand of them in one another
        return "a list" if isinstance(value, list) else "an object"
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _condition(spec: Spec, given: Any, count: int) -> conditions.Values:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidRequest(f"condition is {_shown(given)}; an object is wanted", "condition")
    try:
        return conditions.validate(spec, given, count)
    except ConditionError as error:
        raise InvalidRequest(str(error), error.field) from error
