"""Whether rows have to do with the calendar, and what players see of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contract.calendar import Season
from contract.errors import UsageError
from training.config import TrainConfig
from training.data import Dataset, load
from training.errors import DataError
from training.seasons import Seasons

WEEKS = 8


def table(folder: Path, values: np.ndarray, start: str = "2024-01-01", step: str = "h") -> Path:
    """One value a row, in steps from a Monday on."""
    moments = np.datetime64(start, "s") + np.arange(len(values)) * np.timedelta64(1, step)
    path = folder / "x.csv"
    path.write_text("t,x\n" + "".join(f"{m},{v:.4f}\n" for m, v in zip(moments, values, strict=True)))
    return path


def read(folder: Path, values: np.ndarray, **how: object) -> Dataset:
    return load(str(table(folder, values)), TrainConfig(**how))  # type: ignore[arg-type]


def noise(rows: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=rows)


HOURS = np.arange(WEEKS * 168)


@pytest.mark.parametrize(
    ("values", "seasons"),
    [
        (np.sin(2 * np.pi * HOURS / 24) + noise(len(HOURS)), ["day"]),
        (np.where(HOURS // 24 % 7 > 4, 1.0, 0.0) + noise(len(HOURS)), ["week"]),
        (np.where(HOURS % 168 > 118, 0.5, np.sin(2 * np.pi * HOURS / 24)), ["day", "week"]),
        (noise(len(HOURS)) * np.where(HOURS % 24 > 17, 3, 1), ["day"]),  # lively nights
        (np.cumsum(noise(len(HOURS))), []),
        (np.sin(2 * np.pi * HOURS / 25), []),
        (noise(len(HOURS)), []),
        (np.sin(2 * np.pi * HOURS[:70] / 24), []),  # too few days to say
    ],
)
def test_seasons_that_matter_are_found(tmp_path: Path, values: np.ndarray, seasons: list[str]):
    dataset = read(tmp_path, values)
    assert [season.name for season in dataset.seasons] == seasons
    said = [note for note in dataset.notes if "what is generated with the times beside it" in note]
    assert len(said) == bool(seasons)


def test_seasons_can_be_told(tmp_path: Path):
    walk = np.cumsum(noise(24 * 20))
    told = read(tmp_path, walk, seasons=("day", "week"))
    assert [season.name for season in told.seasons] == ["day", "week"]
    assert not read(tmp_path, np.sin(2 * np.pi * HOURS / 24), seasons=("none",)).seasons
    assert any("--seasons week says that they do" in note for note in read(tmp_path, walk).notes)
    with pytest.raises(DataError, match="--seasons week, and its rows can go with year"):
        load(str(table(tmp_path, walk[:200], step="W")), TrainConfig(seasons=("week",)))
    (tmp_path / "y.csv").write_text("x\n" + "\n".join(map(str, walk)))
    with pytest.raises(DataError, match="can go with none"):
        load(str(tmp_path / "y.csv"), TrainConfig(seasons=("day",)))
    with pytest.raises(UsageError, match="none of them goes with others"):
        TrainConfig(seasons=("none", "day"))


def test_each_of_several_sequences_is_held_against_itself(tmp_path: Path):
    week = np.where(HOURS // 24 % 7 > 4, 0.5, 1.0) + 0.05 * noise(len(HOURS))
    moments = np.datetime64("2024-01-01", "s") + HOURS * np.timedelta64(1, "h")
    lines = [
        f"{m},{site},{size * x:.4f}"
        for site, size in enumerate((1, 5, 40))
        for m, x in zip(moments, week, strict=True)
    ]
    (tmp_path / "x.csv").write_text("\n".join(["t,site,x", *lines]) + "\n")
    dataset = load(str(tmp_path / "x.csv"), TrainConfig(id_column="site"))
    assert [season.name for season in dataset.seasons] == ["week"]


def test_what_is_learnt_whole_and_ends_by_itself_has_no_seasons(tmp_path: Path):
    rows = [
        f"{n},2024-01-{1 + n // 4:02}T{hour:02}:00:00,{hour}"
        for n in range(80)
        for hour in range(4 * (n % 4), 4 * (n % 4) + 2 + n % 3)
    ]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["id,t,x", *rows]) + "\n")
    dataset = load(str(path), TrainConfig(id_column="id"))
    assert dataset.ends
    assert not dataset.seasons


def test_other_times_are_other_data(tmp_path: Path):
    values = np.sin(2 * np.pi * HOURS / 24)
    one = load(str(table(tmp_path, values)), TrainConfig())
    other = load(str(table(tmp_path, values, "2024-01-01T06:00")), TrainConfig())
    assert one.fingerprint != other.fingerprint


def test_each_row_is_seen_as_the_first_of_what_begins_there():
    seasons = Seasons((Season("day", 24), Season("year", 8766)))
    given = torch.tensor([[0.5, 22, 8760], [-1.0, 3, 17]])
    each = seasons.each(given, 30)
    assert each.shape == (2, 30, 1 + seasons.width)
    for step in (0, 1, 2, 29):
        assert torch.equal(each[:, step], seasons.first(seasons.later(given, step)))
    assert torch.equal(each[:, 0, 1:5], each[:, 24, 1:5])  # a day later
    assert not torch.equal(each[:, 0, 1:5], each[:, 6, 1:5])


def test_without_seasons_conditions_are_what_is_seen():
    given = torch.randn(3, 2)
    seasons = Seasons(())
    assert torch.equal(seasons.first(given), given)
    assert torch.equal(seasons.each(given, 4), given[:, None].expand(-1, 4, -1))
