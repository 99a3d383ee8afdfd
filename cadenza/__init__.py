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

__version__ = VERSION
__all__ = ["__version__", "load", "train"]


def train(
    data: str | Path, out: str | Path | None = None, *, resume: bool = False, **choices: Any
) -> "Run":
    """Train on `data`: a built-in name, a csv/parquet/npy/npz file, or a folder of these.

    `out` is the run's folder; without it, the first free of `runs/NAME`, `runs/NAME-2`, … is
    taken. `choices` are the fields of `training.config.TrainConfig`.

    Raises:
        CadenzaError: see `training.trainer.train`.
    """
    from cadenza.run import train_run

    return train_run(str(data), None if out is None else Path(out), resume=resume, choices=choices)


def load(path: str | Path) -> "Generator":
    """Load an exported model to sample from.

    Raises:
        CadenzaError: see `serving.sampler.load`.
    """
    from serving.sampler import load as load_generator

    return load_generator(path)
