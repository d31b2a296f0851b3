"""Check an ONNX graph against an allow-list, from its bytes, before onnxruntime parses it.

Only the graphs that `threeways.training.export` writes pass: a few operators, each between one value and
constants, so that no intermediate value is much larger than its row. Other operators can loop, read files,
or make large outputs from small inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from threeways.artifact import limits
from threeways.artifact.onnx import trees
from threeways.artifact.onnx.errors import GraphNotAllowed
from threeways.artifact.onnx.messages import Budget, Node, node_of, tensor_of, width_of
from threeways.protobuf import bytes_of

ML = "ai.onnx.ml"
OPERATORS = frozenset(
    {
        ("", name)
        for name in ("Add", "Cast", "Concat", "Div", "Gather", "MatMul", "Mul", "Pow", "Reshape", "Sub")
    }
    | {(ML, "LabelEncoder"), (ML, "TreeEnsemble")}
)
"""(domain, name) of the operators that a graph may have: those that `threeways.training.export` writes."""

# Field numbers of onnx.proto3: github.com/onnx/onnx/blob/main/onnx/onnx.proto3
_GRAPH, _FUNCTIONS, _TRAINING = 7, 25, 20
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _SPARSE_INITIALIZER = 1, 5, 11, 12, 15
_FLOAT, _DOUBLE = 1, 11


def check(content: bytes) -> int:
    """Return the width of the graph's input block.

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
    """A parsed graph. constants: name -> shape. inputs: name -> width."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, list[int]] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    def checked(self) -> int:
        """Check every node and return the input block's width."""
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            raise GraphNotAllowed(f"takes {len(self.inputs)} inputs and gives {len(self.outputs)} outputs")
        [width] = self.inputs.values()
        columns = dict(self.inputs)
        for node in self.nodes:
            if len(node.outputs) != 1 or node.outputs[0] in columns or node.outputs[0] in self.constants:
                raise GraphNotAllowed(f"has a {node.operator} with other outputs than one new value")
            columns[node.outputs[0]] = self._columns(node, columns)
        if sum(columns.values()) > limits.ONNX_NUMBERS + limits.ONNX_NUMBERS_PER_COLUMN * width:
            raise GraphNotAllowed(f"makes {sum(columns.values())} numbers of {width}")
        return width

    def _columns(self, node: Node, columns: dict[str, int]) -> int:
        """Return the number of columns of the node's output."""
        given = [columns[name] for name in node.inputs if name in columns]
        shapes = [self.constants[name] for name in node.inputs if name in self.constants]
        if len(given) + len(shapes) != len(node.inputs):
            _otherwise(node)  # an undefined input, or one that is both a value and a constant
        match node.operator, given, shapes:
            case "Concat", [_, *_], [] if node.numbers.get("axis") == 1:
                return sum(given)
            case "Cast", [one], [] if node.numbers.get("to") in {_FLOAT, _DOUBLE}:
                return one
            case "LabelEncoder", [one], []:
                return one
            case "TreeEnsemble", [_], [] if node.numbers.get("n_targets") == 1:
                trees.check(node.integers, node.tensors)
                return 1
            case "Gather", [_], [[some]] if node.numbers.get("axis") == 1:
                return some
            case (("Add" | "Sub" | "Mul" | "Div" | "Pow"), [one], [[1, some]]) if some in {1, one}:
                return one
            case "MatMul", [one], [[rows, some]] if rows == one:
                return some
            case "Reshape", [one], [[1]] if node.outputs == self.outputs:
                return one
        return _otherwise(node)


def _read(graph: memoryview, budget: Budget) -> _Graph:
    found = _Graph()
    for number, value in budget.of(graph):
        if number == _NODE:
            found.nodes.append(node_of(bytes_of(value), budget))
            _require_known(found.nodes[-1])
            if len(found.nodes) > limits.ONNX_NODES:
                raise GraphNotAllowed(f"has more than {limits.ONNX_NODES} nodes")
        elif number == _INITIALIZER:
            name, shape = tensor_of(bytes_of(value), budget)
            if name in found.constants:
                raise GraphNotAllowed(f"has two constants {name!r}")
            found.constants[name] = shape
        elif number == _INPUT:
            name, width = width_of(bytes_of(value))
            found.inputs[name] = width
        elif number == _OUTPUT:
            found.outputs.append(width_of(bytes_of(value), any_shape=True)[0])
        elif number == _SPARSE_INITIALIZER:
            raise GraphNotAllowed("has sparse tensors")
        else:
            budget.pass_over(value)
    return found


def _require_known(node: Node) -> None:
    if (node.domain, node.operator) not in OPERATORS:
        raise GraphNotAllowed(f"has the operator {node.operator!r} of {node.domain or 'ai.onnx'!r}")


def _otherwise(node: Node) -> NoReturn:
    raise GraphNotAllowed(f"has a {node.operator} in another form than is served")
