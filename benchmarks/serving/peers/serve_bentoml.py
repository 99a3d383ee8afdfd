"""BentoML with its own adaptive batcher, and without what costs: metrics, tracing, the access log.

Its batcher answers JSON only, so the NPY travels in it as base64. It gives up requests that it thinks
will take longer than `max_latency_ms`: so long that it gives up none.
"""

import base64
import os
import sys

import bentoml
from generator import Generator, npy
from pydantic import BaseModel


class Ask(BaseModel):
    """One request."""

    count: int
    length: int
    seed: int


@bentoml.service(
    workers=1,
    traffic={"timeout": 120},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
)
class Sample:
    """JSON in, NPY in base64 in JSON out."""

    def __init__(self) -> None:
        self._generator = Generator()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=120_000)
    def generate(self, asks: list[Ask]) -> list[str]:
        """One batch."""
        answers = self._generator.run([(a.count, a.length, a.seed) for a in asks])
        return [base64.b64encode(npy(values)).decode() for values in answers]


if __name__ == "__main__":
    command = [sys.executable, "-m", "bentoml", "serve", "serve_bentoml:Sample", "--host", "127.0.0.1"]
    os.execv(sys.executable, [*command, "--port", sys.argv[1]])
