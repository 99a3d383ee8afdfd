"""Streams in each form: whole, cut anywhere, broken off and taken up again over real connections."""

import http.client
import io
import json
from dataclasses import dataclass

import numpy as np
import pyarrow as arrow
import pyarrow.ipc
import pytest

from tests.conftest import Server

NDJSON, NPY, ARROW = "application/x-ndjson", "application/x-npy", "application/vnd.apache.arrow.stream"
FORMS = [NDJSON, NPY, ARROW]
BODY = {"count": 3, "length": 300, "seed": 6}


@dataclass(frozen=True)
class Frame:
    content: bytes
    values: np.ndarray
    """(count, steps, channels)"""


def frames(media: str, content: bytes) -> list[Frame]:
    """The frames that are whole in the beginning of a stream."""
    return {NDJSON: _lines, NPY: _arrays, ARROW: _batches}[media](content)


def _lines(content: bytes) -> list[Frame]:
    whole = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
    return [Frame(line, np.array(json.loads(line)["sequences"], np.float32)) for line in whole]


def _arrays(content: bytes) -> list[Frame]:
    found, at = [], 0
    while at + 8 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 8], "little")
        if end > len(content):
            break
        found.append(Frame(content[at:end], np.load(io.BytesIO(content[at + 8 : end]))))
        at = end
    return found


def _batches(content: bytes) -> list[Frame]:
    source = arrow.BufferReader(content)
    schema = arrow.ipc.read_schema(source)
    found = []
    while (at := source.tell()) < len(content):
        try:
            message = arrow.ipc.read_message(source)
        except (EOFError, OSError, arrow.ArrowInvalid):
            break  # cut off, or the end
        batch = arrow.ipc.read_record_batch(message, schema)
        columns = [batch[name].to_numpy() for name in schema.names[3:]]  # behind sequence, step and date
        values = np.column_stack(columns).astype(np.float32).reshape(BODY["count"], -1, len(columns))
        found.append(Frame(content[at : source.tell()], values))
    return found


def values(found: list[Frame]) -> np.ndarray:
    return np.concatenate([f.values for f in found], axis=1)


def broken(server: Server, media: str, size: int) -> bytes:
    """The first `size` bytes of a stream; then the connection is cut."""
    host, port = server.base.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("POST", "/stream", json.dumps(BODY), {"Accept": media})
        return connection.getresponse().read(size)
    finally:
        connection.close()


@pytest.mark.parametrize("media", FORMS)
def test_a_stream_is_the_whole_answer_in_parts(server: Server, media: str):
    whole = np.load(io.BytesIO(server.post("/generate", BODY, NPY).content))
    found = frames(media, server.post("/stream", BODY, media).content)
    assert len(found) > 2
    np.testing.assert_array_equal(values(found), whole)


@pytest.mark.parametrize("media", FORMS)
def test_a_broken_stream_goes_on_with_the_very_same_bytes(server: Server, media: str):
    whole = server.post("/stream", BODY, media).content
    kept = frames(media, broken(server, media, len(whole) * 2 // 5))
    assert 0 < len(kept) < len(frames(media, whole)) - 1
    lost = server.post("/stream", BODY | {"start": values(kept).shape[1]}, media).content
    again = kept + frames(media, lost)
    assert [f.content for f in again] == [f.content for f in frames(media, whole)]


@pytest.mark.parametrize("media", FORMS)
@pytest.mark.parametrize("start", [1, 57, 299])
def test_a_stream_begins_at_any_step(server: Server, media: str, start: int):
    whole = np.load(io.BytesIO(server.post("/generate", BODY, NPY).content))
    found = frames(media, server.post("/stream", BODY | {"start": start}, media).content)
    np.testing.assert_array_equal(values(found), whole[:, start:])


@pytest.mark.parametrize("media", FORMS)
def test_a_stream_without_end_is_the_beginning_of_a_longer_one(server: Server, media: str):
    whole = server.post("/stream", BODY, media).content
    host, port = server.base.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("POST", "/stream", json.dumps(BODY | {"length": None}), {"Accept": media})
    endless = frames(media, connection.getresponse().read(2 * len(whole)))
    connection.close()
    assert values(endless).shape[1] > BODY["length"]
    full = frames(media, whole)[:-1]  # the last one is cut at the length
    assert [f.content for f in endless[: len(full)]] == [f.content for f in full]


def test_arrow_streams_and_answers_are_read_by_arrow(server: Server):
    for path in ("/generate", "/stream"):
        with arrow.ipc.open_stream(server.post(path, BODY, ARROW).content) as stream:
            table = stream.read_all()
        table.validate(full=True)
        assert table.schema.names == ["sequence", "step", "date", "close", "high", "volume"]
        assert table.num_rows == 900
        steps = table.sort_by([("sequence", "ascending"), ("step", "ascending")])
        assert steps["step"].to_pylist() == 3 * list(range(300))
