"""Films: GIFs and folders of pictures are read frame by frame, and pixels go to the networks together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cadenza.foreign import of_samples
from training.basis import STILL, Basis
from training.config import TrainConfig
from training.data import load
from training.data.dataset import Dataset
from training.data.films import bouncing, dataset_of
from training.data.schema import outline
from training.errors import DataError
from training.screen import CODES, LASTING, Screen, nearby


def gif(path: Path, frames: np.ndarray, shown: int | list[int] = 0) -> None:
    """`shown` is for how many milliseconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = (Image.fromarray(frame.astype(np.uint8)) for frame in frames)
    first.save(path, save_all=True, append_images=others, optimize=False, duration=shown)


def some(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape)


def test_a_gif_is_a_film_whose_pixels_are_columns_and_sub_folders_name_the_class(tmp_path: Path):
    films = [some(i, 3 + i, 4, 5) for i in range(4)]
    for i, film in enumerate(films):
        gif(tmp_path / "set" / "ab"[i % 2] / f"{i}.gif", film)
    dataset = load(str(tmp_path / "set"), TrainConfig())
    assert (dataset.form, dataset.frame, dataset.step, dataset.length) == ("film", (4, 5), "frame", 4)
    np.testing.assert_array_equal(
        dataset.values, np.concatenate([films[i] for i in (0, 2, 1, 3)]).reshape(-1, 20)
    )
    assert np.diff(dataset.bounds).tolist() == [3, 5, 4, 6]
    assert dataset.static_values[:, 0].tolist() == [0, 0, 1, 1]
    assert dataset.layout.choices == ()


def test_pictures_are_frames_where_that_is_said_in_the_order_of_their_numbers(tmp_path: Path):
    frames = some(0, 2, 11, 3, 4)
    for film in range(2):
        (tmp_path / "set" / f"film {film}").mkdir(parents=True)
        for i, frame in enumerate(frames[film]):
            Image.fromarray(frame.astype(np.uint8)).save(tmp_path / "set" / f"film {film}" / f"x{i}.png")
    dataset = load(str(tmp_path / "set"), TrainConfig(frames=True))
    np.testing.assert_array_equal(dataset.values, frames.reshape(22, 12))
    assert np.diff(dataset.bounds).tolist() == [11, 11]
    assert load(str(tmp_path / "set" / "film 1"), TrainConfig(frames=True)).bounds.tolist() == [0, 11]
    assert load(str(tmp_path / "set"), TrainConfig()).form == "picture"


def test_frames_of_other_sizes_large_ones_and_colours_are_made_alike_and_it_is_said(tmp_path: Path):
    for i, shape in enumerate([(3, 40, 80), (3, 40, 80, 3), (2, 20, 20)]):
        gif(tmp_path / "set" / f"{i}.gif", some(i, *shape))
    dataset = load(str(tmp_path / "set"), TrainConfig(length=2))
    assert dataset.frame == (22, 45)
    said = " ".join(dataset.notes)
    assert "2 of 8 frames are not 80 by 40 pixels as most are" in said
    assert "frames of 80 by 40 pixels are made 45 by 22: at most 1,024" in said
    assert "shades of grey" in said


def test_films_that_are_all_shorter_than_a_window_are_learnt_whole(tmp_path: Path):
    for i in range(8):
        gif(tmp_path / f"{i}.gif", some(i, 6 + i % 5, 3, 4))
    dataset = load(str(tmp_path), TrainConfig())
    assert (dataset.ends, dataset.length) == (True, 10)
    assert "all sequences are shorter than a window of 24: they are learnt whole" in dataset.notes
    assert not load(str(tmp_path), TrainConfig(length=6)).ends
    assert load(str(tmp_path), TrainConfig(whole=False)).length == 6


@pytest.mark.parametrize("shown", [80, 40, [30, 30, 40] * 4])
def test_frames_that_stand_still_are_as_many_as_were_written(tmp_path: Path, shown: int | list[int]):
    films = some(0, 2, 12, 3, 4)
    films[0, 2:6] = films[0, 2]
    films[1, :] = films[1, 0]
    for i, film in enumerate(films):
        gif(tmp_path / f"{i}.gif", film, shown)
    with Image.open(tmp_path / "0.gif") as image:
        assert image.n_frames == 9  # type: ignore[attr-defined]
    dataset = load(str(tmp_path), TrainConfig(length=4))
    np.testing.assert_array_equal(dataset.values, films.reshape(24, 12))
    assert any("the shortest are repeated: 10 make 24" in note for note in dataset.notes)


def test_frames_of_uneven_times_are_taken_as_evenly_apart_and_a_long_one_has_an_end(tmp_path: Path):
    film = some(0, 4, 3, 4)
    gif(tmp_path / "a.gif", film, [100, 150, 100, 230])
    dataset = load(str(tmp_path / "a.gif"), TrainConfig(length=2))
    assert len(dataset.values) == 4
    assert any("1 of 1 films show their frames for times that are no multiples" in n for n in dataset.notes)
    gif(tmp_path / "b.gif", film, [100, 100, 100, 600_000])
    dataset = load(str(tmp_path / "b.gif"), TrainConfig(length=2))
    assert len(dataset.values) == 1003
    assert "1 frames are shown for longer than 1,000, and are made as many" in dataset.notes


