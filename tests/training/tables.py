"""Tables as a person writes them into a file, for tests of how they are read."""

from pathlib import Path


def csv(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def rows_of(cells: list[str], header: str = "a;b") -> str:
    return "\n".join([header, *cells]) + "\n"
