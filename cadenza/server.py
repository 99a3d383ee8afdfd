"""`cadenza serve`: check what can be checked, then hand over to BentoML."""

import os
import random
import socket
import sys
from pathlib import Path

from contract.errors import CadenzaError, UsageError
from contract.seal import load
from serving.access import Keys
from serving.session import Session
from serving.settings import Settings

SERVICE = "serving.service:Cadenza"
KEEP_ALIVE_SECONDS = 75
"""Idle connections are kept so long, longer than proxies keep theirs: whoever closes one may meet a request
that is on its way."""
_NOT_GIVEN = range(20_000, 30_000)
"""Ports below those that Linux (32768 …), macOS and Windows (49152 …) give to who asks for any."""


def serve_model(model: Path, host: str, port: int, settings: Settings) -> None:
    """Become the server. A wrong model, or a port in use, is said before anything starts.

    Raises:
        ContractError: the file does not keep the contract.
        ProviderError: CUDA was asked for and does not run here.
        CadenzaError: the runtime cannot run it, or the port is taken.
    """
    artifact = load(model)
    # A wrong variable, a wrong key, a graph that cannot be run: said here, not by the server.
    Settings.from_environment()
    Keys.from_environment(settings.api_keys_file)
    Session(artifact, settings.provider)
    address = address_of(host)
    require_free(address, port)
    named = f"[{host}]" if ":" in host else host
    print(f"{artifact.spec.name}, model {artifact.digest[:12]}…, on http://{named}:{port}", flush=True)
    os.environ.update(environment(model, settings))
    command = [sys.executable, "-m", "bentoml", "serve", SERVICE, "--host", address, "--port", str(port)]
    command += ["--timeout-keep-alive", str(KEEP_ALIVE_SECONDS)]
    os.execv(sys.executable, command)


def environment(model: Path, settings: Settings) -> dict[str, str]:
    """The variables that tell the service what to serve and how. A link stays one: it may be turned to a
    new model."""
    return settings.to_environment() | {
        "CADENZA_MODEL": str(model.absolute()),
        "BENTOML_DO_NOT_TRACK": "True",
    }


def address_of(host: str) -> str:
    """The numeric address of a host's name: BentoML takes no other."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"--host {host}: no such address: {error.strerror}") from error
    families = {family: str(address[0]) for family, _, _, _, address in reversed(found)}
    return families.get(socket.AF_INET) or families[socket.AF_INET6]


def require_free(host: str, port: int) -> None:
    """Raise unless the port can be listened on."""
    if not 0 < port < 65_536:
        raise UsageError(f"port {port} is no port; 1 … 65535 are")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CadenzaError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port"
            ) from error


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on at this moment, and which no system gives to a program that asks for any:
    BentoML's supervisor asks for two, and would now and then be given ours before the service has it.

    Raises:
        CadenzaError: all that were tried are taken.
    """
    refused: OSError | None = None
    for port in random.sample(_NOT_GIVEN, 100):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError as error:  # taken, mostly: try another
                refused = error
            else:
                return port
    raise CadenzaError(f"no free port was found on {host}: {refused}") from refused
