"""Films: a step is a frame in shades of grey, and its pixels are the columns.

A GIF is a film, and so is a folder of PNG pictures in the order of their numbers, where --frames says so.
A frame of a GIF that is shown for several times the shortest is as many: writers of GIFs make one of those
that are alike.
Frames are made as large as most are, and smaller where they have more than MOST_PIXELS.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from contract.forms import SHADE
from training.config import TrainConfig
from training.data.columns import Column
from training.data.dataset import Dataset, Doubles, Integers
from training.data.folders import classed, found
from training.data.images import grey, notes_on, opened, shades
from training.errors import DataError

SUFFIXES = (".gif",)

MOST_PIXELS = 1024
"""Pixels of a frame: each is a channel."""
_STILL = 1000
"""Frames that one frame of a GIF is made at most, however long it is shown."""


def read(path: Path, config: TrainConfig) -> Dataset:
    """Read a GIF, or a folder of them.

    Raises:
        DataError: no GIF, or no film in any.
    """
    files = found(path, SUFFIXES)
    films, shown = zip(*(_frames(file) for file, _ in files), strict=True)
    repeats, notes = _repeats(shown)
    return _films(path, films, [name for _, name in files], repeats, notes)


def read_pictures(path: Path, suffixes: Sequence[str]) -> Dataset:
    """Read a folder whose pictures are the frames of a film, or sub-folders of such.

    Raises:
        DataError: a picture that is none, or every film is a single frame.
    """
    films: dict[str | None, list[Path]] = defaultdict(list)
    for file, name in found(path, suffixes):
        films[name].append(file)
    frames = [[opened(file) for file in sorted(files, key=_in_order)] for files in films.values()]
    once = [np.ones(len(film), np.int64) for film in frames]
    return _films(path, frames, [None] * len(films), once, [])


def dataset_of(name: str, films: Sequence[Doubles], notes: Sequence[str] = ()) -> Dataset:
    """Films, each (frames, height, width) in shades from 0 to 255."""
    height, width = films[0].shape[1:]
    columns = [
        Column(f"pixel {y + 1}, {x + 1}", SHADE, shade=True) for y in range(height) for x in range(width)
    ]
    rows = [film.reshape(len(film), -1) for film in films]  # each (frames, pixels)
    dataset = Dataset.of(name, columns, rows, "frame", notes)
    return replace(dataset, form="film", frame=(height, width))


def bouncing(pictures: Doubles, side: int = 16, frames: int = 16) -> Doubles:
    """A film of each of the pictures (pictures, height, width), smaller than `side`: it moves straight on,
    at up to a pixel a frame, and is thrown back at the edges, always in the same way; between pixels it is
    interpolated. (pictures, frames, side, side), whole shades."""
    random = np.random.default_rng(0)
    count, *size = pictures.shape
    room = side - np.array(size)
    angle, speed = random.uniform(0, 2 * np.pi, count), random.uniform(0.5, 1, count)
    pace = (speed * np.stack([np.sin(angle), np.cos(angle)])).T  # (pictures, 2)
    begun = random.uniform(0, room, (count, 2))
    way = begun[:, None] + pace[:, None] * np.arange(frames)[:, None]  # (pictures, frames, 2)
    way = room - np.abs(way % (2 * room) - room)  # thrown back
    made = np.zeros((count, frames, side + 1, side + 1))
    wide = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    for picture, places, film in zip(wide, way, made, strict=True):
        for (top, left), frame in zip(places, film, strict=True):
            (y, down), (x, right) = (divmod(place, 1) for place in (top, left))
            rows = (1 - down) * picture[1:] + down * picture[:-1]
            moved = (1 - right) * rows[:, 1:] + right * rows[:, :-1]  # a pixel wider than it was
            frame[int(y) : int(y) + len(moved), int(x) : int(x) + moved.shape[1]] = moved
    shades: Doubles = np.rint(made[..., :side, :side])
    return shades


def _films(
    path: Path,
    films: Sequence[list[Image.Image]],
    classes: Sequence[str | None],
    repeats: Sequence[Integers],
    notes: list[str],
) -> Dataset:
    """Films of frames of which each is repeated, `repeats` of (frames,)."""
    if max(map(len, films)) < 2:
        raise DataError(f"{path}: a single frame is no film; a folder of PNG pictures is read as pictures")
    sizes = Counter(frame.size for film in films for frame in film)
    usual, most = sizes.most_common(1)[0]
    if other := sum(sizes.values()) - most:
        notes.append(
            f"{other} of {sum(sizes.values())} frames are not {usual[0]} by {usual[1]} pixels as most are, "
            "and are resized to that"
        )
    size = _small(usual)
    if size != usual:
        notes.append(
            f"frames of {usual[0]} by {usual[1]} pixels are made {size[0]} by {size[1]}: at most "
            f"{MOST_PIXELS:,} pixels are learnt"
        )
    notes += notes_on([frame for film in films for frame in film], "frames")
    made = [
        np.stack([shades(frame, size) for frame in film]).repeat(times, axis=0)
        for film, times in zip(films, repeats, strict=True)
    ]  # each (frames, height, width)
    return classed(dataset_of(path.resolve().stem, made, notes), classes)


def _in_order(file: Path) -> list[tuple[int, str]]:
    """frame-2 before frame-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file.stem)]


