"""The Spec: everything that a model file says about itself.

One dataclass is written by `export` and read by everyone else. It travels as JSON in the
ONNX file's metadata under the key `cadenza`. Required fields have no default, an unknown
field is an error, and a file of a newer schema is refused by name: a reader never guesses.
"""

import json
import math
import re
from dataclasses import asdict, dataclass, replace
from typing import Literal, cast

from contract.calendar import FROM_ONE, PARTS, Derived, Season, Time
from contract.errors import SpecError
from contract.forms import Form, misfit
from contract.strict import decode

SCHEMA_VERSION = 1
"""Raised whenever an older reader would misunderstand a newer file."""

ChannelKind = Literal["continuous", "integer", "categorical"]
Endings = Literal["length", "gate"]
Precision = Literal["fp32", "fp16", "int8"]

NUMERIC: tuple[ChannelKind, ...] = ("continuous", "integer")

WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
TEXTS = ("string", "large_string")
TYPES = (
    *WHOLE,
    *TEXTS,
    "float",
    "double",
    "date32",
    *(f"timestamp[{unit}]" for unit in ("s", "ms", "us", "ns")),
)
"""What columns of typed tables may be, as Arrow names it."""

_YEARS = 10_000
"""Of which there is no end, as far as a column of them goes."""
_CELL = re.compile(r"\.[1-9]f|True|TRUE")
_CODE = re.compile(r"0|-?[1-9]\d{0,17}")
"""A whole number, as it is written shortest."""


def plainly(label: str) -> str:
    """A label as it stands in a list of some: in quotes where it has a comma, a line break or the like."""
    return label if label.isprintable() and "," not in label else repr(label)


@dataclass(frozen=True)
class Channel:
    """One column of a sequence. Numeric ones are in `values`, discrete ones in `labels`."""

    name: str
    kind: ChannelKind
    unit: str | None
    """The unit of `values`, if the data's owner gave one."""
    low: float | None
    """Smallest value that the graph can emit (numeric channels)."""
    high: float | None
    """Largest value that the graph can emit (numeric channels)."""
    labels: tuple[str, ...]
    """What the indices of a discrete channel stand for; empty for a numeric one."""
    missing: bool
    """True where values can be missing: NaN in `values`, -1 in `labels`."""
    missing_with: str | None
    """Of a number, the channel that is missing in the very rows in which it is; None of others."""
    mass: float | None
    """Of a numeric channel, the value that is drawn by itself, as where most rows are 0; None without."""
    follows: str | None
    """How it follows from others of its row, or of rows before, for people: the graph makes it of them.
    None of what was learnt."""

    @property
    def truth(self) -> bool:
        """Whether it is yes-or-no, which typed tables can say."""
        return bool(self.labels) and set(self.labels) <= {"false", "true"}

    @property
    def code(self) -> bool:
        """Whether its labels are whole numbers, which typed tables can say as well."""
        return bool(self.labels) and all(map(_CODE.fullmatch, self.labels))


@dataclass(frozen=True)
class Condition:
    """One static attribute of a whole sequence, given at sampling or drawn as in the data."""

    name: str
    kind: ChannelKind
    low: float | None
    high: float | None
    labels: tuple[str, ...]
    place: int
    """How many of the table's columns that are no conditions stand before it, the time among them."""


@dataclass(frozen=True)
class ConditionTable:
    """The joint distribution of the conditions: distinct rows and how often each occurred."""

    rows: tuple[tuple[float, ...], ...]
    """One tuple per distinct combination, in the order of `Spec.conditions`; a discrete
    attribute is an index into its labels. Where lengths are drawn first, how many steps they had comes
    last."""
    counts: tuple[int, ...]


@dataclass(frozen=True)
class State:
    """One recurrent tensor: `state.NAME` goes in, `next.NAME` comes out."""

    name: str
    size: int
    layers: int | None
    """None: shape [batch, size]. Else: shape [layers, batch, size]."""


@dataclass(frozen=True)
class Noise:
    """How `latent` and `noise` follow from (seed, row, step); see `contract/noise.py`."""

    algorithm: str
    version: int
    block_steps: int
    """Steps that one block of the counter covers; never depends on chunking."""
    digest: str
    """SHA-256 of a fixed probe of the stream: a numpy that draws otherwise is noticed."""


@dataclass(frozen=True)
class Parity:
    """Differences measured when the file was made; 0 means bit for bit."""

    network: float
    """Largest difference of the graph's raw outputs from torch's in double precision, over their
    largest size."""
    network_rms: float
    """The same as a root mean square, over the raw outputs' root mean square."""
    decoding: float
    """Largest difference of the decoding from its numpy twin, from the same raw tensor."""
    chunks: float
    """Chunked against whole: largest difference, in fractions of a channel's range."""
    company: float
    """Alone against in company: largest difference, in fractions of a channel's range."""


