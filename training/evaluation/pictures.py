"""The page's pictures: each takes what an evaluation saw and gives HTML."""

from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from contract.spec import Score
from training.evaluation import projection, statistics
from training.evaluation.about import ABOUT
from training.evaluation.memorisation import Memorisation
from training.evaluation.report import Evidence
from training.evaluation.svg import Frame, cells, number, ticks

Doubles = NDArray[np.float64]

_LINES = 25
_DRAWN = 4000
"""Windows of each side that densities and autocorrelations are drawn from."""


def score_strip(score: Score) -> str:
    """The score as a dot with its spread, against the band of its floor."""
    ends = (score.value + score.spread, score.floor + score.floor_spread)
    bounded = score.name in ("field", "strong", "unseen")
    high = 0.5 if bounded else 1.15 * max(*ends, 1e-6)
    frame = Frame(240, 30, (0, high), (0, 1), left=4, right=6, top=4, bottom=11)
    low_band = max(0.0, score.floor - score.floor_spread)
    (x0, y1), (x1, y0) = frame.at(low_band, 0), frame.at(score.floor + score.floor_spread, 1)
    band = (
        f'<rect class="floor" x="{x0:.1f}" y="{y0:.1f}" width="{max(2.0, x1 - x0):.1f}" '
        f'height="{y1 - y0:.1f}" rx="1"/>'
    )
    whisker = frame.path(
        (max(0.0, score.value - score.spread), min(high, score.value + score.spread)), (0.5, 0.5), "whisker"
    )
    label = f"{score.value:.4f}, real against real {score.floor:.4f}"
    return frame.svg(
        frame.axes([0, high] if bounded else [0, *ticks(0, high, 2)[1:]]), band, whisker,
        frame.dots((score.value,), (0.5,), "generated", 3.6), label=label,
    )  # fmt: skip


def windows(evidence: Evidence, chosen: Sequence[int]) -> str:
    """Real windows on the left, generated ones on the right, a row a channel."""
    rows = []
    steps = np.arange(evidence.real.shape[1])
    for c in chosen:
        sides = [x[:_LINES, :, c] for x in (evidence.real, evidence.generated)]
        frame = _frame(steps, np.concatenate(sides), 340, 110)
        pair = ""
        for side, kind in zip(sides, ("real", "generated"), strict=True):
            lines = (frame.path(steps, window, f"thin {kind}") for window in side)
            pair += f"<div>{frame.svg(_axes(frame), *lines, label=kind)}</div>"
        rows.append(
            f'<figure class="pair"><figcaption>{escape(evidence.names[c])}</figcaption>{pair}</figure>'
        )
    return "".join(rows)


def marginals(evidence: Evidence, chosen: Sequence[int]) -> str:
    """The density of all values of each channel."""
    return _grid(evidence, chosen, lambda c: _densities(*(_values(x, c) for x in _sides(evidence))))


def increments(evidence: Evidence, chosen: Sequence[int]) -> str:
    """The density of the steps of each channel."""
    sides = [np.diff(x, axis=1) for x in _sides(evidence)]
    return _grid(evidence, chosen, lambda c: _densities(*(_values(x, c) for x in sides)))


def autocorrelations(evidence: Evidence, chosen: Sequence[int]) -> str:
    """Of values, and dashed of their steps, by lag."""
    columns = list(chosen)
    values = [statistics.autocorrelation(x[..., columns]) for x in _sides(evidence)]
    steps = [statistics.autocorrelation(np.diff(x[..., columns], axis=1)) for x in _sides(evidence)]

    def draw(c: int) -> str:
        i = columns.index(c)
        low = min(0.0, *(float(a[:, i].min()) for a in (*values, *steps) if len(a)))
        frame = Frame(230, 110, (1, max(2, len(values[0]))), (max(-1.0, low), 1))
        lines = [
            frame.path(range(1, len(a) + 1), a[:, i], f"{kind} {dash}")
            for pair, dash in ((values, ""), (steps, "dashed"))
            if len(pair[0])
            for a, kind in zip(pair, ("real", "generated"), strict=True)
        ]
        return frame.svg(_axes(frame), *lines, label="autocorrelation by lag")

    return _grid(evidence, chosen, draw)


def correlations(evidence: Evidence) -> str:
    """Correlation of channels: real, generated, and their difference."""
    real, generated = (statistics.correlation(x) for x in _sides(evidence))
    shown = (
        ("real", real), ("generated", generated), ("generated − real", generated - real)
    )  # fmt: skip
    return "".join(
        f"<figure><figcaption>{title}</figcaption>{cells(m.tolist(), 240, title)}</figure>"
        for title, m in shown
    )


