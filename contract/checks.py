"""Does a generator keep the contract? The same checks at export and in `cadenza check`.

Each takes the Spec and a plain callable over named arrays, so it knows neither torch nor a
runtime. Where the promise is "bit for bit" (fp32 and fp16 on CPU) a check allows no
difference at all; int8 quantises its activations by batch, so there the difference is
measured, sealed into the Spec, and held within four times that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contract import interface, noise
from contract.rollout import Array, Arrays, Run, first_feeds, rollout, sequence_feeds, step_noise
from contract.spec import Reference, Spec

BATCHES = (1, 2, 3, 7, 64)
STEPS = (1, 2, 23, 24, 25, 97, 301)
"""1, primes, and the neighbours of the usual training length: what a frozen axis trips over."""

CHUNKINGS: tuple[tuple[int, ...], ...] = ((1,) * 97, (24, 24, 24, 25), (2, 23, 1, 70, 1), (96, 1))
REFERENCE_TOLERANCE = 1e-3
"""Of a channel's range: another machine's arithmetic, not another model."""

_SEED = 20


@dataclass(frozen=True)
class Check:
    """One check's outcome, in words and as a figure."""

    name: str
    passed: bool
    figure: float
    """Largest difference found, in fractions of a channel's range; 0 is bit for bit."""
    detail: str


def checks(spec: Spec, run: Run) -> Iterator[Check]:
    """All checks, one after the other."""
    yield noise_is_as_sealed(spec)
    yield grid(spec, run)
    yield position_zero_starts_anew(spec, run)
    yield chunks_equal_whole(spec, run)
    yield alone_equals_company(spec, run)
    yield reference(spec, run)


def noise_is_as_sealed(spec: Spec) -> Check:
    """An algorithm may change between versions; then seeds mean something else."""
    same = (spec.noise.algorithm, spec.noise.version, spec.noise.block_steps) == (
        noise.ALGORITHM,
        noise.VERSION,
        noise.BLOCK_STEPS,
    ) and spec.noise.digest == noise.digest()
    detail = f"{spec.noise.algorithm}, version {spec.noise.version}"
    if not same:
        detail += (
            f", is not what is drawn here ({noise.ALGORITHM}, version {noise.VERSION}): samples of a seed"
        )
        detail += " would differ"
    return Check("noise stream", same, 0.0, detail)


def grid(spec: Spec, run: Run) -> Check:
    """Every batch and every steps: declared shapes and types, finite values in their range."""
    for batch in BATCHES:
        for steps in STEPS:
            out = run(feeds(spec, range(batch), steps))
            if fault := _fault(spec, out, batch, steps):
                return Check("grid", False, float("nan"), f"batch {batch}, steps {steps}: {fault}")
    return Check("grid", True, 0.0, f"batch {_list(BATCHES)} × steps {_list(STEPS)}")


def position_zero_starts_anew(spec: Spec, run: Run) -> Check:
    """Where position is 0, whatever came in as state is ignored, row by row."""
    rows = range(5)
    clean = run(feeds(spec, rows, 24))
    dirty = feeds(spec, rows, 24)
    for s in spec.states:
        dirty[f"state.{s.name}"] = np.full_like(dirty[f"state.{s.name}"], np.nan)
    return _verdict(spec, "position 0", clean, run(dirty), "a state of NaN leaves no trace")


def chunks_equal_whole(spec: Spec, run: Run) -> Check:
    """One run of 97 steps equals the same steps in chunks with the state carried."""
    figure = 0.0
    for batch in (1, 3, 64):
        whole = rollout(spec, run, _SEED, range(batch), (97,))
        for chunks in CHUNKINGS:
            parts = rollout(spec, run, _SEED, range(batch), chunks)
            figure = max(figure, difference(spec, whole, parts))
    return _judged(spec, "chunked = whole", figure, spec.parity.chunks, "97 steps in 4 ways")


def alone_equals_company(spec: Spec, run: Run) -> Check:
    """A sequence is the same alone, among others, and beside others at other positions."""
    together = rollout(spec, run, _SEED, range(64), (24, 24))
    figure = 0.0
    for rows in ([0], [1], [37], [63], [5, 4], list(range(7, 30))):
        alone = rollout(spec, run, _SEED, rows, (24, 24))
        figure = max(figure, difference(spec, {k: v[rows] for k, v in together.items()}, alone))
    figure = max(figure, _mixed_positions(spec, run, together))
    return _judged(spec, "alone = in company", figure, spec.parity.company, "64 rows, 2 positions")


def reference(spec: Spec, run: Run) -> Check:
    """The sample sealed at export, made again here."""
    sealed = spec.reference
    out = reference_sample(spec, run, sealed.seed, sealed.count, sealed.length)
    wanted: Arrays = {}
    if spec.numeric:
        wanted["values"] = np.array(sealed.values, np.float32).reshape(out["values"].shape)
    if spec.discrete:
        wanted["labels"] = np.array(sealed.labels, np.int64).reshape(out["labels"].shape)
    figure = difference(spec, wanted, {k: out[k] for k in wanted})
    how = "bit for bit" if figure == 0 else f"within {figure:.1e} of a channel's range"
    return Check("reference sample", figure <= REFERENCE_TOLERANCE, figure, how)


