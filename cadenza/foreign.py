"""Samples that any tool made, as the real data have them: columns by their names, or in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cadenza import recordings
from cadenza.subjects import Sides, Values, known_conditions, real_of, real_side, timed, with_seasons
from contract.calendar import Time
from contract.errors import UsageError
from training.config import TrainConfig
from training.data import BUILTIN, Dataset, heeded, load, require_heeded, seasonal
from training.data.columns import Column, relabelled
from training.data.dataset import Doubles
from training.data.files import TABLES, names_of, tables_of
from training.data.windows import ENDED
from training.evaluation.report import Subject
from training.evaluation.sides import Real

_OUTSIDE = 0.5
"""Share of samples' values beyond all of the data's that is no accident."""
_NARROW = 0.02
"""Of what the data span, what samples span that were scaled."""
_SHAPE = "(sequences, steps, channels)"


def of_samples(path: Path, data: str | None, given: TrainConfig) -> Sides:
    """The samples of a file or a folder, by the names of their columns where both sides have some.

    Raises:
        UsageError: nothing says what the data are, or columns or lengths are others.
        DataError: either cannot be read.
    """
    if data is None:
        raise UsageError(f"{path} does not say what it was made from: name the real data with --data")
    if path.suffix == ".npz" and (tensors := _tensors(path)):
        return _of_tensors(path, tensors, data, given)
    asked = _Asked.of(path, data, given)
    if (sound := _sound(data, asked)) is not None:
        return _of_sound(path, data, asked, sound)
    return _of_rows(path, data, asked)


@dataclass(frozen=True)
class _Asked:
    """How either side is read."""

    names: tuple[str, ...]
    """Columns of the samples' tables, but for what tells sequences apart; none of other files."""
    samples: TrainConfig
    real: TrainConfig
    waves: bool
    """Whether a column was said to be a waveform, on either side."""

    @classmethod
    def of(cls, path: Path, data: str, given: TrainConfig) -> "_Asked":
        """What was `given` is of the side, or the sides, that have such columns."""
        names: Sequence[str] = names_of(path)
        theirs = () if data in BUILTIN else names_of(Path(data))
        require_heeded(given, str(path), data)
        time_column = given.time_column if given.time_column in names else None
        left = [tuple(n for n in given.ignore if not there or n in there) for there in (names, theirs)]
        if names and theirs and (nowhere := set(given.ignore) - {*names, *theirs}):
            raise UsageError(f"--ignore {min(nowhere)!r}: neither {path} nor {data} has such a column")
        names = [n for n in names if n not in given.ignore]
        own = TrainConfig(time_column=time_column, frames=given.frames, ignore=left[0])
        own, given = heeded(str(path), own), replace(given, ignore=left[1])
        told = [n for n in names if n == given.id_column]
        if told and data not in BUILTIN and given.id_column not in theirs:
            given = replace(given, id_column=None)  # of the samples alone
        if {"sequence", "step"} <= set(names):  # as `cadenza sample` writes tables
            _require_order(path)
            told = ["sequence", "step"]
        if told:
            names = [n for n in names if n not in told]
            own = replace(own, columns=tuple(names), id_column=told[0])
        waves = given.waveform is not None
        return cls(tuple(names), own, heeded(data, given), waves)

    def without(self, names: Sequence[str]) -> "_Asked":
        """The same without these columns of the samples."""
        kept = tuple(n for n in self.names if n not in names)
        if self.samples.columns:
            return replace(self, names=kept, samples=replace(self.samples, columns=kept))
        ignored = (*self.samples.ignore, *names)
        return replace(self, names=kept, samples=replace(self.samples, ignore=ignored))


def _of_sound(path: Path, data: str, asked: _Asked, sound: Dataset) -> Sides:
    read = recordings.read(path, asked.names, asked.samples, sound)
    read, length, whole = recordings.windows(path, read, sound)
    real = real_side(data, replace(asked.real, length=length, whole=whole))
    other, conditions = _arranged(read, real.dataset)
    notes = recordings.doubts(path, sound)
    return Sides(Subject("samples", str(path), None), real, *_compared(other, conditions, real), notes)


