"""Does a long sample stay where the data are? python -m benchmarks.quality.long model.onnx --data google

Samples sequences far beyond the training length and compares marginals and autocorrelation with the data's,
and the second half of the samples with the first: what drifts differs there. And judges tell windows out of
the second half from the data's, beside windows that samples begin with.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from benchmarks.quality.table import RESULTS
from serving.sampler import load as load_generator
from training.config import TrainConfig
from training.data import Dataset, load
from training.data.dataset import Doubles
from training.evaluation.report import Subject, evaluate
from training.evaluation.sides import MOST_WINDOWS, Real

RESULT = RESULTS / "long.json"
PICTURE = Path("build/long.png")
_DRAWN = 4
"""Channels and sequences in the picture at most."""


@dataclass(frozen=True)
class Choices:
    """What to look at."""

    subject: tyro.conf.Positional[Path]
    """A model.onnx, or a run's folder."""
    data: str
    """The real data: a built-in name or a file."""
    steps: int = 10_000
    """Steps of each sequence."""
    count: int = 64
    """Sequences."""
    judges: int = 3
    """Judges of windows, where there are no labels; 0: none."""
    lags: int = 100
    """Lags of the autocorrelation."""
    seed: int = 0
    """Seed of the samples."""
    out: Path = PICTURE
    """Where the picture goes."""


def main() -> None:
    """Print the table and the JSON line, keep the latter, and draw."""
    choices = tyro.cli(Choices)
    dataset = load(choices.data, TrainConfig())
    names, samples, low, high = sample(choices, choices.count, choices.steps)
    rows = [
        channel(name, dataset, i, samples[:, :, i], low[i], high[i], choices.lags)
        for i, name in enumerate(names)
    ]
    print(
        f"{'channel':<20} {'KS':>6} {'halves':>7} {'moved':>7} {'spread':>7} {'acf error':>10} "
        f"{'halves':>7} {'at edge':>8} {'data':>7}"
    )
    for r in rows:
        print(
            f"{r['channel'][:20]:<20} {r['ks']:>6.3f} {r['ks_halves']:>7.3f} {r['moved']:>7.2f} "
            f"{r['spread']:>7.2f} {r['acf_error']:>10.3f} {r['acf_halves']:>7.3f} {r['at_edge']:>8.2%} "
            f"{r['at_edge_data']:>7.2%}"
        )
    print(
        "KS: largest difference of the distribution functions, samples to data; halves: second half to "
        "first. moved: change of the mean in the data's deviations; spread: ratio of deviations, second "
        "half to first. acf error: mean |difference| of the autocorrelation. at edge: share of values at "
        "the least or the largest that the model can say; data: the same of the data."
    )
    draw(choices.out, dataset, names, samples, choices.lags)
    told = judged(choices, dataset, samples) if choices.judges and not dataset.layout.width else []
    for score in told:
        print(
            f"{score['score']}: {score['first']:.3f} of windows that samples begin with, "
            f"{score['late']:.3f} of those out of their second half; floor {score['floor']:.3f}"
        )
    own = {
        "data": choices.data, "steps": choices.steps, "count": choices.count, "seed": choices.seed,
        "lags": choices.lags, "channels": rows, "judged": told,
    }  # fmt: skip
    known = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
    kept = [row for row in known if row["data"] != choices.data]
    line = json.dumps({"benchmark": "long", "rows": [*kept, own]})
    RESULT.write_text(line + "\n")
    print(line)


def sample(choices: Choices, count: int, steps: int) -> tuple[list[str], Doubles, Doubles, Doubles]:
    """Channels, samples (count, steps, channels), and the least and largest that each can be."""
    with tempfile.TemporaryDirectory() as folder:
        model = choices.subject
        if model.is_dir():
            from export.exporter import export

            model = Path(folder, "model.onnx")
            export(choices.subject, model)
        generator = load_generator(model)
    try:
        values = generator.sample(count, steps, choices.seed).values
        channels = generator.spec.channels
    finally:
        generator.close()
    if values is None:
        raise SystemExit(f"{choices.subject} has no numeric channel")
    low, high = ([getattr(c, end) for c in channels] for end in ("low", "high"))
    return [c.name for c in channels], values.astype(np.float64), np.array(low), np.array(high)


