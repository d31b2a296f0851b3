"""Make the task of a model that names none: its MLflow signature is the event's schema.

An event is flat JSON with the signature's names and types, strictly, and the event's id. What the
artifact's metadata may say beside it: `id`, the field with the id (default: `id`), and `time`, the field with
the event's time; `output` and `unit`, the name and the unit of a number that is predicted; `because`,
how many of its terms are told.
mlflow.org/docs/latest/ml/model/signatures
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from threeways.artifact import signature
from threeways.artifact.examples import example_rows
from threeways.artifact.inputs import Block, Table
from threeways.artifact.mlmodel import MLmodel
from threeways.artifact.signature import Column
from threeways.errors import ArtifactMismatch, ArtifactUnsupported, InvalidEvent, PermanentError
from threeways.scoring.decoding import Id
from threeways.scoring.metadata import because_of, numbers_of
from threeways.scoring.outputs import ModelOutput
from threeways.scoring.task import ColumnFeatures, Columns, Features, Task, Time

_LONG = 2**63
_INTEGER = 2**31
_EXACT = 2**53
"""The integers up to which float64 holds each of them: IEEE 754-2019, binary64."""
_TYPES: dict[str, Any] = {
    "boolean": bool,
    "integer": Annotated[int, Meta(ge=-_INTEGER, le=_INTEGER - 1)],
    "long": Annotated[int, Meta(ge=-_LONG, le=_LONG - 1)],
    "float": float,
    "double": float,
    "string": str,
    "datetime": datetime,
}
"""The types of a signature, as JSON has them."""
BEYOND = "the years 1 to 9999 in UTC"
_TEXT, _TENSOR = "text", "inputs"
"""What a single column of texts and a tensor are called where the signature does not name them."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One column. attribute: its name within the event's type. type: the signature's name for its type."""

    attribute: str
    name: str
    type: str
    required: bool


def task_of(
    info: MLmodel,
    folder: Path,
    *,
    name: str,
    event_id: str | None = None,
    categories: Mapping[str, Collection[Any]] | None = None,
) -> Task[Any]:
    """Return the task that an artifact's signature makes.

    folder: the artifact's, where its input example is. name: what the model is called. event_id: the field
    with the event's id; None: as the metadata says. categories: the values that the model's encoders know,
    for an artifact without an input example. Raises ArtifactMismatch without a signature,
    ArtifactUnsupported for one with a type that JSON or scikit-learn cannot carry.
    """
    columns = signature.inputs(info)
    if not columns:
        raise ArtifactMismatch(
            f"{folder} has no signature, so that its events cannot be known; log it with "
            "signature=mlflow.models.infer_signature(X, model.predict(X)), or name a task (TASK=)"
        )
    told = info.metadata or {}
    id_name = event_id or str(told.get("id", "id"))
    tensor = columns[0].tensor
    if tensor is not None:
        made = _of_tensor(info, folder, columns, name, id_name)
        return replace(made, because=because_of(info))
    fields = [_field(place, column, len(columns)) for place, column in enumerate(columns)]
    names = [one.name for one in fields]
    if len(set(names)) < len(names):
        raise ArtifactUnsupported(f"{folder}: two columns of the signature have one name; rename one of them")
    event = _event_type(fields, id_name)
    id_attribute = next((one.attribute for one in fields if one.name == id_name), "event_id")
    time = told.get("time")
    timed = next((one for one in fields if one.name == time), None)
    if time is not None and (timed is None or timed.type not in {"datetime", "string"}):
        raise ArtifactMismatch(
            f"{folder}: its metadata names {time} as the time, which is no column of times"
        )
    values, real = example_rows(info, folder, names)
    if not real:
        values = {name: next(iter(known), None) for name, known in (categories or {}).items()}
    return Task(
        name=name,
        model_name=name,
        event=event,
        id=id_attribute,
        example=_example(event, fields, id_name, values, real=real, where=str(folder)),
        columns=tuple(names),
        features=_features_of(fields),
        features_by_column=_features_by_column(fields),
        output=ModelOutput(numbers_of(info)),
        mixed=True,
        from_signature=True,
        time=Time(timed.name) if timed else None,
        because=because_of(info),
    )


def _field(place: int, column: Column, count: int) -> _Field:
    named = column.name if column.name is not None else (_TEXT if count == 1 else place)
    if column.type not in _TYPES:
        raise ArtifactUnsupported(
            f"the signature has {named} as {column.type!r}, which a table's column cannot be; train on "
            f"columns of these types: {', '.join(_TYPES)}"
        )
    return _Field(f"column_{place}", str(named), column.type, column.required)


def _event_type(fields: Sequence[_Field], id_name: str) -> type:
    """Return the msgspec type of the events: the id first, then the columns."""
    declared: list[Any] = [] if id_name in [one.name for one in fields] else [("event_id", Id)]
    for one in fields:
        if one.name == id_name:
            declared.append((one.attribute, _id_type(one)))
        elif one.required:
            declared.append((one.attribute, _TYPES[one.type]))
    declared += [
        (one.attribute, _TYPES[one.type] | None, None)
        for one in fields
        if not one.required and one.name != id_name
    ]
    renamed = {one.attribute: one.name for one in fields} | {"event_id": id_name}
    return _struct(declared, renamed)


def _struct(declared: Sequence[Any], renamed: dict[str, str]) -> type:
    try:
        return msgspec.defstruct("Event", declared, rename=renamed, frozen=True, gc=False, kw_only=True)
    except ValueError as error:  # a name that msgspec does not write as JSON
        raise ArtifactUnsupported(f"the signature or the id: {error}; rename that column, or ID=") from None


