"""The picture people look for first: real beside generated, as what they are or channel by channel."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from contract.forms import Form
from contract.spec import Channel
from training.checkpoint import Checkpoint
from training.data import Dataset
from training.data.windows import ENDED
from training.drawn import sample_rows
from training.natural import DRAWERS

_CHANNELS = 6
_LINES = 30
_LABELLED = 12
_REAL, _GENERATED = "#39568c", "#d1495b"


def draw_run(checkpoint: Checkpoint, dataset: Dataset, path: Path) -> None:
    """Samples of a checkpoint beside windows of its data."""
    windows = dataset.windows(dataset.length, checkpoint.config.stride)
    index = np.random.default_rng(0).permutation(len(windows))[:2000]
    generated = sample_rows(
        checkpoint.generator(),
        checkpoint.decoding,
        checkpoint.conditions,
        len(index),
        dataset.length,
        seed=0,
    )
    title = f"{dataset.name}: {checkpoint.config.recipe}, {checkpoint.chosen_step} steps"
    draw(windows.take(index), generated, checkpoint.channels, dataset.form, title, path, dataset.frame)


def draw(
    real: NDArray[np.floating],
    generated: NDArray[np.floating],
    channels: Sequence[Channel],
    form: Form,
    title: str,
    path: Path,
    frame: tuple[int, int] | None = None,
) -> None:
    """Write a picture of two sets of windows, both (windows, length, columns) as a `Dataset` has them; of
    films, `frame` is the height and width."""
    if frame is not None:
        real, generated = (x.reshape(*x.shape[:2], *frame) for x in (real, generated))
    if form in DRAWERS:
        _draw_natural(real, generated, channels, form, title, path)
    else:
        _draw_channels(real, generated, channels, title, path)


def _draw_natural(
    real: NDArray[np.floating],
    generated: NDArray[np.floating],
    channels: Sequence[Channel],
    form: Form,
    title: str,
    path: Path,
) -> None:
    """Two panels, in each some windows as what they are."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 5.6), layout="constrained")
    for panel, windows, name, colour in (
        (panels[0], real, "real", _REAL), (panels[1], generated, "generated", _GENERATED)
    ):  # fmt: skip
        DRAWERS[form](panel, windows, channels, colour)
        panel.set_title(name, fontsize=10, color=colour)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_visible(False)
    figure.suptitle(title, fontsize=12)
    _save(figure, path)


def _draw_channels(
    real: NDArray[np.floating],
    generated: NDArray[np.floating],
    channels: Sequence[Channel],
    title: str,
    path: Path,
) -> None:
    """A row a channel: lines of both sides, and how often each value is there."""
    shown = min(len(channels), _CHANNELS)
    figure, axes = plt.subplots(
        shown, 3, figsize=(11, 1.15 + 1.75 * shown), squeeze=False, layout="constrained",
        width_ratios=(2, 2, 1.2),
    )  # fmt: skip
    for row, (channel, (left, right, side)) in enumerate(zip(channels[:shown], axes, strict=True)):
        both = [np.where(x[..., row] == ENDED, np.nan, x[..., row]) for x in (real, generated)]
        low, high = (float(f([f(x) for x in both])) for f in (np.nanmin, np.nanmax))
        margin = 0.04 * (high - low) or 0.5
        style = "steps-mid" if channel.labels else "default"
        for panel, windows, colour in zip((left, right), both, (_REAL, _GENERATED), strict=True):
            panel.plot(windows[:_LINES].T, color=colour, alpha=0.55, linewidth=0.8, drawstyle=style)
            panel.set_ylim(low - margin, high + margin)
            panel.margins(x=0.01)
        right.tick_params(labelleft=False)
        unit = "" if channel.unit is None else f" ({channel.unit})"
        left.set_ylabel(f"{channel.name}{unit}", fontsize=9)
        if channel.labels:
            _shares(left, side, both, channel)
        else:
            bins = np.linspace(low - margin, high + margin, 60)
            for windows, colour in zip(both, (_REAL, _GENERATED), strict=True):
                there = windows[~np.isnan(windows)]
                side.hist(there, bins, density=True, histtype="step", color=colour, linewidth=1.2)
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
    more = len(channels) - shown
    figure.suptitle(f"{title}, and {more} more channels" if more else title, fontsize=12)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    """Write a figure and forget it."""
    with warnings.catch_warnings():
        # Texts of people have letters that the font lacks. They are drawn as boxes, which says enough.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(path, dpi=110)
    plt.close(figure)


def _shares(left: Axes, side: Axes, both: Sequence[NDArray[np.floating]], channel: Channel) -> None:
    """Bars of how often each label is there, and the labels beside the lines where they fit."""
    names = ["missing", *channel.labels] if channel.missing else list(channel.labels)
    first = -1 if channel.missing else 0
    at = np.arange(len(names)) + first
    for shift, windows, colour in zip((-0.2, 0.2), both, (_REAL, _GENERATED), strict=True):
        there = windows[~np.isnan(windows)]
        counts = np.bincount((there - first).astype(np.int64), minlength=len(names))
        side.bar(at + shift, counts / counts.sum(), 0.4, color=colour)
    if len(names) <= _LABELLED:
        short = [name if len(name) <= 10 else f"{name[:9]}…" for name in names]
        left.set_yticks(at, short)
        side.set_xticks(at, short, rotation=90 if max(map(len, short)) > 4 else 0)