def projections(evidence: Evidence) -> str:
    """PCA and t-SNE side by side."""
    one, two, share = projection.pca(evidence.real, evidence.generated)
    return _scatter(one, two, f"PCA of the real windows: {share:.0%} of their variance") + _scatter(
        *projection.tsne(evidence.real, evidence.generated), "t-SNE of both"
    )


def nearest(evidence: Evidence, found: Memorisation) -> str:
    """How d₁/d₂ is distributed among samples and among the real windows of the reference."""
    edges = np.linspace(0, 1, 51)
    heights = []
    for side in (evidence.reference, evidence.nearest):
        ratio = side.ratio[np.isfinite(side.ratio)]
        counts = np.histogram(ratio, edges)[0]
        heights.append(counts / max(1, len(ratio)))
    frame = Frame(700, 190, (0, 1), (0, max(0.01, 1.05 * float(np.max(heights)))), left=40)
    xs = np.repeat(edges, 2)[1:-1]
    reference, own = (np.repeat(h, 2) for h in heights)
    return frame.svg(
        frame.axes(ticks(*frame.x, 5), ticks(*frame.y)), frame.path(xs, reference, "real filled", True),
        frame.path(xs, own, "generated"), frame.vertical(found.threshold),
        label="distribution of d1 over d2",
    )  # fmt: skip


def _sides(evidence: Evidence) -> tuple[Doubles, Doubles]:
    return evidence.real[:_DRAWN], evidence.generated[:_DRAWN]


def _values(windows_of: Doubles, channel: int) -> Doubles:
    return windows_of[..., channel].ravel()


def _densities(real: Doubles, generated: Doubles) -> str:
    low, high = np.quantile(np.concatenate([real, generated]), (0.001, 0.999))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, 61)
    # Shares of all values, so that what lies outside the shown range is not made up for.
    heights = [np.histogram(x, edges)[0] / len(x) for x in (real, generated)]
    top = float(np.max(heights))
    frame = Frame(230, 110, (float(low), float(high)), (0, 1.05 * top), left=8)
    xs = np.repeat(edges, 2)[1:-1]
    one, two = (np.repeat(h, 2) for h in heights)
    return frame.svg(
        _axes(frame, False), frame.path(xs, one, "real filled", True), frame.path(xs, two, "generated"),
        label="density",
    )  # fmt: skip


def _scatter(one: Doubles, two: Doubles, title: str) -> str:
    # A few far samples must not squeeze the rest into a corner.
    both = np.concatenate([one, two])
    low, high = np.quantile(both, 0.002, axis=0), np.quantile(both, 0.998, axis=0)
    margin = 0.04 * np.maximum(high - low, 1e-12)
    (x0, y0), (x1, y1) = low - margin, high + margin
    frame = Frame(340, 300, (float(x0), float(x1)), (float(y0), float(y1)), 2, 2, 2, 2)
    inside = [p[((p >= low - margin) & (p <= high + margin)).all(1)] for p in (one, two)]
    dots = [
        frame.dots(p[:, 0], p[:, 1], kind, 1.3)
        for p, kind in zip(inside, ("real", "generated"), strict=True)
    ]
    return f"<figure><figcaption>{title}</figcaption>{frame.svg(*dots, label=title)}</figure>"


def _grid(evidence: Evidence, chosen: Sequence[int], draw: Callable[[int], str]) -> str:
    return "".join(
        f"<figure><figcaption>{escape(evidence.names[c])}</figcaption>{draw(c)}</figure>" for c in chosen
    )


def _frame(steps: NDArray[np.int64], values: Doubles, width: float, height: float) -> Frame:
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return Frame(width, height, (0, float(steps[-1])), (low - margin, high + margin))


def _axes(frame: Frame, with_y: bool = True) -> str:
    return frame.axes(ticks(*frame.x, 4), ticks(*frame.y) if with_y else ())


def title_of(score: Score) -> str:
    """The score's name in words."""
    about = ABOUT[score.name]  # type: ignore[index]
    return f"<b>{about.title}</b><br><small>{escape(about.says)}</small>"


def reach(score: Score) -> str:
    """The score in terms of its floor."""
    if score.value <= score.floor + 2 * max(score.spread, score.floor_spread):
        return "at the floor"
    return f"{number(score.value / score.floor)} × floor" if score.floor > 0 else "above the floor"
