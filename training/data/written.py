"""Numbers as people and their tools write them: 1,234.50, 1.234,5, 12 %, $-3, (4.50), 1.25M, and a dash or
a point where there is none.

Arrow reads none of these and leaves them as text. Where all cells of a column are numbers of one form they
are read here, and samples have them plainly.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as arrow
from pyarrow import compute

_THOUSANDS = {".": ",' \u00a0\u202f", ",": ".' \u00a0\u202f"}
"""What may stand between thousands, by the mark of decimals."""
_NAMES = {",": "a comma", ".": "a point", "'": "an apostrophe"}
_ZEROS = {"": 0, "k": 3, "K": 3, "M": 6, "B": 9, "T": 12}
"""How many a letter behind a number stands for, where a column has several of them."""
_NONE = ("-", "--", "\u2013", "\u2014", ".", "..", "?", "*")
"""What stands where a number is missing."""
_FEWEST = 13
"""Different cells of which letters are a unit, and commas decimals where the file's are points. Fewer, as
4G and 5G, are names, if nobody says otherwise."""


@dataclass(frozen=True)
class _Cell:
    """A number, and what stands around it."""

    digits: str
    power: int
    """Of ten."""
    before: str
    after: str
    mark: str
    """Between its thousands; empty if there is none."""
    decimals: bool
    brackets: bool


def as_numbers(
    table: arrow.Table, decimal: str, labels: Collection[str], numbers: Collection[str]
) -> tuple[arrow.Table, list[str]]:
    """The table with numbers for such texts, and what a person should know of them; `decimal` marks the
    decimals of what Arrow could read. Columns of `labels` stay as they are, those of `numbers` were said to
    be some."""
    notes: list[str] = []
    for place, name in enumerate(table.column_names):
        column = table.column(place)
        written = arrow.types.is_string(column.type) or arrow.types.is_large_string(column.type)
        if not written or name in labels:
            continue
        distinct = column.unique().drop_null().to_pylist()
        missing = [text for text in distinct if text.strip() in _NONE]
        texts = [text for text in distinct if text not in missing]
        cells, mark = _cells(texts, decimal, 1 if name in numbers else _FEWEST)
        if not cells:
            continue
        scaled = len({cell.after for cell in cells}) > 1
        powers = [cell.power + (_ZEROS[cell.after] if scaled else 0) for cell in cells]
        values = [float(f"{cell.digits}e{power}") for cell, power in zip(cells, powers, strict=True)]
        places = compute.index_in(column, arrow.array(texts, column.type)).combine_chunks()
        read = arrow.array(values, arrow.float64()).take(places)
        table = table.set_column(place, name, arrow.chunked_array([read]))
        said = [*_said(cells, mark if mark != decimal else "", scaled)]
        said += [f"{text!r} is where one is missing" for text in sorted(missing)]
        notes += [f"{name!r}: {', and '.join(said)}"] * bool(said)
    return table, notes


def _cells(texts: Sequence[str], decimal: str, fewest: int) -> tuple[list[_Cell], str]:
    """Different texts as numbers, if all are, of one form, and their mark of decimals. What 1,234 is the
    file says, where `decimal` marks them; of 12,5 the cells do, if there are as many as `fewest`."""
    for mark in sorted(_THOUSANDS, key=decimal.__ne__):
        cells = _of_one_form(texts, mark, fewest)
        told = len(cells) >= fewest and any(c.decimals for c in cells) and not any(c.mark for c in cells)
        if cells and (mark == decimal or told):
            return cells, mark
    return [], decimal


def _of_one_form(texts: Sequence[str], decimal: str, fewest: int) -> list[_Cell]:
    """Different texts as numbers with decimals behind such a mark; none if any is something else, or
    stands in another unit, or that is of letters and there are not as many as `fewest`."""
    form, cells = _form(decimal), []
    for text in texts:
        cell = _cell(form, text.strip(), decimal)
        if cell is None:
            return []
        cells.append(cell)
    units = {cell.after for cell in cells}
    if len({cell.before for cell in cells}) > 1 or (len(units) > 1 and not units <= _ZEROS.keys()):
        return []
    if "".join(units).isalpha() and len(cells) < fewest:
        return []
    grouped = any(cell.mark for cell in cells)  # so that 1234 is none of its numbers
    return [] if grouped and any(not c.mark and abs(float(c.digits)) >= 1000 for c in cells) else cells


def _form(decimal: str) -> re.Pattern[str]:
    """What a cell looks like, with decimals behind such a mark."""
    point, thousands = re.escape(decimal), f"[{_THOUSANDS[decimal]}]"
    return re.compile(
        r"(?P<open>\()?(?P<sign>[+\u2212-]?)(?P<before>[$€£¥₹]|[A-Z]{3}\s)?\s?(?P<own>[+\u2212-]?)"
        rf"(?P<whole>\d{{1,3}}(?:{thousands}\d{{3}})+|\d+|(?={point}\d))(?P<part>{point}\d+)?(?P<power>[eE][+-]?\d+)?"
        r"\s?(?P<after>[^\d\s.,'()+-][^\d\s()]{0,5})?(?P<close>\))?"
    )


def _cell(form: re.Pattern[str], text: str, decimal: str) -> _Cell | None:
    """A text as a number; None if it is none."""
    found = form.fullmatch(text)
    if found is None or bool(found["open"]) != bool(found["close"]) or (found["sign"] and found["own"]):
        return None
    below = bool(found["open"]) or (found["sign"] or found["own"]) in ("-", "\u2212")
    digits, part = re.sub(r"\D", "", found["whole"]), (found["part"] or "").replace(decimal, ".")
    mark = re.sub(r"\d", "", found["whole"])[:1]
    number = "-" * below + (digits or "0") + part
    power = int((found["power"] or "e0")[1:])
    before, after = (found["before"] or "").strip(), found["after"] or ""
    return _Cell(number, power, before, after, mark, bool(part), bool(found["open"]))


def _said(cells: Sequence[_Cell], decimal: str, scaled: bool) -> Iterator[str]:
    """How they are read: of marks of thousands, of decimals that are not the file's, and of units."""
    for mark in sorted({cell.mark for cell in cells} - {""}):
        yield f"{_NAMES.get(mark, 'a blank')} is a mark of thousands"
    if decimal:
        yield f"{_NAMES[decimal]} is a mark of decimals"
    if any(cell.brackets for cell in cells):
        yield "what stands in brackets is below zero"
    if scaled:
        letters = ", ".join(sorted({cell.after for cell in cells} - {""}))
        yield f"{letters} stand for thousands, millions and so on"
    for unit in sorted({cells[0].before, "" if scaled else cells[0].after} - {""}):
        yield f"{unit!r} is its unit, which samples have without"
