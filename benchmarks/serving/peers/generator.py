"""What every peer does with the model, so that only the servers differ: one padded batch, run once.

A request is (count, length, seed). Its noise is its own, so an answer does not depend on its company.
"""

import io
import os
from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Ask = tuple[int, int, int]
Floats = NDArray[np.float32]


class Generator:
    """The model in onnxruntime, on one thread."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            os.environ["MODEL"], options, providers=["CPUExecutionProvider"]
        )
        inputs = self._session.get_inputs()
        self._sizes = {i.name: i.shape[-1] for i in inputs if i.name in ("latent", "noise")}
        self._states = {i.name: i.shape for i in inputs if i.name.startswith("state.")}

    def run(self, asks: Sequence[Ask]) -> list[Floats]:
        """Each request's values (count, length, channels): all are padded to the longest, and cut."""
        rows, steps = sum(a[0] for a in asks), max(a[1] for a in asks)
        latent = np.empty((rows, self._sizes["latent"]), np.float32)
        noise = np.zeros((rows, steps, self._sizes["noise"]), np.float32)
        at = 0
        for count, length, seed in asks:
            random = np.random.default_rng(seed)
            latent[at : at + count] = random.standard_normal((count, latent.shape[1]), np.float32)
            noise[at : at + count, :length] = random.standard_normal(
                (count, length, noise.shape[2]), np.float32
            )
            at += count
        feeds = {"latent": latent, "noise": noise, "position": np.zeros(rows, np.int64)}
        for name, shape in self._states.items():
            feeds[name] = np.zeros([rows if size == "batch" else size for size in shape], np.float32)
        (values,) = self._session.run(["values"], feeds)
        ends = np.cumsum([a[0] for a in asks])
        return [
            values[end - a[0] : end, : a[1]] for a, end in zip(asks, ends, strict=True)
        ]  # (count, length, channels)


def npy(values: Floats) -> bytes:
    """The bytes of an NPY file."""
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()
