"""A list of ONNX nodes that is written like code: each call adds a node and names its output."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper


class Nodes:
    """Nodes and constants of a graph in the making."""

    def __init__(self, half: bool) -> None:
        self._half = half
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}

    def add(self, op: str, *inputs: str, to: str, **attributes: Any) -> str:
        """Add a node with one output, called `to`, and hand that name back."""
        self.add_many(op, *inputs, to=[to], **attributes)
        return to

    def add_many(self, op: str, *inputs: str, to: list[str], **attributes: Any) -> list[str]:
        """Add a node with the outputs `to` and hand their names back."""
        node = helper.make_node(op, list(inputs), to, name=f"{op}.{to[0]}", **attributes)
        self._nodes.append(node)
        return to

    def cast(self, source: str, dtype: int, to: str) -> str:
        """Cast, whose attribute has the name that outputs have here."""
        self._nodes.append(helper.make_node("Cast", [source], [to], name=f"Cast.{to}", to=dtype))
        return to

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """A constant as it is."""
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def integers(self, *values: int) -> str:
        """A constant int64 vector, shared by all who need the same."""
        name = "int." + ".".join(map(str, values))
        return self.constant(name, np.array(values, np.int64))

    def weight(self, name: str, value: NDArray[np.float32]) -> str:
        """A trained float32 matrix, stored in half precision where that was asked for.

        The cast is folded away when a session starts, so the arithmetic stays float32.
        """
        if not self._half:
            return self.constant(name, value)
        stored = self.constant(f"{name}.fp16", value.astype(np.float16))
        return self.cast(stored, TensorProto.FLOAT, to=name)

    def part(self) -> "Nodes":
        """Nodes for a graph inside this one."""
        return Nodes(self._half)

    def graph(
        self, inputs: list[ValueInfoProto], outputs: list[ValueInfoProto], name: str = "generator"
    ) -> GraphProto:
        """All of it as one graph."""
        return helper.make_graph(self._nodes, name, inputs, outputs, list(self._constants.values()))
