"""What can be chosen about a training run, and the recipes by name. No torch here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contract.calendar import Turn
from contract.errors import UsageError
from contract.noise import MAX_SEED
from contract.spec import Endings

RecipeName = Literal["relativistic", "vanilla"]

Asked = Turn | Literal["none"]
NONE = "none"
"""No season at all."""

_MAX_THREADS = 1024
"""More bring nothing on any machine, and of many more torch makes no end."""


@dataclass(frozen=True)
class TrainConfig:
    """The choices of a run. One sentence each: help, docs and errors use the same."""

    recipe: RecipeName = "relativistic"
    """How the game is played: `relativistic` wins on measured scores, `vanilla` is the
    textbook's."""
    steps: int | None = None
    """Train for this many steps; each is one step of both networks."""
    minutes: float | None = None
    """Train for about this long: a short calibration turns it into steps, once. 2 if neither
    is given."""
    length: int | None = None
    """Steps of a training window, in the data's rows: 24, if sequences are not learnt whole."""
    whole: bool | None = None
    """Learn sequences whole, each with an end of its own, and not in windows; if it is not said, so it is
    with 64 sequences and more of at most 128 rows, and with 8 and more if all are shorter than a window,
    where no length is given."""
    endings: Endings = "length"
    """How sequences that are learnt whole come to their ends: `length` draws how many steps each has before
    it begins, as in the data; with `gate` the generator says at every step whether it goes on."""
    stride: int = 1
    """Rows between the beginnings of two windows."""
    seed: int = 0
    """The same seed, steps and machine give the same weights."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; `auto` takes a GPU if there is one."""
    threads: int = 1
    """CPU threads; the networks are so small that more than one rarely pays."""
    processes: int = 1
    """Processes that share each step's batch, on one machine: one a GPU, or all on the CPU."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """What the networks compute in while they train; weights and losses stay fp32."""
    columns: tuple[str, ...] = ()
    """Columns of a table to train on; all if none is named, save those that hold times."""
    categorical: tuple[str, ...] = ()
    """Columns whose values are labels, also where they look like numbers."""
    continuous: tuple[str, ...] = ()
    """Columns whose values are numbers, also where they are yes-or-no, text, or whole in all rows."""
    integer: tuple[str, ...] = ()
    """Columns whose values are whole numbers."""
    ignore: tuple[str, ...] = ()
    """Columns that are left out."""
    static: tuple[str, ...] = ()
    """Columns that are constant in each sequence: conditions, which samples can be asked under. With
    --id-column those that are so are found by themselves, but for the id."""
    alphabet: str | None = None
    """Characters of a text, in their order; without it those that are found."""
    frames: bool = False
    """The pictures of a folder are the frames of one film, and not pictures of one class."""
    id_column: str | None = None
    """Column that tells a table's sequences apart; without it the table is one long series."""
    schema: str | None = None
    """A file that says what columns are, as --dry-run writes it; flags are stronger."""
    time_column: str | None = None
    """Column that holds the times of a table's rows, which samples get back; the only one of dates or
    time stamps, if none is named."""
    time_format: str | None = None
    """How a column of dates is written, as %d/%m/%Y or %m/%d/%Y, where it could be read in several ways."""
    gaps: bool | None = None
    """Learn the gap to the next row as a channel; if it is not said, so it is where times are not evenly
    apart."""
    seasons: tuple[Asked, ...] = ()
    """Turns of the calendar that the rows of a table go with, of day, week and year; without it those that
    four turns and more show. With none of them none are."""
    waveform: str | None = None
    """Column of a table that is a waveform, whose rows are its samples: many of them are learnt as one
    step."""
    rate: int | None = None
    """Samples a second of a waveform in a table. Sounds in files say their own, and are resampled to this
    one, or to that of most."""
    hop: int | None = None
    """Samples of a waveform that are one step: a sixty-fourth of a second, 16 to 128, if none is said."""
    hold_out: float = 0.1
    """Share of the data that is not trained on: blocks of time, or whole sequences where there are
    many. The best weights are chosen on it, and copies are told from lucky likeness by it."""
    save_every: int = 500
    """Steps between two checkpoints: what a crash can cost at most."""

    def __post_init__(self) -> None:
        least = {
            "steps": 1, "length": 2, "stride": 1, "seed": 0, "threads": 1, "processes": 1, "save_every": 1,
            "rate": 1, "hop": 2,
        }  # fmt: skip
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise UsageError(f"{name} is {value}; at least {low} is wanted")
        for name, most in (("seed", MAX_SEED), ("threads", _MAX_THREADS)):
            if getattr(self, name) > most:
                raise UsageError(f"{name} is {getattr(self, name)}; at most {most} is wanted")
        if self.time_format is not None and "%Y" not in self.time_format:
            raise UsageError(f"time_format is {self.time_format!r}; one such as %d/%m/%Y is wanted")
        if self.steps is not None and self.minutes is not None:
            raise UsageError("steps and minutes are both given; one of them is wanted")
        if NONE in self.seasons and len(self.seasons) > 1:
            raise UsageError(f"seasons are {' and '.join(self.seasons)}; none of them goes with others")
        if not 0 <= self.hold_out <= 0.5:
            raise UsageError(f"hold_out is {self.hold_out}; 0 to 0.5 is wanted")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise UsageError(f"minutes is {self.minutes}; more than 0 is wanted")


