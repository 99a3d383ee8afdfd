"""PNG pictures in shades of grey: a sequence of rows, from the top."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from contract.forms import SHADE
from training.config import TrainConfig
from training.data.columns import Column
from training.data.dataset import Dataset, Doubles
from training.data.folders import classed, found
from training.errors import DataError

SUFFIXES = (".png",)

MOST_WIDE = 128
"""Columns of a picture: each is a channel."""
_DEEP = "I;16"
"""What Pillow calls shades of 16 bits; of colours it gives the upper 8."""


def read(path: Path, config: TrainConfig) -> Dataset:
    """Read a folder of pictures.

    Raises:
        DataError: no picture, one alone, or too wide a one.
    """
    files = found(path, SUFFIXES)
    if len(files) < 2:
        raise DataError(f"{path} is one picture: name a folder of many")
    images = [opened(file) for file, _ in files]
    notes = []
    sizes = Counter(image.size for image in images)
    (width, height), _ = sizes.most_common(1)[0]
    if width > MOST_WIDE:
        raise DataError(
            f"the pictures of {path} are {width} pixels wide, and at most {MOST_WIDE} can be learnt: make "
            "them smaller"
        )
    if other := len(images) - sizes[width, height]:
        notes.append(
            f"{other} of {len(images)} pictures are not {width} by {height} pixels as most are, and are "
            "resized to that"
        )
    notes += notes_on(images, "pictures")
    rows = [shades(image, (width, height)) for image in images]  # each (height, width)
    columns = [Column(f"pixel {i + 1}", SHADE) for i in range(width)]
    dataset = Dataset.of(path.resolve().stem, columns, rows, "row", notes)
    return classed(replace(dataset, form="picture", length=height), [name for _, name in files])


def opened(file: Path) -> Image.Image:
    """A picture.

    Raises:
        DataError: it is none.
    """
    try:
        with Image.open(file) as image:
            image.load()
            return image
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} cannot be read as a picture: {error}") from error


def notes_on(images: Sequence[Image.Image], what: str) -> list[str]:
    """What is to be said of how the shades of some pictures, or frames, are read."""
    notes = []
    if any(image.mode not in ("1", "L", _DEEP) for image in images):
        notes.append("colours are taken as shades of grey")
    if deep := sum(image.mode == _DEEP for image in images):
        notes.append(
            f"{deep} of {len(images)} {what} are of 16 bits, and are read as shades from 0 to 255 with "
            "fractions"
        )
    return notes


def shades(image: Image.Image, size: tuple[int, int]) -> Doubles:
    """A picture made `size`, its width and height: (height, width), from 0 to 255, with fractions where it
    has more than 8 bits."""
    if image.mode != _DEEP:
        return np.asarray(grey(image).resize(size), np.float64)
    fine = np.asarray(image, np.float64) / 257
    if image.size == size:
        return fine
    resized = np.asarray(Image.fromarray(fine.astype(np.float32)).resize(size), np.float64)
    return np.clip(resized, 0, 255)  # between black and white more than either may come out


def grey(image: Image.Image) -> Image.Image:
    """Shades of 8 bits from 0 to 255; what is transparent is black."""
    if "A" in image.getbands() or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), clear)
    return image.convert("L")
