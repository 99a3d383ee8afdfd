"""Windows as points on a plane: PCA and t-SNE, the pictures that people look for first."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_POINTS, _EMBEDDED = 1000, 400
"""Windows of each side in PCA, and in t-SNE, whose cost grows faster."""


def pca(real: Doubles, other: Doubles) -> tuple[Doubles, Doubles, float]:
    """The first two principal components of the real windows, (points, 2) of both sides, and the
    share of the real variance that they hold."""
    one, two = (_flat(x[:_POINTS], real) for x in (real, other))
    centre = one.mean(0)
    _, sizes, axes = np.linalg.svd(one - centre, full_matrices=False)
    share = float((sizes[:2] ** 2).sum() / max((sizes**2).sum(), np.finfo(np.float64).tiny))
    return (one - centre) @ axes[:2].T, (two - centre) @ axes[:2].T, share


def tsne(real: Doubles, other: Doubles, seed: int = 0) -> tuple[Doubles, Doubles]:
    """A joint t-SNE of both sides, (points, 2) each: van der Maaten and Hinton, JMLR 2008."""
    from sklearn.manifold import TSNE

    one, two = (_flat(x[:_EMBEDDED], real) for x in (real, other))
    both = np.concatenate([one, two])
    # What lies outside 50 components is noise to the distances, and costs time.
    centred = both - both.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    points = centred @ axes[:50].T
    perplexity = min(30.0, (len(points) - 1) / 3)
    found = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(points)
    return found[: len(one)].astype(np.float64), found[len(one) :].astype(np.float64)


def _flat(windows: Doubles, real: Doubles) -> Doubles:
    """Windows as rows, each channel in its real deviations."""
    deviation = real.std((0, 1))
    return (windows / np.where(deviation > 0, deviation, 1)).reshape(len(windows), -1)
