"""What `cadenza bench` has found, as tables and as a picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def capacity_table(rows: Sequence[dict[str, Any]]) -> str:
    """Requests and row-steps a second of all ways, beside the best of the bare runtime."""
    heads = f"{'requests/s':>11} {'row-steps/s':>12} {'of bare':>8} {'CPU ms':>8}"
    lines = [f"{'request':<12} {'':<22} {heads}"]
    for row in rows:
        best = row["bare_best"]["row_steps"]
        ways = {
            "bare runtime": row["bare"],
            f"bare, batch {row['bare_best']['batch']}": row["bare_best"],
            "scheduler": row["scheduler"],
            "HTTP": row["http"],
        }
        for name, figures in ways.items():
            speed = f"{figures['requests']:>11,.1f} {figures['row_steps']:>12,.0f}"
            share = figures["row_steps"] / best
            lines.append(f"{row['shape']:<12} {name:<22} {speed} {share:>8.2f} {figures['cpu_ms']:>8.2f}")
    return "\n".join(lines)


def latency_table(name: str, curve: Sequence[dict[str, float]]) -> str:
    """Quantiles of the latency at each load of requests that are so called."""
    names = ("load", "requests", "p50_ms", "p95_ms", "p99_ms", "refused", "failed")
    heads = ("load", "requests/s", "p50 ms", "p95 ms", "p99 ms", "refused", "failed")
    lines = ["", f"{name}, asked at random times:", "".join(f"{h:>12}" for h in heads)]
    lines += ["".join(f"{row[n]:>12,.2f}" for n in names) for row in curve]
    return "\n".join(lines)


def latency_picture(name: str, curve: Sequence[dict[str, float]]) -> str:
    """Latency against load as SVG, its axis of time logarithmic."""
    width, height, left, bottom = 520, 300, 60, 40
    kinds = (("p50_ms", "#4269d0"), ("p95_ms", "#efb118"), ("p99_ms", "#ff725c"))
    known = [row[k] for row in curve for k, _ in kinds if row[k] > 0]
    low, high = np.floor(np.log10(min(known, default=1))), np.ceil(np.log10(max(known, default=10)))
    high = max(high, low + 1)

    def at(load: float, ms: float) -> tuple[float, float]:
        up = (np.log10(ms) - low) / (high - low)
        return left + load * (width - left - 70), (height - bottom) - up * (height - bottom - 30)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11" fill="#333">'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f'<text x="{left}" y="16">milliseconds to the last byte, {name}, against load</text>'
    ]
    for power in range(int(low), int(high) + 1):
        x, y = at(0, 10.0**power)
        parts.append(f'<path d="M{x:.0f} {y:.1f}H{width - 70}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for row in curve:
        x, _ = at(row["load"], 1)
        parts.append(
            f'<text x="{x:.1f}" y="{height - bottom + 16}" text-anchor="middle">{row["load"]:.0%}</text>'
        )
    label = float(height)  # lines that end near each other have their names above each other
    for key, colour in kinds:
        points = [at(row["load"], row[key]) for row in curve if row[key] > 0]
        if points:
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
            x, y = points[-1]
            label = min(y + 4, label - 12)
            parts.append(f'<text x="{x + 8:.1f}" y="{label:.1f}" fill="{colour}">{key[:3]}</text>')
    middle = (left + width - 70) / 2
    parts.append(
        f'<text x="{middle}" y="{height - 6}" text-anchor="middle">share of what HTTP gives at most</text>'
    )
    return "".join(parts) + "</svg>\n"