def _of_rows(path: Path, data: str, asked: _Asked) -> Sides:
    derived: set[str] = set()
    known = load(data, asked.real) if asked.names and data not in BUILTIN else None
    if known is not None and known.time is not None:
        # A few days of samples may be read in several ways, and the data's in one.
        own = replace(asked.samples, time_format=known.time.format or None)
        if known.time.shown and known.time.name in asked.names:
            own = replace(own, time_column=own.time_column or known.time.name)
        asked, derived = replace(asked, samples=own), {d.name for d in known.derived}
    read = load(str(path), asked.samples)
    followed = [c.name for c in (*read.columns, *read.statics) if c.name in derived]
    if followed:  # in arrays of samples they are not
        asked = asked.without(followed)
        read = load(str(path), asked.samples)
    lengths = np.unique(np.diff(read.bounds))
    if len(read.bounds) < 3:
        wanted = "write the samples as npz, or into files of their own"
        if path.suffix.lower() in TABLES:
            wanted = "name the column that tells them apart with --id-column"
        elif path.suffix.lower() in recordings.ARRAYS:
            wanted = _SHAPE
        raise UsageError(f"{path} holds one sequence; several are wanted: {wanted}")
    one = int(lengths[0]) if len(lengths) == 1 else None  # of several lengths: whole sequences
    given = replace(asked.real, length=one, whole=True if one is None else None)
    if read.time:
        given = heeded(data, replace(given, time_column=read.time.name))
    by_name = known is not None and bool(names_of(Path(data)))
    if by_name:
        _require_known(path, read, Path(data), given.time_column)
    real = real_of(data, (*read.columns, *read.statics) if asked.names else (), given)
    # Channels that are constant in each sequence count on either side: by chance they are so on one alone.
    counts = [{len(x.columns), len(x.columns) + len(x.statics)} for x in (read, real.dataset)]
    if not asked.names and not counts[0] & counts[1]:
        raise UsageError(
            f"{path} holds {max(counts[0])} channels, and {data} {max(counts[1])}: bring the same, in the "
            "same order"
        )
    if asked.names:  # few rows may look evenly apart by chance, or labels like numbers
        _require_columns(path, asked.names, data, real)
        labelled = (c.name for c in (*real.dataset.columns, *real.dataset.statics) if c.labels)
        own = replace(asked.samples, categorical=tuple(name for name in labelled if name in asked.names))
        read = load(str(path), timed(own, real.dataset.time if read.time else None))
    if one is None and not real.dataset.ends:
        raise UsageError(
            f"{path} holds {len(read.bounds) - 1} sequences of {len(lengths)} different lengths, and those "
            f"of {data} are all of one: several of that are wanted"
        )
    other, conditions = _arranged(read, real.dataset)
    compared = _compared(replace(other, ends=one is None), conditions, real)
    notes = _unseen(path, asked.names, one, known) if by_name and known is not None else ()
    if followed:
        names = ", ".join(map(repr, followed))
        said = f"what follows from the time in {data} is not judged: {names}"
        notes = (*notes, said)
    notes = (*notes, *_cut(path, one, real), *_elsewhere(path, real, compared[0]))
    return Sides(Subject("samples", str(path), None), real, *compared, notes)


def _unseen(path: Path, names: Sequence[str], length: int | None, data: Dataset) -> tuple[str, ...]:
    """What of the data samples with columns of these names, all of one `length` if it is known, lack."""
    gap = None if data.time is None else data.time.gap
    missing = [repr(c.name) for c in (*data.columns, *data.statics) if c.name not in (*names, gap)]
    notes = []
    if missing:
        notes.append(f"{path} has no column {', '.join(missing)}: {data.name} is judged without")
    if length is not None and data.ends:
        notes.append(
            f"every sample has {length} steps, and sequences of {data.name} end by themselves: how long "
            "they are is not compared"
        )
    return tuple(notes)


def _cut(path: Path, length: int | None, real: Real) -> tuple[str, ...]:
    """That sequences of the data were cut to the samples' `length`, if these are not much longer."""
    rows = np.diff(real.dataset.bounds)
    if length is None or rows.max() == length or rows.max() >= 4 * length or real.dataset.ends:
        return ()
    told = f"samples of {path} have {length} steps, and sequences of {real.dataset.name} up to {rows.max()}"
    return (f"{told}: these were cut into windows of {length}",)


def _elsewhere(path: Path, real: Real, samples: Values) -> tuple[str, ...]:
    """That samples (windows, length, columns) lie where the data do not, as in other units they do."""
    found = []
    for i in real.dataset.layout.numeric:
        values, own = (x[np.isfinite(x)] for x in (real.dataset.values[:, i], samples[..., i]))
        if not len(own):
            continue
        spread, theirs = (np.subtract(*np.quantile(x, [0.95, 0.05])) for x in (values, own))
        outside = (own < values.min()) | (own > values.max())  # (values,)
        if outside.mean() > _OUTSIDE or theirs < _NARROW * spread:
            found.append(real.dataset.columns[i].name)
    if not found:
        return ()
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return (
        f"samples of {path} lie elsewhere than {real.dataset.name} or vary far less, in "
        f"{', '.join(map(repr, found[:8]))}{more}: where units or the order of columns are others, no "
        "score says anything, nor does it that nothing is copied",
    )


def _require_known(path: Path, samples: Dataset, data: Path, time_column: str | None) -> None:
    """Raise a UsageError where samples have columns that data with names do not have."""
    theirs, names = names_of(data), [c.name for c in (*samples.columns, *samples.statics)]
    if strange := [n for n in names if n not in (*theirs, f"{time_column} gap")]:
        raise UsageError(
            f"{path} has the columns {', '.join(map(repr, strange[:8]))}, and {data} has not, but "
            f"{', '.join(theirs)}: rename them, or leave them out with --ignore"
        )


