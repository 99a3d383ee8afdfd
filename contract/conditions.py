"""Conditions: what was asked for, completed by what the data would have.

Where the data had times, that of the first row is one as well, by the name of their column. One value is
for all sequences, a list has one for each. A condition not given is drawn from the Spec's joint table by
(seed, row), among the rows that agree with the labels that were given and are nearest to the numbers, so
that a shop that was asked for by its number has its own town; so is the length, where it is drawn before a
sequence begins. A first time not given is drawn as well, from those that the data had, whatever the
conditions.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from contract import times
from contract.calendar import Time
from contract.errors import ConditionError, UsageError
from contract.noise import NoiseStream
from contract.spec import NUMERIC, Condition, Spec, plainly

_SHOWN = 60
"""Characters of what was given that a message repeats."""

Given = Mapping[str, object]
Values = Mapping[str, float | tuple[float, ...]]
"""The graph's numbers by name, and ticks of a first time: one for all rows, or one for each row from 0
on."""


def validate(spec: Spec, given: Given, count: int) -> dict[str, float | tuple[float, ...]]:
    """Names and values as the graph's numbers, for `count` sequences.

    Raises:
        ConditionError: a name or a value that the model does not know, or not as many as sequences.
    """
    known: dict[str, Condition | Time] = {c.name: c for c in spec.conditions}
    if spec.time is not None:
        known[spec.time.name] = spec.time
    result: dict[str, float | tuple[float, ...]] = {}
    for name, value in given.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            said = f"unknown condition {_shown(name)}; this model's conditions: {listed}"
            if name in {c.name for c in spec.channels} | {d.name for d in spec.derived}:
                said = (
                    f"{_shown(name)} differs from row to row, and conditions are what a whole sequence has "
                    f"in common; this model's: {listed}"
                )
            raise ConditionError(f"condition.{str(name)[:_SHOWN]}", said)
        if not isinstance(value, list | tuple | np.ndarray):
            result[name] = _known(known[name], value)
        elif len(value) == count:
            result[name] = tuple(_known(known[name], one) for one in value)
        else:
            raise ConditionError(
                f"condition.{name}",
                f"{name} has {len(value)} values for {count} sequences: one, or one for each is wanted",
            )
    if spec.time is not None and spec.time.name in result:
        _require_held(spec.time, spec.types.get(spec.time.name, ""), result[spec.time.name])
    asked = [(i, c) for i, c in enumerate(spec.conditions) if c.name in result and c.kind not in NUMERIC]
    had = {tuple(row[i] for i, _ in asked) for row in spec.condition_table.rows}
    labels = {c.name: result[c.name] for _, c in asked}
    for wanted in _alike(spec, labels, range(count)):
        if spec.conditions and tuple(wanted[i] for i, _ in asked) not in had:
            named = [f"{c.name} = {c.labels[int(wanted[i] or 0)]}" for i, c in asked]
            both = " together" if len(named) > 1 else ""
            said = f"no sequence that was trained on had {', '.join(named)}{both}"
            raise ConditionError("condition", said)
    return result


def draw(
    spec: Spec, given: Values, stream: NoiseStream, seed: int, rows: Sequence[int]
) -> dict[str, NDArray[np.generic]]:
    """`condition.NAME` for each of `rows`, an array (len(rows),) per condition of the Spec, and where
    sequences end their `length`, 0 where the graph ends them; and `season.NAME`."""
    result: dict[str, NDArray[np.generic]] = {}
    if spec.time is not None and spec.seasons:
        begun = begins(spec.time, given, stream, seed, rows)
        for season in spec.seasons:
            result[f"season.{season.name}"] = times.places(spec.time, season, begun)
    if spec.endings == "gate":
        result["length"] = np.zeros(len(rows), np.int64)
    if not spec.condition_table.rows:
        return result
    table = np.asarray(spec.condition_table.rows, np.float64)  # (distinct, conditions)
    uniforms = stream.uniforms(seed, rows)[:, 0]  # (rows,)
    chosen = np.zeros((len(rows), table.shape[1]))  # (rows, conditions)
    for asked, at in _alike(spec, given, rows).items():
        counts = np.where(_matching(spec, table, asked), spec.condition_table.counts, 0)
        edges = np.cumsum(counts) / counts.sum()
        chosen[at] = table[np.searchsorted(edges, uniforms[at], side="right")]
    for column, condition in enumerate(spec.conditions):
        values = chosen[:, column]
        if condition.name in given:
            values = np.array([_at(given[condition.name], row) for row in rows])
        dtype = np.float32 if condition.kind in NUMERIC else np.int64
        result[f"condition.{condition.name}"] = values.astype(dtype)
    if spec.endings == "length":
        result["length"] = chosen[:, -1].astype(np.int64)
    return result


def begins(time: Time, given: Values, stream: NoiseStream, seed: int, rows: Sequence[int]) -> times.Ticks:
    """When each of `rows` begins, in ticks: (len(rows),)."""
    if time.name in given:
        return np.array([_at(given[time.name], row) for row in rows], np.int64)
    chosen = stream.uniforms(seed, rows)[:, 1] * len(time.begins)  # (rows,)
    return np.array(time.begins, np.int64)[chosen.astype(np.int64)]


def under(
    spec: Spec, given: Values, stream: NoiseStream, seed: int, rows: Sequence[int]
) -> dict[str, NDArray[np.generic]]:
    """By name what each of `rows` is made under, (len(rows),) each, as people know it: labels as objects,
    whole numbers as int64, others as float32."""
    if not spec.conditions:
        return {}
    drawn = draw(spec, given, stream, seed, rows)
    result: dict[str, NDArray[np.generic]] = {}
    for condition in spec.conditions:
        values = drawn[f"condition.{condition.name}"]
        if condition.kind not in NUMERIC:
            values = np.array(condition.labels, object)[values.astype(np.int64)]
        elif condition.kind == "integer":
            values = np.rint(values).astype(np.int64)
        result[condition.name] = values
    return result


def _at(value: float | tuple[float, ...], row: int) -> float:
    return value[row] if isinstance(value, tuple) else value


def _alike(spec: Spec, given: Values, rows: Sequence[int]) -> dict[tuple[float | None, ...], list[int]]:
    """What rows were given of each condition, None of those that are drawn, and the places in `rows` of all
    that were given the same."""
    values = [given.get(c.name) for c in spec.conditions]
    if not any(isinstance(value, tuple) for value in values):
        return {tuple(values): list(range(len(rows)))}  # type: ignore[arg-type]
    found: dict[tuple[float | None, ...], list[int]] = {}
    for at, row in enumerate(rows):
        own = tuple(None if value is None else _at(value, row) for value in values)
        found.setdefault(own, []).append(at)
    return found


def _matching(spec: Spec, table: NDArray[np.float64], asked: Sequence[float | None]) -> NDArray[np.bool_]:
    """Which rows of the joint table (rows, conditions) agree with the labels that were asked for and are,
    of these, the nearest to the numbers, one after another."""
    keep = np.ones(len(table), bool)
    for column, (condition, value) in enumerate(zip(spec.conditions, asked, strict=True)):
        if value is not None and condition.kind not in NUMERIC:
            keep &= table[:, column] == value
    for column, (condition, value) in enumerate(zip(spec.conditions, asked, strict=True)):
        if value is not None and condition.kind in NUMERIC:
            far = np.where(keep, abs(table[:, column] - value), np.inf)
            keep &= far == far.min()
    return keep


def _known(what: Condition | Time, value: object) -> float:
    if isinstance(what, Condition):
        return _number(what, value)
    if isinstance(value, date | np.datetime64):
        value = str(value).replace(" ", "T")
    wanted = int | float | np.number if what.kind == "number" else str
    if not isinstance(value, wanted) or isinstance(value, bool):
        said = f"{_shown(value)} is no time of {what.name!r}; such as {times.such_as(what)} is wanted"
        raise ConditionError(f"condition.{what.name}", said)
    try:
        return times.parse(what, str(value))
    except UsageError as error:
        raise ConditionError(f"condition.{what.name}", str(error)) from error


def _require_held(time: Time, kind: str, begun: float | tuple[float, ...]) -> None:
    """Raise a ConditionError where first times are beyond what the data's type of times holds."""
    unit = kind.removeprefix("timestamp[").removesuffix("]")
    for digits, name in times.UNITS.items():
        most = 2**63 // 10 ** (digits - time.digits) if name == unit and digits > time.digits else None
        if most is not None and np.abs(np.atleast_1d(begun)).max() >= most:
            said = f"{time.name} is {kind} in the data, which does not go so far"
            raise ConditionError(f"condition.{time.name}", said)


