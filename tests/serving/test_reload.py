"""A new file at the same path, while requests and streams are in flight."""

import io
import json
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from contract.seal import load
from serving.sampler import load as load_generator
from tests.conftest import Answer, Server, booted, resealed, until

NPY = "application/x-npy"
FAST = {"CADENZA_RELOAD": "0.1"}


@pytest.fixture(scope="module")
def other(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with its weights a little larger: other bytes, and as exact."""

    def larger(changed: onnx.ModelProto) -> None:
        for tensor in changed.graph.initializer:
            weights = numpy_helper.to_array(tensor)
            if weights.ndim > 1 and weights.dtype == np.float32:
                tensor.CopyFrom(numpy_helper.from_array(weights * np.float32(1.01), tensor.name))

    return resealed(model, tmp_path_factory.mktemp("other") / "other.onnx", larger)


@pytest.fixture
def served(model: Path, tmp_path: Path) -> Path:
    path = tmp_path / "served.onnx"
    path.write_bytes(model.read_bytes())
    return path


def replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


def test_a_link_that_is_turned_to_another_file_is_followed(model: Path, other: Path, tmp_path: Path):
    link = tmp_path / "current.onnx"
    link.symlink_to(model)
    with booted(link, tmp_path / "log", FAST) as (server, _):
        assert server.get("/model").json()["digest"] == load(model).digest
        turned = tmp_path / "turned"
        turned.symlink_to(other)
        turned.replace(link)
        until(lambda: server.get("/model").json()["digest"] == load(other).digest)


def expected(paths: tuple[Path, ...], body: dict) -> dict[str, bytes]:
    """By digest, what each model answers."""
    found = {}
    for path in paths:
        generator = load_generator(path)
        found[generator.digest] = generator.sample(**body).values.tobytes()
        generator.close()
    return found


def test_a_new_model_is_taken_up_and_no_request_is_dropped(
    model: Path, other: Path, served: Path, tmp_path: Path
):
    body, long = {"count": 3, "length": 50, "seed": 5}, {"count": 16, "length": 40_000, "seed": 5}
    wanted, old, new = expected((model, other), body), load(model).digest, load(other).digest
    answers: list[Answer] = []
    slow: list[Answer] = []
    done = threading.Event()
    with booted(served, tmp_path / "log", FAST) as (server, _):

        def ask() -> None:
            while not done.is_set():
                answers.append(server.post("/generate", body, NPY))

        asking = [threading.Thread(target=ask) for _ in range(4)]
        asking.append(threading.Thread(target=lambda: slow.append(server.post("/generate", long, NPY))))
        request = urllib.request.Request(server.base + "/stream", b'{"length": null, "seed": 5}')
        with urllib.request.urlopen(request, timeout=30) as stream:
            lines = [json.loads(stream.readline())]
            for thread in asking:
                thread.start()
            until(lambda: len(answers) > 8)
            replace(served, other.read_bytes())
            until(lambda: server.get("/model").json()["digest"] == new)
            assert server.figures["cadenza_engines"] == 2
            after = len(answers)
            until(lambda: len(answers) > after + 20)
            done.set()
            for thread in asking:
                thread.join(60)
            lines += [json.loads(stream.readline()) for _ in range(100)]
        until(lambda: server.figures["cadenza_engines"] == 1)
        assert server.figures['cadenza_reloads_total{outcome="taken"}'] == 1
    assert {a.status for a in answers} == {200}
    assert {a.headers["X-Cadenza-Model"] for a in answers} == {old, new}
    for answer in answers:
        values = np.load(io.BytesIO(answer.content))
        assert values.tobytes() == wanted[answer.headers["X-Cadenza-Model"]]
    assert slow[0].status == 200
    length = sum(len(line["sequences"][0]) for line in lines)
    (whole,) = expected((model,), {"count": 1, "length": length, "seed": 5}).values()
    streamed = [np.array(line["sequences"], np.float32) for line in lines]
    assert np.concatenate(streamed, axis=1).tobytes() == whole


def test_a_bad_file_is_refused_and_the_old_model_serves_on(
    model: Path, other: Path, served: Path, tmp_path: Path
):
    log = tmp_path / "log"
    with booted(served, log, FAST) as (server, _):
        before = server.post("/generate", {"seed": 3}, NPY).content
        served.write_bytes(other.read_bytes()[:-100])  # in place, as a copy that was cut off
        until(lambda: server.figures['cadenza_reloads_total{outcome="refused"}'] == 1)
        assert server.post("/generate", {"seed": 3}, NPY).content == before
        assert server.get("/readyz").status == 200
        served.unlink()
        time.sleep(0.5)
        assert server.post("/generate", {"seed": 3}, NPY).content == before
        replace(served, other.read_bytes())
        until(lambda: server.get("/model").json()["digest"] == load(other).digest)
        assert server.figures['cadenza_reloads_total{outcome="refused"}'] == 1
    assert "is refused, model" in log.read_text()
    assert load(model).digest[:12] in log.read_text()


def test_the_same_model_again_changes_nothing(served: Path, tmp_path: Path):
    with booted(served, tmp_path / "log", FAST) as (server, _):
        replace(served, served.read_bytes())
        time.sleep(1.5)
        now = server.figures
        assert now["cadenza_engines"] == 1
        assert now['cadenza_reloads_total{outcome="taken"}'] == 0
        assert now['cadenza_reloads_total{outcome="refused"}'] == 0


def test_a_request_that_names_another_model_is_refused(server: Server, model: Path):
    mine = {"X-Cadenza-Model": load(model).digest}
    assert server.post("/generate", {}, headers=mine).status == 200
    refused = server.post("/stream", {"start": 5}, headers={"X-Cadenza-Model": "0" * 64})
    assert refused.status == 412
    assert refused.error["code"] == "model_changed"
    assert refused.error["field"] == "X-Cadenza-Model"
