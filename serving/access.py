"""Who may ask: API keys, from a file or the environment. Without any, everybody may.

A line is `NAME KEY`, or `KEY` alone; a word that begins with `#` begins a comment. The name is what logs
call the client by, and a key itself is neither logged nor kept: what came is hashed and compared with the
hashes of all.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from contract.errors import UsageError
from serving.errors import Unauthorized

VARIABLE = "CADENZA_API_KEYS"
_LEAST = 16
"""Characters of a key: what is shorter can be guessed."""


class Keys:
    """The keys that open this server; none at all: it is open."""

    def __init__(self, lines: Iterable[str]) -> None:
        """From lines of keys.

        Raises:
            UsageError: a line is no key, or too short a one, or a name comes twice.
        """
        self._digests: dict[str, bytes] = {}
        for number, line in enumerate(lines, 1):
            words = re.split(r"(?:^|\s)#", line)[0].split()
            if not words:
                continue
            digest = hashlib.sha256(words[-1].encode()).digest()
            name = words[0] if len(words) == 2 else f"key-{digest.hex()[:8]}"
            plain = words[-1].isascii() and len(words[-1]) >= _LEAST
            if len(words) > 2 or not plain or name in self._digests:
                raise UsageError(
                    f"API keys, line {number}: NAME KEY is wanted, each name once, a key of at least "
                    f"{_LEAST} characters of ASCII"
                )
            self._digests[name] = digest

    @classmethod
    def from_environment(cls, file: str, environment: Mapping[str, str] = os.environ) -> "Keys":
        """The keys in `file`, if one is named, and those in `CADENZA_API_KEYS`, between commas.

        Raises:
            UsageError: the file cannot be read or holds none, or the variable is set and holds none; or see
                `Keys`.
        """
        lines = re.split(r"[,\n]", environment.get(VARIABLE, ""))
        if not file:
            keys = cls(lines)
            if VARIABLE in environment and not keys:
                raise UsageError(
                    f"{VARIABLE} is set and holds no API key, and a server meant to be closed would be open"
                )
            return keys
        try:
            content = Path(file).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the API keys in {file} cannot be read: {error}") from error
        keys = cls([*content.splitlines(), *lines])
        if not keys:
            raise UsageError(f"{file} holds no API key, and a server meant to be closed would be open")
        return keys

    def __bool__(self) -> bool:
        return bool(self._digests)

    def name(self, authorization: str | None) -> str:
        """The name of the key in an `Authorization: Bearer KEY` header.

        Raises:
            Unauthorized: it holds none that is known.
        """
        scheme, _, key = (authorization or "").partition(" ")
        came = hashlib.sha256(key.strip().encode()).digest()
        # All of them, each in constant time: how long it takes says nothing about any.
        found = [name for name, digest in self._digests.items() if hmac.compare_digest(came, digest)]
        if scheme.lower() != "bearer" or not found:
            raise Unauthorized("a known key is wanted: Authorization: Bearer KEY", "Authorization")
        return found[0]