@dataclass(frozen=True)
class Recipe:
    """Everything about the game that does not follow from the data's shape."""

    basis: Literal["cowhitened", "standard"]
    """How channels are presented to the networks, see `training/basis.py`."""
    loss: Literal["relativistic", "non-saturating"]
    """See `training/losses.py`."""
    penalty: float
    """Weight γ of the gradient penalty on real and generated windows; 0 leaves it out."""
    penalty_every: int
    """Steps between two penalties; each then weighs as much more."""
    penalty_of_choices: float
    """What the penalty is multiplied with where rows hold labels, which the discriminator must be
    allowed to tell sharply; where they hold nothing else, a sixth of it."""
    level: int
    """Most steps of the level's own game, `training/level.py`, after which it stays as it is; 0 leaves the
    level to the game of windows."""
    likelihood: float
    """Share of the steps, the first, in which the generator learns by likelihood alone, where rows hold
    labels alone, `training/likelihood.py`; the discriminator joins in their last tenth, and then both
    teach, at rates that begin anew. Beside numbers it is less, `likely_steps`. 0 leaves likelihood out."""
    hidden_levels: float
    """Most of the share of windows, real and generated, whose level a random shift hides from the
    discriminator, see `hidden_share`; 0 hides none."""
    moments: float
    """Weight η of what makes means and moves the data's, `training/moments.py`, and labels beside numbers,
    `training/shares.py`; 0 leaves all out."""
    epochs: int
    """How often minutes show each row at most, see `most_steps`; 0: as often as there is time for."""
    batch: int
    """Windows of a step, where it is cheap, see `batch_for`."""
    least_batch: int
    """Windows of a step of tables, where it is dear."""
    shortest: int
    """Rows that windows begin with at least, where they grow, `training/stages.py`; 0: they never do."""
    learning_rate: float
    betas: tuple[float, float]
    warmup: int
    """Steps over which the learning rate rises from 0; 0 for a constant rate throughout."""
    final_rate: float
    """Fraction of the learning rate at the end of its cosine; 1 for no decay."""
    average: float
    """Decay of the weight average that is exported; 0 exports the last weights."""


RECIPES: dict[RecipeName, Recipe] = {
    # Huang et al., "The GAN is dead; long live the GAN! A modern GAN baseline", NeurIPS 2024:
    # relativistic pairing with a penalty on both sides. Rates and averaging were measured.
    "relativistic": Recipe(
        basis="cowhitened",
        loss="relativistic",
        penalty=1.0,
        penalty_every=4,
        penalty_of_choices=0.3,
        level=6000,
        likelihood=0.75,
        hidden_levels=0.5,
        moments=0.05,
        epochs=1500,
        batch=64,
        least_batch=16,
        shortest=64,
        learning_rate=1e-3,
        betas=(0.0, 0.99),
        warmup=50,
        final_rate=0.02,
        average=0.999,
    ),
    # Goodfellow et al., "Generative adversarial nets", NIPS 2014, section 3 (the generator
    # maximises log D), with the optimiser of Radford et al., ICLR 2016, section 3.
    "vanilla": Recipe(
        basis="standard",
        loss="non-saturating",
        penalty=0.0,
        penalty_every=1,
        penalty_of_choices=1.0,
        level=0,
        likelihood=0.0,
        hidden_levels=0.0,
        moments=0.0,
        epochs=0,
        batch=128,
        least_batch=128,
        shortest=0,
        learning_rate=2e-4,
        betas=(0.5, 0.999),
        warmup=0,
        final_rate=1.0,
        average=0.0,
    ),
}