def reference_sample(spec: Spec, run: Run, seed: int, count: int, length: int) -> Arrays:
    """The sample that `seal_reference` keeps and `reference` repeats."""
    return rollout(spec, run, seed, range(count), (length,))


def seal_reference(spec: Spec, run: Run, seed: int = 7, count: int = 2) -> Reference:
    """Make the sample that travels in the Spec."""
    length = min(spec.training_length, 32)
    out = reference_sample(spec, run, seed, count, length)
    values = out["values"].ravel().tolist() if spec.numeric else ()
    labels = out["labels"].ravel().tolist() if spec.discrete else ()
    return Reference(seed, count, length, tuple(values), tuple(labels))


def feeds(spec: Spec, rows: Sequence[int], steps: int) -> Arrays:
    """The inputs of sequences `rows` of the checks' own seed, at their beginning."""
    return first_feeds(spec, _SEED, rows, steps)


def difference(spec: Spec, a: Mapping[str, Array], b: Mapping[str, Array]) -> float:
    """Largest difference of two answers: of `values` in fractions of a channel's range; 1 for
    a label, a NaN or a validity that differs. 0 means the same bytes."""
    figure = 0.0
    for name, left in a.items():
        right = b[name]
        if left.tobytes() == right.tobytes():
            continue
        if name != "values":
            figure = max(figure, 1.0)
            continue
        span = np.array([(c.high or 0) - (c.low or 0) or 1.0 for c in spec.numeric])
        gap = np.abs(left.astype(np.float64) - right.astype(np.float64)) / span
        gap[np.isnan(left) & np.isnan(right)] = 0.0
        # Different bytes never count as 0, be it the sign of a zero.
        figure = max(figure, float(np.nan_to_num(gap, nan=1.0).max()), np.finfo(np.float64).tiny)
    return figure


def _mixed_positions(spec: Spec, run: Run, together: Arrays) -> float:
    """Rows 0-2 at their second chunk in one batch with rows 3-5 at their first."""
    first = run(feeds(spec, range(3), 24))
    old = {
        **sequence_feeds(spec, _SEED, range(3), {}),
        **{f"state.{s.name}": first[f"next.{s.name}"] for s in spec.states},
        "noise": step_noise(spec, _SEED, range(3), 24, 24),
        "position": np.full(3, 24, np.int64),
    }
    new = feeds(spec, range(3, 6), 24)
    layered = {f"state.{s.name}" for s in spec.states if s.layers is not None}
    out = run({k: np.concatenate([old[k], new[k]], axis=int(k in layered)) for k in new})
    names = [n for n in together if n in out]
    expected = {n: np.concatenate([together[n][:3, 24:], together[n][3:6, :24]]) for n in names}
    return difference(spec, expected, {n: out[n] for n in names})


def _fault(spec: Spec, out: Arrays, batch: int, steps: int) -> str:
    """What is wrong with one answer, or the empty string."""
    sizes = {interface.BATCH: batch, interface.STEPS: steps}
    for tensor in interface.outputs(spec):
        shape = tuple(sizes[d] if isinstance(d, str) else d for d in tensor.shape)
        found = out.get(tensor.name)
        if found is None:
            return f"{tensor.name} is missing"
        if found.shape != shape or found.dtype != np.dtype(tensor.dtype):
            return f"{tensor.name} is {found.dtype}{list(found.shape)}, declared {list(shape)}"
        if tensor.name.startswith("next.") and not np.isfinite(found.astype(np.float64)).all():
            return f"{tensor.name} is not finite"
    valid = np.ones((batch, steps), bool)
    if spec.ends:
        valid &= out["valid"].astype(bool)
    for i, channel in enumerate(spec.numeric):
        column = out["values"][..., i]
        if not np.isnan(column[~valid]).all():
            return f"{channel.name!r} has values behind the end"
        column = column[valid]
        inside = (column >= np.float32(channel.low or 0)) & (column <= np.float32(channel.high or 0))
        absent = np.isnan(column) if channel.missing else np.zeros(column.shape, bool)
        if not (inside | absent).all():
            return f"{channel.name!r} leaves its range {channel.low} … {channel.high}"
    for i, channel in enumerate(spec.discrete):
        label = out["labels"][..., i].astype(np.int64)
        if not (label[~valid] == -1).all():
            return f"{channel.name!r} has labels behind the end"
        label = label[valid]
        if (label < (-1 if channel.missing else 0)).any() or (label >= len(channel.labels)).any():
            return f"{channel.name!r} has an index outside its {len(channel.labels)} labels"
    return ""


def _verdict(spec: Spec, name: str, a: Arrays, b: Arrays, detail: str) -> Check:
    shared = [n for n in a if not n.startswith("next.")]
    return _judged(
        spec, name, difference(spec, {n: a[n] for n in shared}, {n: b[n] for n in shared}), 0.0, detail
    )


def _judged(spec: Spec, name: str, figure: float, sealed: float, detail: str) -> Check:
    allowed = 4 * sealed if spec.precision == "int8" else 0.0
    how = "bit for bit" if figure == 0 else f"differs by {figure:.1e} of a channel's range"
    return Check(name, figure <= allowed, figure, f"{how} ({detail})")


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
