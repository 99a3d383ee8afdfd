"""How long an evaluation still takes, for a person who waits."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Never

from tqdm import tqdm

Tick = Callable[[float], None]
"""Told of each part of a task that is done, as a fraction of it."""


def silent(_: float) -> None:
    """Nobody waits."""


@contextmanager
def bar(weights: Sequence[float]) -> Iterator[Callable[[str], Tick]]:
    """A bar over tasks that take about so long, `weights`, which appears after two seconds. Call what it
    gives with the name of each task that begins, and tell what that gives back of each part done."""
    with tqdm(
        total=sum(weights), desc="evaluating", delay=2, leave=False, file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 15,
        bar_format="{desc} {percentage:3.0f}%|{bar:30}| {elapsed}<{remaining}{postfix}",
    ) as shown:  # fmt: skip
        begun = 0

        def begin(name: str) -> Tick:
            nonlocal begun
            shown.n = sum(weights[:begun])
            weight = weights[begun]
            begun += 1
            shown.set_postfix_str(name, refresh=False)
            shown.update(0)
            return lambda part: _forward(shown, weight * part)

        yield begin


def _forward(shown: "tqdm[Never]", part: float) -> None:
    shown.update(part)
