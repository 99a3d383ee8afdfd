"""Checkpoints: everything a run is, in one file that is whole or not there.

A file is written beside its final name, flushed to the disk and renamed, and the one before it
is kept: whatever happens during a write, the last whole checkpoint can be read. Files hold
tensors and plain values only and are read with `weights_only=True`: opening one runs nothing.
"""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from contract.calendar import Derived, Season, Time
from contract.forms import Form
from contract.spec import Channel, Condition, ConditionTable
from training import selection
from training.basis import Mixing
from training.conditions import Conditions
from training.config import Recipe, Sizes, TrainConfig
from training.data.rules.making import Rules
from training.data.rules.rule import KINDS
from training.decoder import Decoder, Decoding
from training.errors import RunError, TrainingError
from training.generator import Generator
from training.heads import recipe_of
from training.layout import Layout
from training.record import Cost
from training.selection import Look

FORMAT = 34
_KEPT = 2


@dataclass(frozen=True)
class DataFacts:
    """What a run remembers of its data."""

    source: str
    """DATA as it was given."""
    name: str
    fingerprint: str
    sequences: int
    rows: int
    step: str
    time: Time | None
    derived: tuple[Derived, ...]
    types: dict[str, str]
    cells: dict[str, str]
    form: Form
    rate: int | None
    """Of a sound, samples a second."""
    frame: tuple[int, int] | None


@dataclass(frozen=True)
class Checkpoint:
    """A run at one step."""

    config: TrainConfig
    steps: int
    """How many steps the whole run takes."""
    sizes: Sizes
    batch: int
    """Windows of a step."""
    shortest: int
    """See `training.config.Recipe`."""
    window: int
    """See `training.config.window_for`."""
    data: DataFacts
    channels: tuple[Channel, ...]
    rules: Rules
    """How some of these follow from others, which are learnt."""
    conditions: Conditions
    decoder: Decoder
    mixing: Mixing
    versions: dict[str, str]
    machine: dict[str, str | int]
    cost: Cost
    history: torch.Tensor
    """(entries, 3): step, the discriminator's and the generator's mean loss up to it."""
    recent: torch.Tensor
    """(steps, 2) float64: the losses since the last entry."""
    looks: tuple[Look, ...]
    """Every look at the averaged weights, see `training/selection.py`."""
    rollbacks: tuple[int, ...]
    """The steps from which the run went back."""
    warnings: dict[str, str]
    """What was found wrong, by its kind."""
    game: dict[str, Any]
    """`Game.state_dict`."""

    @property
    def step(self) -> int:
        """Steps made."""
        return int(self.game["step"])

    @property
    def recipe(self) -> Recipe:
        """The recipe that the run follows."""
        recipe = recipe_of(self.data.form, self.config.recipe)
        return replace(recipe, batch=self.batch, shortest=self.shortest)

    @property
    def chosen_step(self) -> int:
        """The step whose weights `generator` gives."""
        look = selection.chosen(self.looks)
        return look.step if look else self.step

    @property
    def decoding(self) -> Decoding:
        """From what the networks give to values and labels."""
        made, hidden = self.rules.made, self.rules.hidden
        learnt = [
            replace(channel, missing=False) if i in hidden else channel
            for i, channel in enumerate(self.channels)
            if i not in made
        ]
        return Decoding(Layout.of(learnt), self.decoder, self.rules)

    @property
    def length(self) -> int:
        """Rows of a window."""
        assert self.config.length is not None  # the trainer resolved it
        return self.config.length

    def generator(self) -> Generator:
        """The averaged generator with the weights that were chosen, on the CPU."""
        look = selection.chosen(self.looks)
        return self._with(look.weights if look and look.weights else self.game["average"])

    def by_likelihood(self) -> Generator | None:
        """The averaged generator as it was when likelihood had taught it and no game; None without such."""
        return self._with(self.game["alone"]) if self.game["alone"] else None

    def _with(self, weights: Mapping[str, torch.Tensor]) -> Generator:
        generator = Generator(
            self.sizes, self.mixing, self.window, self.decoding.layout.sizes, *self.conditions.seen
        )
        generator.load_state_dict(weights)
        return generator.requires_grad_(False).eval()


