"""onnxruntime as the plain callable that the checks take: one thread, CPU, quiet."""

from collections.abc import Mapping

import onnxruntime
from onnx import ModelProto

from contract.rollout import Array, Arrays, Run


def run_of(model: ModelProto | bytes) -> Run:
    """A callable over the model's named inputs and outputs."""
    data = model if isinstance(model, bytes) else model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]

    def run(feeds: Mapping[str, Array]) -> Arrays:
        return dict(zip(names, session.run(names, dict(feeds)), strict=True))

    return run