def test_a_dry_run_says_what_frames_are_and_lists_no_pixels(tmp_path: Path):
    for i in range(2):
        gif(tmp_path / "set" / f"{i}.gif", some(i, 4, 3, 5))
    told = outline(str(tmp_path / "set"), TrainConfig(length=2))
    assert told.startswith("# frames of 3 by 5 pixels\n")
    assert "pixel" not in told.replace("by 5 pixels", "") and "[columns]" not in told


def test_what_is_no_film_is_refused(tmp_path: Path):
    gif(tmp_path / "still.gif", some(0, 1, 3, 3))
    with pytest.raises(DataError, match="a single frame is no film"):
        load(str(tmp_path / "still.gif"), TrainConfig())
    (tmp_path / "broken.gif").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"broken.gif cannot be read as a film"):
        load(str(tmp_path / "broken.gif"), TrainConfig())


def test_digits_move_at_most_a_pixel_a_frame_and_stay_inside():
    pictures = np.zeros((20, 4, 4))
    pictures[:, 1:3, 1:3] = 200
    films = bouncing(pictures, side=10, frames=30)
    np.testing.assert_array_equal(films, bouncing(pictures, side=10, frames=30))
    weight = films.sum((2, 3))  # (films, frames)
    np.testing.assert_allclose(weight, 800, rtol=0.02)
    centre = np.stack([(films.sum(3 - k) * np.arange(10)).sum(2) / weight for k in (0, 1)], 2)
    assert np.hypot(*np.diff(centre, axis=1).T).max() < 1.05
    assert centre.min() > 1 and centre.max() < 8
    assert np.ptp(centre, axis=1).max(1).min() > 1


def test_frames_that_mix_a_few_looks_are_as_many_codes_and_come_back(tmp_path: Path):
    random = np.random.default_rng(0)
    looks = random.random((3, 6, 6)) * 80
    for i in range(40):
        mixed = np.tensordot(random.random((4, 3)), looks, 1)
        gif(tmp_path / "set" / f"{i}.gif", 5 * random.random((4, 6, 6)) + mixed)
    basis, error = seen(load(str(tmp_path / "set"), TrainConfig()))
    assert len(basis.mixing.decay) == 3
    assert set(basis.mixing.screen) == {"pixels.weight", "pixels.bias"}  # a linear layer does
    assert error < 3
    assert basis.decoder.not_above.shape[1] == 1


def test_frames_of_what_moves_are_a_few_codes_where_linear_ones_are_many():
    pictures = np.zeros((60, 5, 5))
    pictures[::2, 1:4, 1:4] = 255
    pictures[1::2, :, 2] = 255
    basis, error = seen(dataset_of("moving", list(bouncing(pictures, side=12, frames=12))))
    assert len(basis.mixing.mean) == CODES
    assert basis.mixing.screen["pixels.weight"].shape[0] == 144
    assert error < 8  # of 255 shades
    again, _ = seen(dataset_of("moving", list(bouncing(pictures, side=12, frames=12))))
    np.testing.assert_array_equal(again.mixing.screen["what0.weight"], basis.mixing.screen["what0.weight"])


def test_what_there_is_stays_within_a_film_and_is_seen_wherever_it_goes():
    pictures = np.zeros((60, 5, 5))
    pictures[:30, 1:4, 1:4] = 255  # nine pixels
    pictures[30:, :, 2] = 255  # five
    basis, _ = seen(dataset_of("moving", list(bouncing(pictures, side=12, frames=12))))
    assert (basis.mixing.increments == STILL).sum() == LASTING
    y = basis.encode(np.arange(50), np.zeros((50, 1, 1))).numpy()  # (films, frames, components)
    codes = y @ basis.mixing.outward.T + basis.mixing.mean
    codes[:, :, LASTING:] = codes[::-1, :, LASTING:].copy()  # each goes where another went
    frames = basis.decoder(Screen(basis.mixing.screen)(torch.from_numpy(codes).float()).numpy())
    weight = frames.sum((1, 2))  # (films,)
    assert weight[:20].mean() > 1.2 * weight[-20:].mean()  # .6, if it became the other


def test_frames_nearby_are_of_the_same_film():
    begin, end = nearby(np.array([0, 0, 0, 0, 2, 2, 3]), 1)
    assert begin.tolist() == [0, 0, 1, 2, 4, 4, 6]
    assert end.tolist() == [2, 3, 4, 4, 6, 6, 7]


def seen(dataset: Dataset) -> tuple[Basis, float]:
    """A basis, and by how many shades windows are off that went through it and back."""
    windows, _ = dataset.split(int(np.diff(dataset.bounds).max()), 1, 0.1)
    basis = Basis(dataset, windows, "cowhitened")
    index = np.arange(len(windows))
    y = basis.encode(index, np.zeros((len(index), 1, 1)))
    codes = (
        y @ torch.from_numpy(basis.mixing.outward.T + 0.0).float()
        + torch.from_numpy(basis.mixing.mean).float()
    )
    back = basis.decoder(Screen(basis.mixing.screen)(codes).numpy())
    return basis, float(np.abs(back - windows.take(index)).mean())


def test_frames_of_samples_are_judged_beside_films_that_are_built_in(tmp_path: Path):
    for film in range(3):
        (tmp_path / "set" / str(film)).mkdir(parents=True)
        for i, frame in enumerate(some(film, 16, 16, 16)):
            Image.fromarray(frame.astype(np.uint8)).save(tmp_path / "set" / str(film) / f"{i}.png")
    sides = of_samples(tmp_path / "set", "moving-digits", TrainConfig(frames=True))
    assert sides.samples.shape == (3, 16, 256)
