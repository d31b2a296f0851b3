"""Parse the parts of an ONNX file's protobuf messages that the allow-list checks.

Field numbers: github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from re import Pattern
from typing import Any

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
_FLOATS, _INT32S, _TEXTS, _INT64S, _DOUBLES, _UINT64S = 4, 5, 6, 7, 10, 11  # its values, if not raw
FLOAT, INT64, STRING, BOOL, DOUBLE = 1, 7, 8, 9, 11
"""Types of tensors: onnx.proto3, TensorProto.DataType."""
_READ = {FLOAT: "<f4", INT64: "<i8", BOOL: "?", DOUBLE: "<f8"}
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8}
"""The bytes of a number in raw data, by the tensor's type: onnx.proto3, TensorProto.DataType."""
_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """A constant. kind: the type of its elements. raw: their bytes, None if they are stored otherwise.

    texts: the elements of a tensor of texts.
    """

    kind: int
    shape: tuple[int, ...]
    raw: memoryview | None = None
    texts: tuple[str, ...] = ()

    def values(self) -> list[Any]:
        """Return its elements. Raises GraphNotAllowed where they are stored in a form that is not written."""
        return list(self.texts) if self.kind == STRING else list(self.array().tolist())

    def array(self) -> NDArray[Any]:
        """Return its elements, numbers, in one dimension. Raises as `values` does."""
        if self.raw is None or self.kind not in _READ:
            raise GraphNotAllowed("has a constant in another form than is served")
        return np.frombuffer(self.raw, dtype=_READ[self.kind])


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a graph, (n, width). kind: the type of its elements."""

    kind: int
    width: int


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

    numbers: attributes that are single integers. integers: those that are lists of them. tensors: those that
    are tensors. attributes: the names of all.
    """

    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    integers: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)


def node_of(message: memoryview, budget: Budget) -> Node:
    """Parse a node.

    Raises GraphNotAllowed for a subgraph, another file, a sparse tensor or a repeated attribute.
    """
    node = Node()
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
            if name in node.attributes:
                raise GraphNotAllowed(f"has an attribute {name!r:.100} twice")
            node.attributes.add(name)
        else:
            budget.pass_over(value)
    return node


def _attribute(message: memoryview, node: Node, budget: Budget) -> str:
    """Parse an attribute into a node, and return its name."""
    name, one = "", None
    tensors: list[Tensor] = []
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
            tensors.append(_single(tensors, bytes_of(value), budget))
        else:
            budget.pass_over(value)
    if one is not None:
        node.numbers[name] = one
    if runs:
        node.integers[name] = np.concatenate(runs)
    if tensors:
        [node.tensors[name]] = tensors
    return name


def _single(others: list[Tensor], message: memoryview, budget: Budget) -> Tensor:
    """Parse the tensor of an attribute. Raises GraphNotAllowed where it has another: protobuf joins them."""
    if others:
        raise GraphNotAllowed("has an attribute of several tensors")
    return tensor_of(message, budget)[1]


def tensor_of(message: memoryview, budget: Budget) -> tuple[str, Tensor]:
    """Parse a tensor, and its name.

    Raises GraphNotAllowed where its data is in another file, or is not as long as its shape says: onnxruntime
    allocates what the shape says.
    """
    name, shape, kind = "", list[int](), 0
    data: list[tuple[int, memoryview]] = []
    texts: list[str] = []
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
        elif number == _TEXTS:
            texts.append(_text(value))
            if len(value) > limits.ONNX_TEXT_BYTES:  # type: ignore[arg-type]  # a text's bytes
                raise GraphNotAllowed(f"has a text of more than {limits.ONNX_TEXT_BYTES} bytes")
        else:
            budget.pass_over(value)
    held = len(texts) if kind == STRING else sum(_count(*one, kind) for one in data)
    if len(data) > (kind != STRING) or len(shape) > _DIMENSIONS or prod(shape) != held or (texts and data):
        raise GraphNotAllowed("has a tensor that does not hold what its shape says")
    raw = next((value for number, value in data if number == _RAW_DATA), None)
    return name, Tensor(kind, tuple(shape), raw, tuple(texts))


def _count(number: int, data: memoryview, kind: int) -> int:
    """Return how many numbers a tensor's data holds; -1 for a type that no served graph has."""
    if number in {_INT32S, _INT64S, _UINT64S}:
        return int(np.count_nonzero(np.frombuffer(data, dtype=np.uint8) < 0x80))
    size = {_FLOATS: 4, _DOUBLES: 8}.get(number) or _ITEM_BYTES.get(kind, 0)
    return len(data) // size if size and not len(data) % size else -1


def input_of(message: memoryview) -> tuple[str, Input]:
    """Parse the name, the type and the width of a graph's input, an (n, width) tensor.

    Raises GraphNotAllowed for another shape.
    """
    name = name_of(message)
    [*tensors] = (tensor for kind in _within(message, 2) for tensor in _within(kind, 1))
    [*dimensions] = (one for tensor in tensors for shape in _within(tensor, 2) for one in _within(shape, 1))
    kinds = [kind for tensor in tensors for kind in _numbers(tensor)]
    if len(dimensions) != 2 or len(found := _numbers(dimensions[1])) != 1 or len(kinds) != 1:
        raise GraphNotAllowed("takes something other than a block of a fixed width")
    if not 0 < found[0] <= limits.COLUMNS:  # onnxruntime takes a byte for each
        raise GraphNotAllowed(f"takes a block of {found[0]} columns")
    return name, Input(kinds[0], found[0])


def name_of(message: memoryview) -> str:
    """Parse the name of a graph's input or output; of several, the last is it."""
    if len(message) > limits.ONNX_VALUE_BYTES:
        raise GraphNotAllowed(f"describes a value in more than {limits.ONNX_VALUE_BYTES} bytes")
    [*_, name] = [_text(value) for number, value in fields(message) if number == 1] or [""]
    return name


def _numbers(message: memoryview) -> list[int]:
    """Return the integers in a message's first field: a dimension's size, a tensor's type."""
    return [value for number, value in fields(message) if number == 1 and isinstance(value, int)]


def _within(message: memoryview, wanted: int) -> list[memoryview]:
    return [bytes_of(value) for number, value in fields(message) if number == wanted]


def _text(value: Value) -> str:
    return str(bytes_of(value), "utf-8")
