"""Streams: a frame a chunk, as NDJSON lines or as length-prefixed NPY arrays.

application/x-ndjson   {"seed", "columns", "start", "sequences": [[[…]]]} a line
application/x-npy      8 bytes, little-endian, the frame's length; then an NPY file of
                       (sequences, steps, channels)
"""

import io

import numpy as np

from contract.spec import Spec
from serving.formats import json, npy
from serving.samples import Samples

NDJSON, NPY = "application/x-ndjson", npy.MEDIA_TYPE


def offered(spec: Spec) -> list[str]:
    """Media types that a stream of this model can have; the first is the default."""
    return [NDJSON] if npy.refusal(spec) else [NDJSON, NPY]


def frame(media: str, samples: Samples) -> bytes:
    """One chunk as bytes."""
    if media == NPY:
        (array,) = samples.arrays.values()
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        content = file.getvalue()
        return len(content).to_bytes(8, "little") + content
    line = {
        "seed": samples.seed,
        "columns": samples.columns,
        "start": samples.first_step,
        "sequences": json.sequences(samples),
    }
    return json.dumps(line) + b"\n"
