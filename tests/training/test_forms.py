"""Evaluations and pictures of texts, pictures and music: what fits the data is scored and drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract.forms import Form
from tests.serving.plain import SPEC
from training.data.columns import Column
from training.data.dataset import Dataset
from training.data.films import dataset_of as films_of
from training.data.music import dataset_of as music_of
from training.data.texts import dataset_of as text_of
from training.evaluation import judges as judging
from training.evaluation.about import ScoreName
from training.evaluation.judges import Judge, mistaken
from training.evaluation.natural import NATURAL
from training.evaluation.page import render
from training.evaluation.report import Evidence, Report, Subject, evaluate
from training.evaluation.sides import Real
from training.natural import note_bars
from training.picture import draw


@pytest.fixture(autouse=True)
def short_judges(monkeypatch: pytest.MonkeyPatch):
    for name in ("FIELD", "STRONG"):
        kind = getattr(judging, name)
        monkeypatch.setattr(f"training.evaluation.judges.{name}", Judge(1, kind.hidden, 5))
        monkeypatch.setattr(f"training.evaluation.scores.{name}", Judge(1, kind.hidden, 5))


def words(seed: int, count: int = 400) -> list[str]:
    """Consonants and vowels in turn."""
    random = np.random.default_rng(seed)
    return [
        "".join(random.choice(list("ptk" if i % 2 else "aio")) for i in range(random.integers(2, 7)))
        for _ in range(count)
    ]


def text(seed: int) -> Dataset:
    dataset = replace(text_of("words", words(seed), tuple("aiokpt")), length=6, ends=True)
    classes = np.arange(len(dataset.bounds) - 1)[:, None] % 2
    return replace(
        dataset, statics=(Column("kind", labels=("x", "y")),), static_values=classes.astype(float)
    )


def pictures(seed: int) -> Dataset:
    values = np.random.default_rng(seed).integers(0, 17, (200, 4, 3)).astype(float)
    return replace(
        Dataset.of("squares", [Column(f"pixel {i}") for i in range(3)], list(values), "row"),
        form="picture", length=4,
    )  # fmt: skip


def films(seed: int) -> Dataset:
    shades = np.random.default_rng(seed).integers(0, 256, (60, 5, 3, 4)).astype(float)
    return replace(films_of("noise", list(shades)), length=5)


def tunes(seed: int) -> Dataset:
    random = np.random.default_rng(seed)
    pieces = [random.choice([-1, -2, 60, 62, 64, 65, 67, 69, 71], (16, 2)) for _ in range(200)]
    return replace(music_of("tunes", ("high", "low"), pieces), length=16)


def rows(dataset: Dataset) -> np.ndarray:
    windows = dataset.windows(dataset.length, 1)
    return windows.take(np.arange(len(windows)))


def evaluated(
    data: Dataset, other: Dataset, names: tuple[ScoreName, ...] | None
) -> tuple[Report, Evidence]:
    real = Real("them", data, data.length, 1, 0.1)
    samples = rows(other)
    conditions = other.static_values if other.statics else None
    return evaluate(real, samples, names, 1, Subject("samples", "x", None), 0, conditions, quick=True)


def test_a_text_is_scored_by_its_labels_and_its_lengths():
    report, evidence = evaluated(text(0), text(1), None)
    found = {s.name: s for s in report.scores}
    assert {"bigrams", "trigrams", "known", "repeated", "lengths"} < set(found)
    assert not {"scale", "condition"} & set(found)
    assert found["bigrams"].value < found["bigrams"].floor + 0.02
    drawn = NATURAL["text"](evidence)
    assert '<div class="words real"><span>' in drawn and '<div class="words generated"><span>' in drawn


def test_words_of_another_language_are_far_from_the_floor():
    shuffled = replace(text(1), values=np.random.default_rng(0).permutation(text(1).values))
    found = {s.name: s for s in evaluated(text(0), shuffled, ("bigrams", "lengths"))[0].scores}
    assert found["bigrams"].value > 10 * found["bigrams"].floor
    assert found["lengths"].value < found["lengths"].floor + 0.3


def test_training_sequences_are_known_and_copies_repeated():
    data = text(0)
    copied = data.windows(6, 1).take(np.zeros(400, np.int64))
    real = Real("them", data, 6, 1, 0.1)
    report, _ = evaluate(real, copied, ("known", "repeated"), 1, Subject("samples", "x", None))
    known, repeated = report.scores
    assert known.value == 1 and known.floor < 1
    assert repeated.value == pytest.approx(1 - 1 / 200) and repeated.floor < repeated.value


def test_music_is_scored_by_its_own_statistics():
    report, evidence = evaluated(tunes(0), tunes(1), None)
    found = {s.name: s for s in report.scores}
    names = {"scale", "polyphony", "empty-beats", "pitch-classes", "pitch-range"}
    assert names < set(found) and "lengths" not in found
    assert all(found[name].value < found[name].floor + 0.03 for name in names)
    assert 'class="roll real"' in NATURAL["music"](evidence)


def test_music_a_semitone_off_has_other_pitch_classes_and_the_same_polyphony():
    other = tunes(1)
    labels = tuple(str(int(x) + 1) if x.isdecimal() else x for x in other.columns[0].labels)
    data = tunes(0)
    merged = tuple(dict.fromkeys((*data.columns[0].labels, *labels)))
    columns = tuple(replace(c, labels=merged) for c in data.columns)
    place = np.array([merged.index(x) for x in labels])
    moved = replace(other, columns=columns, values=place[other.values.astype(int)].astype(float))
    report, _ = evaluated(replace(data, columns=columns), moved, ("pitch-classes", "polyphony"))
    classes, polyphony = report.scores
    assert classes.value > 0.3 > classes.floor
    assert polyphony.value < polyphony.floor + 0.03


def test_scores_that_do_not_fit_say_why():
    report, _ = evaluated(
        pictures(0), pictures(1), ("bigrams", "lengths", "scale", "condition", "marginal")
    )
    assert [s.name for s in report.scores] == ["marginal"]
    assert "bigrams: left out, it is of rows that hold labels alone" in report.notes
    assert "lengths: left out, all sequences are of one length" in report.notes
    assert "scale: left out, the data are no music" in report.notes
    assert "condition: left out, no label is a condition" in report.notes


def test_pictures_are_on_the_page_as_pictures():
    few = [replace(d, values=d.values[:160], bounds=d.bounds[:41]) for d in (pictures(0), pictures(1))]
    page = render(*evaluated(few[0], few[1], ("marginal",)))
    assert page.count('src="data:image/png;base64,') == 2


def test_films_are_on_the_page_frame_beside_frame():
    page = render(*evaluated(films(0), films(1), ("marginal",)))
    assert page.count('src="data:image/png;base64,') == 2


def test_classifiers_tell_classes_that_differ_and_cannot_tell_those_that_do_not(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(judging, "_CLASS_RATE", 0.03)
    random = np.random.default_rng(0)
    classes = random.integers(0, 3, 600)
    told = (classes[:, None, None] / 2 + 0.05 * random.normal(size=(600, 2, 1))).astype(np.float32)
    alike = random.normal(size=(600, 2, 1)).astype(np.float32)
    halves = [((x[::2], classes[::2]), (x[1::2], classes[1::2])) for x in (told, alike)]
    known, unknown = (float(mistaken(*pair, 3, Judge(1, 8, 100), 1, 0).mean()) for pair in halves)
    assert known < 0.05
    assert unknown > 0.5


def test_the_conditions_of_samples_are_judged_by_their_first_label():
    report, _ = evaluated(text(0), text(1), ("condition", "from-samples"))
    assert [s.name for s in report.scores] == ["condition", "from-samples"]
    assert report.scores[0].judges == 1
    unknown = replace(text(1), statics=(), static_values=np.zeros((0, 0)))
    report, _ = evaluated(text(0), unknown, ("condition",))
    assert report.notes[-1] == "condition: left out, the conditions of the samples are not known"


def test_notes_are_told_from_what_sounds_and_what_begins():
    begun = np.array([60, -2, 60, -1, -2, 64])
    sounds = np.array([60, 60, 60, -1, -1, 64])
    assert note_bars(sounds, begun) == [(0, 2, 60), (2, 3, 60), (5, 6, 64)]
    assert note_bars(np.array([-1, -1]), np.array([-1, -2])) == []


@pytest.mark.parametrize(
    ("form", "make"), [("text", text), ("picture", pictures), ("film", films), ("music", tunes)]
)
def test_each_form_is_drawn_in_two_panels(form: Form, make, tmp_path: Path):
    data = make(0)
    number = SPEC.channels[0]
    channels = [
        replace(
            number,
            name=c.name,
            kind="categorical" if c.labels else "continuous",
            labels=c.labels,
            low=0.0,
            high=16.0,
        )
        for c in data.columns
    ]
    draw(rows(data), rows(make(1)), channels, form, "a title", tmp_path / "x.png", data.frame)
    with Image.open(tmp_path / "x.png") as image:
        assert image.width > image.height > 300
        pixels = np.asarray(image.convert("L"))[60:]
    for half in np.array_split(pixels, 2, axis=1):
        assert (half < 200).mean() > 0.005  # something is drawn


def test_letters_that_the_font_lacks_are_drawn_without_a_warning(tmp_path: Path):
    alphabet = ("\t", "字", "🙂")
    data = replace(text_of("字🙂", ["字🙂\t", "🙂字字"], alphabet), length=3)
    channel = replace(SPEC.channels[0], name="character", kind="categorical", labels=alphabet)
    draw(rows(data), rows(data), [channel], "text", data.name, tmp_path / "x.png")  # warnings are errors
    draw(rows(data), rows(data), [channel], "table", data.name, tmp_path / "y.png")
    assert (tmp_path / "x.png").exists() and (tmp_path / "y.png").exists()
