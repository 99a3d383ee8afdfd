"""What a column is in a typed table, as Arrow names it: what it was in the data's file, if that was typed
(`Spec.types`), or what its kind says."""

import numpy as np
import orjson
from numpy.typing import NDArray

from contract import times
from contract.calendar import Time
from contract.rollout import Array
from contract.spec import TEXTS, WHOLE, Channel, Spec
from serving.errors import FormatError

_FLOATING = ("float", "double")


def type_of(spec: Spec, column: Channel | Time) -> str:
    """Its type: bool, int32, double, string, date32, timestamp[us] …; `dictionary` of labels of no type."""
    was = spec.types.get(column.name, "")
    if isinstance(column, Time):
        return _of_time(column, was)
    if column.labels:
        if was in TEXTS or (was in (*WHOLE, *_FLOATING) and column.code):
            return was
        return "bool" if column.truth else "int64" if column.code else "dictionary"
    if was in _FLOATING or (was in WHOLE and column.kind == "integer" and _within(column, was)):
        return was
    return "int64" if column.kind == "integer" else "float"


def _of_time(time: Time, was: str) -> str:
    if was in TEXTS:
        return was
    if time.kind == "date":
        return "date32"
    if time.kind == "timestamp":
        finer = [unit for digits, unit in times.UNITS.items() if digits >= time.digits]
        kept = [f"timestamp[{unit}]" for unit in finer]
        if not any(hour in time.format for hour in ("%H", "%I", "%-H", "%-I")):  # others say the clock
            kept.append("date32")
        return was if was in kept else f"timestamp[{times.unit(time)}]"
    return was if was in _FLOATING else "double" if time.digits else "int64"


def _within(channel: Channel, name: str) -> bool:
    """Whether a type of whole numbers holds all that a channel can be."""
    bounds = np.iinfo(name)
    return all(end is not None and bounds.min <= end <= bounds.max for end in (channel.low, channel.high))


def texts(channel: Channel | Time, column: Array) -> list[str | None]:
    """A column of `Samples.table` (rows,) that is text in the table, None where one is missing."""
    found: list[str | None] = column.tolist()
    return [*times.texts(channel, column.astype(np.int64))] if isinstance(channel, Time) else found


def plain(channel: Channel | Time | None, name: str, column: Array) -> tuple[Array, NDArray[np.bool_]]:
    """A column of `Samples.table` (rows,) as what a type that is no text holds, and where there is
    something; without a channel, the number of a sequence or step.

    Raises:
        FormatError: see `ticks_of`.
    """
    if isinstance(channel, Channel):
        return numbers(channel, name, column)
    found: Array = np.ascontiguousarray(column, np.int64)
    if isinstance(channel, Time) and name == "date32":
        found = (found // times.ticks_a_day(channel)).astype(np.int32)
    elif isinstance(channel, Time) and name in _FLOATING:
        found = (found / 10**channel.digits).astype("float64" if name == "double" else "float32")
    elif isinstance(channel, Time) and name.startswith("timestamp["):
        found = ticks_of(channel, name, found)
    return found, np.ones(len(found), np.bool_)


def ticks_of(time: Time, name: str, ticks: Array) -> NDArray[np.int64]:
    """Ticks in the unit of a type of time stamps, in UTC as Arrow wants them.

    Raises:
        FormatError: the type does not go so far, as nanoseconds end in 2262.
    """
    unit = name.removeprefix("timestamp[").removesuffix("]")
    (digits,) = (digits for digits, one in times.UNITS.items() if one == unit)
    moments, finer = ticks - times.offset(time), 10 ** (digits - time.digits)
    if len(moments) and np.abs(moments).max() > np.iinfo(np.int64).max // finer:
        raise FormatError(f"the type of {time.name!r}, {name}, does not go so far as these times: use csv")
    found: NDArray[np.int64] = moments * finer
    return found


def numbers(channel: Channel, name: str, column: Array) -> tuple[Array, NDArray[np.bool_]]:
    """A column of `Samples.table` (rows,) as numbers of a type, and where there are some. Doubles are what
    singles are when they are written: 13.8 stays 13.8."""
    if channel.labels:
        there = np.array([value is not None for value in column.tolist()], np.bool_)
        return np.where(there, column, "0").astype(np.int64).astype(name), there
    there = ~np.isnan(column) if column.dtype == np.float32 else np.ones(len(column), np.bool_)
    if name in WHOLE:
        return np.where(there, column, 0).astype(np.int64).astype(name), there
    if name == "double" and column.dtype == np.float32:
        text = orjson.dumps(
            np.where(there, column, 0).astype(np.float32), option=orjson.OPT_SERIALIZE_NUMPY
        )
        return np.array(orjson.loads(text), np.float64), there
    return np.ascontiguousarray(column, "float64" if name == "double" else "float32"), there
