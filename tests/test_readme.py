"""README's Python and its commands really run."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Server, cadenza_process
from training.data import BUILTIN

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_lines_of_python_work_as_written(prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("prices.csv").write_text(prices.read_text())
    (code,) = blocks("python")
    assert "minutes=2" in code
    assert "evaluate(run.path)" in code
    names: dict = {}
    quick = 'evaluate(run.path, scores=["marginal"], with_page=False)'
    code = code.replace("minutes=2", "minutes=0.01").replace("evaluate(run.path)", quick)
    exec(code, names)
    assert names["samples"].values.shape == (100, 24, 3)
    assert np.isfinite(names["samples"].values).all()


def test_the_commands_work_in_order(prices: Path, tmp_path: Path):
    (tmp_path / "prices.csv").write_text(prices.read_text())
    lines = [line for block in blocks("console") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("cadenza ")]
    assert {c[0] for c in commands} == {
        "train",
        "evaluate",
        "export",
        "inspect",
        "check",
        "sample",
        "bench",
        "serve",
    }
    for command in commands:
        if command[0] == "serve":
            continue  # the tests of the service boot it
        arguments = [a if a != "10" else "0.01" for a in command]
        if command[0] == "evaluate":
            arguments += ["--scores", "marginal", "--no-page"]
        if command[0] == "bench":
            arguments += ["--seconds", "0.3"]
        done = cadenza_process(*arguments, cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)


def test_the_curl_commands_are_answered(server: Server):
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("curl")]
    assert lines
    for line in lines:
        words = shlex.split(line)
        url = next(w for w in words if "localhost:3000" in w)
        path = (
            "/" + url.split("/", 1)[1].split("/", 1)[-1] if url.count("/") > 2 else "/" + url.split("/")[-1]
        )
        body = words[words.index("-d") + 1].encode() if "-d" in words else None
        accept = next((w.split(": ")[1] for w in words if w.startswith("Accept")), None)
        answer = server.post(path, body, accept) if body else server.get(path)
        assert answer.status == 200, line


def test_every_command_of_make_that_is_named_exists():
    makefile = (Path(__file__).parent.parent / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_built_in_set_has_its_row_in_the_docs():
    rows = (Path(__file__).parent.parent / "docs" / "data.md").read_text()
    assert set(re.findall(r"^\| `([\w-]+)` \|", rows.partition("## Built in")[2], re.M)) == set(BUILTIN)
