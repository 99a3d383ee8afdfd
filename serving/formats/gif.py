"""GIF: the sheet of the PNG as it is made, one row of every picture a frame. Needs Pillow."""

from collections.abc import Iterator
from typing import IO

import numpy as np

from contract.spec import Spec
from serving.errors import FormatError
from serving.formats import png
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".gif", "image/gif"

_FRAME, _LAST = 80, 1500
"""Milliseconds that a frame is shown, and the last one."""
_MOST_PIXELS = 2**27
"""Of all frames together."""


def refusal(spec: Spec) -> str | None:
    """Why this form cannot hold the samples of a model, or cannot be written here, if so."""
    return png.refusal(spec)


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """A frame a step, again and again.

    Raises:
        FormatError: it would be too large.
    """
    from PIL import Image

    sheet, made = png.sheet_of(plan, batches)
    if plan.length * sheet.size > _MOST_PIXELS:
        raise FormatError(
            f"{plan.length:,} frames of {sheet.shape[1]:,} by {sheet.shape[0]:,} pixels are too many; at "
            f"most {_MOST_PIXELS:,} pixels are written: ask for fewer pictures"
        )
    frames = (
        Image.fromarray(np.where(made <= step, sheet, png.BACKGROUND).astype(np.uint8))
        for step in range(plan.length)
    )
    durations = [_FRAME] * (plan.length - 1) + [_LAST]
    first = next(frames)
    first.save(file, "GIF", save_all=True, append_images=frames, duration=durations, loop=0)
