"""The command line as a person types it: exit codes, messages, files."""

import json
import socket
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from contract.seal import load
from contract.version import VERSION
from serving.sampler import Generator
from tests.conftest import cadenza, cadenza_process

COMMANDS = ("train", "evaluate", "export", "inspect", "check", "sample", "serve", "demo")


def test_version():
    assert cadenza_process("--version").stdout == f"cadenza {VERSION}\n"


def test_help_lists_every_command():
    done = cadenza("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_an_example(command: str):
    done = cadenza(command, "--help")
    assert done.returncode == 0
    assert f"Example: cadenza {command}" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [(), ("fly",), ("train",), ("sample", "m.onnx"), ("train", "stocks", "--steps", "many")],
)
def test_wrong_use_is_2(arguments: tuple[str, ...]):
    assert cadenza(*arguments).returncode == 2


def test_a_run_that_exists_is_2_and_names_the_way_on(prices: Path, run: Path):
    done = cadenza("train", prices, "-o", run)
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert "--resume" in done.stderr


def test_data_that_are_not_there_are_1(tmp_path: Path):
    done = cadenza("train", tmp_path / "none.csv", "-o", tmp_path / "run")
    assert done.returncode == 1
    assert "neither a file nor a built-in set" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_bad_csv_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    done = cadenza("train", tmp_path / "bad.csv", "-o", tmp_path / "run", "--steps", 1)
    assert done.returncode == 1
    assert "bad.csv cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


