"""How far the graph is from the checkpoint it was made of.

In two parts, since rounding, tables and choices jump: the network's raw outputs against torch's in
double precision, over the grid; and the decoding against its numpy twin, from the very same raw outputs,
exactly. Where numbers follow the choice of their step, torch is given the graph's choices: of two logits
that are equal but for rounding, either may win.

A recurrence makes rounding grow with the number of steps, and a lively one without bound: two right
runs of it are strangers after a hundred steps. So long runs are compared in stretches, each of which
torch begins with the graph's own state: what differs was done wrong there, and not long before. What is
left of growth is measured: torch's own single precision is held against its double precision too, since
no graph in single precision can be asked for less.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from contract import checks
from contract.rollout import Arrays, Run
from contract.spec import Spec
from export.choices import LOGITS
from export.scores import SCORES
from training.conditions import Conditions
from training.decoder import Decoding
from training.generator import Generator, State

STRETCH = 24
"""Steps that torch goes on from the graph's state. Where sequences end torch counts the time from the
beginning and cannot, so there as many are compared as the longest sequence has: behind them is nothing."""


@dataclass(frozen=True)
class Measured:
    """Parity over the whole grid."""

    network: float
    network_rms: float
    rounding: float
    """The same as `network` of torch's own single precision."""
    decoding: float


@torch.no_grad()
def measure(
    spec: Spec, probe: Run, generator: Generator, decoding: Decoding, conditions: Conditions
) -> Measured:
    """Compare `probe`, a graph that also gives its raw outputs, with torch and the numpy twin."""
    exact = copy.deepcopy(generator).double()
    layout = decoding.layout
    gaps = {name: _Gap() for name in (SCORES, LOGITS)}
    decoding_gap = 0.0
    for batch in checks.BATCHES:
        for steps in checks.STEPS:
            whole = checks.feeds(spec, range(batch), steps)
            seen = max(STRETCH, spec.training_length) if spec.ends else steps
            for feeds, out in _stretches(spec, probe, whole, steps):
                once = _once(feeds, spec, conditions)
                nothing = np.zeros((*feeds["noise"].shape[:2], 0), np.float32)
                found = {
                    name: np.swapaxes(out[name], 0, 1).astype(np.float32) if name in out else nothing
                    for name in gaps
                }  # (batch, steps, …)
                chosen = torch.from_numpy(layout.one_hot(layout.chosen(found[LOGITS])))
                noise = torch.from_numpy(feeds["noise"])
                state, first = _state(generator, feeds), int(feeds["position"][0])
                wanted = _raw(exact, once, noise, chosen, state, first)
                single = _raw(generator, once, noise, chosen, state, first)
                for name, gap in gaps.items():
                    gap.add(*(part[name][:, :seen] for part in (found, single, wanted)))
                before = feeds["state.before"][0] if first and "state.before" in feeds else None
                turns = {s.name: feeds[f"season.{s.name}"].astype(np.int64) for s in spec.seasons}
                values, labels = decoding(found[SCORES], found[LOGITS], before, first, turns)
                twin: Arrays = {k: v for k, v in (("values", values), ("labels", labels)) if k in out}
                if spec.ends:  # of the graph's own gates, where there are some
                    logits = torch.from_numpy(found[LOGITS])
                    twin["valid"] = valid = generator.valid(once, logits).numpy() > 0  # (batch, steps)
                    values[~valid], labels[~valid] = np.nan, -1
                apart = checks.difference(spec, {k: out[k] for k in twin}, twin)
                decoding_gap = max(decoding_gap, apart)
    measured = [gap for gap in gaps.values() if gap.largest]
    return Measured(
        network=max(g.gap / g.largest for g in measured),
        network_rms=max(float(np.sqrt(g.gap_squares / g.squares)) for g in measured),
        rounding=max(g.rounding / g.largest for g in measured),
        decoding=decoding_gap,
    )


def _once(feeds: Arrays, spec: Spec, conditions: Conditions) -> torch.Tensor:
    """[latent, given] of the graph's inputs: (batch, latents + given)."""
    columns = [feeds[f"condition.{c.name}"].astype(np.float64) for c in spec.conditions]
    if conditions.told:
        columns.append(feeds["length"].astype(np.float64))
    begun = feeds["position"].astype(np.float64)
    columns += [feeds[f"season.{s.name}"].astype(np.float64) + begun for s in spec.seasons]
    given = conditions.encode(np.array(columns).reshape(len(columns), len(feeds["latent"])).T)
    return torch.from_numpy(np.concatenate([feeds["latent"], given], axis=1))


def _stretches(spec: Spec, probe: Run, whole: Arrays, steps: int) -> Iterator[tuple[Arrays, Arrays]]:
    """What the probe took of the `whole` and gave, stretch after stretch, its state carried from one to the
    next."""
    states = {f"state.{s.name}": whole[f"state.{s.name}"] for s in spec.states}
    size = steps if spec.ends else STRETCH
    for first in range(0, steps, size):
        feeds = whole | states
        feeds["noise"] = whole["noise"][:, first : first + size]
        feeds["position"] = whole["position"] + first
        out = probe(feeds)
        states = {f"state.{s.name}": out[f"next.{s.name}"] for s in spec.states}
        yield feeds, out


def _state(generator: Generator, feeds: Arrays) -> State | None:
    """The graph's state as torch takes it; none where a sequence begins."""
    if not feeds["position"][0]:
        return None
    batch = len(feeds["latent"])

    def of(name: str) -> torch.Tensor:
        """(batch, size)"""
        return torch.from_numpy(feeds.get(f"state.{name}", np.zeros((1, batch, 0), np.float32))[0])

    total, drift, home = (of(name) for name in ("total", "drift", "home"))
    return of("h")[None], of("c")[None], total, drift, home, of("choice"), of("tail")


def _raw(
    generator: Generator, once: torch.Tensor, noise: torch.Tensor, chosen: torch.Tensor,
    state: State | None, position: int,
) -> dict[str, NDArray[np.floating]]:  # fmt: skip
    """What `generator` gives, in its own precision, from `state` at this `position`."""
    kind = generator.mean.dtype
    begun = None if state is None else cast(State, tuple(part.to(kind) for part in state))
    y, logits, _ = generator.play(once.to(kind), noise.to(kind), begun, position, chosen.to(kind))
    return {SCORES: generator.scores(y).numpy(), LOGITS: logits.numpy()}


@dataclass
class _Gap:
    """The largest difference, and that of squares, of one raw output so far."""

    largest: float = 0.0
    gap: float = 0.0
    squares: float = 0.0
    gap_squares: float = 0.0
    rounding: float = 0.0

    def add(
        self, found: NDArray[np.floating], single: NDArray[np.floating], wanted: NDArray[np.floating]
    ) -> None:
        """All (batch, steps, …)."""
        if wanted.size:
            apart = np.abs(found - wanted)
            self.rounding = max(self.rounding, float(np.abs(single - wanted).max()))
            self.gap = max(self.gap, float(apart.max()))
            self.largest = max(self.largest, float(abs(wanted).max()))
            self.gap_squares += float((apart**2).mean())
            self.squares += float((wanted**2).mean())
