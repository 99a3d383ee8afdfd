"""PyTriton: Triton's dynamic batcher, at most 64 requests that come within 1 ms."""

import sys

import numpy as np
from generator import Floats, Generator
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.proxy.types import Request
from pytriton.triton import Triton, TritonConfig

FIELDS = ("count", "length", "seed")
generator = Generator()


def sample(requests: list[Request]) -> list[dict[str, Floats]]:
    """One batch."""
    asks = [tuple(int(request.data[name].item()) for name in FIELDS) for request in requests]
    return [{"values": values[None]} for values in generator.run(asks)]


if __name__ == "__main__":
    port = int(sys.argv[1])
    config = TritonConfig(http_address="127.0.0.1", http_port=port, allow_grpc=False, allow_metrics=False)
    with Triton(config=config) as triton:
        triton.bind(
            "generate",
            sample,
            [Tensor(name=name, dtype=np.int64, shape=(1,)) for name in FIELDS],
            [Tensor(name="values", dtype=np.float32, shape=(-1, -1, -1))],
            config=ModelConfig(
                max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=1000)
            ),
        )
        triton.serve()
