"""Requests made from the server's own OpenAPI description, good ones and bad ones, and raw bytes.

    python benchmarks/fuzz_service.py --cases 6000

No answer may be a 5xx, save a 504 where the request asked for a short time; none may fail to come;
each has a status and a form that the description gives it. Small limits make most requests cheap.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import jsonschema
import requests
import schemathesis
from schemathesis import GenerationMode

from cadenza.server import free_port
from export.exporter import export
from training.config import TrainConfig
from training.trainer import train

RESULT = Path(__file__).parent / "results" / "fuzz.json"
LIMITS = {
    "CADENZA_MAX_COUNT": "200", "CADENZA_MAX_LENGTH": "2000", "CADENZA_MAX_ROW_STEPS": "20000",
    "CADENZA_MAX_JSON_VALUES": "5000", "CADENZA_TIMEOUT": "10", "CADENZA_DRAIN": "0",
}  # fmt: skip
PATIENCE = 30.0
"""Seconds without a byte after which a request hangs: three times the server's own limit."""
ENOUGH = 2**18
"""Bytes read of an answer: a stream may have no end."""
_ACCEPTS = (
    None, "*/*", "application/json", "application/x-npy", "application/x-npz", "text/csv",
    "application/x-ndjson", "application/vnd.apache.arrow.stream", "text/*;q=0.1, */*;q=0", "audio/wav",
    ";;,q=x",
)  # fmt: skip


@dataclass
class Found:
    """What came of a run."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def fuzz(base: str, cases: int, seed: int) -> Found:
    """About `cases` requests to the server at `base`; the same seed makes the same ones."""
    document = requests.get(f"{base}/docs.json", timeout=PATIENCE).json()
    schema: Any = schemathesis.openapi.from_dict(document)
    operations = [o.ok() for o in schema.get_all_operations()]
    posts = [o for o in operations if o.method.lower() == "post"]
    found = Found()
    share = max(1, cases // (3 * len(posts)))
    for operation in operations:
        modes = list(GenerationMode) if operation in posts else [GenerationMode.POSITIVE]
        for mode in modes:
            _run(operation.as_strategy(generation_mode=mode), base, document, share, seed, found)
    for operation in posts:
        raw = st.tuples(st.just(operation), st.binary(max_size=300))
        _run(raw, base, document, share, seed, found)
    return found


def _run(strategy: Any, base: str, document: Any, cases: int, seed: int, found: Found) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases, database=None, deadline=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(case=strategy, accept=st.sampled_from(_ACCEPTS))
    def ask(case: Any, accept: str | None) -> None:
        if isinstance(case, tuple):
            operation, content = case
            asked = {"method": "POST", "url": base + operation.path, "data": content, "headers": {}}
        else:
            operation, asked = case.operation, case.as_transport_kwargs(base_url=base)
        if accept is not None:
            asked["headers"]["Accept"] = accept
        failure = _failure(asked, document["paths"][operation.path], document["components"], found)
        if failure is not None:
            found.failures.append(f"{failure}: {str(asked)[:500]}")

    ask()


def _failure(asked: dict[str, Any], methods: Any, components: Any, found: Found) -> str | None:
    """One request; what is wrong with its answer."""
    found.cases += 1
    hurried = "X-Cadenza-Timeout" in asked["headers"]
    try:
        with requests.request(**asked, timeout=PATIENCE, stream=True) as answer:
            try:
                content = next(answer.iter_content(ENOUGH), b"")
            except requests.exceptions.ChunkedEncodingError:
                if not hurried:
                    raise
                content = b""  # a chunk of a binary stream was late: there is no other way to say it
    except (requests.exceptions.InvalidHeader, UnicodeEncodeError):
        found.statuses[0] += 1  # the client's library does not send such a thing
        return None
    except requests.RequestException as error:
        return f"no answer, {error!r}"
    status = answer.status_code
    found.statuses[status] += 1
    if status >= 500 and not (status == 504 and hurried):
        return f"status {status}, {content[:200]!r}"
    described = methods.get(asked["method"].lower(), {}).get("responses", {})
    if str(status) not in described:
        # A method that is not described is refused, and the HTTP layer refuses broken requests itself.
        return None if status in (400, 405) else f"status {status} is not described"
    media = answer.headers.get("Content-Type", "").partition(";")[0]
    forms = described[str(status)].get("content")
    if forms is None:
        return None
    if media not in forms:
        return f"form {media!r} of a {status} is not described"
    if media == "application/json" and len(content) < ENOUGH:
        schema = forms[media].get("schema", {}) | {"components": components}
        try:
            jsonschema.validate(json.loads(content), schema)
        except (jsonschema.ValidationError, ValueError) as error:
            return f"a {status} is not as described, {error!s:.200}"
    return None


def main() -> None:
    """Print the table and the JSON line, and keep the latter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    base = f"http://127.0.0.1:{(port := free_port())}"
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.onnx")
        train("sines", Path(folder, "run"), TrainConfig(steps=20))
        export(Path(folder, "run"), model)
        command = [sys.executable, "-m", "cadenza", "serve", str(model), "--port", str(port)]
        with subprocess.Popen(
            command, env=os.environ | LIMITS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                _await_ready(base)
                begun = time.perf_counter()
                found = fuzz(base, chosen.cases, chosen.seed)
                seconds = time.perf_counter() - begun
                urllib.request.urlopen(f"{base}/readyz", timeout=PATIENCE).close()
            finally:
                server.terminate()
    for status, count in sorted(found.statuses.items()):
        print(f"{status or 'not sent':<10} {count:>6}")
    for failure in found.failures[:20]:
        print(failure)
    line = json.dumps(
        {
            "benchmark": "fuzz", "cases": found.cases, "seed": chosen.seed, "failures": len(found.failures),
            "statuses": {str(s): n for s, n in sorted(found.statuses.items())}, "seconds": round(seconds),
        }
    )  # fmt: skip
    RESULT.write_text(line + "\n")
    print(line)
    raise SystemExit(bool(found.failures))


def _await_ready(base: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{base}/readyz", timeout=2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server was not ready after 30 s")


if __name__ == "__main__":
    main()
