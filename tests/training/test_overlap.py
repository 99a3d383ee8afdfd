"""Frames that overlap, and what is heard of them."""

import numpy as np
import torch

from training.evaluation.sound import seam
from training.overlap import OverlapAdd, axes_of, hann

HOP = 8


def stretches(random: np.random.Generator) -> np.ndarray:
    """Coloured noise, (windows, samples)."""
    white = random.normal(size=(200, 12 * HOP + 2))
    return white[:, 2:] + 1.5 * white[:, 1:-1] + 0.8 * white[:, :-2]


def frames_of(signal: np.ndarray) -> np.ndarray:
    """(windows, samples) to (windows, frames, 2 hop)."""
    return np.lib.stride_tricks.sliding_window_view(signal, 2 * HOP, 1)[:, ::HOP]


def test_the_halves_of_the_window_add_up_to_1():
    assert np.abs(hann(2 * HOP)[:HOP] + hann(2 * HOP)[HOP:] - 1).max() < 1e-15


def test_of_real_frames_overlap_add_gives_back_the_signal():
    signal = stretches(np.random.default_rng(0))
    frames = frames_of(signal)  # (windows, frames, 2 hop)
    axes = axes_of(frames.reshape(-1, 2 * HOP))
    said = frames @ (axes / (axes**2).sum(1, keepdims=True)).T  # (windows, frames, components)
    assert np.abs(said.reshape(-1, len(axes)).std(0) - 1).max() < 0.05
    head = OverlapAdd(axes)
    y = torch.from_numpy(said.astype(np.float32))
    rows, _ = head(y[:, 1:], head.tail(y[:, 0]))
    wanted = signal[:, HOP:-HOP].reshape(len(signal), -1, HOP)
    assert np.abs(rows.numpy() - wanted).max() < 1e-5


def test_frames_that_do_not_agree_meet_without_a_click():
    random = np.random.default_rng(2)
    axes = axes_of(frames_of(np.cumsum(random.normal(size=(300, 80)), 1) / 9).reshape(-1, 2 * HOP))
    y = torch.from_numpy(random.normal(size=(50, 40, len(axes))).astype(np.float32))
    head = OverlapAdd(axes)
    rows, _ = head(y, head.tail(y[:, 0]))
    assert 0.5 < seam(rows.numpy()) < 1.5
    beside = (y @ torch.from_numpy(axes[:, :HOP].astype(np.float32))).numpy()
    assert seam(beside) > 3  # without a window they click


def test_parts_are_the_whole():
    random = np.random.default_rng(1)
    head = OverlapAdd(axes_of(frames_of(stretches(random)).reshape(-1, 2 * HOP)))
    y = torch.from_numpy(random.normal(size=(3, 9, 2 * HOP)).astype(np.float32))
    tail = torch.zeros(3, HOP)
    whole, end = head(y, tail)
    one, between = head(y[:, :4], tail)
    two, last = head(y[:, 4:], between)
    assert torch.allclose(torch.cat([one, two], 1), whole, atol=1e-6)
    assert torch.allclose(last, end, atol=1e-6)


def test_without_axes_nothing_happens():
    y = torch.randn(2, 5, 3)
    rows, tail = OverlapAdd(np.zeros((0, 0)))(y, y[:, 0, :0])
    assert rows is y
    assert tail.shape == (2, 0)