def test_cuda_asked_for_where_there_is_none_is_said(prices: Path, model: Path, tmp_path: Path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is CUDA here")
    done = cadenza("train", prices, "-o", tmp_path / "run", "--device", "cuda", "--steps", 1)
    assert done.returncode == 1
    assert "CUDA was asked for" in done.stderr
    for command in (("sample", model, "-o", tmp_path / "x.npy"), ("serve", model)):
        done = cadenza(*command, "--provider", "cuda")
        assert done.returncode == 1
        assert "CUDA was asked for and does not run here" in done.stderr
    assert not list(tmp_path.iterdir())


def test_inspect_shows_the_spec_to_a_person_and_to_a_program(model: Path):
    text = cadenza("inspect", model).stdout
    assert "date, sequences begin at 2020-01-" in text
    for word in ("close", "volume", "integer from", "bit for bit", "noise", "fingerprint", "licence"):
        assert word in text
    spec = json.loads(cadenza("inspect", model, "--json").stdout)
    assert spec == json.loads(load(model).spec.to_json())


def test_check_passes_and_says_each_thing(model: Path):
    done = cadenza("check", model)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok  ") == 8
    report = json.loads(cadenza("check", model, "--json").stdout)
    assert report["passed"]
    assert len(report["checks"]) == 8


@pytest.mark.parametrize("suffix", ["csv", "npy", "npz", "arrow", "parquet", "json"])
def test_sample_writes_what_the_suffix_names(
    model: Path, generator: Generator, tmp_path: Path, suffix: str
):
    out = tmp_path / f"out.{suffix}"
    done = cadenza("sample", model, "-n", 30, "-l", 14, "--seed", 7, "-o", out)
    assert done.returncode == 0, done.stderr
    wanted = generator.sample(30, 14, 7).values
    if suffix == "csv":
        found = np.loadtxt(out, delimiter=",", skiprows=1, dtype=np.float32, usecols=(3, 4, 5))
        found = found.reshape(wanted.shape)
    elif suffix in ("arrow", "parquet"):
        read = pyarrow.parquet.read_table if suffix == "parquet" else read_arrow
        table = read(out)
        columns = [table[c].to_numpy() for c in ("close", "high", "volume")]
        found = np.column_stack(columns).astype(np.float32).reshape(wanted.shape)
    elif suffix == "json":
        found = np.array(json.loads(out.read_text())["sequences"], np.float32)
    else:
        found = np.load(out) if suffix == "npy" else np.load(out)["values"]
    np.testing.assert_array_equal(found, wanted)


def read_arrow(path: Path) -> pyarrow.Table:
    with pyarrow.ipc.open_stream(path) as stream:
        return stream.read_all()


def test_a_file_in_many_batches_is_as_in_one(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from serving import formats, sampler

    monkeypatch.setattr(formats.arrow, "_ROWS", 300)
    plan = generator.plan(23, 40, 7)
    written = {}
    for limit in (2**21, 500, 100):  # all at once; 4 sequences; steps of one sequence
        monkeypatch.setattr(sampler, "_BATCH_VALUES", limit)
        for suffix in ("csv", "npy", "npz", "json", "arrow"):
            path = tmp_path / f"{limit}.{suffix}"
            formats.save(path, plan, generator.batches(plan))
            assert written.setdefault(suffix, path.read_bytes()) == path.read_bytes()


def test_an_unknown_suffix_is_2_and_lists_the_known(model: Path, tmp_path: Path):
    done = cadenza("sample", model, "-o", tmp_path / "out.xlsx")
    assert done.returncode == 2
    assert ".csv" in done.stderr
    assert ".parquet" in done.stderr


def test_a_flag_that_is_there_twice_is_said(model: Path, tmp_path: Path):
    done = cadenza("sample", model, "-o", tmp_path / "x.csv", "--where", "a=1", "--where=b=2")
    assert done.returncode == 2
    assert "--where is there 2 times: name all its values behind one" in done.stderr
    assert "--out is there 2 times" in cadenza("sample", model, "-o", "x.csv", "--out", "y.csv").stderr
    assert cadenza("--help", "--help").returncode == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("flag", "value"), [("-n", 0), ("-n", -1), ("-l", 0), ("--seed", -1)])
def test_a_number_out_of_range_is_said(model: Path, tmp_path: Path, flag: str, value: int):
    done = cadenza("sample", model, "-o", tmp_path / "x.npy", flag, value)
    assert done.returncode == 2
    assert "whole number of at least" in done.stderr
    done = cadenza("sample", model, "-o", tmp_path / "x.npy", flag, 2**63)
    assert (done.returncode, f"a whole number of at most {2**63 - 1} is wanted" in done.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--steps", 0), ("--length", 1), ("--stride", 0), ("--save-every", 0), ("--minutes", 0),
     ("--minutes", "nan"), ("--threads", 0), ("--seed", -1)],
)  # fmt: skip
def test_a_choice_that_cannot_be_is_2_and_named(prices: Path, tmp_path: Path, flag: str, value: object):
    done = cadenza("train", prices, "-o", tmp_path / "run", flag, value)
    assert done.returncode == 2
    assert f"{flag[2:].replace('-', '_')} is {value}" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_setting_that_cannot_be_is_2_and_named(model: Path):
    done = cadenza("serve", model, "--max-count", 0)
    assert done.returncode == 2
    assert "max_count is 0" in done.stderr


def test_a_host_by_name_is_looked_up():
    from cadenza.server import address_of
    from contract.errors import UsageError

    assert address_of("localhost") in ("127.0.0.1", "::1")
    assert address_of("0.0.0.0") == "0.0.0.0"
    with pytest.raises(UsageError, match="no such address"):
        address_of("no such host")


