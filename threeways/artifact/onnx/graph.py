"""Check an ONNX graph against an allow-list, from its bytes, before onnxruntime parses it.

Only the graphs that `threeways.training.export` writes pass: a few operators, each between one value and
constants, so that no intermediate value is much larger than its row. Other operators can loop, read files,
or make large outputs from small inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from threeways.artifact import limits
from threeways.artifact.onnx import operators
from threeways.artifact.onnx.errors import GraphNotAllowed
from threeways.artifact.onnx.messages import (
    Budget,
    Input,
    Node,
    Tensor,
    input_of,
    name_of,
    node_of,
    tensor_of,
)
from threeways.artifact.onnx.operators import Given, Value
from threeways.protobuf import bytes_of

CLASSES, LABEL, REFUSED = "classes", "label", "refused"
"""The constant that holds a classifier's classes, the output that is one of them, and the output that is not
zero where scikit-learn refuses the row."""
OUTPUTS = {"predict": "prediction", "predict_proba": "probabilities", "decision_function": "scores"}
"""The outputs that answer a method, but for labels."""
MISSING, UNKNOWN = "\x00missing", "\x00unknown"
"""The texts that stand for a missing one, and for a text of an event that is called as one of them is."""
_OUTPUTS = 8

# Field numbers of onnx.proto3: github.com/onnx/onnx/blob/main/onnx/onnx.proto3
_GRAPH, _FUNCTIONS, _TRAINING = 7, 25, 20
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _SPARSE_INITIALIZER = 1, 5, 11, 12, 15


@dataclass(frozen=True, slots=True)
class Checked:
    """What a checked graph takes and gives.

    inputs: by name. outputs: their names. numbers: how many numbers it makes of a row. categories: for each
    input that is looked up as it is the texts or numbers that are known. classes: a classifier's.
    """

    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]
    numbers: int
    categories: Mapping[str, list[Any]]
    classes: tuple[Any, ...] | None

    @property
    def width(self) -> int:
        """The number of columns that it takes."""
        return sum(one.width for one in self.inputs.values())


def check(content: bytes) -> Checked:
    """Return what the graph takes and gives.

    Raises GraphNotAllowed for a graph that is not served, and ValueError where the bytes are not an ONNX
    model.
    """
    if len(content) > limits.ONNX_BYTES:
        raise GraphNotAllowed(f"has more than {limits.ONNX_BYTES} bytes")
    graphs, budget = [], Budget()
    for number, value in budget.of(memoryview(content)):
        if number in {_FUNCTIONS, _TRAINING}:
            raise GraphNotAllowed("defines functions")
        if number == _GRAPH:
            graphs.append(bytes_of(value))
        else:
            budget.pass_over(value)
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs")
    return _read(graphs[0], budget).checked()


@dataclass(slots=True)
class _Graph:
    """A parsed graph."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Tensor] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    def checked(self) -> Checked:
        """Check every node."""
        wide = [one for one in self.inputs.values() if one.width > 1]
        if not self.inputs or (wide and len(self.inputs) > 1) or not 0 < len(self.outputs) <= _OUTPUTS:
            raise GraphNotAllowed(f"takes {len(self.inputs)} inputs and gives {len(self.outputs)} outputs")
        values = {name: operators.of_input(name, one.kind, one.width) for name, one in self.inputs.items()}
        known: dict[str, list[Any]] = {}
        entries = 0
        for node in self.nodes:
            given = self._given(node, values)
            values[node.outputs[0]] = self._made(node, given, values)
            if node.operator == "LabelEncoder":
                entries += node.tensors["keys_tensor"].shape[0]
                looked_up = operators.categories_of(node, given)
                known |= [looked_up] if looked_up else []
        numbers, width = (
            sum(one.numbers for one in values.values()),
            sum(o.width for o in self.inputs.values()),
        )
        if numbers > (
            limits.ONNX_NUMBERS
            + limits.ONNX_NUMBERS_PER_COLUMN * width
            + limits.ONNX_NUMBERS_PER_CATEGORY * min(entries, limits.ONNX_CATEGORIES)
        ):
            raise GraphNotAllowed(f"makes {numbers} numbers of {width}")
        classes = self.constants.get(CLASSES)
        return Checked(
            self.inputs,
            tuple(self.outputs),
            numbers,
            {name: [one for one in keys if one != MISSING] for name, keys in known.items()},
            tuple(classes.values()) if classes else None,
        )

    def _given(self, node: Node, values: Mapping[str, Value]) -> list[Given]:
        """Return the node's inputs: one that is undefined, or both a value and a constant, is refused."""
        given: list[Given] = [
            values[name] if name in values else self.constants[name]
            for name in node.inputs
            if (name in values) != (name in self.constants)
        ]
        if len(given) != len(node.inputs):
            raise _another_form(node)
        return given

    def _made(self, node: Node, given: list[Given], values: Mapping[str, Value]) -> Value:
        if len(node.outputs) != 1 or node.outputs[0] in values or node.outputs[0] in self.constants:
            raise GraphNotAllowed(f"has a {node.operator} with other outputs than one new value")
        made = operators.output_of(node, given, last=node.outputs[0] in self.outputs)
        if made is None:
            raise _another_form(node)
        return made


def _read(graph: memoryview, budget: Budget) -> _Graph:
    found = _Graph()
    for number, value in budget.of(graph):
        if number == _NODE:
            found.nodes.append(node_of(bytes_of(value), budget))
            _require_known(found.nodes[-1])
            if len(found.nodes) > limits.ONNX_NODES:
                raise GraphNotAllowed(f"has more than {limits.ONNX_NODES} nodes")
        elif number == _INITIALIZER:
            name, tensor = tensor_of(bytes_of(value), budget)
            if name in found.constants:
                raise GraphNotAllowed(f"has two constants {name!r:.100}")
            found.constants[name] = tensor
        elif number == _INPUT:
            name, one = input_of(bytes_of(value))
            if name in found.inputs:
                raise GraphNotAllowed(f"has two inputs {name!r:.100}")
            found.inputs[name] = one
        elif number == _OUTPUT:
            found.outputs.append(name_of(bytes_of(value)))
        elif number == _SPARSE_INITIALIZER:
            raise GraphNotAllowed("has sparse tensors")
        else:
            budget.pass_over(value)
    return found


def _require_known(node: Node) -> None:
    if (node.domain, node.operator) not in operators.OPERATORS:
        raise GraphNotAllowed(f"has the operator {node.operator!r} of {node.domain or 'ai.onnx'!r}")


def _another_form(node: Node) -> GraphNotAllowed:
    return GraphNotAllowed(f"has a {node.operator} in another form than is served")
