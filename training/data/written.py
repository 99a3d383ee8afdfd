"""Numbers as people and their tools write them: 1,234.50, 1.234,5, 12 %, $-3, (4.50), 1.25M, and a dash or
a point where there is none.

Arrow reads none of these and leaves them as text. Where all cells of a column are numbers of one form they
are read here, and samples have them plainly. Names that look like numbers stay labels: 4G, 12A, 007.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as arrow
from pyarrow import compute

_THOUSANDS = {".": ",' \u00a0\u202f", ",": ".' \u00a0\u202f"}
"""What may stand between thousands, by the mark of decimals."""
_NAMES = {",": "a comma", ".": "a point", "'": "an apostrophe"}
_ZEROS = {"k": 3, "K": 3, "M": 6, "B": 9, "T": 12}
"""How many a letter stands for that follows a number without a blank."""
_MONEY = (
    "AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|RUB|SEK|SGD|THB|TRY|USD|"
    "ZAR|[$€£¥₹]"
)
_ORDINALS = ("st", "nd", "rd", "th")
_NONE = ("-", "--", "\u2013", "\u2014", ".", "..", "?", "*")
"""What stands where a number is missing."""
_FEWEST = 13
"""Different cells of which letters are a unit, and commas decimals where the file's are points. Fewer, as
4G and 5G, are names, if nobody says otherwise."""
_SEATS = 100
"""Whole numbers with a letter, K or M, from which on that stands for zeros."""
_PLAIN = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
"""A number as Arrow writes it; a zero before its digits makes a code of it."""
_CODE = 9
"""Digits between blanks, as many in all cells, from which on they are no amount but a telephone number."""


@dataclass(frozen=True)
class _Cell:
    """A number, and what stands around it."""

    digits: str
    """As Python writes it."""
    power: int
    """Of ten."""
    zeros: str
    """The letter that stands for some of these."""
    money: str
    unit: str
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
        read, said = _read(texts, decimal, 1 if name in numbers else _FEWEST)
        if read is None or not distinct:
            continue
        if missing:
            marks = " and ".join(map(repr, sorted(missing)))
            said = [*said, f"{marks} {'is' if len(missing) == 1 else 'are'} where one is missing"]
        places = compute.index_in(column, arrow.array(texts, column.type)).combine_chunks()
        table = table.set_column(place, name, arrow.chunked_array([read.take(places)]))
        notes += [f"{name!r}: {', and '.join(said)}"] * bool(said)
    return table, notes


def _read(texts: Sequence[str], decimal: str, fewest: int) -> tuple[arrow.Array | None, list[str]]:
    """Different texts as numbers, if all are, of one form, and how they were read. What 1,234 is the file
    says, where `decimal` marks them; of 12,5 the cells do, if there are as many as `fewest`."""
    plain = [text.strip() for text in texts]
    if decimal == "." and all(map(_PLAIN.fullmatch, plain)):  # beside marks where one is missing
        return arrow.array([float(text) for text in plain], arrow.float64()), []
    for mark in sorted(_THOUSANDS, key=decimal.__ne__):
        cells = _of_one_form(texts, mark, fewest)
        told = len(cells) >= fewest and any(c.decimals for c in cells) and not any(c.mark for c in cells)
        if cells and (mark == decimal or told):
            values = [float(f"{cell.digits}e{cell.power}") for cell in cells]
            return arrow.array(values, arrow.float64()), [*_said(cells, mark if mark != decimal else "")]
    return None, []


def _of_one_form(texts: Sequence[str], decimal: str, fewest: int) -> list[_Cell]:
    """Different texts as numbers with decimals behind such a mark; none if any is something else, or stands
    in another unit, or if they may be names and are not as many as `fewest`."""
    form, cells = _form(decimal), []
    for text in texts:
        cell = _cell(form, text.strip(), decimal)
        if cell is None:
            return []
        cells.append(cell)
    units = {(c.money, c.unit) for c in cells if c.money or c.unit or float(c.digits)}  # 0 is so in any
    if len(units) > 1 or not cells:
        return []
    _, unit = max(units, default=("", ""))
    if fewest > 1 and _may_be_names(cells, unit):
        return []
    if unit.isalpha() and len(cells) < fewest:
        return []
    if all(cell.brackets for cell in cells):  # they count
        return []
    if any(cell.mark for cell in cells):
        decimals = any(cell.decimals for cell in cells)
        if any(not c.mark and not c.power and abs(float(c.digits)) >= 1000 for c in cells):
            return []  # 1234 beside 1,234
        lengths = {len(cell.digits.lstrip("-")) for cell in cells}
        if not decimals and cells[0].mark.isspace() and len(lengths) == 1 and lengths.pop() >= _CODE:
            return []
    return cells


def _may_be_names(cells: Sequence[_Cell], unit: str) -> bool:
    """Whether such cells are no amounts: seats (12A, 1K), places (4th), or sizes in bytes (512B)."""
    if unit in _ORDINALS or any(cell.zeros in ("B", "T") and not cell.decimals for cell in cells):
        return True
    if any(cell.decimals for cell in cells):
        return False
    lettered = [cell for cell in cells if cell.zeros]
    seats = bool(lettered) and all(abs(int(cell.digits)) < _SEATS for cell in lettered)
    return seats or (len(unit) == 1 and unit.isalpha())


def _form(decimal: str) -> re.Pattern[str]:
    """What a cell looks like, with decimals behind such a mark."""
    point, thousands = re.escape(decimal), f"[{_THOUSANDS[decimal]}]"
    return re.compile(
        rf"(?P<sign>[+\u2212-]?)(?P<open>\(?)(?P<money>(?:{_MONEY})?)\s*(?P<inner>\(?)(?P<own>[+\u2212-]?)"
        rf"(?P<whole>[1-9]\d{{0,2}}(?:{thousands}\d{{3}})+|0|[1-9]\d*|(?={point}\d))(?P<part>{point}\d+)?"
        r"(?P<power>[eE][+-]?\d+)?(?P<zeros>[kKMBT](?=-?\)?\Z)|)(?P<behind>-?)"
        r"\s?(?P<unit>[^\W\d_]\S{0,5}|[%\u2030°€£¥₹$]\S{0,5}|)(?P<close>\)?)"
    )


def _cell(form: re.Pattern[str], text: str, decimal: str) -> _Cell | None:
    """A text as a number; None if it is none."""
    found = form.fullmatch(text)
    if found is None or any(c in "().,'\"*0123456789" for c in found["unit"]):
        return None
    brackets = len(found["open"] + found["inner"])
    signs = found["sign"] + found["own"] + found["behind"]
    if brackets != len(found["close"]) or brackets + len(signs) > 1:
        return None
    below = bool(brackets) or signs in ("-", "\u2212")
    digits, part = re.sub(r"\D", "", found["whole"]), (found["part"] or "").replace(decimal, ".")
    number = "-" * below + (digits or "0") + part
    power = int((found["power"] or "e0")[1:]) + _ZEROS.get(found["zeros"], 0)
    mark = re.sub(r"\d", "", found["whole"])[:1]
    return _Cell(
        number, power, found["zeros"], found["money"], found["unit"], mark, bool(part), bool(brackets)
    )


def _said(cells: Sequence[_Cell], decimal: str) -> Iterator[str]:
    """How they are read: of marks of thousands, of decimals that are not the file's, and of units."""
    for mark in sorted({cell.mark for cell in cells} - {""}):
        yield f"{_NAMES.get(mark, 'a blank')} is a mark of thousands"
    if decimal:
        yield f"{_NAMES[decimal]} is a mark of decimals"
    if any(cell.brackets for cell in cells):
        yield "what stands in brackets is below zero"
    for letter in sorted({cell.zeros for cell in cells} - {""}):
        yield f"{letter} stands for {10 ** _ZEROS[letter]:,}"
    for unit in sorted({u for cell in cells for u in (cell.money, cell.unit)} - {""}):
        yield f"{unit!r} is its unit, which samples have without"
