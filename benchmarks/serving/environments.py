"""An environment for each peer, made once from its pinned requirements; none of them enters ours."""

import subprocess
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
FOLDER = Path("build/serving-peers")


def interpreter(name: str, base: str) -> Path:
    """The Python of the environment `name`, which the interpreter `base` makes if it is not there.

    Raises:
        CalledProcessError: pip could not make it; what it said is in `stderr`.
    """
    folder, wanted = FOLDER / name, (PEERS / f"{name}.txt").read_text()
    ready, python = folder / "ready.txt", (folder / "bin" / "python").absolute()
    if not ready.exists() or ready.read_text() != wanted:
        _call(base, "-m", "venv", "--clear", folder)
        _call(python, "-m", "pip", "install", "--quiet", "-r", PEERS / f"{name}.txt")
        ready.write_text(wanted)
    return python


def _call(*command: str | Path) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)
