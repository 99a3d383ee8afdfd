"""Streams: an opening, a frame a chunk, and a closing.

application/x-ndjson   {"seed", "columns", "start", "sequences": [[[…]]]} a line; "conditions": see json.py
application/x-npy      8 bytes, little-endian, the frame's length; then an NPY file of
                       (sequences, steps, channels)
application/vnd.apache.arrow.stream
                       the schema, then a record batch a chunk, in long form, then the end
audio/wav              of one sequence of sound: a header without a length, then its samples

Frames begin at multiples of the steps of a tick, so a stream taken up at such a step is, frame by
frame, the bytes that were lost.
"""

import io

import numpy as np

from contract.spec import Spec
from serving.errors import InvalidRequest
from serving.formats import arrow, json, npy, wav
from serving.samples import Samples

NDJSON, NPY, ARROW, WAV = "application/x-ndjson", npy.MEDIA_TYPE, arrow.MEDIA_TYPE, wav.MEDIA_TYPE


def offered(spec: Spec) -> list[str]:
    """Media types that a stream of this model can have; the first is the default."""
    plain = [NDJSON, ARROW] if npy.refusal(spec) else [NDJSON, NPY, ARROW]
    return plain if wav.refusal(spec) else [*plain, WAV]


def require(media: str, count: int) -> None:
    """Hold what is asked for against what a stream of this form can be.

    Raises:
        InvalidRequest: several sequences at once in a form that holds one.
    """
    if media == WAV and count != 1:
        raise InvalidRequest(
            f"count is {count}, and a stream of {WAV} is of one sequence; ask for one, or for {NDJSON}",
            "count",
        )


def opening(media: str, spec: Spec) -> bytes:
    """What stands before the first frame."""
    if media == WAV:
        return wav.endless(spec)
    return arrow.opening(spec) if media == ARROW else b""


def frame(media: str, samples: Samples) -> bytes:
    """One chunk as bytes."""
    if media == ARROW:
        return arrow.record_batch(samples)
    if media == WAV:
        assert samples.values is not None
        return wav.pcm(samples.spec, samples.values[0, : samples.lengths()[0]])
    if media == NPY:
        (array,) = samples.arrays.values()
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        content = file.getvalue()
        return len(content).to_bytes(8, "little") + content
    line = {
        "seed": samples.seed,
        "columns": samples.columns,
        **json.conditions(samples),
        "start": samples.first_step,
        "sequences": json.sequences(samples),
    }
    return json.dumps(line) + b"\n"


def closing(media: str) -> bytes:
    """What stands after the last frame."""
    return arrow.CLOSING if media == ARROW else b""
