"""A whole evaluation: floors, bad input, notes, and the page."""

import json
import re
from typing import get_args, get_type_hints

import numpy as np
import pytest

from contract.errors import UsageError
from training.data.columns import Column
from training.data.dataset import Dataset
from training.evaluation import judges as judging
from training.evaluation import scores as scoring
from training.evaluation.about import ABOUT, DEFAULT, ScoreName
from training.evaluation.coverage import apart, in_turns, overlap, uncovered
from training.evaluation.judges import Judge
from training.evaluation.page import render
from training.evaluation.report import Evidence, Report, Subject, evaluate
from training.evaluation.sides import Real
from training.evaluation.svg import number, ticks

LENGTH = 10
SUBJECT = Subject("samples", "samples<1>.npy", None)
CHEAP: tuple[ScoreName, ...] = (
    "marginal", "increments", "stillness", "liveliness", "autocorrelation", "correlation", "uncovered",
)  # fmt: skip


def series(seed: int, rows: int = 1500, channels: int = 3) -> np.ndarray:
    """Channels that wander about a mean, and each after the one before."""
    random = np.random.default_rng(seed)
    x = np.zeros((rows, channels))
    for t in range(1, rows):
        x[t] = 0.8 * x[t - 1] + 0.3 * np.roll(x[t - 1], 1) * 0.5 + random.normal(size=channels)
    return x * 10.0 ** np.arange(channels) + 5


def real(values: np.ndarray, hold_out: float = 0.1) -> Real:
    columns = [Column(f"c{i} & co", "m/s") for i in range(values.shape[1])]
    return Real("them", Dataset.of("them", columns, [values]), LENGTH, 1, hold_out)


def cut(values: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(values, LENGTH, axis=0).transpose(0, 2, 1)


def evaluated(values: np.ndarray, samples: np.ndarray, names: tuple[ScoreName, ...] = CHEAP) -> Report:
    return evaluate(real(values), samples, names, 1, SUBJECT)[0]


@pytest.fixture(scope="module")
def found() -> tuple[Report, Evidence]:
    return evaluate(real(series(0)), cut(series(1)), CHEAP, 1, SUBJECT)


def test_another_series_of_the_same_process_scores_near_the_floor(found: tuple[Report, Evidence]):
    for score in found[0].scores:
        assert score.floor >= 0
        assert score.value < score.floor + 0.12, score
    assert found[0].memorisation.verdict == "not copied"


@pytest.mark.parametrize("name", CHEAP)
def test_damage_is_far_above_the_floor(name: ScoreName):
    random = np.random.default_rng(0)
    honest = cut(series(1))
    damaged = {
        "marginal": honest * 1.5,
        "increments": random.permuted(honest, axis=1),
        "stillness": np.repeat(honest[:, ::2], 2, axis=1),
        "liveliness": random.permutation(honest.ravel()).reshape(honest.shape),
        "autocorrelation": random.permuted(honest, axis=1),
        "correlation": np.stack([random.permutation(c) for c in honest.transpose(2, 0, 1)], 2),
        "uncovered": honest[random.permutation(len(honest))[:8]][np.arange(1000) % 8],  # mode collapse
    }[name]
    (score,) = evaluated(series(0), damaged, (name,)).scores
    assert score.value > 1.5 * score.floor + 3 * score.floor_spread


def test_halves_of_one_distribution_leave_a_thirty_second_uncovered():
    random = np.random.default_rng(0)
    shares = [uncovered(*random.normal(size=(2, 1000, 3))) for _ in range(5)]
    assert np.mean(shares) == pytest.approx(2**-5, abs=0.01)


def test_windows_apart_have_no_row_in_common():
    windows = real(series(0)).dataset.windows(LENGTH, 1)
    starts = np.sort(windows.starts[apart(windows, np.random.default_rng(0))])
    assert np.diff(starts).min() >= LENGTH
    assert len(starts) > 0.7 * 1500 / LENGTH


def test_windows_of_other_times_have_no_row_in_common():
    windows = real(series(0)).dataset.windows(LENGTH, 1)
    assert overlap(windows)
    one, two = (windows.rows(part) for part in in_turns(windows))
    assert not set(one.ravel()) & set(two.ravel())
    assert min(len(one), len(two)) > 0.7 * 1500 / 2
    assert not overlap(real(series(0)).dataset.windows(LENGTH, LENGTH))


def test_a_judge_knows_times_by_heart_and_it_is_said(monkeypatch: pytest.MonkeyPatch):
    """Ten days, each at a level of its own: a day is known by its level, and then all of its windows."""
    monkeypatch.setattr(scoring, "FIELD", Judge(layers=1, hidden=16, iterations=150))
    random = np.random.default_rng(0)
    days = np.repeat(random.normal(size=(10, 3)), 4 * LENGTH, axis=0) + random.normal(0, 0.1, (400, 3))
    report = evaluate(real(days), cut(days), ("field",), 1, SUBJECT)[0]
    (score,), (other,) = report.scores, report.other_times
    assert score.floor < 0.1
    assert other.value > 0.3
    assert f"{other.value:.4f}" in report.table()
    monkeypatch.setattr(scoring, "FIELD", Judge(layers=1, hidden=1, iterations=1))
    assert evaluate(real(days), cut(days), ("field",), 1, SUBJECT, quick=True)[0].other_times == ()
    alone = Dataset.of("them", [Column(f"c{i}") for i in range(3)], list(cut(days)[::LENGTH]))
    whole = Real("them", alone, LENGTH, 1, 0.1)
    assert evaluate(whole, cut(days), ("field",), 1, SUBJECT)[0].other_times == ()


def test_every_score_comes_with_its_floor(monkeypatch: pytest.MonkeyPatch):
    quick = Judge(layers=1, hidden=4, iterations=30)
    for module in (judging, scoring):
        for name in ("FIELD", "STRONG", "PREDICTIVE"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, quick)
    monkeypatch.setattr("training.evaluation.scores.fit", lambda *a, **k: _fit(*a, iterations=5, **k))
    names = get_args(ScoreName)
    usual = (*DEFAULT, "unseen", "predictive")  # the others are of some kinds of data: test_forms
    report = evaluated(series(0, 600), cut(series(1, 600)), usual)
    assert tuple(s.name for s in report.scores) == usual
    assert all(np.isfinite([s.value, s.spread, s.floor, s.floor_spread]).all() for s in report.scores)
    assert set(ABOUT) == set(names) > set(usual)


def _fit(*arguments, **named):
    from training.evaluation.encoder import fit

    return fit(*arguments, **named)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (cut(series(1))[:, :5], "evaluate the same length and channels"),
        (cut(series(1))[..., :2], "evaluate the same length and channels"),
        (cut(series(1))[:2], "2 samples are too few"),
        (np.where(np.arange(LENGTH)[:, None] == 3, np.nan, cut(series(1))), "missing or infinite"),
    ],
)
def test_samples_that_cannot_be_scored_are_said(samples: np.ndarray, message: str):
    with pytest.raises(UsageError, match=message):
        evaluated(series(0), samples)


