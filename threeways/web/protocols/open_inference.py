"""The Open Inference Protocol, version 2: tensors by column in, tensors by output out, as JSON.

github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from threeways.artifact import Model, signature
from threeways.errors import InvalidEvent, UndecodableEvent
from threeways.scoring.decoding import format_of
from threeways.scoring.outputs import text_of
from threeways.scoring.service import ModelService
from threeways.web import bodies
from threeways.web.problems import RequestRefused
from threeways.web.protocols.rows import RowReader, require_few
from threeways.web.protocols.served import ServedRows

_WHOLE = tuple(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
_FLOATS = {"FP16": np.float16, "FP32": np.float32, "FP64": np.float64}
_COLUMNS = {
    "boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64",
    "string": "BYTES", "datetime": "BYTES",
}  # fmt: skip
"""A signature's types -> the protocol's datatypes. A time is text, ISO 8601."""
_TENSORS = {"bool": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64"} | {
    one.lower(): one for one in _WHOLE
}
_OUTPUTS: dict[type, str] = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = bodies.NONE


class _Wanted(msgspec.Struct):
    name: str


class _Request(msgspec.Struct):
    inputs: list[msgspec.Raw]
    id: str | None = None
    outputs: list[_Wanted] | None = None


_decode = msgspec.json.Decoder(_Request).decode
_decode_tensor = msgspec.json.Decoder(_Tensor).decode


def metadata(service: ModelService[Any], served: ServedRows) -> dict[str, Any]:
    """Return the model's metadata: its columns and outputs as tensors of any number of rows."""
    datatypes = _datatypes(service, served.reader)
    width = served.reader.width
    outputs = served.output.columns
    return {
        "name": service.task.model_name,
        "versions": [] if service.version is None else [service.version],
        "platform": f"mlflow_{service.runtime}",
        "inputs": [
            {"name": name, "datatype": datatype, "shape": [-1, width] if width else [-1]}
            for name, datatype in datatypes.items()
        ],
        "outputs": [
            {"name": name, "datatype": _OUTPUTS[kind], "shape": [-1]} for name, kind in outputs.items()
        ],
    }


