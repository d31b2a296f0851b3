"""Parse the parts of an ONNX file's protobuf messages that the allow-list checks.

Field numbers: github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from re import Pattern

import numpy as np
from numpy.typing import NDArray

from threeways.artifact import limits
from threeways.artifact.onnx.errors import GraphNotAllowed
from threeways.protobuf import RUN, Value, bytes_of, fields, numbers_of, packed, run_of

_INPUTS, _OUTPUTS, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7  # of a node
_NAME, _NUMBER, _TENSOR, _SUBGRAPH = 1, 3, 5, 6  # of an attribute
_TENSORS, _SUBGRAPHS, _SPARSE, _SPARSES = 10, 11, 22, 23
_INTEGERS = 8
_REFUSED = {
    _INTEGERS: "whole numbers in another form than is served",
    **dict.fromkeys((_SUBGRAPH, _SUBGRAPHS), "graphs within graphs"),
    **dict.fromkeys((_SPARSE, _SPARSES), "sparse tensors"),
}
_RUN = run_of(_INTEGERS)  # a tree ensemble has tens of thousands of them
_SHAPE, _TYPE, _TENSOR_NAME, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 8, 9, 13, 14  # of a tensor
_FLOATS, _INT32S, _INT64S, _DOUBLES, _UINT64S = 4, 5, 7, 10, 11  # its values, where they are not raw
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8}
"""The bytes of a number in raw data, by the tensor's type: onnx.proto3, TensorProto.DataType."""
_DIMENSIONS = 8


@dataclass(slots=True)
class Budget:
    """Counts the parts of a file, of each of which onnxruntime makes an object, against `limits`.

    Attributes that are long lists of integers count once, and tensors by their bytes.
    """

    fields: int = limits.ONNX_FIELDS
    other: int = limits.ONNX_OTHER_BYTES

    def of(self, message: memoryview, run: Pattern[bytes] | None = None) -> Iterator[tuple[int, Value]]:
        """Yield a message's fields, as `protobuf.fields` does. Raises GraphNotAllowed for too many."""
        for number, value in fields(message, run, skipped=1_000):
            self.fields -= 1
            if self.fields < 0:
                raise GraphNotAllowed(f"has more than {limits.ONNX_FIELDS} fields")
            yield number, value

    def pass_over(self, value: Value) -> None:
        """Count a field that is not looked into. Raises GraphNotAllowed for too many bytes of them."""
        self.other -= 0 if isinstance(value, int) else len(value)
        if self.other < 0:
            raise GraphNotAllowed(f"has more than {limits.ONNX_OTHER_BYTES} bytes besides nodes and numbers")


@dataclass(slots=True)
class Node:
    """One node.

    numbers: attributes that are single integers. integers: those that are lists of them. tensors: the shapes
    of those that are tensors.
    """

    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    integers: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    tensors: dict[str, list[int]] = field(default_factory=dict)


def node_of(message: memoryview, budget: Budget) -> Node:
    """Parse a node.

    Raises GraphNotAllowed for a subgraph, another file, a sparse tensor or a repeated attribute.
    """
    node, seen = Node(), set[str]()
    for number, value in budget.of(message):
        if number == _INPUTS:
            node.inputs.append(_text(value))
        elif number == _OUTPUTS:
            node.outputs.append(_text(value))
        elif number == _OPERATOR:
            node.operator = _text(value)
        elif number == _DOMAIN:
            node.domain = _text(value)
        elif number == _ATTRIBUTE:
            name = _attribute(bytes_of(value), node, budget)
            if name in seen:
                raise GraphNotAllowed(f"has an attribute {name!r:.100} twice")
            seen.add(name)
        else:
            budget.pass_over(value)
    return node


def _attribute(message: memoryview, node: Node, budget: Budget) -> str:
    """Parse an attribute into a node, and return its name."""
    name, one, shape = "", None, None
    runs: list[NDArray[np.int64]] = []
    for number, value in budget.of(message, _RUN):
        if number == _NAME:
            name = _text(value)
        elif number == _NUMBER and isinstance(value, int):
            one = value
        elif number == RUN:
            runs.append(numbers_of(bytes_of(value)))
        elif number in _REFUSED:
            raise GraphNotAllowed(f"has {_REFUSED[number]}")
        elif number in {_TENSOR, _TENSORS}:
            _, shape = tensor_of(bytes_of(value), budget)
        else:
            budget.pass_over(value)
    if one is not None:
        node.numbers[name] = one
    if runs:
        node.integers[name] = np.concatenate(runs)
    if shape is not None:
        node.tensors[name] = shape
    return name


def tensor_of(message: memoryview, budget: Budget) -> tuple[str, list[int]]:
    """Parse a tensor's name and shape.

    Raises GraphNotAllowed where its data is in another file, or is not as long as its shape says: onnxruntime
    allocates what the shape says.
    """
    name, shape, kind = "", list[int](), 0
    data: list[tuple[int, memoryview]] = []
    for number, value in budget.of(message):
        if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
            raise GraphNotAllowed("reads other files")
        if number == _TENSOR_NAME:
            name = _text(value)
        elif number == _SHAPE:
            shape += [value] if isinstance(value, int) else packed(value[: 10 * _DIMENSIONS])
        elif number == _TYPE and isinstance(value, int):
            kind = value
        elif number in {_RAW_DATA, _FLOATS, _INT32S, _INT64S, _DOUBLES, _UINT64S}:
            data.append((number, bytes_of(value)))
        else:
            budget.pass_over(value)
    if len(data) > 1 or len(shape) > _DIMENSIONS or prod(shape) != sum(_count(*one, kind) for one in data):
        raise GraphNotAllowed("has a tensor that does not hold what its shape says")
    return name, shape


def _count(number: int, data: memoryview, kind: int) -> int:
    """Return how many numbers a tensor's data holds; -1 for a type that no served graph has."""
    if number in {_INT32S, _INT64S, _UINT64S}:
        return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) < 0x80))
    size = {_FLOATS: 4, _DOUBLES: 8}.get(number) or _ITEM_BYTES.get(kind, 0)
    return len(data) // size if size and not len(data) % size else -1


def width_of(message: memoryview, *, any_shape: bool = False) -> tuple[str, int]:
    """Parse the name and width of a graph's input, an (n, width) tensor.

    any_shape: for an output, whose shape is not read; the width is 0. Raises GraphNotAllowed for another
    shape.
    """
    if len(message) > limits.ONNX_VALUE_BYTES:
        raise GraphNotAllowed(f"describes a value in more than {limits.ONNX_VALUE_BYTES} bytes")
    [*_, name] = [_text(value) for number, value in fields(message) if number == 1] or [""]
    if any_shape:
        return name, 0
    [*tensors] = (tensor for kind in _within(message, 2) for tensor in _within(kind, 1))
    [*dimensions] = (one for tensor in tensors for shape in _within(tensor, 2) for one in _within(shape, 1))
    if len(dimensions) != 2 or len(found := _numbers(dimensions[1])) != 1:
        raise GraphNotAllowed("takes something other than a block of a fixed width")
    if not 0 < found[0] <= limits.COLUMNS:  # onnxruntime takes a byte for each
        raise GraphNotAllowed(f"takes a block of {found[0]} columns")
    return name, found[0]


def _numbers(dimension: memoryview) -> list[int]:
    return [value for number, value in fields(dimension) if number == 1 and isinstance(value, int)]


def _within(message: memoryview, wanted: int) -> list[memoryview]:
    return [bytes_of(value) for number, value in fields(message) if number == wanted]


def _text(value: Value) -> str:
    return str(bytes_of(value), "utf-8")
