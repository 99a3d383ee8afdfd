"""PNG: all pictures on one sheet, in shades of grey; of one alone, the picture itself. Needs Pillow."""

import importlib.util
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from contract import forms
from contract.spec import Spec
from serving.errors import FormatError
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".png", "image/png"

BACKGROUND = 128
"""Between pictures, and behind the end of one."""
MOST_PIXELS = 2**26
"""Of a sheet, which is in memory as a whole."""


def refusal(spec: Spec) -> str | None:
    """Why this form cannot hold the samples of a model, or cannot be written here, if so."""
    if spec.form != "picture":
        return f"a {spec.form} is no picture"
    if importlib.util.find_spec("PIL") is None:
        return "pictures are written by Pillow: pip install 'cadenza[pictures]'"
    return None


def write(file: IO[bytes], plan: Plan, batches: Iterator[Samples]) -> None:
    """One sheet of all sequences.

    Raises:
        FormatError: it would be too large.
    """
    from PIL import Image

    sheet, _ = sheet_of(plan, batches)
    Image.fromarray(sheet).save(file, "PNG")


def sheet_of(plan: Plan, batches: Iterator[Samples]) -> tuple[forms.Pixels, NDArray[np.int32]]:
    """The shades of all pictures on one sheet, (height, width), and the step at which each pixel is
    made; between pictures, 0.

    Raises:
        FormatError: it would be too large.
    """
    channels = plan.spec.channels
    (height, width), places = forms.places(plan.count, plan.length, len(channels))
    if height * width > MOST_PIXELS:
        raise FormatError(
            f"a sheet of {width:,} by {height:,} pixels is too large; at most {MOST_PIXELS:,} are written: "
            "ask for fewer pictures"
        )
    sheet = np.full((height, width), BACKGROUND, np.uint8)
    made = np.zeros((height, width), np.int32)
    low = min(c.low for c in channels if c.low is not None)
    high = max(c.high for c in channels if c.high is not None)
    for batch in batches:
        assert batch.values is not None
        first, steps = batch.first_step, batch.shape[1]
        shades = forms.grey(batch.values, low, high)
        if batch.valid is not None:
            shades[~batch.valid] = BACKGROUND
        for picture, (top, left) in zip(shades, places[batch.first_row :], strict=False):
            inside = np.s_[top + first : top + first + steps, left : left + len(channels)]
            sheet[inside] = picture
            made[inside] = np.arange(first, first + steps)[:, None]
    return sheet, made
