"""GIF, in shades of grey: all films at once, or pictures as they are made, one row of each a frame. Needs
Pillow."""

from collections.abc import Iterator
from typing import IO

import numpy as np

from contract import forms
from contract.spec import Spec
from serving.errors import FormatError
from serving.formats import png
from serving.samples import Plan, Samples

SUFFIX, MEDIA_TYPE = ".gif", "image/gif"

_FRAME, _LAST = 80, 1500
"""Milliseconds that a frame is shown, and a picture that is done."""
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

    shades = png.shades_of(plan, batches)  # (count, steps, channels)
    film = plan.spec.frame is not None
    pixels = shades.size if film else plan.length * shades.size
    if pixels > _MOST_PIXELS:
        raise FormatError(
            f"{plan.length:,} frames of {pixels // plan.length:,} pixels are too many; at most "
            f"{_MOST_PIXELS:,} pixels are written: ask for fewer pictures"
        )
    frames = (Image.fromarray(frame) for frame in (_films if film else _pictures)(plan, shades))
    durations = [_FRAME] * (plan.length - 1) + [_FRAME if film else _LAST]
    first = next(frames)
    first.save(file, "GIF", save_all=True, append_images=frames, duration=durations, loop=0)


def _films(plan: Plan, shades: forms.Pixels) -> Iterator[forms.Pixels]:
    """The frames of all films on one sheet, step after step."""
    assert plan.spec.frame is not None
    for step in range(plan.length):
        yield forms.sheet(shades[:, step].reshape(plan.count, *plan.spec.frame), png.BACKGROUND)


def _pictures(plan: Plan, shades: forms.Pixels) -> Iterator[forms.Pixels]:
    """The sheet with one row more of every picture each time."""
    done = np.full_like(shades, png.BACKGROUND)
    for step in range(plan.length):
        done[:, step] = shades[:, step]
        yield forms.sheet(done, png.BACKGROUND)
