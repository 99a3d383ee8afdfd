"""Small plots as SVG text. Colours and fonts are the page's: only classes are named here."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """A plot's size in points and the data's ranges along both axes."""

    width: float
    height: float
    x: Range
    y: Range
    left: float = 34
    right: float = 4
    top: float = 5
    bottom: float = 16

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the data lies."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        inner_width = self.width - self.left - self.right
        inner_height = self.height - self.top - self.bottom
        return self.left + across * inner_width, self.height - self.bottom - up * inner_height

    def path(self, xs: Iterable[float], ys: Iterable[float], kind: str, closed: bool = False) -> str:
        """A line through points; closed, an area down to the axis."""
        points = [self.at(x, y) for x, y in zip(xs, ys, strict=True)]
        if closed:
            floor = self.height - self.bottom
            points = [(points[0][0], floor), *points, (points[-1][0], floor)]
        d = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        return f'<path class="{kind}" d="M{d}{"Z" if closed else ""}"/>'

    def dots(self, xs: Iterable[float], ys: Iterable[float], kind: str, radius: float = 1.6) -> str:
        """A point each, as one path of round caps."""
        places = (self.at(x, y) for x, y in zip(xs, ys, strict=True))
        d = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)
        return f'<path class="dots {kind}" style="stroke-width:{2 * radius:g}" d="{d}"/>'

    def vertical(self, x: float, kind: str = "rule") -> str:
        """A line from bottom to top."""
        return self.path((x, x), self.y, kind)

    def axes(self, x_ticks: Sequence[float] = (), y_ticks: Sequence[float] = ()) -> str:
        """The lower line, ticks with their numbers, and faint lines across at those of y."""
        parts = []
        for value in y_ticks:
            x, y = self.at(self.x[0], value)
            parts.append(f'<path class="across" d="M{x:.1f} {y:.1f}H{self.width - self.right:.1f}"/>')
            parts.append(_text(x - 4, y + 3, number(value), "end"))
        base = self.height - self.bottom
        parts.append(f'<path class="axis" d="M{self.left} {base:.1f}H{self.width - self.right:.1f}"/>')
        for value in x_ticks:
            x, _ = self.at(value, self.y[0])
            parts.append(_text(x, self.height - 4, number(value), "middle"))
        return "".join(parts)

    def svg(self, *parts: str, label: str) -> str:
        """The whole, with `label` for those who do not see it."""
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{label}">'
            f"{''.join(parts)}</svg>"
        )


def cells(rows: Sequence[Sequence[float]], size: float, label: str) -> str:
    """A matrix of figures from −1 to 1 as squares: hue is the sign, strength the size."""
    step = size / max(1, len(rows))
    gap = 0.6 if len(rows) <= 12 else 0.15
    parts = [
        f'<rect class="{"plus" if value >= 0 else "minus"}" x="{j * step:.2f}" y="{i * step:.2f}" '
        f'width="{step - gap:.2f}" height="{step - gap:.2f}" fill-opacity="{min(1, abs(value)):.2f}">'
        f"<title>{value:.2f}</title></rect>"
        for i, row in enumerate(rows)
        for j, value in enumerate(row)
    ]
    return (
        f'<svg class="cells" viewBox="0 0 {size:g} {size:g}" role="img" aria-label="{label}">'
        f"{''.join(parts)}</svg>"
    )


def ticks(low: float, high: float, most: int = 3) -> list[float]:
    """At most `most` + 1 round numbers within low … high."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A number in few characters."""
    if value == 0:
        return "0"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}".replace("-", "−")
    text = f"{value:.3g}".replace("-", "−")
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("−").startswith("0.") else text


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
