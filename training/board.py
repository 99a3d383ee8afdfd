"""What TensorBoard shows of a run while it goes: losses, the distance to held-out windows, a picture.

One event file, `RUN/tensorboard/events.out.tfevents.N`. A run that is taken up again begins the
next one with what the newest holds up to its checkpoint: no step is there twice, and a record
that was cut off is gone. The new file has its name only when that is done. Records are written by
the caller's own thread, without a queue, so that a flush is a flush.
"""

import io
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

FOLDER = "tensorboard"
_PREFIX = "events.out.tfevents."
_WIDTH, _HEIGHT = 200, 80
_LINES, _CHANNELS = 20, 6
_REAL, _GENERATED = "#39568c", "#d1495b"


class Board:
    """The event file of one run."""

    def __init__(self, run: Path, step: int):
        """Begin, or go on behind `step`."""
        self._folder = run / FOLDER
        self._folder.mkdir(exist_ok=True)
        self._open(step)

    def _open(self, step: int) -> None:
        old = sorted(self._folder.glob(f"{_PREFIX}*"))
        number = int(old[-1].suffix[1:]) + 1 if old else 1
        kept = [e for path in old[-1:] for e in events(path) if e.step <= step and not e.file_version]
        partial = self._folder / "next.partial"
        self._file = RecordWriter(str(partial))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        for event in kept:
            self._write(event)
        self._file.flush()
        partial.replace(self._folder / f"{_PREFIX}{number:06d}")
        for path in old:
            path.unlink()

    def numbers(self, step: int, **values: float) -> None:
        """Add one point to each of the curves named; a double underscore makes a group."""
        summary = [Summary.Value(tag=k.replace("__", "/"), simple_value=v) for k, v in values.items()]
        self._add(step, Summary(value=summary))

    def picture(self, step: int, real: NDArray[np.floating], generated: NDArray[np.floating]) -> None:
        """Add a small picture of real windows beside generated ones, both (windows, length, channels)."""
        drawn = sketch(real, generated)
        png = io.BytesIO()
        drawn.save(png, "PNG")
        image = Summary.Image(
            height=drawn.height, width=drawn.width, colorspace=3, encoded_image_string=png.getvalue()
        )
        self._add(step, Summary(value=[Summary.Value(tag="real beside generated", image=image)]))

    def back_to(self, step: int) -> None:
        """Forget what is behind `step`."""
        self.close()
        self._open(step)

    def close(self) -> None:
        """Write what is held back."""
        self._file.close()

    def _add(self, step: int, summary: Summary) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=summary))
        self._file.flush()

    def _write(self, event: Event) -> None:
        self._file.write(event.SerializeToString())


def events(path: Path) -> Iterator[Event]:
    """The whole records of an event file, up to one that was cut off."""
    data, at = path.read_bytes(), 0
    while at + 12 <= len(data):  # length, its checksum, the record, its checksum
        (size,) = struct.unpack_from("<Q", data, at)
        if at + 16 + size > len(data):
            return
        event = Event()
        event.ParseFromString(data[at + 12 : at + 12 + size])
        yield event
        at += 16 + size


def sketch(real: NDArray[np.floating], generated: NDArray[np.floating]) -> Image.Image:
    """A row a channel, real on the left. Drawn by hand: matplotlib would take as long as ten steps."""
    rows = min(real.shape[2], _CHANNELS)
    image = Image.new("RGB", (2 * _WIDTH + 3, rows * (_HEIGHT + 3) - 3), "white")
    pen = ImageDraw.Draw(image)
    at = np.linspace(0, _WIDTH - 1, real.shape[1])
    for row in range(rows):
        low, high = real[..., row].min(), real[..., row].max()
        margin = 0.05 * (high - low) or 0.5
        for left, windows, colour in ((0, real, _REAL), (_WIDTH + 3, generated, _GENERATED)):
            height = (high + margin - windows[:_LINES, :, row]) / (high - low + 2 * margin)  # 0 at the top
            y = row * (_HEIGHT + 3) + np.clip(height, 0, 1) * (_HEIGHT - 1)
            for line in y:
                pen.line(list(zip((left + at).tolist(), line.tolist(), strict=True)), fill=colour)
    return image
