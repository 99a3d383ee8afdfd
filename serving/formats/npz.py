"""NPZ: every tensor, padded, with `valid` where sequences end by themselves, and what each is made under as
the graph has it: `condition.NAME`, of labels their indices, and `season.NAME`, the row of a turn of the
calendar that its first one is."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from contract import conditions, interface
from contract.noise import NoiseStream
from contract.spec import Spec
from serving.formats.npy import write_header
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".npz", "application/x-npz"

_DTYPES = {"float32": "<f4", "int64": "<i8", "bool": "|b1"}


def refusal(spec: Spec) -> str | None:
    """This form holds everything."""
    return None


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """One member a tensor. Batches bring all tensors at once and an archive takes one member
    after the other, so the tensors wait in temporary files."""
    tensors = [t for t in interface.outputs(plan.spec) if not t.name.startswith("next.")]
    # Beside the file: the system's own folder for such may be memory. What is for memory stays in memory.
    name = getattr(file, "name", None)
    folder, most = (str(Path(name).parent), 2**24) if isinstance(name, str) else (None, 0)
    with ExitStack() as stack:
        spools = {
            t.name: stack.enter_context(tempfile.SpooledTemporaryFile(most, dir=folder)) for t in tensors
        }
        for batch in batches:
            for tensor in tensors:
                array = batch.arrays[tensor.name]
                spools[tensor.name].write(np.ascontiguousarray(array, _DTYPES[tensor.dtype]).data)
        with zipfile.ZipFile(file, "w") as archive:
            for tensor in tensors:
                # A fixed date: the same samples are the same bytes.
                member = zipfile.ZipInfo(f"{tensor.name}.npy")
                with archive.open(member, "w", force_zip64=True) as out:
                    inner = (d for d in tensor.shape[2:] if isinstance(d, int))
                    shape = (plan.count, plan.length, *inner)
                    write_header(out, _DTYPES[tensor.dtype], shape)
                    spools[tensor.name].seek(0)
                    shutil.copyfileobj(spools[tensor.name], out)
            drawn = conditions.draw(plan.spec, plan.given, NoiseStream(), plan.seed, range(plan.count))
            for tensor in interface.inputs(plan.spec):
                if tensor.name.startswith(("condition.", "season.")):
                    with archive.open(zipfile.ZipInfo(f"{tensor.name}.npy"), "w") as out:
                        write_header(out, _DTYPES[tensor.dtype], (plan.count,))
                        out.write(drawn[tensor.name].astype(_DTYPES[tensor.dtype]).tobytes())
