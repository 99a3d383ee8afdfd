"""What the table consists of: data × method × terms × seed, each a cell with a key."""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import training
from contract.errors import UsageError
from training.config import RecipeName
from training.evaluation.about import ScoreName

OURS: dict[str, RecipeName] = {"cadenza": "relativistic", "vanilla": "vanilla"}
"""Our methods, and the recipe that each is."""
PEERS = {"par": "deepecho", "tsgm-gan": "tsgm", "tsgm-vae": "tsgm"}
"""Peers, and the environment that each lives in."""
METHODS = (*OURS, *PEERS)
DATA = ("google", "energy", "sines", "stocks")
KINDS = ("names", "digits", "moving-digits", "vowels", "chorales", "ecg")
"""Built-in data that are no plain tables: each in the windows that are its own, by our methods alone, since
peers take windows of numbers. What each kind is known by is measured by `benchmarks.kinds`."""

MOST_VALUES = 20_000_000
"""Windows × steps × channels that are sampled at most: 20,000 windows of energy at 24, fewer of longer
ones."""
FEW = {"par": 1000}
"""Methods that sample so slowly that this many windows must do."""


@dataclass(frozen=True)
class Made:
    """What decides the samples of a cell."""

    data: str
    """A built-in name, or NAME-LENGTH where windows of a table are not 24 long."""
    method: str
    seconds: float | None
    """CPU seconds to train for; None: the method's own defaults."""
    seed: int
    limit: float
    """CPU seconds after which training by defaults is given up."""
    code: str = ""
    """Digest of the code that trains, where it is ours: other code makes other samples."""

    @property
    def terms(self) -> str:
        """How long it trains, as a word."""
        return "defaults" if self.seconds is None else f"{self.seconds:g} s"

    @property
    def key(self) -> str:
        """Names the cell's files."""
        return f"{self.data}.{self.method}.{self.terms.replace(' ', '')}.{self.seed}"


@dataclass(frozen=True)
class Judged:
    """What decides the scores of a cell's samples."""

    judges: int
    scores: tuple[str, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.scores) - set(get_args(ScoreName))):
            known = ", ".join(get_args(ScoreName))
            raise UsageError(f"unknown scores {', '.join(unknown)}; known are {known}")


@dataclass(frozen=True)
class Case:
    """One cell of the table."""

    made: Made
    judged: Judged

    @property
    def key(self) -> str:
        """Names the cell's files."""
        return self.made.key

    def facts(self) -> dict[str, Any]:
        """The case as plain values, for the cell's file."""
        return {
            "made": asdict(self.made),
            "judged": {**asdict(self.judged), "scores": list(self.judged.scores)},
        }


def table_cases(
    data: Sequence[str],
    methods: Sequence[str],
    seeds: int,
    minutes: Sequence[float],
    limit: float,
    judged: Judged,
) -> Iterator[Case]:
    """Every cell, in the order of data and seeds, so that a table cut short has whole rows of few
    seeds. Peers come twice: at equal CPU time, and at their own defaults up to `limit` minutes.

    Raises:
        UsageError: data or a method that is not known.
    """
    if unknown := sorted(set(methods) - set(METHODS)):
        raise UsageError(f"unknown methods {', '.join(unknown)}; known are {', '.join(METHODS)}")
    for name in data:
        base_and_length(name)
    code = training_code()
    for name in data:
        for seed in range(seeds):
            for method in methods:
                budgets = [60 * m for m in minutes]
                if method in PEERS and name in KINDS:
                    continue
                for seconds in [*budgets, None] if method in PEERS else budgets:
                    own = code if method in OURS else ""
                    yield Case(Made(name, method, seconds, seed, 60 * limit, own), judged)


def base_and_length(data: str) -> tuple[str, int]:
    """`energy-64` is energy in windows of 64; `energy` in windows of 24. Of another kind it is 0: its own.

    Raises:
        UsageError: it is neither.
    """
    if data in KINDS:
        return data, 0
    base, dash, length = data.partition("-")
    if base not in DATA or (dash and not length.isdigit()):
        raise UsageError(
            f"unknown data {data!r}; known are {', '.join(DATA)}, each also with -LENGTH, and "
            f"{', '.join(KINDS)}"
        )
    return base, int(length) if dash else 24


def sample_count(method: str, real: int, length: int, channels: int) -> int:
    """How many windows to sample: as many as there are real ones, within bounds."""
    return min(real, MOST_VALUES // (length * channels), FEW.get(method, real))


def training_code() -> str:
    """Digest of what `training/` does with data once they are read: comments, docstrings, the evaluation
    and the readers of people's own files do not change it."""
    root = Path(training.__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*root.glob("*.py"), root / "data/builtin.py", root / "data/dataset.py"]):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                body[:] = [part for part in body if not _is_text(part)]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:12]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
