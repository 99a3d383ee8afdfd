"""The processes that play one game together, and the devices they play on.

Each step's batch is split between them; every process draws the random numbers of the whole
batch and takes its part, so that the number of processes changes no window that is played with.
Gradients are averaged in one message a player. Weights begin equal and get equal gradients, so
they need no message. DistributedDataParallel is not used: its hooks see one backward a step,
and the penalty has two.

Processes on one machine; several machines are not covered.
"""

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor, nn

from contract.errors import CadenzaError, UsageError
from training.config import RECIPES, TrainConfig
from training.discriminator import GROUP
from training.errors import TrainingError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")


class Team:
    """One process's view of all of them. Without a Fabric it is alone."""

    def __init__(self, device: torch.device, fabric: "Fabric | None" = None):
        self.device, self._fabric = device, fabric
        self.size = fabric.world_size if fabric else 1
        self.rank = fabric.global_rank if fabric else 0

    @property
    def leads(self) -> bool:
        """Whether this process is the one that speaks and writes."""
        return self.rank == 0

    def part(self, batch: int) -> slice:
        """This process's rows of a batch."""
        rows = batch // self.size
        return slice(self.rank * rows, (self.rank + 1) * rows)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """The precision that networks are run in. oneDNN has bf16 on CPUs with AVX-512 and its like alone,
        and its LSTM an error elsewhere."""
        if self._fabric is None:
            yield
            return
        with self._fabric.autocast():
            lacks = torch.is_autocast_enabled("cpu") and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
            with own_lstms() if lacks else nullcontext():
                yield

    def average(self, network: nn.Module, loss: Tensor) -> float:
        """Make every process's gradients of `network` their mean, and give the mean loss."""
        loss = loss.detach()
        if self.size > 1:
            gradients = [p.grad for p in network.parameters() if p.grad is not None]
            together = torch.cat([loss.reshape(1).float(), *(g.flatten() for g in gradients)])
            together = self._reduced(together, "mean")
            loss = together[0]
            for gradient, mean in zip(
                gradients, together[1:].split([g.numel() for g in gradients]), strict=True
            ):
                gradient.copy_(mean.view_as(gradient))
        return float(loss)

    def mean_(self, tensor: Tensor) -> None:
        """Make every process's tensor their mean."""
        if self.size > 1:
            tensor.copy_(self._reduced(tensor, "mean"))

    def total(self, number: float) -> float:
        """The sum of every process's number."""
        if self.size == 1:
            return number
        return float(self._reduced(torch.tensor(number, dtype=torch.float64, device=self.device), "sum"))

    def of_first(self, number: int) -> int:
        """The leading process's number."""
        return int(self.total(number if self.leads else 0))

    def _reduced(self, tensor: Tensor, how: str) -> Tensor:
        assert self._fabric is not None
        reduced = self._fabric.all_reduce(tensor, reduce_op=how)
        assert isinstance(reduced, Tensor)
        return reduced


def require_divisible(config: TrainConfig) -> None:
    """Raise a UsageError where a batch cannot be split into whole groups."""
    batch = RECIPES[config.recipe].batch
    if batch % (GROUP * config.processes):
        most = batch // GROUP
        fitting = [str(n) for n in range(1, most + 1) if most % n == 0]
        raise UsageError(
            f"processes is {config.processes}; the recipe's batch of {batch} can be split between "
            f"{', '.join(fitting)}"
        )


@contextmanager
def own_lstms() -> Iterator[None]:
    """Run LSTMs by torch's own kernels, outside cuDNN and oneDNN."""
    libraries: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.mkldnn)
    before = [library.enabled for library in libraries]
    try:
        for library in libraries:
            library.enabled = False
        yield
    finally:
        for library, enabled in zip(libraries, before, strict=True):
            library.enabled = enabled


def device_of(config: TrainConfig) -> torch.device:
    """Where one process trains.

    Raises:
        TrainingError: CUDA was asked for and is not there.
    """
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise TrainingError("CUDA was asked for and torch sees none here: use --device cpu or auto")
    return torch.device("cuda" if there and config.device != "cpu" else "cpu")


def together(config: TrainConfig, work: Callable[[Team], T]) -> T:
    """`work(team)` in every process; gives what the leading one gave.

    With several processes `work` and its answer travel between them: they must be picklable, and a
    script that calls this must guard its main module.

    Raises:
        CadenzaError: what the leading process raised.
    """
    device = device_of(config)
    if config.processes == 1 and config.precision == "fp32":
        return work(Team(device))
    require_divisible(config)
    if device.type == "cuda" and config.processes > torch.cuda.device_count():
        raise TrainingError(
            f"{config.processes} processes were asked for and torch sees {torch.cuda.device_count()} GPUs: "
            "one process a GPU, or --device cpu"
        )
    # Fabric takes a second to import: a run that is alone does without.
    from lightning_fabric import Fabric

    fabric = Fabric(
        accelerator=device.type,
        devices=config.processes,
        strategy="ddp_spawn" if config.processes > 1 else "auto",
        precision="bf16-mixed" if config.precision == "bf16" else "32-true",
    )
    if config.processes == 1:
        fabric.launch()
        return work(Team(fabric.device, fabric))
    return _launched(fabric, work)


def _launched(fabric: "Fabric", work: Callable[[Team], T]) -> T:
    from torch.multiprocessing import get_context
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

    failures = get_context("spawn").Queue()
    try:
        with _left_to_members():
            member: Callable[..., Any] = _member
            stopped, answer = fabric.launch(member, failures, work)
    except (ProcessRaisedException, ProcessExitedException) as error:
        with suppress(queue.Empty):
            raise failures.get(timeout=1) from None
        if isinstance(error, ProcessRaisedException):
            raise
        raise TrainingError(f"one of the processes was ended from outside ({error})") from error
    if stopped:
        raise KeyboardInterrupt
    return cast(T, answer)


def _member(fabric: "Fabric", failures: Any, work: Callable[[Team], T]) -> tuple[bool, T | None]:
    """What each process runs: whether it was stopped with Ctrl-C, and the answer."""
    try:
        answer = work(Team(fabric.device, fabric))
        # Gloo's threads abort a process that ends with them still running; and who leaves first would
        # cut off the other's last message.
        fabric.barrier()
        torch.distributed.destroy_process_group()
        return False, answer
    except KeyboardInterrupt:
        return True, None
    except CadenzaError as error:
        if fabric.is_global_zero:
            failures.put(error)
            failures.close()
            failures.join_thread()
        raise


@contextmanager
def _left_to_members() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal: those that train end their step and stop, and the
    one that waits for them waits on."""
    before = signal.getsignal(signal.SIGINT)
    # Not SIG_IGN: who is started by one that ignores a signal ignores it too.
    listens = threading.current_thread() is threading.main_thread() and before is not signal.SIG_IGN
    if listens:
        signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        if listens:
            signal.signal(signal.SIGINT, before)