class Inference:
    """One request: reads its rows, and makes its answer of the model's."""

    _request: _Request
    _outputs: Sequence[str]

    def __init__(self, service: ModelService[Any], served: ServedRows) -> None:
        self._service, self._served = service, served

    def read(self, body: bytes) -> list[Any]:
        """Return the events of a body. Raises UndecodableEvent, InvalidEvent, or RequestRefused."""
        try:
            if not body.isascii():
                body.decode()
            self._request = request = _decode(body)
        except msgspec.ValidationError as error:
            raise InvalidEvent(str(error)) from None
        except RecursionError:
            raise UndecodableEvent(f"it is nested too deeply, within {len(body)} bytes") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UndecodableEvent(format_of(body) or str(error)) from None
        there = self._served.output.columns
        self._outputs = list(there) if request.outputs is None else [one.name for one in request.outputs]
        unknown = [name for name in self._outputs if name not in there]
        if unknown:
            raise InvalidEvent(
                f"there is no output {unknown[0][:80]}; there are {', '.join(there)} - at `$.outputs`"
            )
        return self._rows(request)

    def answer(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return the answer with the outputs that are wanted."""
        answers = np.asarray(values)
        table = self._served.output.table(self._served.output.checked(answers, len(values))) if values else {}
        kinds = self._served.output.columns
        told: dict[str, Any] = {"model_name": self._service.task.model_name}
        if self._service.version is not None:
            told["model_version"] = self._service.version
        if self._request.id is not None:
            told["id"] = self._request.id
        told["outputs"] = [
            {
                "name": name,
                "shape": [len(values)],
                "datatype": _OUTPUTS[kinds[name]],
                "data": _data(table[name], kinds[name]) if values else [],
            }
            for name in self._outputs
        ]
        return told

    def _rows(self, request: _Request) -> list[Any]:
        reader = self._served.reader
        datatypes = _datatypes(self._service, reader)
        inputs = _tensors(request.inputs)
        names = [one.name for one in inputs]
        if len(set(names)) < len(names):
            raise InvalidEvent("two of the inputs have one name; give each once - at `$.inputs`")
        for one in inputs:
            if one.name not in datatypes:
                raise InvalidEvent(
                    f"there is no input {one.name[:80]}; there are {', '.join(datatypes)} - at `$.inputs`"
                )
            _check(one, datatypes[one.name])
        if reader.array:
            if len(inputs) != 1:
                raise InvalidEvent(f"the model takes one input, {reader.names[0]} - at `$.inputs`")
            return _of_array(reader, inputs[0])
        return reader.of_values({one.name: _of_column(reader, one) for one in inputs})


def _tensors(inputs: Sequence[msgspec.Raw]) -> list[_Tensor]:
    """Decode the inputs, if there are no more than columns can be."""
    require_few(len(inputs), "the request")
    tensors = []
    for place, one in enumerate(inputs):
        try:
            tensors.append(_decode_tensor(one))
        except msgspec.ValidationError as error:
            raise InvalidEvent(f"inputs[{place}]: {error}") from None
    return tensors


def _datatypes(service: ModelService[Any], reader: RowReader) -> dict[str, str]:
    """Return the inputs' names and datatypes, as the signature has them."""
    model = service.model
    assert isinstance(model, Model)  # noqa: S101  (it has a signature)
    columns = signature.inputs(model.info)
    types = [_TENSORS.get(one.tensor.dtype, "BYTES") if one.tensor else _COLUMNS[one.type] for one in columns]
    return dict(zip(reader.names, types, strict=True))


def _check(tensor: _Tensor, declared: str) -> None:
    """Raise InvalidEvent for a tensor of another datatype than its column can have, or without data."""
    taken = [declared]
    if declared in _FLOATS:
        taken = [*_FLOATS, *_WHOLE]
    elif declared in _WHOLE:
        taken = list(_WHOLE)
    if tensor.datatype not in taken:
        raise InvalidEvent(
            f"the datatype is {tensor.datatype[:20]}, and the model's signature has {declared} "
            f"- at `$.{tensor.name}`"
        )
    if tensor.data is bodies.NONE:
        raise InvalidEvent(
            f"it has no `data`: tensors are sent as JSON, not as binary data - at `$.{tensor.name}`"
        )
    if not tensor.shape or any(size < 0 for size in tensor.shape):
        raise InvalidEvent(f"the shape is {tensor.shape[:4]}, and the rows come first - at `$.{tensor.name}`")
    if tensor.shape[0] > bodies.MOST_EVENTS:
        raise RequestRefused(422, f"over {bodies.MOST_EVENTS} rows; split the request")


def _of_column(reader: RowReader, tensor: _Tensor) -> list[Any]:
    """Return a column's values: (n,) or (n, 1), flat or nested."""
    if tensor.shape[1:] not in ([], [1]):
        raise InvalidEvent(
            f"the shape is {tensor.shape[:4]}, and a column's is [{tensor.shape[0]}] - at `$.{tensor.name}`"
        )
    data = bytes(tensor.data)
    nested = tensor.shape[1:] == [1] and data[1:].lstrip().startswith(b"[")
    values = reader.column(tensor.name, data, nested)
    if len(values) != tensor.shape[0]:
        raise InvalidEvent(f"the shape is {tensor.shape}, and data has {len(values)} - at `$.{tensor.name}`")
    return _rounded(tensor, values)


def _of_array(reader: RowReader, tensor: _Tensor) -> list[Any]:
    """Return the rows of an (n, width) array, flat or nested."""
    width = reader.width
    rows, data = tensor.shape[0], bytes(tensor.data)
    if tensor.shape != [rows, width]:
        raise InvalidEvent(
            f"the shape is {tensor.shape[:4]}, and an array's is [{rows}, {width}] - at `$.{tensor.name}`"
        )
    if data[1:].lstrip().startswith(b"["):
        events = reader.arrays(bodies.elements(data))
        if len(events) != rows:
            raise InvalidEvent(
                f"the shape is {tensor.shape}, and data has {len(events)} rows - at `$.{tensor.name}`"
            )
        return [reader.event(_rounded(tensor, reader.numbers(one))) for one in events]
    count = math.prod(tensor.shape)
    if data.count(b",") != max(count - 1, 0):  # numbers have no comma
        raise InvalidEvent(f"the shape is {tensor.shape}, which data has not - at `$.{tensor.name}`")
    try:
        number: Any = reader.number
        flat: list[Any] = msgspec.json.decode(data, type=list[number])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidEvent(f"{error} - at `$.{tensor.name}`") from None
    if len(flat) != count:
        raise InvalidEvent(f"the shape is {tensor.shape}, and data has {len(flat)} - at `$.{tensor.name}`")
    flat = _rounded(tensor, flat)
    assert width is not None  # noqa: S101  (the model takes an array)
    return [reader.event(flat[at : at + width]) for at in range(0, count, width)]


def _rounded(tensor: _Tensor, values: list[Any]) -> list[Any]:
    """Return the values as their datatype holds them: FP32 and FP16 have fewer digits than JSON."""
    if tensor.datatype not in {"FP16", "FP32"}:
        return values
    with np.errstate(over="ignore"):
        made = np.array(values, dtype=_FLOATS[tensor.datatype])
    if np.isinf(made).any():
        row = int(np.flatnonzero(np.isinf(made))[0])
        raise InvalidEvent(f"row {row}: {values[row]} is beyond {tensor.datatype} - at `$.{tensor.name}`")
    return [None if value is None else one for value, one in zip(values, made.tolist(), strict=True)]


def _data(column: Any, kind: type) -> list[Any]:
    values = list(column.tolist())
    return [text_of(one) for one in values] if kind is str else values
