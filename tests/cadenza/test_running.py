"""A server of our own for a while."""

import socket
import sys
import threading
from pathlib import Path

import pytest

from cadenza.running import started
from cadenza.server import free_port
from contract.errors import CadenzaError


def test_a_free_port_is_none_that_is_listened_on_and_none_that_the_system_gives():
    port = free_port()
    assert port in range(1024, 32_768)  # from where on Linux gives them, unless told otherwise
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert free_port() != port


def test_another_program_that_answers_is_not_waited_for(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"\xff\0\0\0\0\0\0\0\1\x7f")  # as ZeroMQ greets

        threading.Thread(target=answer).start()
        base = f"http://127.0.0.1:{other.getsockname()[1]}"
        sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
        with (
            pytest.raises(CadenzaError, match="no HTTP: BadStatusLine"),
            started(sleeping, base, base, tmp_path / "log", {}),
        ):
            pass