def _require_order(path: Path) -> None:
    """Raise a UsageError where the steps of a table's sequences do not come one after the other."""
    for table in tables_of(path):
        ids, steps = (np.asarray(table.column(name)) for name in ("sequence", "step"))
        order = np.argsort(ids, kind="stable")
        ids, steps = ids[order], steps[order]
        if ((ids[1:] == ids[:-1]) & (steps[1:] <= steps[:-1])).any():
            raise UsageError(
                f"{path}: the steps of a sequence do not come one after the other: sort rows by step"
            )


def _require_columns(path: Path, names: Sequence[str], data: str, real: Real) -> None:
    """Raise a UsageError where named columns are not those of data that have names as well."""
    wanted = [
        c.name for c in real.dataset.columns if not real.dataset.time or c.name != real.dataset.time.gap
    ]
    array = data not in BUILTIN and Path(data).suffix.lower() in recordings.ARRAYS
    if not array and (missing := [repr(n) for n in wanted if n not in names]):
        raise UsageError(f"{path} has no column {', '.join(missing[:8])}; it has {', '.join(names)}")


def _arranged(samples: Dataset, real: Dataset) -> tuple[Dataset, Values | None]:
    """Samples with the channels of the real data, and the conditions of each sequence, (sequences,
    conditions), if it has them all: they were told apart by what happens to change in the samples.

    Raises:
        DataError: a label that the real data do not have.
    """
    columns = [*samples.columns, *samples.statics]
    values = samples.values  # (rows, columns)
    if samples.statics:
        values = np.hstack([values, np.repeat(samples.static_values, np.diff(samples.bounds), axis=0)])
    place = {column.name: i for i, column in enumerate(columns)}

    def taken(wanted: Sequence[Column]) -> Doubles:
        found = [place[c.name] for c in wanted]
        return relabelled(values[:, found], [columns[i] for i in found], wanted)  # (rows, wanted)

    if not {c.name for c in real.columns} <= set(place):  # columns of other names stand in the same order
        return replace(samples, values=relabelled(samples.values, samples.columns, real.columns)), None
    bare = replace(samples, columns=real.columns, values=taken(real.columns))
    if not real.statics or not {c.name for c in real.statics} <= set(place):
        return bare, None
    return bare, taken(real.statics)[samples.bounds[:-1]]


def _tensors(path: Path) -> dict[str, Any]:
    """The arrays of an archive as `cadenza sample` writes it; none of another."""
    with np.load(path, allow_pickle=False) as archive:
        parts = ("values", "labels", "valid")
        own = all(n in parts or n.startswith(("condition.", "season.")) for n in archive.files)
        return {name: archive[name] for name in archive.files} if own else {}


def _of_tensors(path: Path, tensors: dict[str, Any], data: str, given: TrainConfig) -> Sides:
    values, labels, valid = (tensors.get(name) for name in ("values", "labels", "valid"))
    first = next(array for array in (values, labels) if array is not None)
    real = real_side(data, replace(given, length=first.shape[1], whole=valid is not None or None))
    layout = real.dataset.layout
    found = [0 if array is None else array.shape[2] for array in (values, labels)]
    if found != [len(layout.numeric), len(layout.discrete)]:
        raise UsageError(
            f"{path} holds {found[0]} channels of numbers and {found[1]} of labels, and {data} "
            f"{len(layout.numeric)} and {len(layout.discrete)}: name the data that the model was trained on"
        )
    rows = layout.rows(values, labels)
    if valid is not None:
        rows[~valid] = ENDED
    conditions = known_conditions(tensors, real.dataset, len(rows))
    told = conditions is not None or not real.dataset.statics
    names = [f"season.{season.name}" for season in real.dataset.seasons]
    if names and told and set(names) <= set(tensors):
        begun = np.column_stack([tensors[name] for name in names])
        conditions = with_seasons(conditions, begun)
    return Sides(Subject("samples", str(path), None), real, rows, conditions)


def _compared(samples: Dataset, conditions: Values | None, real: Real) -> tuple[Values, Values | None]:
    """Samples side by side, (windows, length, columns), and the conditions of each, (windows, …), with
    where it begins in seasons behind, if samples have times as the data do."""
    windows = samples.windows(real.length, real.length)
    under = None if conditions is None else conditions[samples.sequence_of(windows.starts)]
    dataset = real.dataset
    told = conditions is not None or not dataset.statics
    if dataset.seasons and told and _clock(samples.time) == _clock(dataset.time):
        timed = replace(samples, time=dataset.time, seasons=dataset.seasons)
        under = with_seasons(under, seasonal.begun(timed, windows.starts))
    return windows.take(np.arange(len(windows))), under


def _clock(time: Time | None) -> tuple[object, ...]:
    """What ticks are."""
    return () if time is None else (time.kind, time.digits, time.zone)


def _sound(source: str, asked: _Asked) -> Dataset | None:
    """The data, if they are sound. A table is where it was said, and nothing else is where samples have
    several columns."""
    table = source not in BUILTIN and Path(source).suffix.lower() in TABLES
    if not asked.waves and (table or len(asked.names) > 1):
        return None
    dataset = load(source, asked.real)
    return dataset if dataset.form == "sound" else None
