"""What came out of JSON as dataclasses, strictly: every field there, none unknown, each of its type."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from contract.errors import SpecError


def decode(wanted: Any, raw: Any, where: str) -> Any:
    """`raw`, out of JSON, as the type `wanted`; errors call it `where`.

    Raises:
        SpecError: it is of another type, or a field is missing or unknown.
    """
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _dataclass(wanted, raw, where)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (types.UnionType, typing.Union):  # the latter of a Literal
        if raw is None and type(None) in arguments:
            return None
        (inner,) = (a for a in arguments if a is not type(None))
        return decode(inner, raw, where)
    if origin is Literal:
        if raw not in arguments:
            raise SpecError(f"{where} is {raw!r}; one of {', '.join(arguments)} is wanted")
        return raw
    if origin is tuple:
        if not isinstance(raw, list):
            raise SpecError(f"{where} is {type(raw).__name__}; a list is wanted")
        return tuple(decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(raw))
    if origin is dict:
        if not isinstance(raw, Mapping):
            raise SpecError(f"{where} is {type(raw).__name__}; an object is wanted")
        return {k: decode(arguments[1], v, f"{where}.{k}") for k, v in raw.items()}
    if wanted is float and isinstance(raw, int) and not isinstance(raw, bool):
        return float(raw)
    if type(raw) is not wanted:
        raise SpecError(f"{where} is {raw!r}; {wanted.__name__} is wanted")
    return raw


def _dataclass(wanted: type, raw: Any, where: str) -> Any:
    if not isinstance(raw, Mapping):
        raise SpecError(f"{where} is {type(raw).__name__}; an object is wanted")
    names = [f.name for f in fields(wanted)]
    if missing := [n for n in names if n not in raw]:
        raise SpecError(f"{where} lacks {', '.join(missing)}: export the model anew")
    if unknown := sorted(set(raw) - set(names)):
        raise SpecError(f"{where} has unknown fields: {', '.join(unknown)}")
    hints = typing.get_type_hints(wanted)
    return wanted(**{n: decode(hints[n], raw[n], f"{where}.{n}") for n in names})
