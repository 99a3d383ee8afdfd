"""What is kept of an exchange: a line in the log, figures in the metrics, a dashboard that shows them."""

import json
import re
import socket
from pathlib import Path

import pytest

from contract.seal import Artifact
from tests.conftest import Server, until

DOCS = Path(__file__).parents[2] / "docs" / "serving.md"
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"


def logged(log: Path, identity: str) -> dict[str, str]:
    (line,) = (line for line in log.read_text().splitlines() if f"id={identity} " in line)
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def test_a_line_says_what_was_asked_and_what_became_of_it(server: Server, artifact: Artifact):
    log = server.log
    body = {"count": 2, "length": 7, "seed": 9}
    answer = server.post("/generate", body, headers={"X-Request-ID": "mine-1"})
    assert answer.headers["X-Request-ID"] == "mine-1"
    streamed = server.post("/stream", {"length": 70, "start": 5}, headers={"X-Request-ID": "mine-2"})
    server.post("/generate", {"count": 0}, headers={"X-Request-ID": "mine-3"})
    made_up = server.post("/generate", {}, headers={"X-Request-ID": "no id=1 of ours"})
    assert re.fullmatch("[0-9a-f]{16}", made_up.headers["X-Request-ID"])
    host, port = server.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        head = "POST /stream HTTP/1.1\r\nHost: x\r\nX-Request-ID: mine-4\r\nContent-Length: 16\r\n\r\n"
        client.sendall(head.encode() + b'{"length": null}')
        client.recv(1000)
    until(lambda: all(f"id=mine-{k} " in log.read_text() for k in (1, 2, 3, 4)))
    line = logged(log, "mine-1")
    assert float(line.pop("seconds")) > 0
    assert line == {
        "id": "mine-1", "client": "127.0.0.1", "route": "/generate", "status": "200",
        "model": artifact.digest[:12], "seed": "9", "count": "2", "length": "7", "start": "0",
        "bytes": str(len(answer.content)),
    }  # fmt: skip
    assert logged(log, "mine-2")["bytes"] == str(len(streamed.content))
    assert logged(log, "mine-2")["seed"] == streamed.headers["X-Cadenza-Seed"]
    assert logged(log, "mine-3")["error"] == "invalid"
    assert logged(log, "mine-4")["cut"] == "true"


def test_nobody_is_believed_to_ask_for_another(server: Server):
    fields = {"X-Request-ID": "forged", "X-Forwarded-For": "evil route=/admin"}
    server.post("/generate", {}, headers=fields)
    until(lambda: "id=forged " in server.log.read_text())
    assert logged(server.log, "forged")["client"] == "127.0.0.1"


def names(text: str) -> set[str]:
    """The metrics in Prometheus' text form, each as it is asked for."""
    return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}


def test_the_metrics_are_those_a_person_on_call_needs(server: Server):
    server.post("/generate", {"count": 3, "length": 40})
    server.post("/stream", {"length": 40})
    server.post("/generate", {"count": 0})
    server.get("/not/there")
    text = server.get("/metrics").content.decode()
    for wanted in (
        "cadenza_ready 1.0", "cadenza_engines 1.0", "cadenza_queue_row_steps 0.0", "cadenza_queue_limit ",
        "cadenza_open_requests 1.0", "cadenza_ticks_total ", "cadenza_row_steps_total ",
        'cadenza_tick_rows_bucket{le="4.0"}', "cadenza_tick_seconds_count ",
        'cadenza_answer_seconds_count{route="/generate"}',
        'cadenza_first_byte_seconds_count{route="/stream"}', 'cadenza_answer_bytes_total{route="/stream"}',
        'cadenza_refusals_total{reason="invalid"}', 'cadenza_answers_total{route="other",status="404"}',
        'cadenza_model_info{digest="', "process_resident_memory_bytes ",
    ):  # fmt: skip
        assert f"\n{wanted}" in text


def test_ticks_and_row_steps_are_those_of_the_request(server: Server):
    until(lambda: server.queued == 0)
    before = server.figures
    server.post("/generate", {"count": 3, "length": 40})
    made = {name: now - before.get(name, 0) for name, now in server.figures.items()}
    assert made["cadenza_row_steps_total"] == 120
    assert made["cadenza_tick_rows_sum"] == 3 * made["cadenza_ticks_total"] > 0


def test_every_query_of_the_dashboard_names_a_metric_that_exists(server: Server):
    server.post("/generate", {})
    server.post("/generate", {"count": 0})
    known = names(server.get("/metrics").content.decode())
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", [])]
    queries += [v["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
    assert len(queries) > 10
    for query in queries:
        asked = set(re.findall(r"\b(?:cadenza|process)_\w+", query))
        assert asked, query
        assert asked <= known, query


def test_every_metric_is_documented_and_none_else(server: Server):
    server.post("/generate", {"count": 0})
    text = server.get("/metrics").content.decode()
    exposed = set(re.findall(r"^# TYPE (cadenza_\w+)", text, re.MULTILINE))
    documented = set(re.findall(r"`(cadenza_\w+)`", DOCS.read_text()))
    assert {name for name in exposed if not name.endswith("_created")} == documented


@pytest.mark.parametrize("title", ["queue", "refus", "first", "row-steps", "model", "memory"])
def test_the_dashboard_shows_what_matters(title: str):
    panels = [p["title"].lower() for p in json.loads(DASHBOARD.read_text())["panels"]]
    assert any(title in panel for panel in panels)
