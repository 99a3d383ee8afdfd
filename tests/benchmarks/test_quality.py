import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.quality import __main__ as quality
from benchmarks.quality import stages, table
from benchmarks.quality.cases import Judged, base_and_length, table_cases
from benchmarks.quality.cells import Worker, run_cells
from contract.errors import UsageError


@dataclass(frozen=True)
class Tiny:
    key: str
    size: int = 1

    def facts(self) -> dict[str, Any]:
        return asdict(self)


class Work:
    """Counts what it is asked to do; cells named `bad` crash in a child, `endless` never end."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __call__(self, cell: Tiny, worker: Worker) -> dict[str, Any]:
        self.done.append(cell.key)
        if cell.key == "bad":
            worker.run([sys.executable, "-c", "raise SystemExit('no such tensor')"])
        if cell.key == "endless":
            worker.run([sys.executable, "-c", "while True: pass"], cpu_limit=1)
        used = worker.run([sys.executable, "-c", "sum(range(10**7))"])
        return {"cpu": used.cpu}


def run(names: str, work: Work, folder: Path, **options: Any) -> list[dict[str, Any]]:
    return run_cells([Tiny(name) for name in names.split()], work, folder, say=lambda _: None, **options)


def test_a_table_goes_on_with_what_is_missing(tmp_path: Path):
    run("a b", Work(), tmp_path)
    again = Work()
    results = run("a b c", again, tmp_path)
    assert again.done == ["c"]
    assert [r["case"]["key"] for r in results] == ["a", "b", "c"]


def test_a_failed_cell_is_kept_with_its_reason_and_tried_again_only_when_asked(tmp_path: Path):
    results = run("bad a", Work(), tmp_path)
    assert "no such tensor" in results[0]["failed"]
    assert "failed" not in results[1]
    later, asked = Work(), Work()
    run("bad a", later, tmp_path)
    run("bad a", asked, tmp_path, retry=True)
    assert (later.done, asked.done) == ([], ["bad"])


def test_a_cell_that_needs_too_much_is_stopped_by_its_cpu_seconds(tmp_path: Path):
    (result,) = run("endless", Work(), tmp_path)
    assert result["failed"] == "did not end within 1 CPU seconds"


def test_cpu_seconds_are_those_of_the_child(tmp_path: Path):
    worker = Worker(0, tmp_path / "log")
    busy = worker.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"])
    idle = worker.run([sys.executable, "-c", "import time; time.sleep(0.5)"])
    assert 0.5 <= busy.cpu < 1
    assert idle.cpu < 0.4 < idle.wall


def test_another_cell_of_the_same_key_is_not_taken_for_it(tmp_path: Path):
    run("a", Work(), tmp_path)
    again = Work()
    run_cells([Tiny("a", size=2)], again, tmp_path, say=lambda _: None)
    assert again.done == ["a"]


def test_a_child_stopped_from_outside_is_no_failure_of_its_cell(tmp_path: Path):
    stop_me = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"

    begun = []

    def stopped(cell: Tiny, worker: Worker) -> dict[str, Any]:
        begun.append(cell.key)
        worker.run([sys.executable, "-c", stop_me])
        return {}

    with pytest.raises(KeyboardInterrupt):
        run_cells([Tiny("a"), Tiny("b")], stopped, tmp_path, say=lambda _: None)
    assert begun == ["a"]
    assert not list(tmp_path.glob("*.json"))


def test_a_cell_cut_off_leaves_nothing_that_looks_done(tmp_path: Path):
    def cut_off(cell: Tiny, worker: Worker) -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cells([Tiny("a")], cut_off, tmp_path, say=lambda _: None)
    assert not list(tmp_path.glob("*.json"))


def test_peers_stand_twice_in_the_table_and_ours_once():
    cases = list(table_cases(["sines"], ["cadenza", "par"], 2, [4.0], 60.0, Judged(3, ("field",))))
    assert [c.key for c in cases[:3]] == [
        "sines.cadenza.240s.0",
        "sines.par.240s.0",
        "sines.par.defaults.0",
    ]
    assert len(cases) == 6


def test_kinds_stand_in_the_table_in_windows_of_their_own_and_without_peers():
    assert base_and_length("moving-digits") == ("moving-digits", 0)
    judged = Judged(3, ("field",))
    cases = list(table_cases(["names", "sines"], ["cadenza", "par"], 1, [4.0], 60.0, judged))
    assert [c.key for c in cases] == [
        "names.cadenza.240s.0",
        "sines.cadenza.240s.0",
        "sines.par.240s.0",
        "sines.par.defaults.0",
    ]


def test_a_score_that_some_data_do_not_have_leaves_its_place_empty():
    def cell(name: str) -> dict[str, Any]:
        score = {"name": name, "value": 0.02, "spread": 0.01, "floor": 0.008}
        costs = {"steps": 10, "train_cpu": 60.0, "train_wall": 70.0, "sample_cpu": 2.0, "samples": 1000}
        return {"case": name, "scores": [score], "note": "", **costs}

    cells = [cell("field"), cell("correlation")]
    rows = table.rows_of(cells, lambda c: (c["case"], "cadenza", "4 s"))
    lines = table.markdown(rows, ("data", "method", "trained for")).splitlines()
    assert [line.split("|")[5:7] for line in lines[2:]] == [
        [" 0.0200 ", " – "],
        [" 0.0080 ", " – "],
        [" – ", " 0.0200 "],
        [" – ", " 0.0080 "],
    ]


def test_what_judges_find_of_the_same_windows_is_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stages, "FOUND", tmp_path)
    asked = []

    def discriminative(real: np.ndarray, other: np.ndarray, *terms: object) -> torch.Tensor:
        asked.append(terms)
        return torch.tensor([0.1, 0.2])

    find = stages.remembering(discriminative)
    one, two = np.zeros((5, 4, 2), np.float32), np.ones((5, 4, 2), np.float32)
    assert find(one, two, "a judge", 2, 0).tolist() == find(one, two, "a judge", 2, 0).tolist()
    assert len(asked) == 1
    find(one, two, "a judge", 2, 1)
    find(two, one, "a judge", 2, 1)
    find(one, two.reshape(4, 5, 2), "a judge", 2, 1)
    assert len(asked) == 4


def test_names_that_are_not_known_are_refused():
    assert base_and_length("energy-64") == ("energy", 64)
    for name in ("enrgy", "energy-", "energy-x"):
        with pytest.raises(UsageError, match="google"):
            base_and_length(name)
    with pytest.raises(UsageError, match="predictive"):
        Judged(3, ("felid",))
    with pytest.raises(UsageError, match="tsgm-vae"):
        list(table_cases(["sines"], ["tsgm"], 1, [4.0], 60.0, Judged(3, ("field",))))


def test_rows_are_means_over_seeds_with_failures_named():
    def cell(value: float) -> dict[str, Any]:
        score = {"name": "field", "value": value, "spread": 0.01, "floor": 0.008}
        costs = {"steps": 10, "train_cpu": 60.0, "train_wall": 70.0, "sample_cpu": 2.0, "samples": 1000}
        apart = [{"name": "field", "value": 0.07, "spread": 0.01}]
        return {"scores": [score], "other_times": apart, "note": "", **costs}

    rows = table.rows_of(
        [cell(0.02), cell(0.04), {"failed": "too slow"}], lambda _: ("sines", "par", "4 s")
    )
    (row,) = json.loads(json.dumps(rows))
    assert row["scores"]["field"]["value"] == pytest.approx(0.03)
    assert row["scores"]["field"]["spread"] == pytest.approx(0.02**0.5 / 10, abs=1e-5)
    assert row["seeds"] == 2
    text = table.text(rows, ("data", "method", "trained for"))
    assert "0.0300 ± 0.0141" in text
    assert "too slow" in text
    floor, apart = table.markdown(rows, ("data", "method", "trained for")).splitlines()[-2:]
    assert "real against real" in floor and "0.0080" in floor
    assert "of other times" in apart and "0.0700" in apart


def test_a_part_of_the_table_leaves_the_other_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def row(*name: str, seeds: int = 1) -> dict[str, Any]:
        return {"name": list(name), "seeds": seeds, "failed": [], "notes": []}

    def ours(seeds: int = 1) -> dict[str, Any]:
        return row("sines", "cadenza", "240 CPU s", seeds=seeds)

    longer, peer = row("energy-64", "cadenza", "240 CPU s"), row("google", "par", "its defaults")
    monkeypatch.setattr(quality, "RESULT", tmp_path / "quality.json")
    first = quality.merged([peer, ours(), longer], "old")
    assert [r["name"][0] for r in first] == ["google", "energy-64", "sines"]
    (tmp_path / "quality.json").write_text(json.dumps({"rows": first}))
    kept_peer, kept_longer, again = quality.merged([ours(seeds=3)], "new")
    assert (again["seeds"], again["code"], again["notes"]) == (3, "new", [])
    assert kept_longer["notes"] == ["by earlier code"]
    assert kept_peer == peer, "other code of ours made the same peer"