def test_a_port_in_use_is_said(model: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = cadenza("serve", model, "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr


def test_evaluate_takes_a_run_a_model_and_anybodys_samples(
    prices: Path, run: Path, model: Path, tmp_path: Path
):
    samples = tmp_path / "samples.csv"
    cadenza("sample", model, "-n", 200, "-l", 12, "-o", samples)
    for subject in (run, model, samples):
        done = cadenza(
            "evaluate", subject, "--data", prices, "--scores", "marginal", "increments", "--json",
            "-o", tmp_path / "report.json", "--no-page",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report == json.loads((tmp_path / "report.json").read_text())
        assert [s["name"] for s in report["scores"]] == ["marginal", "increments"]
        assert report["memorisation"]["reference"] == ("training" if subject == samples else "held-out")
        assert not (tmp_path / "report.html").exists()


def test_evaluate_takes_the_models_columns_of_a_wider_table(model: Path, prices: Path, tmp_path: Path):
    head, *lines = prices.read_text().splitlines()
    wide = [f"{head},site,who", *(f"{line},north,{i % 2}" for i, line in enumerate(lines))]
    (tmp_path / "wide.csv").write_text("\n".join(wide))
    done = cadenza(
        "evaluate", model, "--data", tmp_path / "wide.csv", "--id-column", "who", "--scores", "marginal",
        "--no-page", "--json", "-o", tmp_path / "report.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["windows"] == 2 * (200 - 12 + 1)


@pytest.mark.parametrize("dates", [False, True])
def test_evaluate_is_told_what_the_times_are(tmp_path: Path, dates: bool):
    def at(day: int) -> str:
        one = date(2024, 1, 1) + timedelta(days=day)
        return one.strftime("%m/%d/%Y") if dates else str(1_700_000_000 + 60 * day)

    values = np.random.default_rng(0).normal(size=(20, 300))
    (tmp_path / "real.csv").write_text(
        "t,v\n" + "\n".join(f"{at(i)},{v:.4f}" for i, v in enumerate(values[0])) + "\n"
    )
    made = [f"{k},{i},{at(i)},{v:.4f}" for k, row in enumerate(values) for i, v in enumerate(row[:24])]
    (tmp_path / "made.csv").write_text("\n".join(["sequence,step,t,v", *made]) + "\n")
    done = cadenza(
        "evaluate", tmp_path / "made.csv", "--data", tmp_path / "real.csv", "--time-column", "t",
        "--scores", "marginal", "--no-page", "--json", "-o", tmp_path / "report.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [c["name"] for c in json.loads(done.stdout)["channels"]] == ["v"]


def test_evaluate_says_when_it_does_not_know_the_data(model: Path, tmp_path: Path):
    done = cadenza("evaluate", model)
    assert done.returncode == 2
    assert "--data" in done.stderr
    assert cadenza("evaluate", tmp_path / "none").returncode == 2


def test_evaluate_writes_a_page_beside_its_report(prices: Path, tmp_path: Path):
    """Samples of another tool: copies of the data, here, and it says so."""
    values = np.loadtxt(prices, delimiter=",", skiprows=1, usecols=(1, 2, 3))
    copies = np.stack([values[i : i + 12] for i in range(0, 380, 3)])
    np.save(tmp_path / "theirs.npy", copies)
    done = cadenza("evaluate", tmp_path / "theirs.npy", "--data", prices, "--scores", "marginal")
    assert done.returncode == 0, done.stderr
    assert "memorisation: Copied" in done.stdout
    assert "theirs.npy.evaluation.html" in done.stdout
    assert "Memorisation: copied" in (tmp_path / "theirs.npy.evaluation.html").read_text()
    quick = cadenza(
        "evaluate",
        tmp_path / "theirs.npy",
        "--data",
        prices,
        "--quick",
        "--judges",
        1,
        "--no-page",
        "--json",
    )
    names = [score["name"] for score in json.loads(quick.stdout)["scores"]]
    assert "field" in names
    assert not {"strong", "context-fid", "correlation"} & set(names)


def test_evaluate_says_what_is_wrong_with_samples(prices: Path, tmp_path: Path):
    np.save(tmp_path / "two.npy", np.random.default_rng(0).normal(size=(2, 12, 3)))
    done = cadenza("evaluate", tmp_path / "two.npy", "--data", prices)
    assert done.returncode == 2
    assert "2 samples are too few to score" in done.stderr
    done = cadenza("evaluate", tmp_path / "two.npy", "--data", prices, "--scores", "best")
    assert done.returncode == 2
