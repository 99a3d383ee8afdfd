"""The plainest correct way to run a generator: one batch, chunk after chunk, state carried.

`export` and `cadenza check` measure with it, and the tests hold the scheduler against it.
The graph is a plain function from named arrays to named arrays.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contract import conditions
from contract.noise import NoiseStream
from contract.spec import Spec

Array = NDArray[np.generic]
Arrays = dict[str, Array]
Run = Callable[[Mapping[str, Array]], Arrays]


def sequence_feeds(spec: Spec, seed: int, rows: Sequence[int], given: conditions.Values) -> Arrays:
    """What a sequence brings once: latent (rows, latent), conditions and, where it ends, its length."""
    stream = NoiseStream()
    latents = stream.latents(seed, rows, spec.latent_size)
    return {"latent": latents, **conditions.draw(spec, given, stream, seed, rows)}


def step_noise(spec: Spec, seed: int, rows: Sequence[int], start: int, steps: int) -> Array:
    """`noise` (rows, steps, noise) of the steps from `start` on."""
    noise = np.empty((len(rows), steps, spec.noise_size), np.float32)
    NoiseStream().steps(seed, rows, start, noise)
    return noise


def zero_states(spec: Spec, batch: int) -> Arrays:
    """`state.NAME` of sequences that have not begun; the graph ignores them at position 0."""
    return {
        f"state.{s.name}": np.zeros(
            (batch, s.size) if s.layers is None else (s.layers, batch, s.size), np.float32
        )
        for s in spec.states
    }


def first_feeds(spec: Spec, seed: int, rows: Sequence[int], steps: int) -> Arrays:
    """All inputs of the first `steps` steps of sequences `rows` of `seed`."""
    return {
        **sequence_feeds(spec, seed, rows, {}),
        **zero_states(spec, len(rows)),
        "noise": step_noise(spec, seed, rows, 0, steps),
        "position": np.zeros(len(rows), np.int64),
    }


def rollout(
    spec: Spec,
    run: Run,
    seed: int,
    rows: Sequence[int],
    chunks: Sequence[int],
    given: conditions.Values | None = None,
) -> Arrays:
    """Sequences `rows` of `seed`, `sum(chunks)` steps long, made in chunks of those sizes.

    Returns `values`, `labels` and `valid`, as far as the Spec has them: (rows, steps, …).
    """
    once = sequence_feeds(spec, seed, rows, given or {})
    states = zero_states(spec, len(rows))
    parts: list[Arrays] = []
    position = 0
    for steps in chunks:
        out = run(
            {
                **once,
                **states,
                "noise": step_noise(spec, seed, rows, position, steps),
                "position": np.full(len(rows), position, np.int64),
            }
        )
        states = {f"state.{s.name}": out.pop(f"next.{s.name}") for s in spec.states}
        parts.append(out)
        position += steps
    return {name: np.concatenate([p[name] for p in parts], axis=1) for name in parts[0]}