def save(run: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint into `run` and drop all but the newest two.

    Raises:
        TrainingError: the disk is full, or the folder cannot be written.
    """
    path = run / f"checkpoint-{checkpoint.step:08d}.pt"
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(_pack(checkpoint), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a short write as RuntimeError
        partial.unlink(missing_ok=True)
        cause = error if isinstance(error, OSError) else error.__context__
        reason = cause.strerror if isinstance(cause, OSError) else str(error).split("\n")[0]
        raise TrainingError(
            f"cannot write {path}: {reason}; "
            + (
                "the checkpoint before it is kept: make room and go on with --resume"
                if _files(run)
                else "it was the first, and nothing is kept: make room and begin anew"
            )
        ) from error
    for old in _files(run)[:-_KEPT]:
        old.unlink()
    return path


def load(run: Path) -> tuple[Checkpoint, list[str]]:
    """The newest whole checkpoint of `run`, and what a person should know of the others.

    Raises:
        RunError: `run` is no run, or none of its checkpoints is whole.
    """
    if not run.is_dir():
        raise RunError(f"{run} is no run: there is no such folder; make one with `cadenza train`")
    files = _files(run)
    unfinished = [p for p in run.glob("checkpoint-*.partial") if not files or p.stem > files[-1].stem]
    notes = [f"{p.name} was cut off while it was written" for p in unfinished]
    if not files:
        raise RunError(f"{run} is no run: it holds no checkpoint; make one with `cadenza train`")
    for path in reversed(files):
        try:
            with zipfile.ZipFile(path) as archive:  # torch looks at no checksum
                if (damaged := archive.testzip()) is not None:
                    raise zipfile.BadZipFile(damaged)
            checkpoint = _unpack(torch.load(path, map_location="cpu", weights_only=True))
        except RunError as error:
            notes.append(f"{path.name}: {error}")
            continue
        except Exception as error:  # noqa: BLE001  whatever damaged files make torch raise
            notes.append(f"{path.name} cannot be read ({type(error).__name__})")
            continue
        if notes:
            notes.append(f"{path.name} is the last whole one: step {checkpoint.step} is used")
        return checkpoint, notes
    raise RunError(f"no checkpoint of {run} can be read: {'; '.join(notes)}")


def _files(run: Path) -> list[Path]:
    return sorted(run.glob("checkpoint-*.pt"))


def _pack(c: Checkpoint) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "config": asdict(c.config),
        "steps": c.steps,
        "sizes": asdict(c.sizes),
        "batch": c.batch,
        "shortest": c.shortest,
        "window": c.window,
        "data": asdict(c.data),
        "channels": [asdict(channel) for channel in c.channels],
        "rules": [[name, asdict(r)] for r in c.rules.each for name, k in KINDS.items() if type(r) is k],
        "conditions": [asdict(condition) for condition in c.conditions.described],
        "condition_table": asdict(c.conditions.table),
        "longest": c.conditions.most,
        "gated": c.conditions.gated,
        "seasons": [asdict(season) for season in c.conditions.seasons],
        "begun": torch.from_numpy(np.ascontiguousarray(c.conditions.begun)),
        "decoder": _tensors(c.decoder),
        "mixing": _tensors(c.mixing, but="screen"),
        "screen": {name: torch.from_numpy(array) for name, array in c.mixing.screen.items()},
        "versions": c.versions,
        "machine": c.machine,
        "cost": asdict(c.cost),
        "history": c.history,
        "recent": c.recent,
        "looks": selection.pack(c.looks),
        "rollbacks": list(c.rollbacks),
        "warnings": c.warnings,
        "game": c.game,
    }


def _unpack(raw: Mapping[str, Any]) -> Checkpoint:
    if raw["format"] != FORMAT:
        raise RunError(f"it is of format {raw['format']}, and this cadenza reads {FORMAT}: train anew")
    channels = tuple(Channel(**c | {"labels": tuple(c["labels"])}) for c in raw["channels"])
    return Checkpoint(
        config=TrainConfig(**raw["config"]),
        steps=raw["steps"],
        sizes=Sizes(**raw["sizes"]),
        batch=raw["batch"],
        shortest=raw["shortest"],
        window=raw["window"],
        data=DataFacts(
            **raw["data"]
            | {
                "time": (time := raw["data"]["time"]) and Time(**time | {"begins": tuple(time["begins"])}),
                "derived": tuple(
                    Derived(**d | {"numbers": tuple(d["numbers"]), "labels": tuple(d["labels"])})
                    for d in raw["data"]["derived"]
                ),
            }
        ),
        channels=channels,
        rules=Rules.of([KINDS[name](**rule) for name, rule in raw["rules"]], channels),
        conditions=Conditions(
            tuple(Condition(**c | {"labels": tuple(c["labels"])}) for c in raw["conditions"]),
            ConditionTable(
                tuple(map(tuple, raw["condition_table"]["rows"])), tuple(raw["condition_table"]["counts"])
            ),
            raw["longest"],
            raw["gated"],
            tuple(Season(**season) for season in raw["seasons"]),
            raw["begun"].numpy(),
        ),
        decoder=Decoder(**{k: v.numpy() for k, v in raw["decoder"].items()}),
        mixing=Mixing(
            **{k: v.numpy() for k, v in raw["mixing"].items()},
            screen={name: array.numpy() for name, array in raw["screen"].items()},
        ),
        versions=raw["versions"],
        machine=raw["machine"],
        cost=Cost(**raw["cost"]),
        history=raw["history"],
        recent=raw["recent"],
        looks=selection.unpack(raw["looks"]),
        rollbacks=tuple(raw["rollbacks"]),
        warnings=raw["warnings"],
        game=raw["game"],
    )


def _tensors(arrays: Decoder | Mixing, but: str = "") -> dict[str, torch.Tensor]:
    return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in vars(arrays).items() if k != but}
