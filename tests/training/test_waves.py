"""How waveforms come to the players, and the discriminator that hears them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from training.config import Sizes, TrainConfig
from training.data import Dataset, load
from training.decoder import Decoding
from training.ear import Ear
from training.errors import DataError
from training.generator import Generator
from training.heads import head_of
from training.losses import gradient_penalty
from training.waves import WaveBasis

HOP, LENGTH = 16, 8


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Beats and a hum, 40 seconds at 100 Hz."""
    time = np.arange(4000) / 100
    wave = np.exp(-(((time % 0.9) - 0.4) ** 2) / 0.002) + 0.1 * np.sin(20 * time) + 3
    wave += np.random.default_rng(0).normal(0, 0.01, len(wave))
    path = tmp_path_factory.mktemp("data") / "beats.csv"
    path.write_text("mv\n" + "\n".join(f"{x:.5f}" for x in wave) + "\n")
    return load(str(path), TrainConfig(waveform="mv", rate=100, length=LENGTH))


@pytest.fixture(scope="module")
def basis(beats: Dataset) -> WaveBasis:
    return WaveBasis(beats, beats.split(LENGTH, 1, 0.1)[0], "cowhitened")


def encoded(basis: WaveBasis, index: int, tie: float) -> np.ndarray:
    return basis.encode(np.array([index]), np.full((1, 1, 1), tie))[0].numpy()


def test_a_window_begins_at_any_sample(beats: Dataset, basis: WaveBasis):
    plain, moved = encoded(basis, 0, 0.0).reshape(-1), encoded(basis, 0, 0.5).reshape(-1)
    assert (moved[: -HOP // 2] == plain[HOP // 2 :]).all()
    decoded = basis.decoder(encoded(basis, 0, 0.0))
    assert np.abs(decoded - beats.values[:LENGTH]).max() < 1e-5


def test_no_sample_that_was_held_out_is_shown(beats: Dataset):
    train, held = beats.split(LENGTH, 1, 0.1)
    basis = WaveBasis(beats, train, "cowhitened")
    hidden = set(np.unique(basis._samples.reshape(-1, HOP)[held.covered]).tolist())
    shown = basis.encode(np.arange(len(train)), np.full((len(train), 1, 1), 0.99)).numpy()
    only_held = hidden - set(np.unique(basis._samples.reshape(-1, HOP)[train.covered]).tolist())
    assert len(only_held) > 100
    assert not only_held & set(np.unique(shown).tolist())


def test_the_range_leaves_room_and_is_one_for_all_samples_of_a_hop(beats: Dataset, basis: WaveBasis):
    low, high = basis.decoder.table.T
    assert len(set(low)) == len(set(high)) == 1
    assert low[0] < beats.values.min() < beats.values.max() < high[0]
    decoding = Decoding(beats.layout, basis.decoder)
    values, _ = decoding(np.full((1, HOP), 1e6, np.float32), np.zeros((1, 0), np.float32))
    assert (values == high).all()


def test_real_frames_are_said_with_deviation_1(basis: WaveBasis):
    rows = basis.encode(np.arange(100), np.random.default_rng(0).random((100, 1, 1))).numpy()
    flat = rows.reshape(100, -1)
    frames = np.lib.stride_tricks.sliding_window_view(flat, 2 * HOP, 1)[:, ::HOP].reshape(-1, 2 * HOP)
    assert (frames @ basis.mixing.inward.T).std(0)[:8] == pytest.approx(1, abs=0.3)
    assert ((basis.mixing.decay >= 0) & (basis.mixing.decay < 1)).all()


def test_the_discriminator_hears_a_hiss_that_cannot_be_seen(basis: WaveBasis):
    torch.manual_seed(0)
    ear = Ear(Sizes(4, 16, 16, 16), basis.some())
    real = basis.some()[:64]
    hiss = 0.1 * torch.randn_like(real)  # a tenth of a deviation
    heard = [ear._spectrum(x.flatten(1)).mean(0) for x in (real, real + hiss)]
    bands = len(heard[0]) // 2
    assert (heard[1] - heard[0])[bands // 2 : bands].mean() > 0.5
    assert (heard[1] - heard[0])[:2].abs().max() < 0.1


def test_the_penalty_of_what_is_heard_can_be_learnt(basis: WaveBasis):
    torch.manual_seed(0)
    ear = Ear(Sizes(4, 16, 16, 16), basis.some(), given=1, most=LENGTH)
    windows = basis.some()[:8].requires_grad_()
    gradient_penalty(ear(windows, torch.full((8, 1), 0.5)), windows).backward()
    for name, parameter in ear.named_parameters():
        if name != "each.bias" and parameter.grad is not None:
            assert torch.isfinite(parameter.grad).all()
    assert ear.means[0].weight.grad.abs().sum() > 0


def test_each_sound_begins_in_a_state_of_its_own(beats: Dataset, basis: WaveBasis):
    torch.manual_seed(0)
    sizes = head_of("sound").sizes(beats.layout)
    generator = Generator(sizes, basis.mixing, 0)
    h, c, *_ = generator.begin(torch.randn(2, sizes.latent))
    assert not h.any()
    assert (c[0, 0] - c[0, 1]).abs().max() > 0.01
    c.sum().backward()
    assert all(p.grad is not None for p in generator.start.parameters())


def test_recordings_of_two_hops_are_an_error(tmp_path: Path):
    rows = [f"{i // 32},{np.sin(i):.4f}" for i in range(32 * 70)]
    (tmp_path / "x.csv").write_text("\n".join(["id,mv", *rows]) + "\n")
    config = TrainConfig(waveform="mv", rate=100, id_column="id", length=2)
    dataset = load(str(tmp_path / "x.csv"), config)
    with pytest.raises(DataError, match="x: no recording has 3 steps that are trained on: bring longer"):
        WaveBasis(dataset, dataset.split(2, 1, 0.1)[0], "cowhitened")
