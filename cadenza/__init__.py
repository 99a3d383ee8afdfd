"""cadenza: train a recurrent GAN on sequences, export it to one ONNX file, serve it.

    import cadenza

    run = cadenza.train("prices.csv", minutes=2)
    run.export("prices.onnx")
    generator = cadenza.load("prices.onnx")  # no torch from here on
    samples = generator.sample(count=100, length=24, seed=7)

Each stage is imported when it is first used: loading a model never loads torch.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.version import VERSION

if TYPE_CHECKING:
    from cadenza.run import Run
    from serving.sampler import Generator
    from training.evaluation.report import Report

__version__ = VERSION
__all__ = ["__version__", "evaluate", "load", "train"]


def train(
    data: str | Path, out: str | Path | None = None, *, resume: bool = False, **choices: Any
) -> "Run":
    """Train on `data`: a built-in name, a csv/parquet/arrow/npy/npz file, or a folder of these.

    `out` is the run's folder; without it, the first free of `runs/NAME`, `runs/NAME-2`, … is
    taken. `choices` are the fields of `training.config.TrainConfig`.

    Raises:
        CadenzaError: see `training.trainer.train`.
    """
    from cadenza.run import train_run

    return train_run(str(data), None if out is None else Path(out), resume=resume, choices=choices)


def evaluate(
    subject: str | Path, data: str | Path | None = None, out: str | Path | None = None, **choices: Any
) -> "Report":
    """Score a run's folder, a model or a file of samples against `data`, which a run knows itself, and
    write the report, as JSON to `out` and as a page beside it; without `out`, as `cadenza evaluate` does.

    `choices` are those of `cadenza.evaluation.evaluate_subject`: `scores`, `judges`, `seed`, `id_column`, …

    Raises:
        CadenzaError: see `cadenza.evaluation.evaluate_subject`.
    """
    from cadenza.evaluation import evaluate_subject
    from cadenza.run import same_threads

    place = None if out is None else Path(out)
    with same_threads():
        return evaluate_subject(str(subject), None if data is None else str(data), place, **choices)[0]


def load(path: str | Path) -> "Generator":
    """Load an exported model to sample from.

    Raises:
        CadenzaError: see `serving.sampler.load`.
    """
    from serving.sampler import load as load_generator

    return load_generator(path)
