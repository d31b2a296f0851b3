"""The input side of an MLflow signature, as far as it tells names, types and width."""

from __future__ import annotations

import msgspec

from threeways.artifact.mlmodel import MLmodel
from threeways.errors import ArtifactIncomplete


class _Tensor(msgspec.Struct, frozen=True):
    shape: list[int] = []


class Column(msgspec.Struct, frozen=True):
    """One input: a column of a DataFrame, or a tensor. type: MLflow's name for it.

    name: a number where it is one of a DataFrame that was made of an array: no name, then.
    """

    type: str | None = None
    name: str | int | None = None
    tensor: _Tensor | None = msgspec.field(default=None, name="tensor-spec")


def inputs(model: MLmodel) -> list[Column]:
    """The signature's inputs; none where there is no signature. Raises ArtifactIncomplete for garbage."""
    text = model.signature.inputs if model.signature else None
    if not text:
        return []
    try:
        return msgspec.json.decode(text, type=list[Column])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ArtifactIncomplete(
            f"the MLmodel's signature cannot be read: {error}; log the model again"
        ) from error


def names(model: MLmodel) -> tuple[str, ...] | None:
    """The columns' names in order, where all of them have one."""
    columns = inputs(model)
    found = [column.name for column in columns if isinstance(column.name, str) and column.name]
    return tuple(found) if found and len(found) == len(columns) else None


def width(model: MLmodel) -> int | None:
    """The number of columns of a (-1, n) tensor."""
    columns = inputs(model)
    shape = columns[0].tensor.shape if len(columns) == 1 and columns[0].tensor else []
    return shape[1] if len(shape) == 2 and shape[1] > 0 else None


def not_numbers(model: MLmodel) -> list[str]:
    """The inputs that are no numbers, as `name (type)`."""
    numbers = {"integer", "long", "float", "double", "boolean", "tensor", None}
    return [f"{column.name} ({column.type})" for column in inputs(model) if column.type not in numbers]
