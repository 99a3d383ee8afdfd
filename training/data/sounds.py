"""Waveforms, as sequences of hops: WAV files, and a column of a table.

A row is a hop of samples, one after the other, so that a model makes many of them a step. What is left
of a recording behind its last whole hop is filled up with its last value.
"""

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from contract.forms import FULL_SCALE
from training.config import TrainConfig
from training.data.columns import Column, require_finite
from training.data.dataset import Dataset, Doubles
from training.data.folders import classed, found
from training.errors import DataError

SUFFIXES = (".wav", ".wave")

LENGTH = 32
"""Hops of a window."""
MOST, LEAST = 128, 16
"""Samples of a hop."""
_HOPS_A_SECOND = 64


@dataclass(frozen=True)
class _Sound:
    rate: int
    samples: Doubles
    """(samples,), of which 1 is full scale."""
    mixed: int
    """Channels that were mixed down."""


def hop_of(rate: int) -> int:
    """Samples of a step: a sixty-fourth of a second, in LEAST … MOST samples."""
    return min(MOST, max(LEAST, rate // _HOPS_A_SECOND))


def read(path: Path, config: TrainConfig) -> Dataset:
    """Read a file, or a folder of them.

    Raises:
        DataError: no WAV, a part of one, or silence.
    """
    files = found(path, SUFFIXES)
    sounds = [_sound(file) for file, _ in files]
    for (file, _), sound in zip(files, sounds, strict=True):
        if not len(sound.samples):
            raise DataError(f"{file} is empty: there is no sample to learn from; leave it out")
    rates = Counter(s.rate for s in sounds)
    rate = config.rate or rates.most_common(1)[0][0]
    notes = []
    if mixed := sum(s.mixed > 1 for s in sounds):
        notes.append(f"{mixed} of {len(sounds)} files have several channels, which are mixed down to one")
    if other := len(sounds) - rates[rate]:
        were = ", ".join(f"{r:,} Hz" for r in sorted(rates) if r != rate)
        notes.append(f"{other} of {len(sounds)} files are resampled to {rate:,} Hz, from {were}")
    if loud := [peak for s in sounds if (peak := np.abs(s.samples).max()) > 1]:
        notes.append(
            f"{len(loud)} of {len(sounds)} files go beyond full scale, up to {max(loud):.7g} times it"
        )
    recordings = [_resampled(s.samples, s.rate, rate) for s in sounds]
    column = Column("sample", FULL_SCALE)
    dataset = dataset_of(path.resolve().stem, column, recordings, rate, config.hop, notes)
    return classed(dataset, [name for _, name in files])


def folded(dataset: Dataset, config: TrainConfig, notes: Sequence[str]) -> Dataset:
    """A table as the waveform that one of its columns is, with the conditions that it has.

    Raises:
        DataError: the rate is not said, the column holds labels, or has gaps.
    """
    name = str(config.waveform)
    if config.seasons:
        raise DataError(f"{dataset.name}: --seasons is for rows, and {name!r} is a waveform: leave it out")
    place = next((i for i, c in enumerate(dataset.columns) if c.name == name), None)
    if place is None:
        raise DataError(
            f"{dataset.name}: {name!r} was named with --waveform, and is no channel: it is constant, or "
            "another flag says otherwise"
        )
    if config.rate is None:
        raise DataError(
            f"{dataset.name}: {name!r} is a waveform; say how many samples a second it has with --rate"
        )
    column = dataset.columns[place]
    if column.labels:
        raise DataError(f"{dataset.name}: {name!r} was named with --waveform, and holds labels")
    values = dataset.values[:, place]
    if gaps := int(np.isnan(values).sum()):
        raise DataError(
            f"{dataset.name}: {name!r} is missing in {gaps} of {len(values)} rows, and a waveform has no "
            "gaps: fill them, or cut the recording there, with an --id-column"
        )
    if dropped := [c.name for c in dataset.columns if c.name != name]:
        notes = [*notes, f"beside a waveform no channel is learnt; left out: {', '.join(dropped)}"]
    recordings = np.split(values, dataset.bounds[1:-1])
    made = dataset_of(dataset.name, Column(name, column.unit), recordings, config.rate, config.hop, notes)
    statics = [replace(c, place=int(c.place > place)) for c in dataset.statics]  # before it, or behind
    return replace(made, statics=tuple(statics), static_values=dataset.static_values)


def dataset_of(
    name: str,
    column: Column,
    recordings: Sequence[Doubles],
    rate: int,
    hop: int | None,
    notes: Sequence[str],
) -> Dataset:
    """Recordings (samples,) as rows of a hop.

    Raises:
        DataError: nothing in them, infinite values, or one value alone.
    """
    hop = hop or hop_of(rate)
    if hop > MOST:
        raise DataError(f"--hop is {hop}; at most {MOST} samples are learnt as one step")
    if not sum(map(len, recordings)):
        raise DataError(f"{name} is empty: there is no sample to learn from")
    sequences = [_rows(samples, hop) for samples in recordings if len(samples)]
    if short := sum(0 < len(samples) < hop for samples in recordings):
        told = f"{short} of {len(recordings)} recordings are shorter than a hop of {hop} samples"
        notes = [*notes, f"{told}, and are filled up with their last value"]
    values = np.concatenate(sequences)  # (hops, hop)
    require_finite(name, [column.name], values.reshape(-1, 1))
    if values.min() == values.max():
        raise DataError(f"{name} is silent: every sample is {values.min():g}")
    return Dataset(
        name=name,
        columns=tuple(replace(column, name=f"{column.name} {i + 1}", rounded=False) for i in range(hop)),
        values=values,
        bounds=np.cumsum([0, *map(len, sequences)], dtype=np.int64),
        step=f"hop of {hop} samples at {rate:,} Hz",
        notes=tuple(notes),
        form="sound",
        rate=rate,
        length=LENGTH,
    )


def _rows(samples: Doubles, hop: int) -> Doubles:
    return np.pad(samples, (0, -len(samples) % hop), mode="edge").reshape(-1, hop)


def _resampled(samples: Doubles, was: int, rate: int) -> Doubles:
    if was == rate or not len(samples):
        return samples
    shared = math.gcd(was, rate)
    made: Doubles = resample_poly(samples, rate // shared, was // shared)
    return made


def _sound(file: Path) -> _Sound:
    _require_whole(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks of other programs
            rate, raw = wavfile.read(file)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} cannot be read as WAV: {error}") from error
    except ZeroDivisionError as error:
        raise DataError(
            f"{file} says that it has no channel, or samples of no bits: write it anew with another tool"
        ) from error
    if rate < 1:
        raise DataError(f"{file} says that it has {rate} samples a second: write it anew with their rate")
    samples = raw.astype(np.float64)
    if raw.dtype == np.uint8:  # 8-bit WAV alone has no sign
        samples = (samples - 128) / 128
    elif raw.dtype.kind == "i":
        samples /= 2.0 ** (8 * raw.dtype.itemsize - 1)
    if bad := int((~np.isfinite(samples)).sum()):
        raise DataError(
            f"{file} has {bad:,} samples that are no number, or infinite: mend it, or leave it out"
        )
    channels = samples[:, None] if samples.ndim == 1 else samples  # (samples, channels)
    return _Sound(int(rate), channels.mean(1), channels.shape[1])


def _require_whole(file: Path) -> None:
    """Raise a DataError where a file ends before its own headers say: readers take what is left for all."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return  # of another kind, or none: the reader knows
    at = 12
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        if content[at : at + 4] == b"data":
            if not size and at + 8 < len(content):
                raise DataError(
                    f"{file} says that it holds no sound, and has {len(content) - at - 8:,} bytes of it: "
                    "whoever recorded it did not finish the file; write it anew with another tool"
                )
            if size not in (0, 2**32 - 1) and at + 8 + size > len(content):
                raise DataError(
                    f"{file} is cut off: it says that it holds {size:,} bytes of sound, and holds "
                    f"{len(content) - at - 8:,}: bring the whole file, or leave it out"
                )
            return
        at += 8 + size + size % 2
    raise DataError(f"{file} is cut off, or holds no sound: bring the whole file, or leave it out")
