"""Parse the parts of an ONNX file's protobuf messages that the allow-list checks.

Field numbers: github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.onnx.errors import GraphNotAllowed
from threeways.protobuf import RUN, Value, bytes_of, fields, numbers_of, packed, run_of

_INPUTS, _OUTPUTS, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7  # of a node
_NAME, _NUMBER, _TENSOR, _SUBGRAPH = 1, 3, 5, 6  # of an attribute
_TENSORS, _SUBGRAPHS, _SPARSE, _SPARSES = 10, 11, 22, 23
_INTEGERS = 8
_RUN = run_of(_INTEGERS)  # a tree ensemble has tens of thousands of them
_SHAPE, _TENSOR_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 1, 8, 13, 14  # of a tensor


@dataclass(slots=True)
class Node:
    """One node. numbers: attributes that are single integers. integers: attributes that are lists of them."""

    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    integers: dict[str, NDArray[np.int64]] = field(default_factory=dict)


def node_of(message: memoryview) -> Node:
    """Parse a node.

    Raises GraphNotAllowed for a subgraph, another file, a sparse tensor or a repeated attribute.
    """
    node, seen = Node(), set[str]()
    for number, value in fields(message):
        if number == _INPUTS:
            node.inputs.append(_text(value))
        elif number == _OUTPUTS:
            node.outputs.append(_text(value))
        elif number == _OPERATOR:
            node.operator = _text(value)
        elif number == _DOMAIN:
            node.domain = _text(value)
        elif number == _ATTRIBUTE:
            name, one, several = attribute_of(bytes_of(value))
            if name in seen:
                raise GraphNotAllowed(f"has an attribute {name!r} twice")
            seen.add(name)
            if one is not None:
                node.numbers[name] = one
            if several is not None:
                node.integers[name] = several
    return node


def attribute_of(message: memoryview) -> tuple[str, int | None, NDArray[np.int64] | None]:
    """Parse an attribute into its name, its integer or None, and its list of integers or None."""
    name, one, runs = "", None, []
    for number, value in fields(message, _RUN):
        if number == _NAME:
            name = _text(value)
        elif number == _NUMBER and isinstance(value, int):
            one = value
        elif number == RUN:
            runs.append(numbers_of(bytes_of(value)))
        elif number == _INTEGERS:
            raise GraphNotAllowed("has whole numbers in another form than is served")
        elif number in {_SUBGRAPH, _SUBGRAPHS}:
            raise GraphNotAllowed("has graphs within graphs")
        elif number in {_SPARSE, _SPARSES}:
            raise GraphNotAllowed("has sparse tensors")
        elif number in {_TENSOR, _TENSORS}:
            tensor_of(bytes_of(value))
    return name, one, np.concatenate(runs) if runs else None


def tensor_of(message: memoryview) -> tuple[str, list[int]]:
    """Parse a tensor's name and shape. Raises GraphNotAllowed where its data is in another file."""
    name, shape = "", list[int]()
    for number, value in fields(message):
        if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
            raise GraphNotAllowed("reads other files")
        if number == _TENSOR_NAME:
            name = _text(value)
        elif number == _SHAPE:
            shape += [value] if isinstance(value, int) else packed(value)
    return name, shape


def width_of(message: memoryview, *, any_shape: bool = False) -> tuple[str, int]:
    """Parse the name and width of a graph's input, an (n, width) tensor.

    any_shape: for an output, whose shape is not read; the width is 0. Raises GraphNotAllowed for another
    shape.
    """
    [*_, name] = [_text(value) for number, value in fields(message) if number == 1] or [""]
    if any_shape:
        return name, 0
    [*tensors] = (tensor for kind in _within(message, 2) for tensor in _within(kind, 1))
    [*dimensions] = (one for tensor in tensors for shape in _within(tensor, 2) for one in _within(shape, 1))
    if len(dimensions) != 2 or len(found := _numbers(dimensions[1])) != 1:
        raise GraphNotAllowed("takes something other than a block of a fixed width")
    return name, found[0]


def _numbers(dimension: memoryview) -> list[int]:
    return [value for number, value in fields(dimension) if number == 1 and isinstance(value, int)]


def _within(message: memoryview, wanted: int) -> list[memoryview]:
    return [bytes_of(value) for number, value in fields(message) if number == wanted]


def _text(value: Value) -> str:
    return str(bytes_of(value), "utf-8")