@dataclass(frozen=True)
class Reference:
    """A sample sealed into the file, for comparison on any other machine."""

    seed: int
    count: int
    length: int
    values: tuple[float, ...]
    """`values` of that sample, flattened in C order."""
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Score:
    """One evaluation score beside what real data score against real data."""

    name: str
    value: float
    spread: float
    floor: float
    floor_spread: float
    judges: int
    """How many independently trained judges, or random halves, the mean and the spread are over."""


@dataclass(frozen=True)
class Data:
    """Where the model comes from, without the data themselves."""

    name: str
    fingerprint: str
    """SHA-256 over the training values and the channels' names."""
    sequences: int
    rows: int
    disclosure: str
    """What of the data is inside the file, in a sentence."""


@dataclass(frozen=True)
class Spec:
    """What is in the file. See the field comments and `docs/artifact.md`."""

    schema_version: int
    name: str
    step: str
    """What one step is: a row, a character, 20 ms."""
    form: Form
    """What a sequence naturally is; see `contract/forms.py`."""
    rate: int | None
    """Of a sound, samples a second; None of all else."""
    frame: tuple[int, int] | None
    """Height and width of a frame of a film, whose pixels are the channels; None of what is no film."""
    channels: tuple[Channel, ...]
    time: Time | None
    derived: tuple[Derived, ...]
    """Columns that follow from the time, in the table's order."""
    types: dict[str, str]
    """By the name of a column of the table what it was in the data's file, one of TYPES; nothing of texts,
    and where its kind says all."""
    cells: dict[str, str]
    """By the name of a column how its cells were written in a text file, where their values do not say it:
    .2f, with two decimals each; True or TRUE, what is yes-or-no."""
    seasons: tuple[Season, ...]
    """What the generator is told of the calendar; empty where the data have nothing to do with it."""
    training_length: int
    """Steps of a training window, the length when none is asked for; where sequences end, the most
    that one had."""
    endings: Endings | None
    """How sequences end by themselves; None where they do not. Then `length` goes in and `valid` comes out:
    of `length` it is drawn from the condition table unless one is asked for, of `gate` it is 0 instead, and
    the graph ends each sequence itself, after `training_length` steps at the latest."""
    conditions: tuple[Condition, ...]
    condition_table: ConditionTable
    latent_size: int
    noise_size: int
    states: tuple[State, ...]
    noise: Noise
    precision: Precision
    parity: Parity
    reference: Reference
    scores: tuple[Score, ...]
    data: Data
    versions: dict[str, str]
    licence: str | None

    @property
    def ends(self) -> bool:
        """Whether sequences end by themselves."""
        return self.endings is not None

    @property
    def numeric(self) -> tuple[Channel, ...]:
        """The channels of `values`, in its order."""
        return tuple(c for c in self.channels if c.kind in NUMERIC)

    @property
    def statics(self) -> tuple[Channel, ...]:
        """The conditions as the columns of a table that they were: the same in all rows of a sequence."""
        return tuple(
            Channel(c.name, c.kind, None, c.low, c.high, c.labels, False, None, mass=None, follows=None)
            for c in self.conditions
        )

    @property
    def tabled(self) -> tuple[Channel | Time, ...]:
        """The columns of a table of samples, in the data's order: channels, without the gap to the next row
        but with the time in its place and what follows from it, and conditions. Of a sound, whose rows are
        single samples, there is one channel, which they all are."""
        own: list[Channel | Time] = list(self.channels)
        if self.form == "sound":
            own = [replace(self.channels[0], name=self.channels[0].name.removesuffix(" 1"))]
        elif self.time is not None:
            own = [c for c in self.channels if c.name != self.time.gap]
            own[self.time.place : self.time.place] = [self.time] * self.time.shown
        for condition, column in reversed(list(zip(self.conditions, self.statics, strict=True))):
            own.insert(condition.place, column)  # from behind, so that what is before stays where it is
        for derived in self.derived:
            own.insert(derived.place, column_of(derived))
        return tuple(own)

    @property
    def discrete(self) -> tuple[Channel, ...]:
        """The channels of `labels`, in its order."""
        return tuple(c for c in self.channels if c.kind not in NUMERIC)

    def to_json(self) -> str:
        """The Spec as one line of JSON, the same bytes for the same Spec."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """Read a Spec strictly.

        Raises:
            SpecError: not JSON, a newer schema, a field missing, unknown or of another type.
        """
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise SpecError(f"the Spec is not JSON: {error}") from error
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise SpecError(
                f"the model is of schema {version} and this cadenza reads up to "
                f"{SCHEMA_VERSION}: upgrade cadenza"
            )
        spec = cast(Spec, decode(cls, raw, "spec"))
        spec._check_types()
        spec._check_table()
        spec._check()
        if reason := misfit(spec.form, [c.labels for c in spec.channels]):
            raise SpecError(f"spec.form is {spec.form!r}, and {reason}")
        if (spec.rate is not None and spec.rate >= 1) != (spec.form == "sound"):
            raise SpecError(f"spec.rate is {spec.rate}, and spec.form {spec.form!r}: a sound alone has one")
        if (spec.form == "film") != (spec.frame is not None):
            raise SpecError(
                f"spec.form is {spec.form!r} and spec.frame {spec.frame}: films alone have frames"
            )
        if spec.frame is not None and (len(spec.frame) != 2 or math.prod(spec.frame) != len(spec.channels)):
            raise SpecError(f"spec.frame is {spec.frame}, and there are {len(spec.channels)} pixels")
        return spec

    def _check(self) -> None:
        if self.schema_version != SCHEMA_VERSION:
            raise SpecError(f"schema {self.schema_version} is not one that ever existed")
        if not self.channels:
            raise SpecError("spec.channels is empty: a sequence has at least one channel")
        described: list[Channel | Condition] = [*self.channels, *self.conditions]
        names = [c.name for c in (*described, *self.derived)]
        if len(set(names)) != len(names):
            raise SpecError(f"spec.channels, spec.conditions and spec.derived name one twice: {names}")
        for channel in described:
            discrete = channel.kind not in NUMERIC
            if discrete != bool(channel.labels):
                raise SpecError(
                    f"{channel.name!r} is {channel.kind} with {len(channel.labels)} labels: "
                    "discrete ones have labels and numeric ones have none"
                )
            if not discrete and (channel.low is None or channel.high is None):
                raise SpecError(f"{channel.name!r} is {channel.kind} and has no range")
        for what in ("training_length", "latent_size", "noise_size"):
            if getattr(self, what) < 1:
                raise SpecError(f"spec.{what} is {getattr(self, what)}; at least 1 is wanted")
        table = self.condition_table
        if len(table.rows) != len(table.counts):
            raise SpecError("spec.condition_table has not as many counts as rows")
        drawn = self.endings == "length"
        wanted = len(self.conditions) + drawn
        if any(len(row) != wanted for row in table.rows) or bool(table.rows) != bool(wanted):
            raise SpecError(f"spec.condition_table has rows that are not of {wanted} columns")
        if any(count < 1 for count in table.counts):
            raise SpecError("spec.condition_table counts a combination that never occurred")
        if drawn and not all(1 <= row[-1] <= self.training_length for row in table.rows):
            raise SpecError(f"spec.condition_table has lengths outside 1 … {self.training_length}")

    def _check_types(self) -> None:
        if odd := [kind for kind in self.types.values() if kind not in TYPES]:
            raise SpecError(f"spec.types has {odd[0]!r}; one of {', '.join(TYPES)} is wanted")
        if odd := [form for form in self.cells.values() if not _CELL.fullmatch(form)]:
            raise SpecError(f"spec.cells has {odd[0]!r}; such as .2f, True or TRUE is wanted")

    def _check_table(self) -> None:
        if odd := [c.name for c in self.conditions if not 0 <= c.place <= len(self.channels) + 1]:
            raise SpecError(f"the condition {odd[0]!r} has no place among the columns of the table")
        time = self.time
        if self.seasons and (time is None or time.gap is not None or self.ends):
            raise SpecError("spec.seasons are of rows that are one step apart and go on, and these are not")
        if time is not None and not -1 <= time.place <= len(self.channels):
            raise SpecError(f"the time {time.name!r} has no place among the columns of the table")
        if self.derived and time is None:
            raise SpecError("spec.derived has columns that follow from a time, and there is none")
        if any(len(x) not in (0, PARTS[d.part]) for d in self.derived for x in (d.numbers, d.labels)):
            raise SpecError("spec.derived has a column that is not said for each part of the time")
        if any(season.rows < 2 for season in self.seasons):
            raise SpecError("spec.seasons has one of fewer than 2 rows")
        if time is None:
            return
        if time.gap is not None and time.gap not in [c.name for c in self.numeric]:
            raise SpecError(f"spec.time.gap is {time.gap!r}, which is no numeric channel")
        if time.name in [c.name for c in self.channels]:
            raise SpecError(f"spec.time.name is {time.name!r}, as a channel is called")
        if time.kind == "timestamp" and time.digits not in (0, 3, 6, 9):
            raise SpecError(f"spec.time.digits is {time.digits}; 0, 3, 6 or 9 is wanted")
        if time.step < 1:
            raise SpecError(f"spec.time.step is {time.step}; at least 1 is wanted")
        if not time.begins or list(time.begins) != sorted(time.begins):
            raise SpecError("spec.time.begins has no times, or does not rise")


def column_of(derived: Derived) -> Channel:
    """A column that follows from the time as a column of a table."""
    whole = all(number.is_integer() for number in derived.numbers)
    kind: ChannelKind = "categorical" if derived.labels else "integer" if whole else "continuous"
    labels = tuple(dict.fromkeys(derived.labels))
    least = derived.offset + (derived.part in FROM_ONE)
    numbers = derived.numbers or (least, least + (PARTS[derived.part] or _YEARS) - 1)
    low, high = (None, None) if labels else (float(min(numbers)), float(max(numbers)))
    return Channel(derived.name, kind, None, low, high, labels, False, None, mass=None, follows=None)
