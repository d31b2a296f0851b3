"""Read column names, types and width from an MLflow signature."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from threeways.artifact import input_types, limits
from threeways.artifact.input_types import InputTypes
from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactIncomplete, ArtifactUnsupported

NUMPY_TYPES = {
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "boolean": "bool",
}
"""MLflow's numeric types and their NumPy dtypes: mlflow.org/docs/latest/ml/model/signatures"""
_TENSORS = frozenset(
    {*NUMPY_TYPES.values(), "int8", "int16", "uint8", "uint16", "uint32", "uint64", "float16"}
)


class _Tensor(msgspec.Struct, frozen=True):
    dtype: str = "float64"
    shape: list[Annotated[int, msgspec.Meta(ge=-1, le=limits.COLUMNS)]] = []


class Column(msgspec.Struct, frozen=True):
    """One input or output: a DataFrame's column, or a tensor. type: MLflow's name for its type.

    name: an integer where a DataFrame was made from an array: the column has no name then. required: whether
    each row has a value there.
    """

    type: Any = None
    name: str | int | None = None
    required: bool = True
    tensor: _Tensor | None = msgspec.field(default=None, name="tensor-spec")


def inputs(model: MLmodel) -> list[Column]:
    """Return the signature's inputs; none without a signature. Raises ArtifactIncomplete for invalid JSON."""
    return _columns(model.signature.inputs if model.signature else None)


def outputs(model: MLmodel) -> list[Column]:
    """Return the signature's outputs; none without a signature. Raises as `inputs` does."""
    return _columns(model.signature.outputs if model.signature else None)


def _columns(text: str | None) -> list[Column]:
    if not text:
        return []
    try:
        return msgspec.json.decode(text, type=list[Column])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ArtifactIncomplete(
            f"the MLmodel's signature cannot be read: {error}; log the model again"
        ) from error


def names(model: MLmodel) -> tuple[str, ...] | None:
    """Return the columns' names in order, or None unless all of them have one."""
    columns = inputs(model)
    found = [one.name for one in columns if isinstance(one.name, str) and one.name and one.tensor is None]
    return tuple(found) if found and len(found) == len(columns) else None


def width(model: MLmodel) -> int | None:
    """Return the number of columns, also of a (-1, n) tensor; None if unknown."""
    columns = inputs(model)
    if not any(column.tensor for column in columns):
        return len(columns) or None
    shape = columns[0].tensor.shape if columns[0].tensor else []
    return shape[1] if len(shape) == 2 and shape[1] > 0 else None


def output_names(model: MLmodel) -> tuple[str, ...]:
    """Return the names of the signature's outputs, () unless each has one."""
    found = outputs(model)
    names = [str(one.name) for one in found if one.name is not None and one.tensor is None]
    return tuple(names) if len(names) == len(found) else ()


def of_frame(model: MLmodel) -> bool:
    """Return whether the inputs are a DataFrame's columns, as opposed to a tensor."""
    columns = inputs(model)
    return bool(columns) and not any(column.tensor for column in columns)


def not_numbers(model: MLmodel) -> list[str]:
    """Return the non-numeric inputs, as `name (type)`."""
    found = []
    for column in inputs(model):
        if column.tensor is None and column.type not in {*NUMPY_TYPES, None}:
            found.append(f"{column.name} ({column.type})")
        elif column.tensor is not None and column.tensor.dtype not in _TENSORS:
            found.append(f"a tensor of {column.tensor.dtype}")
    return found


def labels(model: MLmodel) -> str | None:
    """Return the type of the model's output where it is not numeric, else None."""
    types = [column.tensor.dtype if column.tensor else column.type for column in outputs(model)]
    return next((of for of in types if of in {"string", "boolean", "bool", "str", "object"}), None)


def texts(model: MLmodel) -> bool:
    """Return whether the input is one array of texts."""
    columns = inputs(model)
    tensor = columns[0].tensor if len(columns) == 1 else None
    return tensor is not None and tensor.dtype in {"str", "object"} and len(tensor.shape) == 1


def types(model: MLmodel) -> InputTypes:
    """Return the column types of the model's input: float64 where the signature has none or no numeric type.

    Raises ArtifactUnsupported unless the inputs are columns or one two-dimensional tensor.
    """
    columns = inputs(model)
    tensors = [column.tensor for column in columns if column.tensor]
    if not tensors:
        declared = [column.type or "double" for column in columns]
        return input_types.of_columns([(NUMPY_TYPES.get(name, "float64"), name) for name in declared])
    if texts(model):
        return InputTypes()
    [tensor, *more] = tensors
    if more or len(columns) > 1 or len(tensor.shape) != 2:
        shapes = ", ".join(str(tuple(one.shape)) for one in tensors)
        raise ArtifactUnsupported(
            f"the model's signature takes {len(columns)} inputs, tensors of shape {shapes}, and one (-1, n) "
            f"array is served; log it with a signature inferred from the array or DataFrame it was fitted on"
        )
    return input_types.of_tensor(tensor.dtype if tensor.dtype in _TENSORS else "float64")
