"""A browser without a window, asked over its DevTools pipe: what a page shows, after as long as it takes.

Dumping the page after a stretch of virtual time would be shorter, but that clock runs on while an
answer's body is still being read, and now and then the page was dumped before it was drawn.
"""

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


class Page:
    """One open page; `js` runs JavaScript in it."""

    def __init__(self, commands: BinaryIO, answers: BinaryIO) -> None:
        self._commands, self._answers = commands, answers
        self._sent, self._rest, self._session = 0, b"", ""

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        session = {"sessionId": self._session} if self._session else {}
        self._commands.write(json.dumps(message | session).encode() + b"\0")
        self._commands.flush()
        while True:  # Events come between the answers: they have no id.
            while b"\0" not in self._rest:
                assert select.select([self._answers], [], [], 120)[0], "the browser answers nothing"
                read = os.read(self._answers.fileno(), 1 << 16)
                assert read, "the browser is gone"
                self._rest += read
            text, _, self._rest = self._rest.partition(b"\0")
            answer: dict[str, Any] = json.loads(text)
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                return answer["result"]  # type: ignore[no-any-return]

    def open(self, url: str) -> None:
        """Go to `url`."""
        target = self._ask("Target.createTarget", url=url)["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.wait(f"location.href === {json.dumps(url)}")

    def js(self, expression: str) -> Any:
        """What the JavaScript `expression` gives."""
        result = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, condition: str, seconds: float = 60.0) -> None:
        """Until `condition` holds; after `seconds` in vain the page's text is the error."""
        end = time.monotonic() + seconds
        while not self.js(condition):
            text = "document.body?.innerText"
            assert time.monotonic() < end, f"never came: {condition}; the page says: {self.js(text)}"
            time.sleep(0.05)


@contextmanager
def page(program: str, url: str, profile: Path) -> Iterator[Page]:
    """The browser `program` with `url` open; it keeps its own files in `profile`."""
    (read, commands), (answers, write) = os.pipe(), os.pipe()
    pipes = f'exec "$0" "$@" 3</dev/fd/{read} 4>/dev/fd/{write}'  # Where it looks for them.
    browser = subprocess.Popen(
        ["/bin/sh", "-c", pipes, program, "--headless=new", "--no-sandbox", "--disable-gpu",
         "--disable-dev-shm-usage", "--remote-debugging-pipe",
         f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(read, write), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(read)
    os.close(write)
    with os.fdopen(commands, "wb") as out, os.fdopen(answers, "rb") as back:
        try:
            opened = Page(out, back)
            opened.open(url)
            yield opened
        finally:
            browser.terminate()
            try:
                browser.wait(30)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
