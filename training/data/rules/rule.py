"""Rules: columns that follow from others, as a total does from its parts, or a mean from the last rows.

What holds in every row of the data is to hold in every row of samples, and no game brings that about: a
total comes out a little beside the sum, and "hot" at 4 degrees. So such columns are not learnt. They are
made of those that are, here of arrays and in `export/rules.py` in the graph, operation by operation.

A source may be a column as it was some rows before, which the first rows of a sequence have none of. What
stands there is the rule's `begins`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from contract.calendar import Season, Turn
from training.data.columns import on_grid
from training.data.rules import turning

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Made = Floats | Integers
"""Numbers, NaN where one is missing, or indices of labels, -1 where one is."""
Begins = Literal["missing", "zero", "same", "learnt"]
"""What a number was before the first row: missing, 0, or what it is in the row that asks. Or, since that is
known of no window of something longer, in the rows that ask the column is learnt, and as it was learnt."""
_BEGINS: dict[Begins, str] = {
    "missing": "missing in the first {}",
    "zero": "in the first {} as after 0",
    "same": "in the first {} as after the same",
    "learnt": "learnt in the first {}",
}
_ELSEWHERE = " in all other rows"


class Named(Protocol):
    """A column of data, or a channel of the Spec."""

    @property
    def name(self) -> str:
        """Of the column."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Of a categorical one."""


@dataclass(frozen=True)
class Sum:
    """A number: a constant and other numbers, each times a weight, rounded as the data are."""

    column: int
    """Its place among all columns."""
    sources: tuple[int, ...]
    """The places of the others."""
    weights: tuple[float, ...]
    constant: float
    per: int
    """Rounded to a whole number of `of`/`per`, as in `Decoder`; 0: not."""
    of: int
    lags: tuple[int, ...] = ()
    """How many rows before each source is taken; empty: none."""
    begins: Begins | None = None
    """None where no source is of a row before."""
    elsewhere: bool = False
    """Whether it holds only in rows in which the column is not `Fixed`."""

    def __call__(self, *sources: Made) -> Made:
        """The column, (…), of the others, each (…)."""
        found = np.full(sources[0].shape, self.constant, np.float32)
        for source, weight in zip(sources, self.weights, strict=True):
            found = found + source * np.float32(weight)
        return _rounded(found, self.per, self.of)

    def said(self, columns: Sequence[Named]) -> str:
        """Such as 1.8 temp + 32."""
        if over := self._over:
            return f"{over} of {columns[self.sources[0]].name} over {len(self.sources)} rows{_begun(self)}"
        names = (_named(columns, *source) for source in taken(self))
        terms = list(zip(self.weights, names, strict=True))
        terms.sort(key=lambda term: term[0] < 0)
        terms += [(self.constant, "")] if self.constant or not terms else []
        said = ""
        for weight, name in terms:
            sign = ("-" if weight < 0 else "") if not said else " - " if weight < 0 else " + "
            size = f"{abs(weight):.7g}"
            said += sign + (size if not name else name if size == "1" else f"{size} {name}")
        return said + _begun(self) + _ELSEWHERE * self.elsewhere

    @property
    def _over(self) -> str:
        """What it is of the last rows of one other: the sum, the mean, or nothing of that kind."""
        count = len(self.sources)
        if len(set(self.sources)) > 1 or len(set(self.weights)) > 1 or self.lags != tuple(range(count)):
            return ""
        return "the sum" if self.weights[0] == 1 else "the mean" if self.weights[0] == 1 / count else ""


@dataclass(frozen=True)
class Product:
    """A number: a constant times one number, times another or by it, and a constant more, rounded as the
    data are."""

    column: int
    sources: tuple[int, ...]
    """Two."""
    divided: bool
    """Whether the first is divided by the second."""
    constant: float
    per: int
    """See `Sum`."""
    of: int
    plus: float = 0.0
    lags: tuple[int, ...] = ()
    """See `Sum`."""
    begins: Begins | None = None
    elsewhere: bool = False

    def __call__(self, *sources: Made) -> Made:
        """See `Sum`."""
        one, other = (np.asarray(source, np.float32) for source in sources)
        found = one / other if self.divided else one * other
        return _rounded(found * np.float32(self.constant) + np.float32(self.plus), self.per, self.of)

    def said(self, columns: Sequence[Named]) -> str:
        """Such as price · amount."""
        one, other = (_named(columns, *source) for source in taken(self))
        constant = "" if self.constant == 1 else f"{self.constant:.7g} · "
        said = f"{constant}{one} {'/' if self.divided else '·'} {other}"
        if self.plus:
            said += f" {'-' if self.plus < 0 else '+'} {abs(self.plus):.7g}"
        return said + _begun(self) + _ELSEWHERE * self.elsewhere


