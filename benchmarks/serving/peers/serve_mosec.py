"""Mosec: one worker, batches of at most 64 requests that come within 1 ms."""

import json
import sys

from generator import Ask, Floats, Generator, npy
from mosec import Server, Worker


class Sample(Worker):
    """JSON in, NPY out."""

    resp_mime_type = "application/x-npy"

    def __init__(self) -> None:
        super().__init__()
        self._generator = Generator()

    def deserialize(self, data: bytes) -> Ask:
        """In the worker's process."""
        asked = json.loads(data)
        return asked["count"], asked["length"], asked["seed"]

    def forward(self, data: list[Ask]) -> list[Floats]:
        """One batch."""
        return self._generator.run(data)

    def serialize(self, data: Floats) -> bytes:
        """In the worker's process."""
        return npy(data)


if __name__ == "__main__":
    port = sys.argv[1]
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", port, "--timeout", "120000"]
    server = Server()
    server.append_worker(Sample, num=1, max_batch_size=64, max_wait_time=1, timeout=120)
    server.run()
