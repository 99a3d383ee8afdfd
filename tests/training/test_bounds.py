"""Judges of large windows end within minutes, and it is said what they do not see."""

import numpy as np

from training.evaluation import bounds
from training.evaluation.judges import FIELD, STRONG, Judge, discriminative


def test_windows_of_the_field_are_judged_as_ever():
    for length, columns in ((24, 6), (24, 28), (29, 25)):
        assert bounds.shortened(FIELD, length, columns) == FIELD
        assert bounds.said(length, columns) is None
    windows = np.random.default_rng(0).random((30, 8, 32), np.float32)
    assert bounds.narrowed(windows)(windows) is windows


def test_large_windows_take_as_many_rounds_fewer_and_it_is_said():
    assert bounds.shortened(STRONG, 64, 104).iterations == 500
    assert bounds.shortened(STRONG, 128, 16).iterations == 500
    assert "see the 32 largest principal components of 104 columns and learn for 50% of their" in str(
        bounds.said(64, 104)
    )
    assert str(bounds.said(128, 16)).startswith("windows are large, and so judges learn for 50%")


def test_what_differs_is_seen_in_the_components_too():
    random = np.random.default_rng(0)
    looks = random.normal(size=(3, 50))
    real = (random.normal(size=(1500, 6, 3)) @ looks).astype(np.float32)
    alike = (random.normal(size=(1500, 6, 3)) @ looks).astype(np.float32)
    other = alike[:, ::-1] + np.linspace(0, 3, 6, dtype=np.float32)[:, None] * looks[0]
    narrow = bounds.narrowed(real)
    assert narrow(real).shape == (1500, 6, 32)
    judge = Judge(layers=1, hidden=8, iterations=150)
    same, apart = (
        discriminative(narrow(real), narrow(x.astype(np.float32)), judge, 1, 0) for x in (alike, other)
    )
    assert same.mean() < 0.06
    assert apart.mean() > 0.2
