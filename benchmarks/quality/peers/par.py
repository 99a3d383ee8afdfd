"""SDV's PAR (deepecho): an autoregressive GRU. Run with its own interpreter: par.py JOB.json

Its loss loops over sequences and channels in Python, all sequences every epoch, so it cannot take the
thousands of overlapping windows that the others train on. It gets windows that have no row in common,
which is how its own `segment_size` cuts a series. At its defaults it trains 128 epochs on all of
them. At a budget it trains as many epochs as fit, 128 at least; where not even these fit, on fewer
windows, drawn at random.
"""

import numpy as np
import torch
from deepecho import PARModel
from job import Job, cpu_seconds

DEFAULT_EPOCHS = 128
PROBE = 32
"""Windows on which an epoch is timed."""


def main() -> None:
    """Train and sample as the job says."""
    job = Job()
    torch.set_num_threads(1)
    torch.manual_seed(job.seed)
    random = np.random.default_rng(job.seed)
    windows = job.train[random.permutation(job.apart)]
    epochs = DEFAULT_EPOCHS
    if job.seconds is not None:
        fixed, each = probe(windows)
        # seconds = count × (fixed + epochs × each)
        count = int(job.seconds / (fixed + DEFAULT_EPOCHS * each))
        windows = windows[: max(2, count)]
        epochs = max(DEFAULT_EPOCHS, int((job.seconds / len(windows) - fixed) / each))
    with job.timed("train"):
        model = fitted(windows, epochs)
    length = windows.shape[1]
    with job.timed("sample"):
        samples = [np.transpose(model.sample_sequence([], length)) for _ in range(job.count)]
    job.finish(
        samples,
        steps=epochs,
        note=f"{len(windows)} windows without a common row, {epochs} epochs",
    )


def fitted(windows: np.ndarray, epochs: int) -> PARModel:
    """A model that has seen each of (windows, length, channels) as one sequence."""
    sequences = [{"context": [], "data": w.T.tolist()} for w in windows]
    model = PARModel(epochs=epochs, cuda=False, verbose=False)
    model.fit_sequences(sequences, [], ["continuous"] * windows.shape[2])
    return model


def probe(windows: np.ndarray) -> tuple[float, float]:
    """Seconds a window costs once, and in every epoch."""
    few = windows[:PROBE]
    fitted(few, 1)
    marks = [cpu_seconds()]
    for epochs in (1, 9):
        fitted(few, epochs)
        marks.append(cpu_seconds())
    short, long = np.diff(marks) / len(few)
    each = (long - short) / 8
    return max(0.0, short - each), each


if __name__ == "__main__":
    main()