def test_a_constant_channel_is_left_out_and_said():
    still, other = series(0), series(1)
    still[:, 1], other[:, 1] = 3, 3
    report = evaluated(still, cut(other))
    assert "c1 & co (m/s)" in report.notes[0]
    assert [c.name[:2] for c in report.channels] == ["c0", "c2"]
    assert all(np.isfinite(s.value) for s in report.scores)
    other[:, 0] = 5
    assert any("constant in the samples alone: c0" in n for n in evaluated(still, cut(other)).notes)


def test_one_channel_has_no_correlation_and_no_predictive_score():
    report = evaluated(series(0)[:, :1], cut(series(1)[:, :1]), (*CHEAP, "predictive"))
    assert [s.name for s in report.scores] == [n for n in CHEAP if n != "correlation"]
    assert sum("it takes two channels" in note for note in report.notes) == 2


def test_few_samples_are_scored_and_called_few():
    report = evaluated(series(0), cut(series(1))[:40])
    assert len(report.scores) == len(CHEAP)
    assert any("few" in note for note in report.notes)
    assert report.memorisation.verdict == "cannot tell"


def test_the_report_is_json_and_names_what_it_is_of(found: tuple[Report, Evidence]):
    raw = json.loads(found[0].to_json())
    assert raw["data_fingerprint"] == real(series(0)).dataset.fingerprint
    assert raw["memorisation"]["verdict"] == "not copied"
    assert set(raw) == set(get_type_hints(Report))


@pytest.mark.parametrize("channels", [1, 30])
def test_the_page_needs_nothing_from_elsewhere(channels: int):
    report, evidence = evaluate(
        real(series(0, 400, channels)), cut(series(1, 400, channels)), ("marginal",), 1, SUBJECT
    )
    text = render(report, evidence)
    assert not re.search(r"(src|href)=|url\(|@import|https?:|\$[a-z]|nan", text)
    assert "samples&lt;1&gt;.npy" in text
    assert "c0 &amp; co (m/s)" in text
    assert text.count("<svg") > min(channels, 12) * 3
    assert len(text) < 3_000_000


def test_ticks_are_round_and_within_and_numbers_short():
    assert ticks(0, 1) == [0, 0.5, 1]
    assert ticks(-3, 97, 4) == [0, 25, 50, 75]
    assert [number(x) for x in (0, 0.25, -0.5, 12.5, 25_000, 3.2e6)] == [
        "0",
        ".25",
        "−.5",
        "12.5",
        "25k",
        "3.2M",
    ]
