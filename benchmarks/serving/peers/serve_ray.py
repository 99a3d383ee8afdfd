"""Ray Serve: one replica, batches of at most 64 requests that come within 1 ms."""

import signal
import sys

import ray
from generator import Ask, Floats, Generator, npy
from ray import serve
from starlette.requests import Request
from starlette.responses import Response


@serve.deployment(num_replicas=1, max_ongoing_requests=256, ray_actor_options={"num_cpus": 1})
class Sample:
    """JSON in, NPY out."""

    def __init__(self) -> None:
        self._generator = Generator()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.001)
    async def batch(self, asks: list[Ask]) -> list[Floats]:
        """One batch."""
        return self._generator.run(asks)

    async def __call__(self, request: Request) -> Response:
        """One request."""
        asked = await request.json()
        values = await self.batch((asked["count"], asked["length"], asked["seed"]))
        return Response(npy(values), media_type="application/x-npy")


if __name__ == "__main__":
    # The proxy is an actor and wants a CPU too; Ray only counts them.
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=10**8, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Sample.bind(), route_prefix="/generate")
    signal.sigwait([signal.SIGTERM])
    ray.shutdown()
