"""API keys: which lines are keys, and which routes want one."""

import json
from pathlib import Path

import pytest

from contract.errors import UsageError
from serving.access import Keys
from serving.errors import Unauthorized
from tests.conftest import booted, cadenza

ALICE, BOB = "alices-key-0123456789", "bobs-key-9876543210-x"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_has_a_name_of_its_own_or_one_made_from_its_hash():
    keys = Keys([f"alice {ALICE}", "", "# nobody", f"{BOB}  # bob"])
    assert keys.name(f"Bearer {ALICE}") == "alice"
    assert keys.name(f"bearer  {BOB}").startswith("key-")
    assert BOB not in keys.name(f"Bearer {BOB}")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Basic {ALICE}", f"Bearer {ALICE}x", "Bearer é", ALICE]
)
def test_what_is_no_known_key_is_refused(header: str | None):
    with pytest.raises(Unauthorized):
        Keys([f"alice {ALICE}"]).name(header)


@pytest.mark.parametrize(
    "line",
    ["too-short", "a b c", f"alice {ALICE}\nalice {BOB}", f"# fine\n{ALICE[:15]}", f"é{ALICE}"],
)
def test_a_line_that_is_no_key_is_said_without_the_key(line: str):
    with pytest.raises(UsageError, match="line [12]: NAME KEY is wanted") as error:
        Keys(line.splitlines())
    assert ALICE not in str(error.value)


def test_keys_come_from_the_file_and_from_the_environment(tmp_path: Path):
    (tmp_path / "keys").write_text(f"alice {ALICE}\n")
    both = Keys.from_environment(str(tmp_path / "keys"), {"CADENZA_API_KEYS": f"bob {BOB}"})
    assert both.name(f"Bearer {ALICE}") == "alice"
    assert both.name(f"Bearer {BOB}") == "bob"
    assert not Keys.from_environment("", {})


@pytest.mark.parametrize("value", ["", " , ", "# alice"])
def test_a_variable_without_keys_opens_nothing(value: str):
    with pytest.raises(UsageError, match="CADENZA_API_KEYS is set and holds no API key"):
        Keys.from_environment("", {"CADENZA_API_KEYS": value})


def test_a_key_is_taken_whole(tmp_path: Path):
    (tmp_path / "keys").write_text(f"\ufeff{ALICE}#rest\nbob {BOB} #his\n", "utf-8")
    keys = Keys.from_environment(str(tmp_path / "keys"), {})
    assert keys.name(f"Bearer {ALICE}#rest")
    assert keys.name(f"Bearer {BOB}") == "bob"
    with pytest.raises(Unauthorized):
        keys.name(f"Bearer {ALICE}")


@pytest.mark.parametrize("content", [None, "", "# none yet\n", b"\xff\xfe"])
def test_a_file_without_keys_opens_nothing(model: Path, tmp_path: Path, content: str | bytes | None):
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=str(path)):
        Keys.from_environment(str(path), {})
    if content is None:
        done = cadenza("serve", model, "--api-keys-file", path)
        assert done.returncode == 2, done.stderr


def test_a_closed_server_answers_those_with_a_key(model: Path, tmp_path: Path):
    (tmp_path / "keys").write_text(f"alice {ALICE}\n")
    log = tmp_path / "log"
    settings = {"CADENZA_API_KEYS_FILE": str(tmp_path / "keys"), "CADENZA_API_KEYS": f"bob {BOB}"}
    with booted(model, log, settings) as (server, _):
        for answer in (
            server.post("/generate", {}),
            server.post("/stream", {}, headers=bearer("wrong")),
            server.get("/model"),
            server.get("/docs.json"),
        ):
            assert answer.status == 401
            assert answer.error["code"] == "unauthorized"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        for key in (ALICE, BOB):
            assert server.post("/generate", {"seed": 1}, headers=bearer(key)).status == 200
        about = server.get("/model", bearer(ALICE))
        assert "api_keys_file" not in about.json()["limits"]
        document = server.get("/docs.json", bearer(ALICE)).json()
        assert document["paths"]["/generate"]["post"]["security"] == [{"key": []}]
        assert "security" not in document["paths"]["/metrics"]["get"]
        for path in ("/livez", "/readyz", "/metrics", "/"):
            assert server.get(path).status == 200
        assert 'cadenza_refusals_total{reason="unauthorized"} 4.0' in metrics(server)
    written = log.read_text()
    assert "client=alice" in written
    assert "client=bob" in written
    assert ALICE not in written + json.dumps(document)
    assert BOB not in written


def metrics(server) -> str:
    return server.get("/metrics").content.decode()
