"""What a person says of a table's columns in one small file, and the file that says what was found.

    [columns]
    "date" = "time"
    "sector" = "static"
    "remarks" = "ignore"

A column that the file does not name is taken for what it looks like; a flag is stronger than the file.
"""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from contract import times
from contract.spec import plainly
from training.config import TrainConfig
from training.data import files
from training.data.columns import Column
from training.data.dataset import Dataset, Doubles, counted
from training.data.holding import notes_on
from training.data.rules.rule import said_of
from training.data.source import heeds, load, require_heeded
from training.data.windows import held_back
from training.errors import DataError

KINDS = (
    "categorical", "continuous", "integer", "static", "time", "id", "static id", "waveform", "ignore",
)  # fmt: skip
_SETTINGS = 8
"""Values of a whole number up to which they may be settings rather than amounts."""


def applied(data: str, config: TrainConfig) -> TrainConfig:
    """The same choices with what the file `config.schema` says of the columns of `data`, and no file any
    more.

    Raises:
        DataError: the file cannot be read, or says what it cannot, or the data have no columns.
    """
    if config.schema is None:
        return config
    require_heeded(config, data)
    path = Path(config.schema)
    told = _read(path)
    by_flag = {
        *config.categorical, *config.continuous, *config.integer, *config.static, *config.ignore,
        config.time_column, config.id_column, config.waveform,
    }  # fmt: skip
    if told.get(str(config.id_column)) == "static id":
        by_flag -= {config.id_column}
    of = {kind: tuple(n for n, k in told.items() if k == kind and n not in by_flag) for kind in KINDS}
    ids = (*of["id"], *of["static id"])
    for kind, names in (("time", of["time"]), ("id", ids), ("waveform", of["waveform"])):
        if len(names) > 1:
            raise DataError(f"{path}: {' and '.join(map(repr, names))} are both of kind {kind}; one may be")
    return replace(
        config,
        schema=None,
        categorical=(*config.categorical, *of["categorical"]),
        continuous=(*config.continuous, *of["continuous"]),
        integer=(*config.integer, *of["integer"]),
        static=(*config.static, *of["static"], *of["static id"]),
        ignore=(*config.ignore, *of["ignore"]),
        time_column=config.time_column or next(iter(of["time"]), None),
        id_column=config.id_column or next(iter(ids), None),
        waveform=config.waveform or next(iter(of["waveform"]), None),
    )


def outline(data: str, config: TrainConfig) -> str:
    """What would be made of `data`, as a file that `applied` reads.

    Raises:
        DataError: they cannot be learnt from.
    """
    config = applied(data, config)
    dataset = load(data, config)
    dataset.require_varied()
    train, test = dataset.split(dataset.length, config.stride, config.hold_out)
    what = f"whole sequences of up to {dataset.length}" if dataset.ends else f"windows of {dataset.length}"
    step = "" if dataset.step == "row" else f", one step is {dataset.step}"
    lines = [
        *([f"# frames of {dataset.frame[0]} by {dataset.frame[1]} pixels"] if dataset.frame else []),
        f"# {data}: {counted(len(dataset.bounds) - 1)}, {len(dataset.values)} rows{step}",
        f"# {len(train)} {what} to train on, {held_back(test, config.hold_out)}",
        *(f"# {_line(note)}" for note in (*dataset.notes, *notes_on(dataset, train))),
    ]
    told = "schema" in heeds(data)
    if told:
        how = f"edit this and train with --schema; kinds are {', '.join(KINDS)}."
        lines += [f"# To tell it otherwise, {how}", "", "[columns]"]
    named = files.names_of(Path(data)) or dataset.form not in ("picture", "film", "sound")
    # Of pixels and of samples nothing can be told.
    found = dict(_kinds(data, dataset, config)) if named else {}
    keys = [
        f"{'' if told and kind else '# '}{json.dumps(name, ensure_ascii=False)}"
        + (f" = {json.dumps(kind)}" if kind else "")
        for name, (kind, _) in found.items()
    ]
    width = max(map(len, keys), default=0)
    return "\n".join(
        lines + [f"{key:<{width}}  # {said}" for key, (_, said) in zip(keys, found.values(), strict=True)]
    )


def _kinds(data: str, dataset: Dataset, config: TrainConfig) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each column of the file with its kind, if it can be told one, and what it holds."""
    columns = {c.name: (c, x) for c, x in zip(dataset.columns, dataset.values.T, strict=True)}
    statics = {c.name: (c, x) for c, x in zip(dataset.statics, dataset.static_values.T, strict=True)}
    derived = {d.name: d for d in dataset.derived}
    said = said_of(dataset.rules, dataset.columns)
    follows = {dataset.columns[i].name: text for i, text in said.items()}
    for name in files.names_of(Path(data)) or [*columns, *statics]:
        if dataset.time and name == dataset.time.name:
            first = times.texts(dataset.time, np.array([dataset.time.start], np.int64))[0]
            apart = f"gaps in {dataset.time.gap!r}" if dataset.time.gap else f"{dataset.step} apart"
            yield name, ("time", f"from {first} on, {apart}")
        elif name == config.id_column:
            yield name, ("static id" if name in statics else "id", counted(len(dataset.bounds) - 1))
        elif name == config.waveform:
            yield name, ("waveform", f"one step is a {dataset.step}")
        elif name in derived and dataset.time is not None:
            yield name, ("", f"follows from {dataset.time.name}, by its {derived[name].part}")
        elif name in follows:
            yield name, ("", _line(f"follows from others: {follows[name]}"))
        elif name in columns:
            yield name, (_kind(*columns[name]), _said(*columns[name]))
        elif name in statics:
            told = "categorical" if name in config.categorical else "static"  # it is found to be constant
            yield name, (told, _said(*statics[name]))
        else:
            yield name, ("ignore", "left out")


def _kind(column: Column, values: Doubles) -> str:
    if column.labels:
        return "categorical"
    known = values[~np.isnan(values)]
    return "integer" if column.rounded and (known == np.rint(known)).all() else "continuous"


def _said(column: Column, values: Doubles) -> str:
    if column.labels:
        shown = ", ".join(map(plainly, column.labels[:6])) + (" …" if len(column.labels) > 6 else "")
        said = f"{len(column.labels)} labels: {shown}"
    else:
        said = f"{np.nanmin(values):,.6g} to {np.nanmax(values):,.6g}"
        count = len(np.unique(values[~np.isnan(values)]))
        if 2 < count <= _SETTINGS and _kind(column, values) == "integer":
            said += f", {count} values: if these are settings or codes, make it categorical"
    return _line(said) + (", with gaps" if column.missing else "")


def _line(said: str) -> str:
    """In one line, whatever labels hold."""
    return " ".join(said.splitlines())


def _read(path: Path) -> dict[str, str]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no TOML: {error}") from error
    told: Any = raw.get("columns")
    if unknown := sorted(set(raw) - {"columns"}):
        raise DataError(f"{path} has {', '.join(unknown)}; a table [columns] is all that is wanted")
    if not isinstance(told, dict):
        raise DataError(f'{path} has no table [columns], with lines such as "volume" = "integer"')
    for name, kind in told.items():
        if kind not in KINDS:
            raise DataError(
                f"{path}: column {name!r} is of kind {kind!r}; one of {', '.join(KINDS)} is wanted"
            )
    return told
