"""`cadenza evaluate` of whatever people bring."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import cadenza


def made(tmp_path: Path, name: str, rows: list[list[object]], head: str) -> Path:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def marginal(*arguments: object) -> float:
    done = cadenza("evaluate", *arguments, "--scores", "marginal", "--no-page", "--json")
    assert done.returncode == 0, done.stderr
    (score,) = json.loads(done.stdout)["scores"]
    return float(score["value"])


def test_columns_are_found_by_their_names(tmp_path: Path):
    random = np.random.default_rng(0)
    own = [[i, t, *(random.normal((0, 50)).round(3))] for i in range(60) for t in range(6)]
    real = made(tmp_path, "real.csv", [row[2:] for row in own], "cold,warm")
    turned = [[*row[:2], row[3], row[2]] for row in own]
    wanted = marginal(made(tmp_path, "same.csv", own, "sequence,step,cold,warm"), "--data", real)
    head = "sequence,step,warm,cold"
    for name in ("turned.csv", "LOUD.CSV", "folder/x.csv"):
        path = made(tmp_path, name, turned, head)
        subject = path.parent if "/" in name else path
        assert marginal(subject, "--data", real) == wanted
    (tmp_path / "reals").mkdir()
    (tmp_path / "reals" / "x.csv").write_text(real.read_text())
    assert marginal(tmp_path / "turned.csv", "--data", tmp_path / "reals") == wanted
    done = cadenza("evaluate", tmp_path / "turned.csv", "--data", "stocks")
    assert done.returncode == 2
    assert "has no column 'open'" in done.stderr
    fewer = made(tmp_path, "fewer.csv", [row[:3] for row in own], "sequence,step,cold")
    done = cadenza("evaluate", fewer, "--data", real, "--scores", "marginal", "--no-page")
    assert "has no column 'warm': real is judged without" in done.stdout
    alone = made(tmp_path, "alone.csv", [[row[0], *row[2:]] for row in own], "who,cold,warm")
    assert marginal(alone, "--data", real, "--id-column", "who") == wanted


def test_numbers_of_an_array_are_the_labels_that_are_written_so(tmp_path: Path):
    random = np.random.default_rng(0)
    codes = random.choice([2, 5, 9], size=(40, 6))
    x = np.stack([random.normal(size=(40, 6)), codes], 2)
    rows = [[f"{a:.6f}", int(b)] for a, b in x.reshape(-1, 2)]
    real = made(tmp_path, "real.csv", rows, "x,kind")
    np.save(tmp_path / "x.npy", x)
    wanted = made(
        tmp_path, "x.csv", [[i // 6, i % 6, *row] for i, row in enumerate(rows)], "sequence,step,x,kind"
    )
    given = ("--data", real, "--categorical", "kind")
    assert marginal(tmp_path / "x.npy", *given) == pytest.approx(marginal(wanted, *given))
    x[0, 0, 1] = 7
    np.save(tmp_path / "x.npy", x)
    done = cadenza("evaluate", tmp_path / "x.npy", *given)
    assert done.returncode == 1
    assert "column 'kind' holds 7, which is no label of it: these are '2', '5', '9'" in done.stderr


def test_minds_the_order_of_steps_and_where_its_report_goes(prices: Path, tmp_path: Path):
    rows = [[i, t, i + t, 2 * i] for i in range(30) for t in (1, 0, 2)]
    path = made(tmp_path, "x.csv", rows, "sequence,step,close,high")
    done = cadenza("evaluate", path, "--data", prices)
    assert (done.returncode, "sort rows by step" in done.stderr) == (2, True)
    kept = prices.read_bytes()
    for out, message in (
        (prices, "ends in .json"), (tmp_path / "x.html", "ends in .json"),
        (tmp_path / "none" / "x.json", "is no folder"),
    ):  # fmt: skip
        done = cadenza("evaluate", path, "--data", prices, "-o", out)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert prices.read_bytes() == kept
    alone = made(tmp_path, "alone.csv", [[i, 2 * i] for i in range(60)], "close,high")
    done = cadenza("evaluate", alone, "--data", prices)
    assert (done.returncode, "name the column that tells them apart with --id-column" in done.stderr) == (
        2,
        True,
    )
    done = cadenza("evaluate", path, "--data", prices, "--seed", -1)
    assert (done.returncode, "--seed is -1" in done.stderr) == (2, True)


def test_bears_windows_of_two_rows_and_values_out_of_all_bounds(tmp_path: Path):
    random = np.random.default_rng(0)
    np.save(tmp_path / "real.npy", random.normal(size=(300, 2)))
    samples = random.normal(size=(60, 2, 2))
    samples[3, 1, 0] = 1e30
    np.save(tmp_path / "x.npy", samples)
    done = cadenza(
        "evaluate",
        tmp_path / "x.npy",
        "--data",
        tmp_path / "real.npy",
        "--scores",
        "marginal",
        "autocorrelation",
    )
    assert done.returncode == 0, done.stderr
    assert "1 values of the samples are more than 1,000,000 times the data's range" in done.stdout
    report = json.loads((tmp_path / "x.npy.evaluation.json").read_text(), parse_constant=pytest.fail)
    assert report["samples"] == 60


def test_says_when_the_data_are_not_those_of_the_training(tmp_path: Path):
    random = np.random.default_rng(0)
    rows = [[x] for x in random.normal(size=300).round(3)]
    path = made(tmp_path, "a.csv", rows, "a")
    run = tmp_path / "run"
    assert cadenza("train", path, "-o", run, "--steps", 3, "--length", 8).returncode == 0
    made(tmp_path, "a.csv", rows[:200], "a")
    done = cadenza("evaluate", run, "--scores", "marginal", "--no-page")
    assert "is not what was trained on, or was read otherwise" in done.stdout
    path.unlink()
    done = cadenza("evaluate", run, "--scores", "marginal", "--no-page")
    assert (done.returncode, "say where it is now with --data" in done.stderr) == (2, True)


def refused(*arguments: object) -> str:
    done = cadenza("evaluate", *arguments, "--scores", "marginal", "--no-page")
    assert done.returncode, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_columns_that_the_data_do_not_have_are_named_and_may_be_left_out(tmp_path: Path):
    random = np.random.default_rng(0)
    own = [[i, t, *random.normal(size=2).round(3), i % 7] for i in range(60) for t in range(6)]
    real = made(tmp_path, "real.csv", [row[2:4] for row in own], "cold,warm")
    same = made(tmp_path, "same.csv", [row[:4] for row in own], "sequence,step,cold,warm")
    more = made(tmp_path, "more.csv", own, "sequence,step,cold,warm,score")
    said = refused(more, "--data", real)
    assert "more.csv has the columns 'score', and" in said
    assert "--ignore" in said
    assert marginal(more, "--data", real, "--ignore", "score") == marginal(same, "--data", real)
    assert "neither" in refused(more, "--data", real, "--ignore", "cold,warm")
    assert "is for files of samples" in refused(tmp_path / "model.onnx", "--ignore", "score")


def test_what_a_reader_leaves_out_of_samples_need_not_be_in_the_data(tmp_path: Path):
    random = np.random.default_rng(0)
    real = made(tmp_path, "real.csv", random.normal(size=(300, 2)).tolist(), "cold,warm")
    for n in range(20):  # as pandas writes tables
        rows = [[t, *random.normal(size=2)] for t in range(6)]
        made(tmp_path, f"theirs/{n}.csv", rows, ",cold,warm")
    assert marginal(tmp_path / "theirs", "--data", real) >= 0


def test_arrays_hold_what_is_constant_in_each_sequence_too(tmp_path: Path):
    random = np.random.default_rng(0)
    sequences = np.concatenate(
        [random.normal(size=(40, 12, 2)), np.tile(np.arange(40) % 3, (12, 1)).T[..., None]], 2
    )
    (tmp_path / "real").mkdir()
    for n, sequence in enumerate(sequences):
        np.save(tmp_path / "real" / f"{n}.npy", sequence)
    np.save(tmp_path / "samples.npy", sequences)
    assert marginal(tmp_path / "samples.npy", "--data", tmp_path / "real") < 0.5


def test_arrays_have_as_many_channels_as_the_data_and_what_is_cut_is_said(tmp_path: Path):
    random = np.random.default_rng(0)
    real, other, short = (tmp_path / f"{name}.npy" for name in ("real", "other", "short"))
    np.save(real, random.normal(size=(80, 12, 2)))
    np.save(other, random.normal(size=(80, 12, 3)))
    assert "holds 3 channels, and" in refused(other, "--data", real)
    np.save(short, random.normal(size=(80, 6, 2)))
    done = cadenza("evaluate", short, "--data", real, "--scores", "marginal", "--no-page")
    assert "have 6 steps, and sequences of real up to 12: these were cut into windows of 6" in done.stdout


def test_samples_longer_than_the_data_or_in_other_units_are_said(tmp_path: Path):
    random = np.random.default_rng(0)
    real, long, scaled, swapped = (tmp_path / f"{n}.npy" for n in ("real", "long", "scaled", "swapped"))
    values = random.normal((10, 500), (2, 90), size=(80, 12, 2))
    np.save(real, values)
    np.save(long, random.normal(size=(80, 24, 2)))
    np.save(scaled, (values - values.min((0, 1))) / np.ptp(values, axis=(0, 1)))
    np.save(swapped, values[..., ::-1])
    assert "samples have 24 steps, and the longest sequence of" in refused(long, "--data", real)
    for path, said in ((scaled, True), (swapped, True), (real, False)):
        done = cadenza("evaluate", path, "--data", real, "--scores", "marginal", "--no-page")
        assert ("lie elsewhere than real or vary far less, in 'channel 1'" in done.stdout) == said


def test_an_id_may_be_of_the_samples_alone(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=(60, 6, 2))
    np.save(tmp_path / "real.npy", values)
    rows = [[i, *values[i, t]] for i in range(60) for t in range(6)]
    samples = made(tmp_path, "samples.csv", rows, "who,a,b")
    assert marginal(samples, "--data", tmp_path / "real.npy", "--id-column", "who") < 0.5


def test_a_collapsed_generator_has_scores_too_and_data_without_a_move_have_none(tmp_path: Path):
    real, one = tmp_path / "real.npy", tmp_path / "one.npy"
    np.save(real, np.random.default_rng(0).normal(size=(80, 12, 2)))
    np.save(one, np.ones((80, 12, 2)))
    assert marginal(one, "--data", real) > 0.5
    assert "every column is constant" in refused(real, "--data", one)


def test_a_label_that_the_data_do_not_have_is_said_beside_those_that_they_have(tmp_path: Path):
    rows = [[i, t, "red" if t % 2 else "blue"] for i in range(60) for t in range(6)]
    real = made(tmp_path, "real.csv", rows, "sequence,step,colour")
    other = made(tmp_path, "other.csv", [[*rows[0][:2], "pink"], *rows[1:]], "sequence,step,colour")
    assert "'pink', which is no label of it: these are 'blue', 'red'" in refused(
        other, "--data", real, "--id-column", "sequence"
    )


def test_samples_that_say_whose_they_are_stand_beside_data_of_named_sequences(tmp_path: Path):
    random = np.random.default_rng(0)
    rows = [[shop, i, round(random.normal(10 * shop), 3)] for shop in range(4) for i in range(120)]
    real = made(tmp_path, "real.csv", [[f"s{row[0]}", row[2]] for row in rows], "shop,sold")
    own = [[row[0] * 20 + row[1] // 6, row[1] % 6, f"s{row[0]}", row[2]] for row in rows]
    path = made(tmp_path, "x.csv", own, "sequence,step,shop,sold")
    given = (path, "--data", real, "--id-column", "shop")
    done = cadenza("evaluate", *given, "--scores", "condition", "--judges", "1", "--no-page", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"][0]["value"] < 0.1  # of the very rows of each


def test_what_goes_round_in_the_data_may_be_numbers_in_samples_and_the_other_way_round(tmp_path: Path):
    hours = [[i % 24, i * i % 7] for i in range(240)]
    mixed = [[i * i % 24, i * i % 7] for i in range(240)]
    real, other = (made(tmp_path, f"{n}.csv", x, "hour,a") for n, x in (("real", hours), ("other", mixed)))
    for data, rows in ((real, mixed), (other, hours)):
        own = [[i // 6, i % 6, *row] for i, row in enumerate(rows)]
        path = made(tmp_path, "x.csv", own, "sequence,step,hour,a")
        done = cadenza("evaluate", path, "--data", data, "--scores", "marginal", "--no-page")
        assert done.returncode == 0, done.stderr


def test_months_may_be_written_otherwise_than_they_were_learnt(tmp_path: Path):
    months = [[f"{i % 12 + 1:02}", i * i % 7] for i in range(240)]
    real = made(tmp_path, "real.csv", months, "month,a")
    shuffled = made(tmp_path, "shuffled.csv", [months[i * 7 % 240] for i in range(240)], "month,a")
    empty = made(
        tmp_path, "empty.csv", [["" if i == 5 else m, a] for i, (m, a) in enumerate(months)], "month,a"
    )
    for told in ((), ("--continuous", "month")):
        run = tmp_path / f"run{len(told)}"
        done = cadenza("train", real, "-o", run, "--steps", 4, "--length", 6, *told)
        assert done.returncode == 0, done.stderr
        model = tmp_path / f"{run.name}.onnx"
        done = cadenza("export", run, "-o", model)
        assert done.returncode == 0, done.stderr
        for subject in (run, model):
            values = [marginal(subject, "--data", data) for data in (real, shuffled, empty)]
            assert max(values) < 1.5 * min(values)  # of the very same rows but one
