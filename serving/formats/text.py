"""Plain text: one sequence a line."""

from collections.abc import Iterator
from typing import IO

from contract import forms
from contract.spec import Spec
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".txt", "text/plain"


def refusal(spec: Spec) -> str | None:
    """Why this form cannot hold the samples of a model, if it cannot."""
    return None if spec.form == "text" else f"a {spec.form} is no text"


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """A line a sequence. One that comes in several batches of steps is one line."""
    (channel,) = plan.spec.discrete
    begun = False
    for batch in batches:
        assert batch.labels is not None
        lines = [forms.text(channel.labels, line) for line in batch.labels[..., 0]]
        if begun and not batch.first_step:
            file.write(b"\n")
        file.write("\n".join(lines).encode())
        begun = True
    file.write(b"\n")
