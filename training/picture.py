"""The picture people look for first: real beside generated, channel by channel."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from training.checkpoint import Checkpoint
from training.data import Dataset
from training.game import sample_scores

_CHANNELS = 6
_LINES = 30
_REAL, _GENERATED = "#39568c", "#d1495b"


def draw_run(checkpoint: Checkpoint, dataset: Dataset, path: Path) -> None:
    """Samples of a checkpoint beside windows of its data."""
    config = checkpoint.config
    windows = dataset.windows(config.length, config.stride)
    index = np.random.default_rng(0).permutation(len(windows))[:2000]
    generated = checkpoint.decoder(sample_scores(checkpoint.generator(), len(index), config.length, seed=0))
    names = [c.name if c.unit is None else f"{c.name} ({c.unit})" for c in checkpoint.channels]
    title = f"{dataset.name}: {checkpoint.config.recipe}, {checkpoint.chosen_step} steps"
    draw(windows.take(index), generated, names, title, path)


def draw(
    real: NDArray[np.floating],
    generated: NDArray[np.floating],
    names: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Write a picture of two sets of windows, both (windows, length, channels)."""
    shown = min(len(names), _CHANNELS)
    figure, axes = plt.subplots(
        shown, 3, figsize=(11, 1.15 + 1.75 * shown), squeeze=False, layout="constrained",
        width_ratios=(2, 2, 1.2),
    )  # fmt: skip
    for row, (name, (left, right, side)) in enumerate(zip(names[:shown], axes, strict=True)):
        low = float(min(real[..., row].min(), generated[..., row].min()))
        high = float(max(real[..., row].max(), generated[..., row].max()))
        margin = 0.04 * (high - low) or 0.5
        for panel, windows, colour in ((left, real, _REAL), (right, generated, _GENERATED)):
            panel.plot(windows[:_LINES, :, row].T, color=colour, alpha=0.55, linewidth=0.8)
            panel.set_ylim(low - margin, high + margin)
            panel.margins(x=0.01)
        right.tick_params(labelleft=False)
        left.set_ylabel(name, fontsize=9)
        bins = np.linspace(low - margin, high + margin, 60)
        for windows, colour in ((real, _REAL), (generated, _GENERATED)):
            side.hist(
                windows[..., row].ravel(), bins, density=True, histtype="step", color=colour,
                linewidth=1.2,
            )  # fmt: skip
        side.set_yticks([])
        for panel in (left, right, side):
            panel.tick_params(labelsize=7)
            panel.spines[["top", "right"]].set_visible(False)
            if row < shown - 1 and panel is not side:
                panel.tick_params(labelbottom=False)
    axes[0, 0].set_title(f"real ({min(_LINES, len(real))} windows)", fontsize=10, color=_REAL)
    axes[0, 1].set_title(
        f"generated ({min(_LINES, len(generated))} windows)", fontsize=10, color=_GENERATED
    )
    axes[0, 2].set_title("distribution of all", fontsize=10)
    axes[-1, 0].set_xlabel("step", fontsize=9)
    axes[-1, 1].set_xlabel("step", fontsize=9)
    more = len(names) - shown
    figure.suptitle(f"{title}, and {more} more channels" if more else title, fontsize=12)
    figure.savefig(path, dpi=110)
    plt.close(figure)
