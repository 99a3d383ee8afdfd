"""Precisions: float32, weights stored as float16, and an LSTM in 8-bit integers.

fp16 halves the file; its weights are widened once, when a session starts, and the arithmetic
stays float32. So it is as fast as fp32 on a CPU and keeps the bitwise promise, which a graph
of float16 arithmetic would lose at the borders of chunks.

int8 is onnxruntime's dynamic quantisation of the LSTM node alone. `reduce_range` leaves a bit
of the weights unused: without VNNI instructions 16-bit sums saturate, and the error grows
fivefold (0.6 % to 3 % RMS as measured). Activations are quantised by batch: company matters.
"""

import logging
import tempfile
from pathlib import Path

import onnx
from onnx import ModelProto
from onnxruntime.quantization import QuantType, quantize_dynamic

from contract.spec import Precision

LIMITS: dict[Precision, float] = {"fp32": 1e-5, "fp16": 1e-2, "int8": 0.25}
"""Largest difference from torch that is passed, over the largest raw output; or ROUNDING times torch's own
rounding, where that is more (`export/parity.py`)."""
ROUNDING = 4
"""The runtime's tanh and sigmoid are approximations of its own, and a lively recurrence makes more of their
last bits than of torch's: 3.3 times as much over whole runs, after 12,000 steps on pictures."""


def quantise(model: ModelProto) -> ModelProto:
    """The same graph with its LSTM in 8-bit integers."""
    # The tool advises an own pre-processing pass, which would freeze nothing here, and its
    # advice is for vision models: a person exporting has nothing to do about it.
    logging.getLogger().addFilter(_no_advice)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "int8.onnx")
            quantize_dynamic(
                model,
                path,
                op_types_to_quantize=["LSTM"],
                weight_type=QuantType.QInt8,
                reduce_range=True,
                per_channel=False,
                extra_options={"EnableSubgraph": True},
            )
            return onnx.load(path)
    finally:
        logging.getLogger().removeFilter(_no_advice)


def _no_advice(record: logging.LogRecord) -> bool:
    return "pre-processing" not in record.getMessage()