@dataclass(frozen=True)
class Cuts:
    """A label or one of few numbers, by where another number lies, or what it is less the second one."""

    column: int
    sources: tuple[int, ...]
    """One, or two."""
    cuts: tuple[float, ...]
    """Rising, between one part and the next: …"""
    over: tuple[bool, ...]
    """… whether that is over it, or from it on."""
    outcomes: tuple[float, ...]
    """Of each part."""
    absent: float
    """Of where the number is missing: NaN or -1 where the column then is, too."""
    labelled: bool
    """Whether outcomes are indices of labels."""
    per: int = 0
    """Of a difference, see `Sum`."""
    of: int = 1
    lags: tuple[int, ...] = ()
    begins: Begins | None = None

    @property
    def least(self) -> Floats:
        """(cuts,): the least number behind each cut."""
        cuts = np.array(self.cuts, np.float32)
        return np.where(self.over, np.nextafter(cuts, np.float32(np.inf)), cuts)

    def __call__(self, *sources: Made) -> Made:
        """See `Sum`."""
        number = np.asarray(sources[0], np.float32)
        if len(sources) > 1:
            number = _rounded(number - sources[1], self.per, self.of)
        part = sum(((number >= least).astype(np.int64) for least in self.least), np.int64(0))
        dtype = np.int64 if self.labelled else np.float32
        found: Made = np.where(np.isnan(number), dtype(self.absent), np.array(self.outcomes, dtype)[part])
        return found

    def said(self, columns: Sequence[Named]) -> str:
        """Such as temp: cold below 5, warm from 5 on, hot over 25."""
        own = columns[self.column]
        said, *parts = (_shown(own, x) for x in self.outcomes)
        said += f" {'up to' if self.over[0] else 'below'} {self.cuts[0]:.7g}"
        for part, cut, over in zip(parts, self.cuts, self.over, strict=True):
            said += f", {part} over {cut:.7g}" if over else f", {part} from {cut:.7g} on"
        if self.absent >= 0:
            said += f", {_shown(own, self.absent)} where it is missing"
        number = " - ".join(_named(columns, *source) for source in taken(self))
        return f"{number}: {said}{_begun(self)}"


@dataclass(frozen=True)
class Table:
    """A label or a number, by another label."""

    column: int
    sources: tuple[int, ...]
    """One."""
    outcomes: tuple[float, ...]
    """Of each label, and behind them where it is missing: NaN or -1 where the column then is, too."""
    labelled: bool
    """Whether outcomes are indices of labels."""
    lags: tuple[int, ...] = ()
    begins: Begins | None = None

    def __call__(self, *sources: Made) -> Made:
        """See `Sum`."""
        at = sources[0].astype(np.int64)  # -1, where it is missing, is the last
        if self.labelled:
            return np.array(self.outcomes, np.int64)[at]
        return np.array(self.outcomes, np.float32)[at]

    def said(self, columns: Sequence[Named]) -> str:
        """Such as shop: Rome → Italy, Paris → France."""
        source = columns[self.sources[0]]
        pairs = zip(source.labels, self.outcomes, strict=False)
        shown = [f"{label} → {_shown(columns[self.column], x)}" for label, x in pairs]
        return f"{source.name}: {', '.join(shown[:6])}" + (" …" if len(shown) > 6 else "")


