"""The service in a process of its own, spoken to over HTTP."""

import gzip
import io
import json
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from contract.seal import Artifact
from contract.version import VERSION
from serving.sampler import Generator
from tests.conftest import Server, until

NPY, ARROW = "application/x-npy", "application/vnd.apache.arrow.stream"


def as_npy(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def test_the_default_is_one_sequence_of_the_training_length(server: Server, artifact: Artifact):
    answer = server.post("/generate", {})
    assert answer.status == 200
    body = answer.json()
    assert body["columns"] == ["close", "high", "volume"]
    assert np.array(body["sequences"]).shape == (1, artifact.spec.training_length, 3)
    assert body["seed"] == int(answer.headers["X-Cadenza-Seed"])


def exchanged(server: Server, head: str, body: bytes = b"") -> bytes:
    """What comes back for these very bytes, until the server closes the connection."""
    host, port = server.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(head.replace("\n", "\r\n").encode() + body)
        return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize("length", ["Content-Length: 24", "Transfer-Encoding: chunked"])
def test_a_body_that_the_parser_lost_is_no_empty_one(server: Server, length: str):
    body = b'{"length": 3, "seed": 7}'
    content = b"18\r\n" + body + b"\r\n0\r\n\r\n" if "chunked" in length else body
    head = f"POST /generate HTTP/1.1\nHost: x\n{length}\n"
    upgrade = (
        "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\n\n"
    )
    answer = exchanged(server, head + upgrade, content)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"body_lost"' in answer
    assert answer.count(b"HTTP/1.1 ") == 1
    fine = exchanged(server, head + "Connection: close\n\n", content)
    assert fine.startswith(b"HTTP/1.1 200 ")
    assert b"x-cadenza-seed: 7" in fine


def test_a_websocket_is_refused_at_once(server: Server):
    head = "GET /stream HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: websocket\n"
    key = "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"
    answer = exchanged(server, head + key)
    assert answer.startswith(b"HTTP/1.1 403 ")


def test_a_list_may_come_in_several_lines(server: Server):
    head = "POST /generate HTTP/1.1\nHost: x\nContent-Length: 0\nConnection: close\nAccept: text/html\n"
    assert exchanged(server, head + "\n").startswith(b"HTTP/1.1 406 ")
    assert exchanged(server, head + "Accept: text/csv\n\n").startswith(b"HTTP/1.1 200 ")


def test_headers_say_where_an_answer_comes_from(server: Server, artifact: Artifact):
    headers = server.post("/generate", {"seed": 4}).headers
    assert headers["X-Cadenza-Seed"] == "4"
    assert headers["X-Cadenza-Model"] == artifact.digest
    assert headers["X-Cadenza-Provider"] == "cpu"
    assert headers["X-Cadenza-Version"] == VERSION


def test_the_answer_is_that_of_the_same_seed_without_a_server(server: Server, generator: Generator):
    answer = server.post("/generate", {"count": 300, "length": 41, "seed": 9}, NPY)
    assert as_npy(answer.content).tobytes() == generator.sample(300, 41, 9).values.tobytes()


def test_every_form_holds_the_same_values(server: Server):
    body = {"count": 3, "length": 5, "seed": 2}
    values = as_npy(server.post("/generate", body, NPY).content)
    npz = np.load(io.BytesIO(server.post("/generate", body, "application/x-npz").content))
    assert npz["values"].tobytes() == values.tobytes()
    from_json = np.array(server.post("/generate", body).json()["sequences"], np.float32)
    np.testing.assert_array_equal(from_json, values)
    text = server.post("/generate", body, "text/csv").content.decode()
    begun = server.post("/generate", body).json()["conditions"]["date"]
    assert text.startswith(f"sequence,step,date,close,high,volume\n0,0,{begun[0]},")
    table = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, dtype=np.float32, usecols=(3, 4, 5))
    np.testing.assert_array_equal(table.reshape(values.shape), values)


