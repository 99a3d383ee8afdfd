"""Fréchet distance of two clouds of points, each taken as a Gaussian."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def frechet(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """‖μ_a − μ_b‖² + tr(Σ_a + Σ_b − 2 (Σ_a Σ_b)^½) of two sets of points, (points, dimensions).

    Dowson and Landau, "The Fréchet distance between multivariate normal distributions" (1982).
    The trace of the root is Σ √λ(A Σ_b A) with A = Σ_a^½: symmetric, so its eigenvalues are real
    and a singular Σ (fewer points than dimensions) is no special case.
    """
    shift = a.mean(0, dtype=np.float64) - b.mean(0, dtype=np.float64)
    one, two = _covariance(a), _covariance(b)
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ two @ root), 0)).sum()
    return max(0.0, float(shift @ shift + np.trace(one) + np.trace(two) - 2 * shared))


def _covariance(points: NDArray[np.floating]) -> Doubles:
    centred = points.astype(np.float64) - points.mean(0, dtype=np.float64)
    covariance: Doubles = centred.T @ centred / (len(points) - 1)
    return covariance