@dataclass(frozen=True)
class Fixed:
    """A number that has one value in all rows in which another column says so, or the calendar: a machine
    that is off has no power, a Sunday no revenue. In other rows it is learnt, or made by a rule before."""

    column: int
    sources: tuple[int, ...]
    """The other column, or none where the calendar says so."""
    value: float
    """NaN where it is missing there."""
    labels: tuple[int, ...] = ()
    """Of the other column, or parts of a turn of the calendar, those that say so, -1 where being missing
    does; none where the other is a number, …"""
    least: float | None = None
    """… which says so from this …"""
    most: float | None = None
    """… up to this; None: without end."""
    hidden: bool = False
    """Whether the column is learnt as if nobody knew it there, so that it is a plain number."""
    turn: Turn | None = None
    rows: int = 0
    """The turn of the calendar, and of how many rows it is."""
    lags: tuple[int, ...] = ()
    begins: Begins | None = None

    @property
    def season(self) -> Season | None:
        """The turn of the calendar that says so, see `turning.py`; None where another column does."""
        return Season(self.turn, self.rows) if self.turn else None

    def holds(self, source: Made | NDArray[np.float64]) -> NDArray[np.bool_]:
        """In which rows, (…), of the other column, or of parts of the turn, (…)."""
        if self.labels:
            return np.isin(source, self.labels)
        number = np.asarray(source, np.float32)
        there: NDArray[np.bool_] = ~np.isnan(number)
        if self.least is not None:
            there &= number >= np.float32(self.least)
        if self.most is not None:
            there &= number <= np.float32(self.most)
        return there

    def __call__(self, source: Made, own: Made) -> Made:
        """The column, (…), of the other one and of what it was, each (…)."""
        found: Made = np.where(self.holds(source), np.float32(self.value), own)
        return found

    def said(self, columns: Sequence[Named]) -> str:
        """Such as 0 where mode is off."""
        value = _shown(columns[self.column], self.value)
        if self.season:
            return f"{value} where {turning.said(self.season, self.labels)}"
        other = columns[self.sources[0]]
        if self.labels:
            where = " or ".join(_shown(other, label) for label in self.labels[:6])
            where += " …" if len(self.labels) > 6 else ""
        elif self.least == self.most:
            where = f"{self.least:.7g}"
        else:
            ends = [] if self.least is None else [f"{self.least:.7g} or more"]
            where = " and ".join(ends + ([] if self.most is None else [f"{self.most:.7g} or less"]))
        return f"{value} where {other.name} is {where}"


Rule = Sum | Product | Cuts | Table | Fixed
KINDS: dict[str, type[Rule]] = {
    "sum": Sum, "product": Product, "cuts": Cuts, "table": Table, "fixed": Fixed,
}  # fmt: skip
"""By the names that files have for them."""


def unlearnt(rules: Sequence[Rule]) -> frozenset[int]:
    """The columns of these that are not learnt, in no row."""
    return frozenset(
        rule.column for rule in rules if rule.begins != "learnt" and not isinstance(rule, Fixed)
    )


def taken(rule: Rule) -> list[tuple[int, int]]:
    """The sources of a rule, and how many rows before each is taken."""
    return list(zip(rule.sources, rule.lags or (0,) * len(rule.sources), strict=True))


def reach(rule: Rule) -> int:
    """How many rows before its own a rule asks for."""
    return max(rule.lags, default=0)


def said_of(rules: Sequence[Rule], columns: Sequence[Named]) -> dict[int, str]:
    """What rules say, by column: what it is where it is fixed before what it is elsewhere."""
    found: dict[int, str] = {}
    for rule in sorted(rules, key=lambda rule: not isinstance(rule, Fixed)):
        said = rule.said(columns)
        found[rule.column] = f"{found[rule.column]}, and {said}" if rule.column in found else said
    return found


def _named(columns: Sequence[Named], source: int, lag: int) -> str:
    before = "" if not lag else " before" if lag == 1 else f" {lag} rows before"
    return columns[source].name + before


def _begun(rule: Rule) -> str:
    rows = "row" if reach(rule) == 1 else f"{reach(rule)} rows"
    return f"; {_BEGINS[rule.begins].format(rows)}" if rule.begins else ""


def _rounded(numbers: NDArray[np.floating], per: int, of: int) -> Floats:
    """Numbers (…) as whole numbers of `of`/`per`, or as they are where that is 0."""
    if not per:
        return numbers.astype(np.float32)
    return on_grid(numbers.astype(np.float32), np.float32(per), np.float32(of))


def _shown(column: Named, outcome: float) -> str:
    """An outcome of it, for people."""
    if column.labels:
        return "missing" if outcome < 0 else column.labels[int(outcome)]
    return "missing" if np.isnan(outcome) else f"{outcome:.7g}"
