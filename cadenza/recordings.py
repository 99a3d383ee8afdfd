"""Anybody's waveforms, judged as sound: what `cadenza evaluate` reads where the real data are sound.

The samples may be WAV files, a table with a column of samples, or arrays. They are cut into the hops of the
real data, and where those are long recordings, which nobody learns whole, into windows as long.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contract.errors import UsageError
from contract.forms import FULL_SCALE
from training.config import TrainConfig
from training.data import Dataset, heeded, heeds, load
from training.data.columns import Column
from training.data.dataset import Doubles
from training.data.folders import holds
from training.data.sounds import SUFFIXES as WAVES
from training.data.sounds import dataset_of

ARRAYS = (".npy", ".npz")


def read(path: Path, named: Sequence[str], config: TrainConfig, real: Dataset) -> Dataset:
    """The waveforms of a file or a folder, as hops like those of `real`.

    `named` are the columns of a table, beside those that tell its sequences apart, which `config` names.
    The waveform is the one of the real data's name, or the only one.

    Raises:
        UsageError: it cannot be told which column is the waveform, or arrays are of another shape.
        DataError: unreadable.
    """
    hop, rate = len(real.columns), real.rate
    assert rate is not None  # of sound
    name = real.columns[0].name.removesuffix(" 1")
    if path.suffix in ARRAYS:
        waves = [wave for array in _arrays(path) for wave in _waves(path, array, hop)]
        return dataset_of(path.stem, Column(name), waves, rate, hop, ())
    if named and name not in named and len(named) > 1:
        raise UsageError(
            f"{path} has the columns {', '.join(named)}, and none is {name!r}, as the waveform is called "
            "in the data: name it so, or leave the others out"
        )
    wave = (name if name in named else named[0]) if named else None
    told = replace(config, columns=(), waveform=wave, rate=rate, hop=hop)
    if wave is None and "waveform" in heeds(str(path)):  # a table, which is refused below
        told = replace(told, rate=None, hop=None)
    sound = load(str(path), heeded(str(path), told))
    if sound.form != "sound":
        raise UsageError(
            f"{path} holds a {sound.form}, and {real.name} is sound: bring WAV, a table or arrays"
        )
    return sound


def doubts(path: Path, real: Dataset) -> tuple[str, ...]:
    """What is to be said of waveforms in WAV.

    Raises:
        UsageError: the real ones cannot be in the unit of WAV.
    """
    waves = path.suffix.lower() in WAVES or (path.is_dir() and holds(path, WAVES))
    if not waves:
        return ()
    notes = []
    if path.is_file():
        notes.append(
            f"{path} is one recording, and is cut into windows, pauses and all: bring a file for each of "
            "several, or npz"
        )
    if real.columns[0].unit != FULL_SCALE:
        loudest = float(np.abs(real.values).max())
        told = f"WAV knows no unit but full scale, 1, and {real.name} reaches {loudest:g}"
        if loudest > 1:
            raise UsageError(f"{path}: {told} in its own: bring npz, csv or parquet")
        notes.append(f"{told}: both are taken to be of one unit")
    return tuple(notes)


def windows(path: Path, samples: Dataset, real: Dataset) -> tuple[Dataset, int, bool | None]:
    """Samples as they are compared, how many hops a window has, and whether the real ones are to be whole;
    None: as they are by themselves.

    Raises:
        UsageError: no sample is as long as a window.
    """
    hops = np.diff(samples.bounds)  # (sequences,)
    if len(hops) > 1 and (hops == hops[0]).all():
        return samples, min(int(hops[0]), real.length), None
    if real.ends:
        return replace(samples, ends=True), max(real.length, int(hops.max())), True
    if hops.max() < real.length:
        raise UsageError(
            f"{path} has at most {hops.max() * len(real.columns):,} samples in a row, and a window of the "
            f"data {real.length * len(real.columns):,}: bring longer ones, or all of one length"
        )
    return samples, real.length, None


def _arrays(path: Path) -> list[NDArray[np.generic]]:
    if path.suffix == ".npy":
        return [np.load(path, allow_pickle=False)]
    with np.load(path, allow_pickle=False) as archive:
        return [archive[key] for key in archive.files]


def _waves(path: Path, array: NDArray[np.generic], hop: int) -> list[Doubles]:
    """Waveforms (samples,) of one array: one of them, one a row, or rows of hops or of single samples."""
    if array.dtype.kind not in "fiu":
        raise UsageError(f"{path} holds {array.dtype}; numbers are wanted")
    if array.ndim == 1:
        return [array.astype(np.float64)]
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, hop)):
        return list(array.reshape(len(array), -1).astype(np.float64))
    raise UsageError(
        f"{path} holds an array of shape {list(array.shape)}; of waveforms (sequences, samples) or "
        f"(sequences, hops, {hop}) is wanted"
    )
