"""NPY: `values` or `labels` alone, (sequences, steps, channels), for numpy.load."""

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

import numpy as np

from contract.spec import Spec
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".npy", "application/x-npy"


def refusal(spec: Spec) -> str | None:
    """Why this form cannot hold the samples of a model, if it cannot."""
    if spec.ends:
        return "sequences of different lengths do not fit one array: use npz"
    if spec.numeric and spec.discrete:
        return "numbers and labels do not fit one array: use npz"
    return None


class Written(Protocol):
    """What samples are written to."""

    def write(self, part: bytes | memoryview, /) -> object:
        """As of a file."""


def write(file: Written, plan: Plan, batches: Iterator[Samples]) -> None:
    """The header for all, then each batch as it comes."""
    spec = plan.spec
    dtype, channels = ("<f4", len(spec.numeric)) if spec.numeric else ("<i8", len(spec.discrete))
    write_header(file, dtype, (plan.count, plan.length, channels))
    for batch in batches:
        (array,) = batch.arrays.values()
        file.write(np.ascontiguousarray(array, dtype).data)


def write_header(file: Written, dtype: str, shape: tuple[int, ...]) -> None:
    """What stands before the bytes of a C-ordered array."""
    file.write(_header(dtype, shape))


@lru_cache(maxsize=1024)  # numpy takes a tenth of a small answer's time for it
def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue()
