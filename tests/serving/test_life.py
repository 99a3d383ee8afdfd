"""How a server begins and ends: plain BentoML, bad models, SIGTERM, a full queue."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import onnx
import pytest

from cadenza.server import free_port, require_free
from contract.seal import SPEC_KEY
from tests.conftest import Answer, Server, await_ready, booted, cadenza, resealed, until

SERVICE = "serving.service:Cadenza"


def bentoml_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bentoml", "serve", SERVICE, *arguments]


def refused_by_bentoml(model: Path) -> str:
    """What plain BentoML says of a model that it ends at once with."""
    done = subprocess.run(
        bentoml_command("--port", str(free_port())),
        env=os.environ | {"CADENZA_MODEL": str(model)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stdout + done.stderr


def test_plain_bentoml_serve_serves_the_model_of_the_environment(model: Path, tmp_path: Path):
    with booted(model, tmp_path / "log", {"CADENZA_MODEL": str(model)}, bentoml_command()) as (server, _):
        assert server.post("/generate", {"seed": 1}).status == 200


def test_plain_bentoml_serve_ends_at_once_with_a_bad_model(model: Path, tmp_path: Path):
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.read_bytes()[:-1])
    assert "cut off" in refused_by_bentoml(path)


def test_a_graph_that_the_runtime_refuses_is_said_at_once(model: Path, tmp_path: Path):
    def unknown(changed: onnx.ModelProto) -> None:
        changed.graph.node[0].op_type = "Nonsense"

    done = cadenza("serve", resealed(model, tmp_path / "x.onnx", unknown), "--port", free_port())
    assert done.returncode == 1
    assert "onnxruntime cannot run the graph" in done.stderr


def test_a_model_of_other_noise_ends_plain_bentoml_serve_too(model: Path, tmp_path: Path):
    def older(changed: onnx.ModelProto) -> None:
        for entry in changed.metadata_props:
            if entry.key == SPEC_KEY:
                spec = json.loads(entry.value)
                spec["noise"]["version"] = 1
                entry.value = json.dumps(spec)

    assert "export it anew" in refused_by_bentoml(resealed(model, tmp_path / "x.onnx", older))


def test_a_stream_without_end_ends_with_a_word_when_the_server_stops(model: Path, tmp_path: Path):
    with booted(model, tmp_path / "log", {}) as (server, process):
        request = urllib.request.Request(server.base + "/stream", b'{"length": null}')
        with urllib.request.urlopen(request, timeout=30) as response:
            assert json.loads(response.readline())["start"] == 0
            process.send_signal(signal.SIGTERM)
            last = json.loads([line for line in response if line.strip()][-1])
        assert last["error"]["code"] == "stopping"
        assert process.wait(timeout=20) == 0


def stalled(base: str, body: bytes, path: str = "/stream", fields: str = "") -> socket.socket:
    """A client that asks and reads nothing."""
    host, port = base.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    client.sendall(head.encode() + body)
    return client


def test_who_does_not_take_an_answer_is_let_go_and_was_not_answered(model: Path, tmp_path: Path):
    log = tmp_path / "log"
    # Six megabytes: more than the system holds for a client.
    body, fields = b'{"count": 4000, "length": 125}', "Accept: application/x-npy\r\nX-Request-ID: "
    with booted(model, log, {"CADENZA_TIMEOUT": "8"}) as (server, _):

        def line(name: str) -> str:
            until(lambda: f"id={name} " in log.read_text())
            (found,) = (line for line in log.read_text().splitlines() if f"id={name} " in line)
            return found

        with stalled(server.base, body, "/generate", f"{fields}left\r\n") as client:
            client.recv(1000)
        left = line("left")
        assert "status=200" in left
        assert "error=" not in left
        assert left.endswith("cut=true")
        with stalled(server.base, body, "/generate", f"{fields}stays\r\n"):
            stays = line("stays")
        assert "status=200" in stays
        assert stays.endswith("error=not_read cut=true")
        counted = server.get("/metrics").content.decode()
        assert 'cadenza_refusals_total{reason="cancelled"} 1.0' in counted
        assert 'cadenza_refusals_total{reason="not_read"} 1.0' in counted
        assert server.post("/generate", {}).status == 200
    assert "ERROR" not in log.read_text()


def test_readers_that_do_not_read_fill_no_queue_and_are_let_go(model: Path, tmp_path: Path):
    settings = {"CADENZA_TIMEOUT": "3", "CADENZA_MAX_QUEUE": "600000"}
    with booted(model, tmp_path / "log", settings) as (server, process), ExitStack() as stack:
        clients = [
            stack.enter_context(stalled(server.base, b'{"count": 500, "length": null}')) for _ in range(4)
        ]
        until(lambda: server.queued == 0)
        assert server.post("/generate", {"count": 500, "length": 100}, "application/x-npy").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert len(clients) == 4


def test_a_client_that_leaves_before_the_first_chunk_stops_the_work(server: Server):
    before = server.figures["cadenza_row_steps_total"]
    with stalled(server.base, b'{"count": 16, "length": null, "start": 65000}'):
        until(lambda: server.queued > 0)
    until(lambda: server.queued == 0)
    assert server.figures["cadenza_row_steps_total"] - before < 16 * 65_000


def test_a_start_that_is_too_far_for_so_many_is_refused(server: Server):
    far = server.post("/stream", {"count": 2000, "length": None, "start": 65_000})
    assert (far.status, far.error["field"]) == (422, "start")


def test_what_was_accepted_is_finished_when_the_server_stops(model: Path, tmp_path: Path):
    body = {"count": 16, "length": 20_000, "seed": 3}
    with booted(model, tmp_path / "log", {}) as (server, process):
        answers: list[Answer] = []
        asking = threading.Thread(
            target=lambda: answers.append(server.post("/generate", body, "application/x-npy"))
        )
        asking.start()
        until(lambda: server.queued > 0)
        process.send_signal(signal.SIGTERM)
        asking.join(60)
        assert answers[0].status == 200
        assert len(answers[0].content) > 16 * 20_000 * 3 * 4
        assert process.wait(timeout=20) == 0


def test_when_it_stops_it_is_not_ready_first(model: Path, tmp_path: Path):
    with booted(model, tmp_path / "log", {"CADENZA_DRAIN": "3"}) as (server, process):
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 2.5
        while server.get("/readyz").status == 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        # Whoever has not heard of it yet is served.
        assert server.post("/generate", {}).status == 200
        assert "cadenza_ready 0.0" in server.get("/metrics").content.decode()
        assert server.get("/livez").status == 200
        assert process.wait(timeout=20) == 0


def test_while_the_model_is_loaded_it_is_not_ready_and_says_so(model: Path, tmp_path: Path):
    (port, log) = free_port(), tmp_path / "log"
    environment = os.environ | {"BENTOML_DO_NOT_TRACK": "True", "CADENZA_DRAIN": "0"}
    command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port)]
    seen: set[tuple[str, int, str]] = set()
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=environment, stdout=out, stderr=out) as process,
    ):
        server = Server(f"http://127.0.0.1:{port}", process.pid, log)
        deadline = time.monotonic() + 60
        while ("ready", 200, "") not in seen:
            assert time.monotonic() < deadline, log.read_text()
            try:
                ready, answer = server.get("/readyz").status, server.post("/generate", {})
            except OSError:
                continue
            seen.add(("ready", ready, ""))
            if answer.status != 200:
                seen.add(("answer", answer.status, answer.headers["Retry-After"]))
        process.terminate()
        assert process.wait(timeout=30) == 0
    # Whether it was seen while loading depends on the moment; what was seen has to be one of these.
    assert seen <= {("ready", 503, ""), ("ready", 200, ""), ("answer", 503, "1")}


def workers(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


@pytest.mark.parametrize("contained", [False, True])
def test_a_killed_worker_leaves_no_client_hanging(model: Path, tmp_path: Path, contained: bool):
    """On its own the parent starts another worker; in a container it ends, and is started again."""
    log, port, long = tmp_path / "log", free_port(), {"count": 16, "length": 60_000, "seed": 3}
    settings = {"BENTOML_DO_NOT_TRACK": "True", "CADENZA_DRAIN": "0", "CADENZA_MAX_QUEUE": "10000000"}
    settings |= {"BENTOML_CONTAINERIZED": "True"} if contained else {}
    command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port)]
    became: list[object] = []

    def ask(path: str, body: dict[str, int]) -> None:
        try:
            became.append(server.post(path, body, "application/x-npy").status)
        except (OSError, http.client.HTTPException) as error:
            became.append(error)

    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=os.environ | settings, stdout=out, stderr=out) as process,
    ):
        server = Server(f"http://127.0.0.1:{port}", process.pid, log)
        await_ready(server, process)
        before = server.post("/generate", {"seed": 8}).content
        asking = [threading.Thread(target=ask, args=[p, long]) for p in ("/generate", "/stream") * 3]
        for thread in asking:
            thread.start()
        until(lambda: server.figures["cadenza_open_requests"] == 7)
        (worker,) = workers(process.pid)
        os.kill(worker, signal.SIGKILL)
        late = threading.Thread(target=ask, args=["/generate", {"seed": 3}])
        late.start()
        for thread in asking:
            thread.join(20)
            assert not thread.is_alive()
        assert len([x for x in became if isinstance(x, Exception)]) >= 6
        if contained:
            process.wait(timeout=30)
        else:
            await_ready(server, process)
            assert server.post("/generate", {"seed": 8}).content == before
            process.terminate()
            assert process.wait(timeout=60) == 0
        late.join(60)
        assert not late.is_alive()


def test_a_worker_whose_parent_is_killed_lets_go_of_the_port(model: Path, tmp_path: Path):
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port)]
    environment = os.environ | {"BENTOML_DO_NOT_TRACK": "True", "CADENZA_DRAIN": "0"}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=environment, stdout=out, stderr=out) as process,
    ):
        await_ready(Server(f"http://127.0.0.1:{port}", process.pid, log), process)
        (worker,) = workers(process.pid)
        process.kill()
        process.wait(timeout=10)
    until(lambda: not Path(f"/proc/{worker}").exists())
    assert "the parent process is gone" in log.read_text()
    require_free("127.0.0.1", port)


def test_a_log_that_nobody_reads_stops_nobody(model: Path, tmp_path: Path):
    port = free_port()
    command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port)]
    environment = os.environ | {"BENTOML_DO_NOT_TRACK": "True", "CADENZA_DRAIN": "0"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=subprocess.STDOUT) as process:
        server = Server(f"http://127.0.0.1:{port}", process.pid, tmp_path)
        await_ready(server, process)
        for _ in range(600):  # more lines than the pipe holds
            assert server.post("/generate", {"length": 1}).status == 200
        process.terminate()
        assert process.wait(timeout=20) == 0
        assert process.stdout is not None
        lines = process.stdout.read().decode().splitlines()
    asked = [line for line in lines if "route=/generate" in line]
    assert 50 < len(asked) < 600
    # Each a whole one, but for the one that was being written when the server went.
    assert sum("status=200" in line and "seconds=" in line for line in asked) >= len(asked) - 1


def test_a_full_queue_is_429_with_a_time_and_goes_by(model: Path, tmp_path: Path):
    body = {"count": 16, "length": 20_000, "seed": 3}
    settings = {"CADENZA_MAX_QUEUE": "400000"}
    with booted(model, tmp_path / "log", settings) as (server, _):
        asking = threading.Thread(target=lambda: server.post("/generate", body, "application/x-npy"))
        asking.start()
        until(lambda: server.queued > 0)
        refused = server.post("/generate", body, "application/x-npy")
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.error["code"] == "queue_full"
        asking.join(60)
        assert server.post("/generate", {}).status == 200


def test_work_that_takes_too_long_is_stopped_with_504(model: Path, tmp_path: Path):
    with booted(model, tmp_path / "log", {"CADENZA_TIMEOUT": "0.2"}) as (server, _):
        host, port = server.base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as slow:
            slow.sendall(b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{")
            assert slow.recv(4096).startswith(b"HTTP/1.1 408")
        late = server.post("/generate", {"count": 16, "length": 65_536}, "application/x-npy")
        assert late.status == 504
        until(lambda: server.queued == 0)
        assert server.figures["cadenza_row_steps_total"] < 16 * 65_536
        assert server.post("/generate", {}).status == 200


@pytest.mark.parametrize(("name", "value"), [("COUNT", "many"), ("BODY", "0"), ("PROVIDER", "tpu")])
def test_a_wrong_variable_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch):
    from contract.errors import UsageError
    from serving.settings import Settings

    key = "CADENZA_PROVIDER" if name == "PROVIDER" else f"CADENZA_MAX_{name}"
    monkeypatch.setenv(key, value)
    with pytest.raises(UsageError, match=f"(?i){name}"):
        Settings.from_environment()


def test_settings_survive_the_environment():
    from serving.settings import Settings

    chosen = Settings(provider="cpu", max_count=7, timeout=1.5)
    assert Settings.from_environment(chosen.to_environment()) == chosen


def test_a_flag_counts_before_a_variable(model: Path, tmp_path: Path):
    command = [sys.executable, "-m", "cadenza", "serve", str(model), "--timeout", "60"]
    settings = {"CADENZA_TIMEOUT": "5", "CADENZA_MAX_COUNT": "7"}
    with booted(model, tmp_path / "log", settings, command) as (server, _):
        limits = server.get("/model").json()["limits"]
        assert (limits["timeout"], limits["max_count"]) == (60, 7)
        default = server.post("/generate", {"length": 3})
        assert default.status == 200


def test_without_a_length_the_bound_holds_too(model: Path, tmp_path: Path):
    with booted(model, tmp_path / "log", {"CADENZA_MAX_LENGTH": "4"}) as (server, _):
        long = server.post("/generate", {})
        assert (long.status, long.error["field"]) == (422, "length")
        assert server.post("/generate", {"length": 4}).status == 200


def test_several_workers_give_the_same_bytes_and_end_together(model: Path, tmp_path: Path):
    log = tmp_path / "log"
    with booted(model, log, {"CADENZA_WORKERS": "2"}) as (server, process):
        until(lambda: log.read_text().count("ticks of") == 2)  # one is ready, both shall be
        with ThreadPoolExecutor(8) as pool:
            asked = [{"seed": 5, "count": 3, "length": 2000}] * 24
            answers = list(pool.map(lambda body: server.post("/generate", body), asked))
        assert {a.status for a in answers} == {200}
        assert len({a.content for a in answers}) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
