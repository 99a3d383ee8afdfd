"""What keeps judges of large windows within minutes: fewer columns, and fewer rounds.

A round of a judge costs what the values of its windows cost, and the field's judge grows with the columns
besides: of 64 steps of 104 labels they take an hour, and no protocol was made with such in mind. So

- of rows of more than COLUMNS columns judges see the COLUMNS largest principal components, fitted on
  real windows and scaled to 0 … 1 as columns are;
- of windows of more than VALUES values they learn for as many rounds fewer as these are more.

Both sides of a score are treated alike, and so is its floor. What a judge cannot see any more, or has no
time to learn, lowers both: read such scores beside their floor only, and not beside published ones.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.evaluation.judges import Judge

Floats = NDArray[np.float32]

COLUMNS, VALUES = 32, 1024
_FITTED = 2**24
"""Values that the components are fitted on at most."""


def narrowed(real: Floats) -> Callable[[Floats], Floats]:
    """From windows (windows, length, columns), scaled like the `real` ones, to those that judges see,
    (windows, length, COLUMNS at most)."""
    columns = real.shape[2]
    if columns <= COLUMNS:
        return lambda windows: windows
    some = real[: max(2, _FITTED // real[0].size)].reshape(-1, columns)
    mean = some.mean(0)
    _, axes = np.linalg.eigh(np.cov((some - mean).T))
    largest = axes[:, -COLUMNS:].astype(np.float32)  # (columns, COLUMNS)
    shown = (some - mean) @ largest
    low, span = shown.min(0), np.ptp(shown, 0)

    def narrow(windows: Floats) -> Floats:
        narrow: Floats = ((windows - mean) @ largest - low) / np.where(span > 0, span, 1)
        return narrow

    return narrow


def shortened(judge: Judge, length: int, columns: int) -> Judge:
    """The judge of windows of so many steps and columns, with as many rounds as they get."""
    values = length * min(columns, COLUMNS)
    rounds = judge.iterations * min(1.0, VALUES / values)
    return replace(judge, iterations=max(1, round(rounds)))


def said(length: int, columns: int) -> str | None:
    """What a person should know of judges of such windows; None if they are as ever."""
    parts = []
    if columns > COLUMNS:
        parts.append(f"see the {COLUMNS} largest principal components of {columns} columns")
    if (values := length * min(columns, COLUMNS)) > VALUES:
        parts.append(f"learn for {VALUES / values:.0%} of their rounds")
    if not parts:
        return None
    return (
        f"windows are large, and so judges {' and '.join(parts)}: read their scores beside the floor alone"
    )
