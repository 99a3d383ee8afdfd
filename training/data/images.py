"""PNG pictures in shades of grey: a sequence of rows, from the top."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from training.config import TrainConfig
from training.data.columns import Column
from training.data.dataset import Dataset, Doubles
from training.data.folders import classed, found
from training.errors import DataError

SUFFIXES = (".png",)

MOST_WIDE = 128
"""Columns of a picture: each is a channel."""


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
    if any(image.mode not in ("1", "L", "I;16") for image in images):
        notes.append("colours are taken as shades of grey")
    rows: list[Doubles] = [
        np.asarray(grey(image).resize((width, height)), np.float64) for image in images
    ]  # each (height, width)
    columns = [Column(f"pixel {i + 1}") for i in range(width)]
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


def grey(image: Image.Image) -> Image.Image:
    """Shades from 0 to 255; what is transparent is black."""
    if image.mode == "I;16":
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), clear)
    return image.convert("L")
