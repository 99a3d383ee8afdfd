"""The graph's inputs and outputs, as they follow from a Spec. Names and order are the contract.

`export` declares exactly these; `serving` compares them with what the runtime reports.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contract.errors import InterfaceError
from contract.spec import NUMERIC, Spec

BATCH, STEPS = "batch", "steps"


@dataclass(frozen=True)
class Tensor:
    """One input or output: its name, numpy dtype and shape; a string is a dynamic axis."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


def inputs(spec: Spec) -> tuple[Tensor, ...]:
    """What goes in, in order."""
    result = [
        Tensor("latent", "float32", (BATCH, spec.latent_size)),
        Tensor("noise", "float32", (BATCH, STEPS, spec.noise_size)),
        Tensor("position", "int64", (BATCH,)),
    ]
    if spec.ends:
        result.append(Tensor("length", "int64", (BATCH,)))
    for condition in spec.conditions:
        dtype = "float32" if condition.kind in NUMERIC else "int64"
        result.append(Tensor(f"condition.{condition.name}", dtype, (BATCH,)))
    result += [Tensor(f"season.{season.name}", "int64", (BATCH,)) for season in spec.seasons]
    return (*result, *_states(spec, "state"))


def outputs(spec: Spec) -> tuple[Tensor, ...]:
    """What comes out, in order. A tensor is there only where it has something to hold."""
    result = []
    if spec.numeric:
        result.append(Tensor("values", "float32", (BATCH, STEPS, len(spec.numeric))))
    if spec.discrete:
        result.append(Tensor("labels", "int64", (BATCH, STEPS, len(spec.discrete))))
    if spec.ends:
        result.append(Tensor("valid", "bool", (BATCH, STEPS)))
    return (*result, *_states(spec, "next"))


def compare(spec: Spec, found_inputs: Iterable[Tensor], found_outputs: Iterable[Tensor]) -> None:
    """Hold a graph's declaration against the Spec.

    Raises:
        InterfaceError: a tensor is missing, additional, or of another name, type or shape.
    """
    for what, wanted, found in (
        ("inputs", inputs(spec), tuple(found_inputs)),
        ("outputs", outputs(spec), tuple(found_outputs)),
    ):
        if wanted != found:
            raise InterfaceError(
                f"the graph's {what} are not those of its Spec:\n"
                f"  graph: {'; '.join(map(_say, found))}\n"
                f"  Spec:  {'; '.join(map(_say, wanted))}"
            )


def _states(spec: Spec, prefix: str) -> Iterable[Tensor]:
    for s in spec.states:
        shape = (BATCH, s.size) if s.layers is None else (s.layers, BATCH, s.size)
        yield Tensor(f"{prefix}.{s.name}", "float32", shape)


def _say(tensor: Tensor) -> str:
    return f"{tensor.name} {tensor.dtype}{list(tensor.shape)}"
