"""The command line: `cadenza COMMAND`. Each stage is imported when its command runs.

Exit code 0: done. 1: it failed. 2: it was used wrongly. 130: stopped with Ctrl-C. 143: by SIGTERM, in the
same order: a training ends its step and keeps it, half a file is taken away.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, arg
from tyro.extras import SubcommandApp

from contract.errors import CadenzaError, UsageError
from contract.spec import Precision
from contract.version import VERSION
from serving.settings import Settings
from training.config import TrainConfig
from training.evaluation.about import ScoreName

app = SubcommandApp()

_EXTRAS = {
    "torch": "train", "matplotlib": "train", "pyarrow": "train", "sklearn": "train",
    "lightning_fabric": "train", "tensorboardX": "train", "PIL": "train", "mido": "train",
    "scipy": "train", "onnx": "export",
    "onnxruntime": "sample", "orjson": "sample", "nanoarrow": "sample", "bentoml": "serve",
    "httpx": "serve",
}  # fmt: skip
"""Which extra brings a module that is not there."""

Out = Annotated[Path, arg(aliases=["-o"])]
_SHORT = {"-o": "--out", "-n": "--count", "-l": "--length"}


def _of_environment() -> Settings:
    """What the variables say; a wrong one is said by the command that they are for."""
    try:
        return Settings.from_environment()
    except UsageError:
        return Settings()


_SERVED = _of_environment()


@app.command
def train(
    data: Positional[str],
    out: Annotated[Path | None, arg(aliases=["-o"])] = None,
    config: OmitArgPrefixes[TrainConfig] = TrainConfig(),
    resume: bool = False,
    dry_run: bool = False,
) -> None:
    """Train a generator on DATA: a built-in set (stocks, sines, google, energy, digits, moving-digits,
    vowels, names, chorales, ecg), a table (CSV, Parquet, NPY, NPZ), a text with a sequence a line, MIDI or
    WAV files, GIF films, or a folder of these or of PNG pictures.

    Example: cadenza train prices.csv -o runs/prices --minutes 10

    Args:
        data: A built-in name, a file, or a folder.
        out: Folder of the run; without it the first free one under runs/.
        config: How to train.
        resume: Go on with the run that is in the folder, with its own choices.
        dry_run: Say what would be made of each column, as a file for --schema, and train nothing.
    """
    if dry_run:
        from training.data.schema import outline

        print(outline(data, config))
        return
    from cadenza.run import free_folder
    from training.trainer import train as train_into

    if resume and out is None:
        raise UsageError("--resume goes on with a run: name its folder with -o")
    path = out or free_folder(data)
    train_into(data, path, config, resume=resume)
    print(f"{path}: done. Next: cadenza export {path} -o model.onnx")


@app.command
def evaluate(
    subject: Positional[str],
    data: str | None = None,
    id_column: str | None = None,
    time_column: str | None = None,
    waveform: str | None = None,
    rate: int | None = None,
    hop: int | None = None,
    categorical: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    frames: bool = False,
    out: Annotated[Path | None, arg(aliases=["-o"])] = None,
    judges: int = 3,
    scores: tuple[ScoreName, ...] | None = None,
    hold_out: float | None = None,
    seed: int = 0,
    quick: bool = False,
    full: bool = False,
    page: bool = True,
    json: bool = False,
) -> None:
    """Score samples against real data, each score beside what real data score against real data,
    and test whether they are copies. Writes a JSON report and a page to look at.

    Example: cadenza evaluate runs/prices

    Args:
        subject: A run's folder, a model.onnx, or a file of samples: (sequences, steps, channels) as
            npy or npz, or a file or folder in a form that `cadenza train` reads, a sequence an id, a line,
            a picture or a file.
        data: The real data; a run knows its own, and so does a model of a built-in set.
        id_column: Column that tells the sequences of a table apart, of real data and of samples.
        time_column: Column of times of a table, of real data and of samples, where it does not look like
            one: numbers, or dates not written as 2024-01-31.
        waveform: Column of a table of real data that is a waveform, as it was given to the training; so is
            the samples' column of that name, or their only one.
        rate: Samples a second of such a column.
        hop: Samples that are one step, if the training was told.
        categorical: Columns of numbers that are labels, as they were given to the training.
        ignore: Columns to leave out, of real data and of a file of samples.
        frames: The pictures of folders are the frames of films, of real data and of samples.
        out: The report, a JSON file; the page goes beside it. Without it both go into the run's
            folder, or beside the subject: of x.csv x.csv.evaluation.json.
        judges: Independently trained judges a score.
        scores: Which scores; docs/quality.md says what each is. Without it all that fit the data, but
            two: unseen, a judge asked about held-out windows, and predictive.
        hold_out: Share of the data that was not trained on, as it was given to the training; a run
            knows its own. Without it a model is taken to be of the default, and of a file of samples
            nothing is taken to be held out.
        seed: Seed of the judges and of the samples.
        quick: Only scores that take seconds; of small windows, as of six channels of 24 steps, the field's
            judge is among them.
        full: Judges of large windows see all columns and learn for all rounds, as those of small ones: it
            can take hours.
        page: The page is written too; --no-page leaves it out.
        json: Print the report as JSON instead of a table.
    """
    from cadenza.evaluation import evaluate_subject

    report, paths = evaluate_subject(
        subject, data, out, scores, judges, seed, id_column, hold_out, page, quick, full,
        time_column=time_column, waveform=waveform, rate=rate, hop=hop, categorical=categorical,
        ignore=ignore, frames=frames,
    )  # fmt: skip
    if json:
        print(report.to_json(), end="")
    else:
        print(report.table())
        print(f"written: {', '.join(map(str, paths))}")


@app.command
def export(
    run: Positional[Path],
    out: Out,
    precision: Precision = "fp32",
    licence: str | None = None,
) -> None:
    """Write a run's generator as one sealed ONNX file, measured against its checkpoint.

    Example: cadenza export runs/prices -o prices.onnx

    Args:
        run: Folder of the run; its newest whole checkpoint is used.
        out: The file to write.
        precision: fp32 keeps the bitwise promise; fp16 halves the file and keeps it too; int8
            quantises the LSTM and keeps it no more.
        licence: Under which terms the model may be used; travels in the file.
    """
    from cadenza.describe import parity_line
    from export.exporter import export as export_run

    exported = export_run(run, out, precision, licence)
    for note in exported.notes:
        print(note)
    size = len(exported.artifact.data)
    print(f"{out}: {size:,} bytes, sha256 {exported.artifact.digest[:12]}…")
    print(parity_line(exported.artifact.spec))


@app.command
def inspect(model: Positional[Path], json: bool = False) -> None:
    """Show what a model file says about itself.

    Example: cadenza inspect prices.onnx

    Args:
        model: A model file.
        json: The whole Spec as JSON.
    """
    from dataclasses import asdict

    from cadenza.describe import describe
    from contract.seal import load
    from serving.formats.json import dumps

    artifact = load(model)
    print(dumps(asdict(artifact.spec)).decode() if json else describe(artifact))


@app.command
def check(model: Positional[Path], json: bool = False) -> None:
    """Does a model file keep its promises on this machine? Seal, grid, chunk and company
    invariance, reference sample.

    Example: cadenza check prices.onnx

    Args:
        model: A model file.
        json: The outcome as JSON.
    """
    from cadenza.checking import check_model

    check_model(model, as_json=json)


@app.command
def sample(
    model: Positional[Path],
    out: Out,
    count: Annotated[int, arg(aliases=["-n"])] = 1,
    length: Annotated[int | None, arg(aliases=["-l"])] = None,
    seed: int | None = None,
    where: tuple[str, ...] = (),
    start_time: str | None = None,
    provider: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int = 1,
) -> None:
    """Write samples to a file, in the form that its suffix names: csv, npy, npz, arrow, parquet, json;
    of texts also txt, of pictures and films png and gif, of music mid, of sound wav.

    Example: cadenza sample prices.onnx -n 64 -l 24 --seed 7 -o samples.csv

    Args:
        model: A model file.
        out: The file to write.
        count: How many sequences.
        length: Steps of each; without it the training length, or as many as each has where they end by
            themselves.
        seed: The same seed gives the same samples; without it one is drawn and said.
        where: Conditions, as NAME=VALUE; several of one NAME are one for each sequence, in their order.
        start_time: First time of each sequence, where the data had times (2024-01-31, or
            2024-01-31T12:00:00); without it one of the data's is drawn. Several, one for each, are a
            condition by the name of their column, see --where.
        provider: Where to compute.
        threads: CPU threads.
    """
    from cadenza.sampling import sample_to_file

    settings = Settings(provider=provider, threads=threads)
    sample_to_file(model, out, count, length, seed, where, settings, start_time)


@app.command
def serve(
    model: Positional[Path],
    host: str = "127.0.0.1",
    port: int = 3000,
    settings: OmitArgPrefixes[Settings] = _SERVED,
) -> None:
    """Serve a model over HTTP until stopped. Settings are variables CADENZA_…, or flags, which come first.

    Example: cadenza serve prices.onnx --port 3000

    Args:
        model: A model file.
        host: Address to listen on; 0.0.0.0 for all.
        port: Port to listen on.
        settings: How the server behaves.
    """
    from cadenza.server import serve_model

    serve_model(model, host, port, settings)


@app.command
def bench(
    model: Positional[Path],
    out: Annotated[Path, arg(aliases=["-o"])] = Path("bench.svg"),
    shapes: tuple[str, ...] = ("1", "256"),
    loads: tuple[float, ...] = (0.25, 0.5, 0.75, 0.9),
    seconds: float = 6.0,
    provider: Literal["auto", "cpu", "cuda"] = "auto",
    threads: int = 1,
) -> None:
    """Measure what this machine gives for a model: bare runtime, scheduler and HTTP, side by side.

    Example: cadenza bench prices.onnx --shapes 1x24 64x200

    Args:
        model: A model file.
        out: Picture of latency against load, as SVG.
        shapes: Requests to measure, as COUNT or COUNTxLENGTH; latency is that of the first.
        loads: Shares of the most that HTTP gives, at which latency is measured.
        seconds: Seconds for each thing that is measured.
        provider: Where to compute.
        threads: CPU threads of one inference.
    """
    from cadenza.bench import bench_model, parse_shape

    parsed = [parse_shape(shape) for shape in shapes]
    bench_model(model, parsed, loads, seconds, out, Settings(provider=provider, threads=threads))


@app.command
def demo(
    data: str = "stocks",
    out: Out = Path("runs/demo"),
    minutes: float = 2.0,
) -> None:
    """The whole road: train, evaluate, export, check, serve, ask over HTTP, draw.

    Example: cadenza demo --data sines

    Args:
        data: A built-in name, a file, or a folder.
        out: Folder for what is made; made anew each time.
        minutes: How long to train.
    """
    from cadenza.demo import run_demo

    run_demo(data, out, minutes)


def main() -> None:
    """Run one command and turn its errors into a message and an exit code."""
    if sys.argv[1:] == ["--version"]:
        print(f"cadenza {VERSION}")
        return
    with _errors_said():
        _require_once(sys.argv[1:])
        app.cli(
            prog="cadenza",
            description="Train a recurrent GAN on sequences, export it to one ONNX file, serve it.",
            config=(FlagCreatePairsOff,),
        )


def _require_once(arguments: Sequence[str]) -> None:
    """Raise a UsageError where a flag is there twice: the second would count alone."""
    words = [word.partition("=")[0].replace("_", "-") for word in arguments if word.startswith("-")]
    flags = [_SHORT.get(word, word) for word in words]
    for flag in flags:
        if flag.startswith("--") and flag not in ("--", "--help") and flags.count(flag) > 1:
            raise UsageError(f"{flag} is there {flags.count(flag)} times: name all its values behind one")


@contextmanager
def _errors_said() -> Iterator[None]:
    terminated: list[int] = []

    def terminate(number: int, frame: FrameType | None) -> None:
        terminated.append(number)
        deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # in the background of a script
        for child in active_children():  # a terminal's Ctrl-C reaches them by itself
            if child.pid is not None:
                os.kill(child.pid, signal.SIGTERM if deaf else signal.SIGINT)
        if deaf:
            raise SystemExit(128 + number)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except CadenzaError as error:
        print(f"cadenza: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        print(f"cadenza: this command needs {error.name}: pip install 'cadenza[{extra}]'", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(128 + (terminated or [signal.SIGINT])[0]) from None
    except BrokenPipeError:
        # The reader (head, less) has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.filename is None:
            raise
        print(f"cadenza: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None
    finally:
        signal.signal(signal.SIGTERM, before)
