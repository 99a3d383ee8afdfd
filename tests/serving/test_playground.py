"""The playground in a real browser, where one is installed (Debian: `apt-get install chromium`)."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.serving.browser import Page, page

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

LABELS = "[...document.querySelectorAll('canvas')].map(c => c.getAttribute('aria-label'))"


def _drawn(shown: Page, words: str) -> list[str]:
    """What each picture says it shows, once all are there and each says `words`."""
    shown.wait(f"(all => all.length === 3 && all.every(label => label?.includes('{words}')))({LABELS})")
    labels: list[str] = shown.js(LABELS)
    return [label.partition(":")[0] for label in labels]


def test_a_browser_draws_samples_of_every_channel(server: Server, tmp_path: Path):
    with page(str(CHROMIUM), f"{server.base}/", tmp_path) as shown:
        assert _drawn(shown, "4 sequences, up to 12 steps") == ["close", "high", "volume"]
        assert "seed " in shown.js("document.getElementById('result').innerText")


def test_a_browser_streams_until_told_to_stop_and_shows_what_is_refused_beside_its_field(
    server: Server, tmp_path: Path
):
    with page(str(CHROMIUM), f"{server.base}/", tmp_path) as shown:
        _drawn(shown, "4 sequences")
        shown.js("document.getElementById('stream').click()")
        assert _drawn(shown, "1 sequence, up to ") == ["close", "high", "volume"]
        shown.wait("document.getElementById('result').innerText.includes('drawn')")  # More than is kept.
        shown.js("document.getElementById('stream').click()")
        shown.wait("document.getElementById('stream').textContent === 'Stream'")

        shown.js("document.getElementById('form').elements['field:count'].value = '0'")
        shown.js("document.getElementById('form').requestSubmit()")
        shown.wait("document.querySelector('[aria-invalid]')?.name === 'field:count'")
        told = shown.js("[...document.querySelectorAll('.error')].map(e => e.textContent).join('')")
        assert "count" in told


def test_a_browser_asks_for_a_first_time(server: Server, tmp_path: Path):
    field = "document.getElementById('form').elements['field:condition.date']"
    with page(str(CHROMIUM), f"{server.base}/", tmp_path) as shown:
        _drawn(shown, "4 sequences")
        shown.js(f"{field}.value = 'soon'")
        shown.js("document.getElementById('form').requestSubmit()")
        shown.wait("document.querySelector('[aria-invalid]')?.name === 'field:condition.date'")
        told = shown.js("[...document.querySelectorAll('.error')].map(e => e.textContent).join('')")
        assert "'soon' is no time of 'date'" in told
        shown.js(f"{field}.value = '2030-01-07'")
        shown.js("document.getElementById('form').requestSubmit()")
        shown.wait("document.getElementById('status').textContent === ''")  # The new ones are drawn.
        assert not shown.js("document.querySelector('[aria-invalid]')?.name")
        assert _drawn(shown, "4 sequences") == ["close", "high", "volume"]
