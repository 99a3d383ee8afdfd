"""`cadenza export`: from a run to one sealed file that has been measured."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
import onnxruntime
from onnx import ModelProto, helper

from contract import checks, interface, noise
from contract.errors import UsageError
from contract.files import replacing
from contract.rollout import Run
from contract.seal import DIGEST_KEY, SPEC_KEY, UNSEALED, Artifact, load, seal
from contract.spec import (
    SCHEMA_VERSION,
    Data,
    Endings,
    Noise,
    Parity,
    Precision,
    Reference,
    Score,
    Spec,
)
from contract.version import VERSION
from export.errors import ExportError
from export.graph import build, states_of, with_raw
from export.parity import measure
from export.precision import LIMITS, ROUNDING, quantise
from export.runtime import run_of
from training import checkpoint as checkpoints
from training.checkpoint import Checkpoint
from training.evaluation.report import REPORT_FILE

_OF_SOUND = (
    "the smallest and the largest sample, with an eighth of their distance beyond; the principal axes of "
    "frames of two hops; no training row"
)
_DISCLOSURE = (
    "per channel: name, and its labels or its smallest and largest value and a table of at most 512 "
    "interpolated quantiles, with those values at which it stands still again and again; "
    "channel means, covariances of levels and increments, the least and the greatest of each component; "
    "which channels bound which; no training row"
)

_TIME = "; at most 1,024 of the times that sequences, or windows of a long series, begin at"
_RULES = "; how columns follow from others"
_TABLE = "; every combination of the conditions that occurred, with how often"


@dataclass(frozen=True)
class Exported:
    """What an export gives back to its caller."""

    path: Path
    artifact: Artifact
    notes: tuple[str, ...]
    """What a person should know of the checkpoint that was used."""


def export(run: Path, path: Path, precision: Precision = "fp32", licence: str | None = None) -> Exported:
    """Write the newest whole checkpoint of `run` as a sealed ONNX file.

    Raises:
        RunError: `run` holds no whole checkpoint.
        ExportError: parity or invariance does not hold, or the file cannot be written.
        UsageError: `path` does not end in .onnx, by which a model is known everywhere.
    """
    if path.suffix != ".onnx":
        raise UsageError(f"{path} would be a model: name a file that ends in .onnx")
    checkpoint, notes = checkpoints.load(run)
    if checkpoint.step < checkpoint.steps:
        notes.append(
            f"the run is at step {checkpoint.step} of {checkpoint.steps}: what it has learnt so far"
        )
    model, spec = _measured(checkpoint, _scores(run, checkpoint), precision, licence)
    helper.set_model_props(model, {SPEC_KEY: spec.to_json(), DIGEST_KEY: UNSEALED})
    _write(path, seal(model.SerializeToString(deterministic=True)))
    artifact = load(path)
    _compare(artifact)
    return Exported(path, artifact, tuple(notes))


def _measured(
    checkpoint: Checkpoint, scores: tuple[Score, ...], precision: Precision, licence: str | None
) -> tuple[ModelProto, Spec]:
    """The graph and its Spec with every figure filled in, or an ExportError."""
    generator = checkpoint.generator()
    unmeasured = Parity(0.0, 0.0, 0.0, 0.0, 0.0)
    spec = Spec(
        schema_version=SCHEMA_VERSION,
        name=checkpoint.data.name,
        step=checkpoint.data.step,
        form=checkpoint.data.form,
        rate=checkpoint.data.rate,
        frame=checkpoint.data.frame,
        channels=checkpoint.channels,
        time=checkpoint.data.time,
        derived=checkpoint.data.derived,
        types=checkpoint.data.types,
        cells=checkpoint.data.cells,
        seasons=checkpoint.conditions.seasons,
        training_length=checkpoint.length,
        endings=_endings(checkpoint),
        conditions=checkpoint.conditions.described,
        condition_table=checkpoint.conditions.table,
        latent_size=generator.latents,
        noise_size=generator.noise_size,
        states=states_of(generator, checkpoint.rules),
        noise=Noise(noise.ALGORITHM, noise.VERSION, noise.BLOCK_STEPS, noise.digest()),
        precision=precision,
        parity=unmeasured,
        reference=Reference(0, 0, 0, (), ()),
        scores=scores,
        data=Data(
            name=checkpoint.data.name,
            fingerprint=checkpoint.data.fingerprint,
            sequences=checkpoint.data.sequences,
            rows=checkpoint.data.rows,
            disclosure=(_OF_SOUND if len(checkpoint.mixing.axes) else _DISCLOSURE)
            + (_RULES if checkpoint.rules.each else "")
            + (_TABLE if checkpoint.conditions.described else "")
            + (_TIME if checkpoint.data.time else ""),
        ),
        versions={
            "cadenza": VERSION,
            **checkpoint.versions,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        licence=licence,
    )
    model = build(spec, generator, checkpoint.decoding, checkpoint.conditions)
    if precision == "int8":
        model = quantise(model)
    probe = run_of(with_raw(model, generator, len(checkpoint.decoding.layout.numeric)))
    run = run_of(model)
    measured = measure(spec, probe, generator, checkpoint.decoding, checkpoint.conditions)
    limit = max(LIMITS[precision], ROUNDING * measured.rounding)
    if not measured.network <= limit or measured.decoding != 0:
        raise ExportError(
            f"the graph is not its checkpoint: raw outputs differ by {measured.network:.1e} of "
            f"their size ({limit:.0e} is allowed), the decoding by {measured.decoding:.1e}"
        )
    spec = replace(
        spec,
        parity=Parity(measured.network, measured.network_rms, measured.decoding, chunks=0.0, company=0.0),
    )
    spec = _with_invariance(spec, run)
    spec = replace(spec, reference=checks.seal_reference(spec, run))
    failed = [c for c in checks.checks(spec, run) if not c.passed]
    if failed:
        raise ExportError("; ".join(f"{c.name}: {c.detail}" for c in failed))
    return model, spec


def _endings(checkpoint: Checkpoint) -> Endings | None:
    if not checkpoint.conditions.most:
        return None
    return "gate" if checkpoint.conditions.gated else "length"


def _with_invariance(spec: Spec, run: Run) -> Spec:
    """int8 is allowed to differ by what is measured here; the others must not differ."""
    if spec.precision != "int8":
        return spec
    chunks = checks.chunks_equal_whole(spec, run).figure
    company = checks.alone_equals_company(spec, run).figure
    return replace(spec, parity=replace(spec.parity, chunks=chunks, company=company))


def _compare(artifact: Artifact) -> None:
    """Hold the written graph's declaration against its Spec: nothing frozen, nothing renamed."""
    graph = onnx.load_from_string(artifact.data).graph
    interface.compare(artifact.spec, map(_tensor, graph.input), map(_tensor, graph.output))


def _tensor(info: onnx.ValueInfoProto) -> interface.Tensor:
    kind = info.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return interface.Tensor(info.name, dtype, tuple(d.dim_param or d.dim_value for d in kind.shape.dim))


def _scores(run: Path, checkpoint: Checkpoint) -> tuple[Score, ...]:
    """The scores of the run's own evaluation, if it is of this very checkpoint and against its data."""
    path = run / REPORT_FILE
    if not path.is_file():
        return ()
    try:
        report = json.loads(path.read_text())
        made_of = report["subject"]["step"], report["data_fingerprint"]
        scores = tuple(Score(**score) for score in report["scores"])
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"{path} is no report as `cadenza evaluate` writes it: make it anew, or take it away"
        ) from error
    return scores if made_of == (checkpoint.step, checkpoint.data.fingerprint) else ()


def _write(path: Path, data: bytes) -> None:
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from error
