"""PNG, in shades of grey: pictures on one sheet; films one below the other, frame beside frame. A picture
alone is itself. Needs Pillow."""

import importlib.util
from collections.abc import Iterator
from typing import IO

import numpy as np

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
    if spec.form not in ("picture", "film"):
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

    shades = shades_of(plan, batches)
    if plan.spec.frame is None:
        made = forms.sheet(shades, BACKGROUND)
    else:
        made = forms.strips(shades.reshape(*shades.shape[:2], *plan.spec.frame), BACKGROUND)
    Image.fromarray(made).save(file, "PNG")


def shades_of(plan: Plan, batches: Iterator[Samples]) -> forms.Pixels:
    """The shades of all sequences, (count, steps, channels); behind an end there is BACKGROUND.

    Raises:
        FormatError: they are too many.
    """
    channels = plan.spec.channels
    size = plan.count, plan.length, len(channels)
    if plan.count * (plan.length + 1) * (len(channels) + 1) > MOST_PIXELS:
        raise FormatError(
            f"{plan.count:,} sequences of {plan.length:,} × {len(channels):,} pixels are too many; at most "
            f"{MOST_PIXELS:,} pixels are written: ask for fewer, or for npz"
        )
    made = np.full(size, BACKGROUND, np.uint8)
    low, high = 0.0, 255.0
    if channels[0].unit != forms.SHADE:
        low = min(c.low for c in channels if c.low is not None)
        high = max(c.high for c in channels if c.high is not None)
    for batch in batches:
        assert batch.values is not None
        (rows, steps), row, step = batch.shape, batch.first_row, batch.first_step
        shades = forms.grey(batch.values, low, high)  # (rows, steps, channels)
        if batch.valid is not None:
            shades[~batch.valid] = BACKGROUND
        made[row : row + rows, step : step + steps] = shades
    return made