def test_whole_numbers_are_written_as_such(server: Server):
    line = server.post("/generate", {"length": 1}, "text/csv").content.decode().splitlines()[1]
    assert line.split(",")[-1].isdigit()
    assert isinstance(server.post("/generate", {"length": 1}).json()["sequences"][0][0][2], int)


def test_a_stream_without_end_stops_when_its_reader_leaves(server: Server):
    request = urllib.request.Request(server.base + "/stream", b'{"length": null}')
    with urllib.request.urlopen(request, timeout=10) as response:
        starts = [json.loads(response.readline())["start"] for _ in range(200)]
    assert starts == sorted(starts)
    until(lambda: server.queued == 0)


def test_a_plain_request_stops_when_its_client_leaves(server: Server):
    body = b'{"count": 16, "length": 65536}'
    head = f"POST /generate HTTP/1.1\r\nHost: x\r\nAccept: {NPY}\r\nContent-Length: {len(body)}\r\n\r\n"
    host, port = server.base.removeprefix("http://").split(":")
    before = server.figures["cadenza_row_steps_total"]
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + body)
        until(lambda: server.queued > 0)
    until(lambda: server.queued == 0)
    assert server.figures["cadenza_row_steps_total"] - before < 16 * 65_536


def test_many_mixed_requests_at_once_are_each_as_if_alone(server: Server, generator: Generator):
    random = np.random.default_rng(3)
    bodies = [
        {"count": int(c), "length": int(n), "seed": int(s)}
        for c, n, s in zip(
            random.integers(1, 9, 150), random.integers(1, 200, 150), random.integers(0, 2**62, 150),
            strict=True,
        )
    ]  # fmt: skip
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda b: server.post("/generate", b, NPY), bodies))
    for body, answer in zip(bodies, answers, strict=True):
        assert answer.status == 200
        wanted = generator.sample(body["count"], body["length"], body["seed"]).values
        assert as_npy(answer.content).tobytes() == wanted.tobytes()


WRONG = [0, -1, 1e12, 10**12, 1.5, "x", True, [], {}]


@pytest.mark.parametrize("field", ["count", "length"])
@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("path", ["/generate", "/stream"])
def test_a_wrong_number_is_refused_by_name(server: Server, path: str, field: str, value: object):
    answer = server.post(path, {field: value})
    assert answer.status == 422
    assert answer.error["field"] == field
    assert "whole number from 1 to" in answer.error["message"]


def test_null_is_a_length_but_no_count(server: Server):
    assert server.post("/generate", {"length": None}).status == 200
    assert server.post("/generate", {"count": None}).error["field"] == "count"


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "x", True])
def test_a_wrong_seed_is_refused(server: Server, seed: object):
    assert server.post("/generate", {"seed": seed}).error["field"] == "seed"


def test_a_whole_number_may_be_written_as_json_schema_allows(server: Server):
    assert server.post("/generate", b'{"count": 2.0, "length": 3.0, "seed": 1}').json()["seed"] == 1
    for value in (b"1.5", b"1e300", b"-1e300", b"1e999", b"18446744073709551616"):
        answer = server.post("/generate", b'{"count": ' + value + b"}")
        assert 400 <= answer.status < 500


def test_a_drawn_seed_is_one_that_a_double_holds(server: Server):
    seeds = [server.post("/generate", {"length": 1}).json()["seed"] for _ in range(20)]
    assert all(int(float(seed)) == seed < 2**53 for seed in seeds)
    assert len(set(seeds)) == 20


def test_the_largest_seed_is_taken(server: Server):
    assert server.post("/generate", {"seed": 2**63 - 1}).json()["seed"] == 2**63 - 1


def test_too_much_at_once_is_refused(server: Server):
    answer = server.post("/generate", {"count": 2000, "length": 65536}, NPY)
    assert answer.status == 422
    assert "row-steps" in answer.error["message"]


def test_large_json_is_refused_and_names_the_other_forms(server: Server):
    answer = server.post("/generate", {"count": 2000, "length": 100})
    assert answer.status == 422
    assert NPY in answer.error["message"]