_LIKELY = 1000
"""Steps by likelihood alone, at most, where rows hold numbers as well."""
FEWEST = 2000
"""Steps that are played however few the rows are: less is not learnt."""


@dataclass(frozen=True)
class Sizes:
    """Widths of the networks, a stated function of the data's shape."""

    latent: int
    """Of the latent that says what kind of window it is, and of the noise of a step."""
    hidden: int
    """Of both LSTMs."""
    head: int
    """Of the hidden layer between the generator's LSTM and its output."""
    level: int
    """Of the hidden layers from latent to level, and of the critic of levels."""
    start: int = 0
    """Of the hidden layer from latent to the cell that the generator's LSTM begins with; 0: it begins at
    rest."""


def sizes_for(channels: int) -> Sizes:
    """By the columns that the players see, where each outcome of a label is one. Two latents a column,
    rounded up to a power of two in 16 … 32. Up to 12 columns 64 hidden units and 128 in the level, above
    96 and 256; the head has half as many again as the LSTM."""
    latent = min(32, max(16, 1 << (2 * channels - 1).bit_length()))
    hidden = 64 if channels <= 12 else 96
    return Sizes(latent, hidden, head=hidden * 3 // 2, level=128 if channels <= 12 else 256)


def batch_for(recipe: Recipe, length: int, sizes: Sizes) -> int:
    """Windows of a step of tables, by what one costs: the recipe's of up to 24 rows for LSTMs of 64; of
    windows twice as long half as many, for an LSTM twice as wide a quarter, in powers of two, but some at
    least. Minutes then hold as many more steps, and of these samples have more than of larger batches."""
    windows = recipe.batch * (24 / length) * (64 / sizes.hidden) ** 2
    return max(recipe.least_batch, min(recipe.batch, 1 << max(0, round(math.log2(windows)))))


def penalty_for(recipe: Recipe, numbers: int, width: int) -> float:
    """Weight γ of the penalty for rows of so many numbers and outcomes of labels."""
    if not width:
        return recipe.penalty
    return recipe.penalty * recipe.penalty_of_choices * (1 if numbers else 1 / 6)


def level_steps(recipe: Recipe, steps: int, length: float) -> int:
    """Steps of the level's own game before `steps` of windows of `length` in the mean: three for each 24
    rows of a window, so that long windows, whose steps are few and dear, find the level as well learnt."""
    return min(max(1, int(3 * steps * length / 24)), recipe.level)


def steps_in(recipe: Recipe, seconds: float, each: float, level: float, length: float) -> int:
    """Steps that `seconds` hold, where one takes `each`, and one of the level's own game `level`."""
    steps = round(seconds / (each + level * level_steps(recipe, 8, length) / 8))
    if level_steps(recipe, steps, length) == recipe.level:  # no more of the level's than that
        steps = round((seconds - recipe.level * level) / each)
    return max(1, steps)


def likely_steps(recipe: Recipe, steps: int, numbers: bool) -> int:
    """Of so many steps, those by likelihood alone: beside numbers a tenth, 1,000 at most."""
    share = round(recipe.likelihood * steps)
    return min(share, steps // 10, _LIKELY) if numbers else share


def most_steps(recipe: Recipe, rows: int, window: float) -> float:
    """Steps that minutes are turned into at most: those in which each of `rows` is shown as often as the
    recipe says, in windows of `window` rows in the mean. In more the discriminator learns windows of few
    rows by heart, and a strong judge tells samples more easily."""
    if not recipe.epochs:
        return math.inf
    return max(FEWEST, recipe.epochs * rows / (recipe.batch * window))


def hidden_share(recipe: Recipe, rows: int, length: int) -> float:
    """Share of windows whose level is hidden: of few windows that have no row in common, each is soon
    known by its level. 100 to as many as `rows` hold, but no more than the recipe's most.

    Both sides are shifted alike and never all of them, so what is generated learns no shift (Karras et
    al., "Training generative adversarial networks with limited data", NeurIPS 2020, section 2.2).
    """
    return min(recipe.hidden_levels, 100 * length / rows)


def window_for(sequences: Sequence[int], length: int) -> int:
    """Rows of a window, `length`, where sequences are taken to go on for ever: where most rows are in
    sequences of four windows and more. Of shorter ones nothing is known beyond a window: 0.

    `sequences`: how many rows each has.
    """
    rows_in_long = sum(n for n in sequences if n >= 4 * length)
    return length if 2 * rows_in_long > sum(sequences) else 0
