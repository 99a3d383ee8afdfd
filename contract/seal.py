"""The seal: a SHA-256 over the whole file, inside the file, checked before anything parses it.

An ONNX file is one protobuf message. Its top level is a flat list of (tag, payload) pairs, so
the metadata can be found, and the digest verified, with the few lines below: neither onnx nor
onnxruntime ever sees bytes that were not sealed. The digest is taken with its own 64
characters set to `0`.

Encoding: https://protobuf.dev/programming-guides/encoding; field numbers: onnx.proto3.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from contract.errors import SealError
from contract.spec import Spec

SPEC_KEY = "cadenza"
DIGEST_KEY = "cadenza.sha256"
UNSEALED = "0" * 64

_METADATA_PROPS = 14  # ModelProto.metadata_props
_KEY, _VALUE = 1, 2  # StringStringEntryProto


@dataclass(frozen=True)
class Artifact:
    """A model file whose seal held."""

    spec: Spec
    digest: str
    """SHA-256 of the file, hexadecimal; names this model in answers and logs."""
    data: bytes
    """The file, to be handed to a runtime."""


def load(path: Path) -> Artifact:
    """Read a model file and verify its seal.

    Raises:
        SealError: the file is missing, cut off, changed, or no cadenza model.
        SpecError: the Spec inside cannot be read by this version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SealError(f"cannot read {path}: {error.strerror}") from error
    try:
        digest = verify(data)
        spec = Spec.from_json(_text(data, SPEC_KEY))
    except SealError as error:
        raise SealError(f"{path}: {error}") from error
    return Artifact(spec, digest, data)


def seal(data: bytes) -> bytes:
    """`data`, an ONNX file with an unsealed digest property, with its digest filled in."""
    start, end = _span(data, DIGEST_KEY)
    if data[start:end] != UNSEALED.encode():
        raise SealError("the file to be sealed carries a digest already")
    return data[:start] + hashlib.sha256(data).hexdigest().encode() + data[end:]


def verify(data: bytes) -> str:
    """The digest of a sealed file.

    Raises:
        SealError: there is no seal, or the bytes are not the sealed ones.
    """
    start, end = _span(data, DIGEST_KEY)
    sealed = data[start:end].decode("ascii", "replace")
    actual = hashlib.sha256(data[:start] + UNSEALED.encode() + data[end:]).hexdigest()
    if sealed != actual:
        raise SealError(
            f"the file was changed after it was sealed (sealed {sealed[:12]}…, is "
            f"{actual[:12]}…): fetch it or export it again"
        )
    return actual


def _text(data: bytes, key: str) -> str:
    start, end = _span(data, key)
    return data[start:end].decode("utf-8")


def _span(data: bytes, key: str) -> tuple[int, int]:
    """Where the value of the one metadata property named `key` lies in the file."""
    found = []
    for number, start, end in _fields(data, 0, len(data)):
        if number != _METADATA_PROPS:
            continue
        parts = {n: (a, b) for n, a, b in _fields(data, start, end)}
        if _KEY in parts and _VALUE in parts:
            a, b = parts[_KEY]
            if data[a:b] == key.encode():
                found.append(parts[_VALUE])
    if len(found) != 1:
        raise SealError(
            "this is no cadenza model, or only the beginning of one: the property "
            f"{key!r} was found {len(found)} times; make one with `cadenza export`"
        )
    return found[0]


def _fields(data: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    """(field number, start, end) of each length-delimited field of one protobuf message."""
    result = []
    while at < end:
        tag, at = _varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            _, at = _varint(data, at, end)
        elif wire == 1:
            at += 8
        elif wire == 2:
            size, at = _varint(data, at, end)
            if at + size > end:
                raise SealError("the file is cut off: fetch it or export it again")
            result.append((number, at, at + size))
            at += size
        elif wire == 5:
            at += 4
        else:
            raise SealError("this is no ONNX file: make one with `cadenza export`")
    return result


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise SealError("this is no ONNX file, or it is cut off: make one with `cadenza export`")