def test_start_lies_before_the_end(server: Server):
    assert server.post("/stream", {"length": 5, "start": 5}).error["field"] == "start"
    assert server.post("/generate", {"start": 1}).error["field"] == "start"


def test_unknown_fields_and_conditions_list_the_known(server: Server):
    unknown = server.post("/generate", {"cuont": 1})
    assert unknown.status == 422
    assert "count, length, seed, condition" in unknown.error["message"]
    condition = server.post("/generate", {"condition": {"sector": "tech"}})
    assert condition.status == 422
    assert condition.error["field"] == "condition.sector"
    assert server.post("/generate", {"condition": 3}).error["field"] == "condition"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[1]", b'"x"', b"12", b"null", b'{"count": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(server: Server, body: bytes):
    answer = server.post("/generate", body)
    assert answer.status == 400
    assert answer.error["code"] == "not_json"


def raw(server: Server, request: bytes) -> bytes:
    host, port = server.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        # The server may have answered already: it does not read the rest.
        with suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(request)
        try:
            return client.recv(4096)
        except ConnectionResetError:
            return b""


def test_a_body_of_50_mb_is_refused_unread(server: Server):
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 52428800\r\n\r\n"
    before = resident(server)
    assert b" 413 " in raw(server, head + b" " * 1000).splitlines()[0]
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    chunked = b"POST /generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + 2 * chunk
    assert b" 413 " in raw(server, chunked).splitlines()[0]
    assert resident(server) - before < 20 * 2**20


def resident(server: Server) -> int:
    """Bytes of memory of the server's processes."""
    pids = [server.pid]
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        pids += map(int, (task / "children").read_text().split())
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return 4096 * sum(pages)


def test_a_form_that_cannot_be_had_lists_those_that_can(server: Server):
    answer = server.post("/generate", {}, "audio/wav")
    assert answer.status == 406
    offered = "application/json, application/x-npy, application/x-npz, text/csv, application/vnd.apache"
    assert offered in answer.error["message"]
    assert server.post("/stream", {}, "text/csv").status == 406