def judged(choices: Choices, dataset: Dataset, samples: Doubles) -> list[dict[str, Any]]:
    """What the field's judge and the strong one say of windows that samples begin with, and of as many out
    of the second half of long ones, (count, steps, channels)."""
    config, length = TrainConfig(), dataset.length
    real = Real(choices.data, dataset, length, config.stride, config.hold_out)
    later = samples[:, samples.shape[1] // 2 :]
    each = later.shape[1] // length
    if not each:
        raise SystemExit(f"--steps {choices.steps} have no window of {length} in their second half")
    late = later[:, : each * length].reshape(-1, length, samples.shape[2])  # (windows, length, channels)
    count = min(len(late), len(dataset.windows(length, config.stride)), MOST_WINDOWS)
    late = late[np.random.default_rng(0).permutation(len(late))[:count]]
    _, first, _, _ = sample(choices, count, length)
    found = []
    for made in (first, late):
        subject = Subject("samples", str(choices.subject), None)
        report, _ = evaluate(
            real, made.astype(np.float32), ("field", "strong"), choices.judges, subject, 0, full=True
        )
        found.append(report.scores)
    return [
        {"score": a.name, "first": _rounded(a.value), "late": _rounded(b.value), "floor": _rounded(a.floor)}
        for a, b in zip(*found, strict=True)
    ]


def channel(
    name: str, dataset: Dataset, i: int, made: Doubles, low: float, high: float, lags: int
) -> dict[str, Any]:
    """The figures of one channel; `made` is (count, steps)."""
    real = dataset.values[:, i]
    sequences = [real[a:b] for a, b in zip(dataset.bounds[:-1], dataset.bounds[1:], strict=True)]
    first, second = np.split(made[:, : made.shape[1] // 2 * 2], 2, axis=1)
    scale = real.std() or 1.0
    lags = min(lags, max(map(len, sequences)) // 2)
    return {
        "channel": name,
        "ks": _rounded(ks(made.ravel(), real)),
        "ks_halves": _rounded(ks(first.ravel(), second.ravel())),
        "moved": _rounded((second.mean() - first.mean()) / scale),
        "spread": _rounded(second.std() / (first.std() or 1.0)),
        "acf_error": _rounded(np.abs(acf(list(made), lags) - acf(sequences, lags)).mean()),
        "acf_halves": _rounded(np.abs(acf(list(first), lags) - acf(list(second), lags)).mean()),
        "at_edge": _rounded(_at(made, low, high)),
        "at_edge_data": _rounded(_at(real, low, high)),
    }


def ks(a: Doubles, b: Doubles) -> float:
    """Kolmogorov and Smirnov's statistic: the largest difference of two distribution functions."""
    a, b = np.sort(a), np.sort(b)
    at = np.concatenate([a, b])
    shares = [np.searchsorted(x, at, "right") / len(x) for x in (a, b)]
    return float(np.abs(shares[0] - shares[1]).max())


def acf(sequences: list[Doubles], lags: int) -> Doubles:
    """Autocorrelation at lags 0 … `lags` about the mean of all sequences, so that a level that a
    sequence keeps counts as correlation: (lags + 1,)."""
    mean = np.concatenate(sequences).mean()
    around = [s - mean for s in sequences if len(s) > lags]
    sums = np.zeros(lags + 1)
    for lag in range(lags + 1):
        products = sum(float((s[: len(s) - lag] * s[lag:]).sum()) for s in around)
        sums[lag] = products / sum(len(s) - lag for s in around)
    whole: Doubles = sums / (sums[0] or 1.0)
    return whole


def draw(out: Path, dataset: Dataset, names: list[str], samples: Doubles, lags: int) -> None:
    """Sequences, marginals of both halves beside the data's, and autocorrelations."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = range(min(_DRAWN, len(names)))
    figure, axes = plt.subplots(len(shown), 3, figsize=(15, 2.6 * len(shown)), squeeze=False)
    real_sequences = np.split(dataset.values, dataset.bounds[1:-1])
    half = samples.shape[1] // 2
    for i in shown:
        path, marginal, correlation = axes[i]
        every = max(1, samples.shape[1] // 2000)
        steps = np.arange(0, samples.shape[1], every)
        for sequence in samples[:_DRAWN, ::every, i]:
            path.plot(steps, sequence, linewidth=0.6)
        path.set_ylabel(names[i])
        real = dataset.values[:, i]
        both = np.concatenate([real, samples[:, :, i].ravel()])
        bins = np.linspace(both.min(), both.max(), 60).tolist()
        for values, label in (
            (real, "data"), (samples[:, :half, i], "first half"), (samples[:, half:, i], "second half"),
        ):  # fmt: skip
            marginal.hist(values.ravel(), bins, density=True, histtype="step", label=label)
        most = min(lags, max(map(len, real_sequences)) // 2)
        correlation.plot(acf([s[:, i] for s in real_sequences], most), label="data")
        correlation.plot(acf(list(samples[:, :half, i]), most), label="first half")
        correlation.plot(acf(list(samples[:, half:, i]), most), label="second half")
        correlation.set_ylim(min(-0.2, correlation.get_ylim()[0]), 1.05)
    for axis, title in zip(axes[0], ("samples", "marginals", "autocorrelation"), strict=True):
        axis.set_title(title)
    axes[0][1].legend(fontsize=8)
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=100)
    plt.close(figure)
    print(f"{out}: the picture")


def _at(values: NDArray[np.float64], low: float, high: float) -> float:
    """Share of values at the edge, as the float32 of the model says it."""
    return float(np.mean((values <= np.float32(low)) | (values >= np.float32(high))))


def _rounded(figure: float) -> float:
    return round(float(figure), 4)


if __name__ == "__main__":
    main()
