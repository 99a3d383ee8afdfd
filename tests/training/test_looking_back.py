"""Columns that look back over several rows at another are found, and made of it."""

import numpy as np
import pytest

from tests.training.test_changes import rules, table
from training.data.rules.making import Rules

N = 600


@pytest.fixture
def load() -> np.ndarray:
    return (100 + np.random.default_rng(0).normal(0, 1, N).cumsum()).round(2)


def over(x: np.ndarray, rows: int, of: object) -> np.ndarray:
    """Of the last rows, missing where there are fewer."""
    early = [np.nan] * (rows - 1)
    return np.array(early + [of(x[i - rows : i]) for i in range(rows, len(x) + 1)])  # type: ignore[operator]


def ago(x: np.ndarray, rows: int) -> np.ndarray:
    return np.concatenate([[np.nan] * rows, x[:-rows]])


def test_means_sums_and_figures_of_the_year_before_follow(load: np.ndarray):
    for made, said, rows in (
        (over(load, 7, np.mean), "the mean of load over 7 rows", 6),
        (over(load, 7, np.mean).round(2), "the mean of load over 7 rows", 6),
        (over(load, 10, np.sum).round(2), "the sum of load over 10 rows", 9),
        (ago(load, 12), "load 12 rows before", 12),
        ((load - ago(load, 4)).round(2), "load - load 4 rows before", 4),
        ((100 * load / ago(load, 12) - 100).round(2), "100 · load / load 12 rows before - 100", 12),
        (load / ago(load, 12), "load / load 12 rows before", 12),
    ):
        found = rules(table({"load": load, "made": made}))
        assert found == {"made": f"{said}; learnt in the first {rows} rows"}


def test_whole_sequences_know_their_first_rows_and_windows_do_not(load: np.ndarray):
    means = np.concatenate([over(part, 5, np.mean) for part in np.split(load, 20)]).round(3)
    for whole, said in ((True, "missing"), (False, "learnt")):
        dataset = table({"load": load, "mean": means}, 20, whole)
        assert rules(dataset) == {"mean": f"the mean of load over 5 rows; {said} in the first 4 rows"}
    every = Rules.of(table({"load": load, "mean": means}, 20, True).rules, dataset.columns)
    learnt = load.reshape(20, 30, 1).astype(np.float32)
    none = np.zeros((20, 30, 0), np.int64)
    values, _ = every(learnt, none)
    np.testing.assert_allclose(values[..., 1], means.reshape(20, 30), atol=1e-3)
    # In chunks of one row, each of which knows the four before it.
    before = np.zeros((20, 8), np.float32)
    for row in range(30):
        one, _ = every(learnt[:, row : row + 1], none[:, :1], before, row)
        np.testing.assert_array_equal(one[:, 0], values[:, row])
        before = np.concatenate([before[:, 1:4], learnt[:, row], np.zeros((20, 4), np.float32)], 1)


def test_what_windows_hardly_show_is_learnt_and_said_to_be(load: np.ndarray):
    dataset = table({"load": load, "mean": over(load, 30, np.mean).round(3)})
    assert not dataset.rules
    said = "in every row 'mean' is the mean of load over 30 rows, and is learnt all the same: windows of 24"
    assert any(note.startswith(said) and note.endswith("--length 58 does") for note in dataset.notes)


def test_what_is_missing_where_nothing_tells_is_made_of_no_gaps(load: np.ndarray):
    load[-1] = np.nan  # what is not known yet
    for rows in (1, 3):
        made = ago(np.nan_to_num(load), rows)
        made[:rows] = 7
        dataset = table({"load": load, "made": made})
        assert not dataset.rules
        assert any("what it is made of has gaps that it has not" in note for note in dataset.notes)


def test_gaps_are_looked_over_and_one_wrong_row_is_enough(load: np.ndarray):
    load[::50] = np.nan
    means = over(load, 3, np.mean).round(3)
    assert [*rules(table({"load": load, "mean": means}))] == ["mean"]
    means[320] += 1
    dataset = table({"load": load, "mean": means})
    assert not dataset.rules
    assert any(
        "'mean' is the mean of load over 3 rows in all 600 rows but 1 (row 321)" in n for n in dataset.notes
    )


def test_what_only_looks_alike_is_learnt(load: np.ndarray):
    walks = np.random.default_rng(1).normal(0, 1, (N, 5)).cumsum(0).round(2)
    assert not table({f"x{i}": x for i, x in enumerate(walks.T)}).rules
    steps = np.repeat(np.random.default_rng(2).integers(0, 3, (2, N // 20)), 20, axis=1)
    assert not table({"a": steps[0], "b": steps[1]}).rules
    smooth = np.convolve(np.append([load[0]] * 6, load), np.ones(7) / 7, "valid") * 1.001
    assert not table({"load": load, "smooth": smooth}).rules