def _id_type(one: _Field) -> Any:
    if one.type in {"integer", "long"}:
        return _TYPES[one.type]
    if one.type == "string":
        return Annotated[str, Meta(min_length=1, max_length=256)]
    raise ArtifactMismatch(f"the event's id, {one.name}, is a {one.type}; name a text or an integer (ID=)")


def _features_of(fields: Sequence[_Field]) -> Callable[..., Features[Any]]:
    taken = attrgetter(*(one.attribute for one in fields)) if len(fields) > 1 else None

    def features(events: Sequence[Any], arrived: Sequence[datetime]) -> Features[Table]:  # noqa: ARG001
        if taken is None:
            columns: Any = [[getattr(one, fields[0].attribute) for one in events]]
        else:
            columns = zip(*map(taken, events), strict=True)
        faults: dict[int, PermanentError] = {}
        made = {one.name: _array(one, values, faults) for one, values in zip(fields, columns, strict=True)}
        return Features(Table(made), [()] * len(events), faults)

    return features


def _array(field: _Field, values: Sequence[Any], faults: dict[int, PermanentError]) -> NDArray[Any]:
    """Return one column of a table: see `Table`. faults: gets the rows whose value it cannot hold."""
    if field.type in {"float", "double"}:
        return np.array(values, dtype=np.float64)  # None is NaN
    if field.type == "datetime":
        plain: list[datetime | None] = []
        for at in values:
            try:
                plain.append(at.astimezone(UTC).replace(tzinfo=None) if at and at.tzinfo else at)
            except OverflowError:
                faults[len(plain)] = InvalidEvent(f"`{at}` is beyond {BEYOND} - at `$.{field.name}`")
                plain.append(None)
        return np.array(plain, dtype="datetime64[us]")
    if field.type == "string" or not field.required:
        made = np.empty(len(values), dtype=object)
        made[:] = values
        return made
    return np.array(values, dtype=np.bool_ if field.type == "boolean" else np.int64)


def _features_by_column(fields: Sequence[_Field]) -> Callable[[Columns], ColumnFeatures[Any]]:
    def features(columns: Columns) -> ColumnFeatures[Table]:
        return ColumnFeatures(Table({one.name: columns[one.name] for one in fields}), {})

    return features


def _example(
    event: type,
    fields: Sequence[_Field],
    id_name: str,
    values: dict[str, Any] | None,
    *,
    real: bool,
    where: str,
) -> Any:
    """Return a valid event: the artifact's input example, or one made of the types."""
    made = {one.name: _PLAIN[one.type] for one in fields if one.required}
    given = {name: value for name, value in (values or {}).items() if value is not None}
    try:
        return msgspec.convert({id_name: 1} | made | given, event)
    except msgspec.ValidationError as error:
        if not real:
            raise
        raise ArtifactMismatch(
            f"{where}: its input example is no event of its signature: {error}; log both of the same data"
        ) from error


_PLAIN: dict[str, Any] = {
    "boolean": False, "integer": 1, "long": 1, "float": 1.0, "double": 1.0, "string": "a",
    "datetime": "2021-01-01T00:00:00",
}  # fmt: skip


def _of_tensor(info: MLmodel, folder: Path, columns: Sequence[Column], name: str, id_name: str) -> Task[Any]:
    """Return the task of a model that takes one array: an event has its row as a list of numbers."""
    tensor = columns[0].tensor
    assert tensor is not None  # noqa: S101  (checked by the caller)
    field_name = str(columns[0].name or _TENSOR)
    if signature.texts(info):
        text = _Field("column_0", _TEXT, "string", True)
        event = _event_type([text], id_name)
        values, real = example_rows(info, folder, [_TEXT])
        return Task(
            name=name, model_name=name, event=event, id="event_id",
            example=_example(event, [text], id_name, values, real=real, where=str(folder)),
            columns=(_TEXT,), features=_features_of([text]), features_by_column=_features_by_column([text]),
            output=ModelOutput(numbers_of(info)), mixed=True, from_signature=True,
        )  # fmt: skip
    signature.types(info)  # raises for what is no (-1, n) array
    width = tensor.shape[1]
    if width < 1:
        raise ArtifactUnsupported(
            f"{folder}: its signature does not tell how wide its array is; log it again"
        )
    whole = tensor.dtype.startswith(("int", "uint"))
    number: Any = (
        Annotated[int, Meta(ge=-_EXACT, le=_EXACT)] if whole else (bool if tensor.dtype == "bool" else float)
    )
    row = Annotated[list[number], Meta(min_length=width, max_length=width)]
    event = _struct([("event_id", Id), ("row", row)], {"event_id": id_name, "row": field_name})

    def features(events: Sequence[Any], arrived: Sequence[datetime]) -> Features[Block]:  # noqa: ARG001
        return Features(np.array([one.row for one in events], dtype=np.float64), [()] * len(events))

    values, real = example_rows(info, folder, [field_name])
    plain = {id_name: 1, field_name: [number(1) if number in (float, bool) else 1] * width}
    given = values if values and values.get(field_name) is not None else {}
    try:
        example: Any = msgspec.convert(plain | given, event)
    except msgspec.ValidationError as error:
        raise ArtifactMismatch(
            f"{folder}: its input example is no event of its signature: {error}; log both of the same data"
        ) from error
    columns_made = info.features or tuple(str(place) for place in range(width))
    return Task(
        name=name, model_name=name, event=event, id="event_id", example=example,
        columns=columns_made, features=features, output=ModelOutput(numbers_of(info)), from_signature=True,
    )  # fmt: skip
