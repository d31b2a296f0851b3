"""The fields of a task's event, nested ones included, as its msgspec type tells them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from threeways.scoring.task import Task

type Path = tuple[str, ...]
"""The names, in JSON, that lead to a field."""

ALL = frozenset({"null", "bool", "int", "float", "str", "array", "object"})
"""The kinds of a JSON value; a number without a fraction is an int."""
_KINDS: dict[type[inspect.Type], frozenset[str]] = {
    inspect.NoneType: frozenset({"null"}),
    inspect.BoolType: frozenset({"bool"}),
    inspect.IntType: frozenset({"int"}),
    inspect.FloatType: frozenset({"int", "float"}),
    inspect.DecimalType: frozenset({"int", "float", "str"}),
    **dict.fromkeys((inspect.AnyType, inspect.RawType, inspect.CustomType, inspect.ExtType), ALL),
    **dict.fromkeys((inspect.DictType, inspect.TypedDictType, inspect.DataclassType), frozenset({"object"})),
}
LISTS = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)
"""The types of lists of any length."""
_TEXTS = (
    inspect.StrType, inspect.BytesType, inspect.ByteArrayType, inspect.MemoryViewType, inspect.DateTimeType,
    inspect.DateType, inspect.TimeType, inspect.TimeDeltaType, inspect.UUIDType,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event.

    types: what it may be, a union's members each. kinds: the JSON values that it takes. time: whether it is a
    date and time. inner: whether it is an object with fields of its own. items: where it is a list, each item
    as a field.
    """

    path: Path
    types: tuple[inspect.Type, ...]
    kinds: frozenset[str]
    required: bool
    time: bool
    inner: bool
    items: Field | None = None

    @property
    def name(self) -> str:
        """Return its path as people write it."""
        return ".".join(self.path)


def fields_of(event: Any) -> list[Field]:
    """Return the fields of a msgspec type in order, an object before its own fields."""
    return list(_fields(inspect.type_info(event), ()))


def value_fields_of(event: Any) -> list[Field]:
    """Return the fields that hold a value: all but the objects with fields of their own."""
    return [one for one in fields_of(event) if not one.inner]


def id_path(task: Task[Any]) -> Path:
    """Return the name in JSON of the field with the event's id."""
    struct = inspect.type_info(task.event)
    names = {field.name: field.encode_name for field in getattr(struct, "fields", ())}
    return (names.get(task.id, task.id),)


def example_of(task: Task[Any]) -> Any:
    """Return the task's example as JSON values."""
    return msgspec.json.decode(msgspec.json.encode(task.example))


def value_at(event: Any, path: Path) -> Any:
    """Return the value at a path of an event of JSON values; None where there is none."""
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    return event


def replaced(event: Any, path: Path, value: object) -> Any:
    """Return an event of JSON values with another value at a path; objects on the way to it are made."""
    changed = dict(event)
    rest = path[1:]
    changed[path[0]] = replaced(changed.get(path[0]) or {}, rest, value) if rest else value
    return changed


def _fields(struct: Any, above: Path, within: frozenset[Any] = frozenset()) -> Iterator[Field]:
    """Yield a struct's fields. within: the classes around it, in case one of its fields is of these again."""
    within |= {getattr(struct, "cls", None)}
    for one in getattr(struct, "fields", ()):
        path = (*above, one.encode_name)
        field = _field(one.type, path, within, required=one.required)
        yield field
        if field.inner:
            structs = [kind for kind in field.types if isinstance(kind, inspect.StructType)]
            yield from _fields(structs[0], path, within)


def _field(kind: inspect.Type, path: Path, within: frozenset[Any], *, required: bool) -> Field:
    members = list(_members(kind, {}))
    types = tuple(kind for kind, _ in members)
    structs = [kind for kind in types if isinstance(kind, inspect.StructType)]
    lists = [kind for kind in types if isinstance(kind, LISTS)]
    return Field(
        path=path,
        types=types,
        kinds=frozenset[str]().union(*map(_kinds_of, types)),
        required=required,
        time=any(
            isinstance(kind, inspect.DateTimeType) or schema.get("format") == "date-time"
            for kind, schema in members
        ),
        inner=len(structs) == 1 and not structs[0].array_like and structs[0].cls not in within,
        items=_field(lists[0].item_type, path, within, required=True) if len(lists) == 1 else None,
    )


def _members(kind: inspect.Type, schema: dict[str, Any]) -> Iterator[tuple[inspect.Type, dict[str, Any]]]:
    """Yield the types that a union has, or the one type, each with its additions to the JSON schema."""
    if isinstance(kind, inspect.Metadata):
        yield from _members(kind.type, schema | (kind.extra_json_schema or {}))
    elif isinstance(kind, inspect.UnionType):
        for member in kind.types:
            yield from _members(member, schema)
    else:
        yield kind, schema


def _kinds_of(kind: inspect.Type) -> frozenset[str]:
    if isinstance(kind, inspect.StructType):
        return frozenset({"array" if kind.array_like else "object"})
    if isinstance(kind, inspect.LiteralType):
        return frozenset("int" if isinstance(value, int) else "str" for value in kind.values)
    if isinstance(kind, inspect.EnumType):
        return frozenset("int" if isinstance(one.value, int) else "str" for one in kind.cls)
    if isinstance(kind, _TEXTS):
        return frozenset({"str"})
    return _KINDS.get(type(kind), frozenset({"array"}))