def _small(size: tuple[int, int]) -> tuple[int, int]:
    """The same shape with at most MOST_PIXELS."""
    shrink = min(1.0, (MOST_PIXELS / (size[0] * size[1])) ** 0.5)
    return max(1, int(size[0] * shrink)), max(1, int(size[1] * shrink))


def _repeats(shown: Sequence[Doubles]) -> tuple[list[Integers], list[str]]:
    """How many frames each frame of some films is, (frames,) each, by how long it is shown, in hundredths
    of a second, and what is to be said of it."""
    paces = [_pace(times) if len(times) > 1 else 0.0 for times in shown]
    # One frame alone says nothing of its own pace: a film that stands still has that of the others.
    usual = Counter(p for p in paces if p).most_common(1)
    repeats, uneven, longer = [], 0, 0
    for times, own in zip(shown, paces, strict=True):
        pace = own or (usual[0][0] if usual else max(times.max(), 1.0))
        count = np.maximum(1, np.rint(times / pace)).astype(np.int64)
        if (np.abs(times - count * pace)[times > 0] > 1).any():
            uneven += 1
            count[:] = 1
        longer += int((count > _STILL).sum())
        repeats.append(np.minimum(count, _STILL))
    notes = []
    before, after = sum(map(len, repeats)), sum(int(count.sum()) for count in repeats)
    if after > before:
        notes.append(
            f"frames that are shown for several times the shortest are repeated: {before} make {after}"
        )
    if longer:
        notes.append(f"{longer} frames are shown for longer than {_STILL:,}, and are made as many")
    if uneven:
        notes.append(
            f"{uneven} of {len(shown)} films show their frames for times that are no multiples of the "
            "shortest: they are taken as evenly apart"
        )
    return repeats, notes


def _pace(times: Doubles) -> float:
    """How long one frame is shown, (frames,); 0 where none says. Of 30 frames a second writers make 3, 3
    and 4 hundredths: such neighbours of the shortest are one frame as well."""
    said = times[times > 0]
    if not len(said):
        return 0.0
    return float(said[said <= min(said.min() + 1, 1.5 * said.min())].mean())


def _frames(file: Path) -> tuple[list[Image.Image], Doubles]:
    """The frames of a GIF, and for how many hundredths of a second each is shown, (frames,); 0 where it
    does not say."""
    try:
        with Image.open(file) as image:
            frames, shown = [], []
            for frame in ImageSequence.Iterator(image):
                frames.append(_copy(frame))
                shown.append((frame.info.get("duration") or 0) / 10)
            return frames, np.array(shown, np.float64)
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        raise DataError(f"{file} cannot be read as a film: {error}") from error


def _copy(frame: Image.Image) -> Image.Image:
    """A frame by itself, in shades where it has no colours but grey."""
    copied = frame.convert("RGBA")
    red, green, blue, _ = (np.asarray(band) for band in copied.split())
    plain = bool((red == green).all() and (green == blue).all())
    return grey(copied) if plain else copied
