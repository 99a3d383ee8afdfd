"""Requests made from the description: nothing breaks, nothing hangs. The benchmark of it sends more."""

from pathlib import Path

from benchmarks.fuzz_service import LIMITS, fuzz
from tests.conftest import booted


def test_what_the_description_allows_and_forbids_is_answered_as_described(model: Path, tmp_path: Path):
    with booted(model, tmp_path / "log", LIMITS) as (server, _):
        found = fuzz(server.base, cases=120, seed=1)
        assert found.failures == []
        assert found.cases >= 120
        assert {200, 400, 406, 412, 422} <= set(found.statuses)
        assert server.get("/readyz").status == 200
    assert "Traceback" not in (tmp_path / "log").read_text()
