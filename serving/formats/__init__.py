"""Samples as bytes: one file a form, each a suffix, a media type and a function that writes.

A writer gets batches one after the other and writes them as they come, so that a file of any
size needs the memory of one batch. `save` and HTTP answers use the very same writers.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from contract.files import replacing
from contract.spec import Spec
from serving.errors import FormatError, WriteError
from serving.formats import arrow, csv, gif, json, midi, npy, npz, parquet, png, text, wav
from serving.samples import Plan, Samples

FORMATS: tuple[ModuleType, ...] = (json, npy, npz, csv, arrow, parquet, text, png, gif, midi, wav)


def by_suffix(path: Path) -> ModuleType:
    """The form that a file's name asks for.

    Raises:
        FormatError: none does.
    """
    for form in FORMATS:
        if path.suffix.lower() == form.SUFFIX:
            return form
    known = ", ".join(f.SUFFIX for f in FORMATS)
    raise FormatError(f"{path.name}: {path.suffix or 'no suffix'} is not written; one of {known} is")


def served(spec: Spec) -> dict[str, ModuleType]:
    """The forms that an HTTP answer of this model can have, by media type."""
    return {f.MEDIA_TYPE: f for f in FORMATS if f.MEDIA_TYPE and not f.refusal(spec)}


def save(path: Path, plan: Plan, batches: Iterator[Samples]) -> None:
    """Write beside `path`, then rename: the file is whole or not there.

    Raises:
        FormatError: the suffix is unknown, or cannot hold the samples.
        WriteError: the disk is full, or the folder is not there.
    """
    form = by_suffix(path)
    if reason := form.refusal(plan.spec):
        others = ", ".join(f.SUFFIX for f in FORMATS if not f.refusal(plan.spec))
        raise FormatError(f"{path.name}: {reason}; these samples can be written as {others}")
    try:
        with replacing(path) as file:
            form.write(file, plan, batches)
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}") from error