@pytest.mark.parametrize("asked", ["gzip", "deflate, gzip;q=0.5", "br, GZIP"])
@pytest.mark.parametrize("form", ["application/json", "text/csv"])
def test_text_is_compressed_if_it_is_asked_for(server: Server, asked: str, form: str):
    body = {"count": 10, "length": 50, "seed": 1}
    plain = server.post("/generate", body, form)
    packed = server.post("/generate", body, form, {"Accept-Encoding": asked})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize(
    ("asked", "form"),
    [(None, "text/csv"), ("identity", "text/csv"), ("*", "text/csv"), ("gzip;q=0", "text/csv"),
     ("zstd, br", "text/csv"), ("gzip", NPY), ("gzip", ARROW)],
)  # fmt: skip
def test_what_is_not_asked_for_or_not_worth_it_is_not_compressed(
    server: Server, asked: str | None, form: str
):
    headers = {"Accept-Encoding": asked} if asked else {}
    answer = server.post("/generate", {"count": 10, "length": 50}, form, headers)
    assert answer.status == 200
    assert answer.headers["Content-Encoding"] is None
    small = server.post("/generate", {"length": 1}, "text/csv", {"Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] is None


def test_a_request_may_bring_its_own_deadline(server: Server):
    late = server.post("/generate", {"count": 16, "length": 65_536}, NPY, {"X-Cadenza-Timeout": "0.05"})
    assert late.status == 504
    assert "0.05 s" in late.error["message"]
    assert server.post("/generate", {}, headers={"X-Cadenza-Timeout": "60"}).status == 200
    far = server.post("/stream", {"count": 16, "start": 65_000}, headers={"X-Cadenza-Timeout": "0.05"})
    assert far.status == 504


@pytest.mark.parametrize("seconds", ["0", "-1", "61", "nan", "inf", "soon", "", "9" * 400])
def test_a_wrong_deadline_is_refused_by_name(server: Server, seconds: str):
    answer = server.post("/generate", {}, headers={"X-Cadenza-Timeout": seconds})
    assert answer.status == 422
    assert answer.error["field"] == "X-Cadenza-Timeout"
    assert "at most 60" in answer.error["message"]


def test_paths_and_methods_that_are_not_there_are_said_in_the_same_form(server: Server):
    assert server.get("/nothing").error["code"] == "not_found"
    wrong = server.get("/generate")
    assert wrong.status == 405
    assert wrong.error["code"] == "method_not_allowed"
    assert "POST" in wrong.headers["Allow"]


def test_the_model_tells_its_spec_and_limits(server: Server, artifact: Artifact):
    about = server.get("/model").json()
    assert about["digest"] == artifact.digest
    assert about["spec"]["channels"][2]["kind"] == "integer"
    assert about["limits"]["max_count"] == 2000
    largest = about["limits"]["max_row_steps"] * len(about["spec"]["channels"])
    assert about["limits"]["max_held"] == max(2**25, 2 * largest)
    held = server.get("/metrics").content.decode().split("\ncadenza_held_limit ")[1].split()[0]
    assert float(held) == about["limits"]["max_held"]
    assert about["tick"]["rows"] >= 8
    assert about["tick"]["steps"] >= 32
    assert about["provider"] == "cpu"


def test_probes_and_metrics_answer(server: Server):
    assert server.get("/livez").status == 200
    assert server.get("/readyz").status == 200
    for path in ("/livez", "/readyz", "/healthz", "/schema.json"):
        assert server.get(path).status == 200
        answer = server.post(path, {})
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    server.post("/generate", {})
    text = server.get("/metrics").content.decode()
    assert "cadenza_ready 1.0" in text
    assert 'cadenza_answers_total{route="/generate",status="200"}' in text


def test_the_playground_is_a_page_of_its_own(server: Server):
    answer = server.get("/")
    assert answer.headers.get_content_type() == "text/html"
    page = answer.content.decode()
    assert "cadenza" in page
    assert "Frame beside frame" in page  # the part of its script that is a file of its own
    assert "https://" not in page.replace("https://www.w3.org", "")


def test_no_torch_and_no_onnx_are_in_the_server(server: Server):
    pids = [server.pid]
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        pids += map(int, (task / "children").read_text().split())
    for pid in pids:
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert "/torch/" not in mapped
        assert "/onnx/" not in mapped
    assert any("/onnxruntime/" in Path(f"/proc/{pid}/maps").read_text() for pid in pids)


def test_what_is_deep_inside_one_another_is_refused_and_no_error_of_ours(server: Server):
    deep = "[" * 1000 + "]" * 1000
    for name in ("count", "length", "seed", "condition"):
        answer = server.post("/generate", f'{{"{name}": {deep}}}'.encode())
        assert (answer.status, answer.error["field"]) == (422, name)
        assert f"{name} is a list" in answer.error["message"]
    long = server.post("/generate", {"x" * 60_000: 1})
    assert (long.status, len(long.content) < 400) == (422, True)
    assert "count is null" in server.post("/generate", {"count": None}).error["message"]
    assert "the body is a list" in server.post("/generate", b"[]").error["message"]


def test_a_body_that_is_not_wanted_is_not_read_to_its_end(server: Server):
    for line in ("POST /nothing", "PUT /generate"):
        answer = exchanged(server, f"{line} HTTP/1.1\nHost: x\nContent-Length: 900000000000\n\n")
        assert b"connection: close" in answer.lower()
    # One that is soon read costs nobody the connection, nor the answer.
    head = "POST /nothing HTTP/1.1\nHost: x\nContent-Length: 2000\n\n"
    again = "GET /model HTTP/1.1\nHost: x\nConnection: close\n\n"
    both = exchanged(server, head, b"x" * 2000 + again.replace("\n", "\r\n").encode())
    assert both.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 200 " in both