def _number(condition: Condition, value: object) -> float:
    where = f"condition.{condition.name}"
    if condition.kind not in NUMERIC:
        label = as_label(value)
        if label in ("True", "TRUE", "False", "FALSE") and label not in condition.labels:
            label = label.lower()  # as the data may have had it
        if label not in condition.labels:
            known = _list(condition.labels)
            raise ConditionError(where, f"{condition.name}: {_shown(value)} is not one of {known}")
        return float(condition.labels.index(str(label)))
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise ConditionError(where, f"{condition.name}: {_shown(value)} is not a number")
    if condition.kind == "integer" and value != int(value):
        raise ConditionError(where, f"{condition.name} is {value:g}; a whole number is wanted")
    assert condition.low is not None and condition.high is not None
    if not condition.low <= value <= condition.high:
        raise ConditionError(
            where, f"{condition.name} is {value:g}; the data had {condition.low:g} to {condition.high:g}"
        )
    return float(value)


def as_label(value: object) -> object:
    """What a label may be given as, as the label: 3 is "3", and true "true"."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | float | np.number) and float(value).is_integer():
        return str(int(value))
    return value


def _shown(value: object) -> str:
    if isinstance(value, list | tuple | Mapping):  # maybe a thousand of them in one another
        return "a list" if not isinstance(value, Mapping) else "a mapping"
    return text if len(text := repr(value)) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _list(labels: Iterable[str], most: int = 20) -> str:
    labels = list(labels)
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(map(plainly, labels[:most])) + more
