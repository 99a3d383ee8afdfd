"""The playground in a real browser, where one is installed (Debian: `apt-get install chromium`)."""

import re
import shutil
import subprocess

import pytest

from tests.conftest import Server

CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
def test_a_browser_draws_samples_of_every_channel(server: Server):
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--virtual-time-budget=10000", "--dump-dom", f"{server.base}/",
        ],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    drawn = re.findall(r'<canvas[^>]*aria-label="([^"]*)"', done.stdout)
    assert [label.partition(":")[0] for label in drawn] == ["close", "high", "volume"]
    assert all("4 sequences, up to 12 steps" in label for label in drawn)
    assert "seed <code>" in done.stdout
