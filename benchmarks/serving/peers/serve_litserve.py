"""LitServe: one worker, batches of at most 64 requests that come within 1 ms."""

import sys
from typing import Any

import litserve
from fastapi import Response
from generator import Ask, Floats, Generator, npy


class Sample(litserve.LitAPI):
    """JSON in, NPY out."""

    def setup(self, device: str) -> None:
        """In the worker's process."""
        self._generator = Generator()

    def decode_request(self, request: dict[str, Any]) -> Ask:
        """One body."""
        return request["count"], request["length"], request["seed"]

    def batch(self, inputs: list[Ask]) -> list[Ask]:
        """Nothing is stacked: lengths differ."""
        return inputs

    def predict(self, x: list[Ask]) -> list[Floats]:
        """One batch."""
        return self._generator.run(x)

    def unbatch(self, output: list[Floats]) -> list[Floats]:
        """Nothing was stacked."""
        return output

    def encode_response(self, output: Floats) -> Response:
        """One answer."""
        return Response(npy(output), media_type="application/x-npy")


if __name__ == "__main__":
    server = litserve.LitServer(
        Sample(max_batch_size=64, batch_timeout=0.001), accelerator="cpu", workers_per_device=1, timeout=120
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="error",
    )
