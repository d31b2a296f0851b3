"""A form for one event, made from its msgspec type: the fields, and the event of what was typed into them.

Each number, choice, time and text has a control of its own, each nested struct a fieldset. What HTML has no
control for (lists, dicts, unions, a type within itself) is typed as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeIs
from urllib.parse import quote

import msgspec
from msgspec import inspect

from threeways.scoring.task import Task
from threeways.web import controls, schema
from threeways.web.controls import Control
from threeways.web.html import words

type Struct = inspect.StructType | inspect.DataclassType | inspect.TypedDictType

_PLACE = re.compile(r" - at (?:`[^`]*` in )?`(\$[^`]*)`")
_LEFT_OUT = object()


@dataclass(frozen=True, kw_only=True)
class Part:
    """A field or a group. key: in its struct. needed: that cannot be without it. null: it may be null."""

    key: str
    label: str
    needed: bool
    null: bool

    @property
    def optional(self) -> bool:
        """Whether it may be left empty."""
        return self.null or not self.needed


@dataclass(frozen=True, kw_only=True)
class Field(Part):
    """One value of the event.

    name: in the query. at: its place, as messages name it, such as `$.order.weight`. required: it
    may not be empty. value: the example's, as it is typed.
    """

    name: str
    at: str
    hint: str
    value: str
    required: bool
    control: Control

    @property
    def id(self) -> str:
        """The name as an element's id, which holds no blanks."""
        return quote(self.name, safe="")


@dataclass(frozen=True, kw_only=True)
class Group(Part):
    """One struct of the event. constants: what it always holds, such as its tag."""

    parts: tuple[Field | Group, ...]
    constants: Mapping[str, Any]

    def fields(self) -> Iterator[Field]:
        """Yield its fields and those of the structs within, in order."""
        for part in self.parts:
            if isinstance(part, Field):
                yield part
            else:
                yield from part.fields()


class Form:
    """The form of a task's event. root: the event's struct, or one field for JSON where it is none.

    fields: all of them, in order.
    """

    def __init__(self, task: Task[Any]) -> None:
        self._task = task
        root = self._part(inspect.type_info(task.event), ("event",), (), schema.example(task))
        self.root: Field | Group = root
        self.fields = [root] if isinstance(root, Field) else list(root.fields())

    def is_in(self, query: Mapping[str, str]) -> bool:
        """Whether a request has any of its fields."""
        return any(one.name in query for one in self.fields)

    def read(self, query: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
        """Return the event's JSON, or by the names of fields what is wrong with what was typed."""
        wrong: dict[str, str] = {}
        event = _read(self.root, query, wrong)
        return (b"" if wrong else msgspec.json.encode(event)), wrong

    def place(self, message: str) -> dict[str, str]:
        """Return a refusal's message by the name of the field that it is about, "" where it names none."""
        found = _PLACE.search(message)
        if found is None:
            return {"": message}
        at = found[1]
        about = [one for one in self.fields if f"{at}.".startswith((f"{one.at}.", f"{one.at}["))]
        if not about:
            return {"": message}
        closest = max(about, key=lambda one: len(one.at))
        if closest.at != at:
            return {closest.name: message}
        return {closest.name: message[: found.start()] + message[found.end() :]}

    def _part(
        self,
        kind: inspect.Type,
        path: tuple[str, ...],
        outer: tuple[type, ...],
        example: Any,
        within: inspect.Field | None = None,
        required: bool = True,
    ) -> Field | Group:
        """Return the field or the group of one value.

        path: the keys to it, after one for the event. outer: the structs around it. within: what its struct
        says of it. required: the event cannot be without its struct.
        """
        kind, null, said = _bare(kind)
        needed = within is None or within.required
        required = required and needed and not null
        label = said.get("title") or words(path[-1])
        if _is_struct(kind) and kind.cls not in outer:
            inner = (*outer, kind.cls)
            parts = tuple(
                self._part(
                    one.type, (*path, one.encode_name), inner, _of(example, one.encode_name), one, required
                )
                for one in kind.fields
            )
            return Group(
                key=path[-1], label=label, needed=needed, null=null, parts=parts, constants=_tag(kind)
            )
        is_date_time = said.get("format") == "date-time"
        if within and len(path) == 2 and within.name == self._task.id and _is_id(kind):
            control = controls.of_id()
        else:
            control = controls.control(kind, example, is_date_time, self._clock(within))
        hints = [said.get("description"), control.hint, _left_empty(control, within)]
        return Field(
            key=path[-1], name=_name(path), at=".".join(("$", *path[1:])), label=label,
            hint=" ".join(filter(None, hints)), value=control.text(example),
            needed=needed, required=required and not control.may_be_empty, null=null, control=control,
        )  # fmt: skip

    def _clock(self, within: inspect.Field | None) -> str:
        """Return whose clock a field's time is read by, "" where the task does not say."""
        time = self._task.time
        if time is None or within is None or within.name != time.field:
            return ""
        return time.zone.rpartition("/")[2].replace("_", " ")


def _read(part: Field | Group, query: Mapping[str, str], wrong: dict[str, str]) -> Any:
    """Return the value that was typed, or `_LEFT_OUT`; what is wrong with it goes into `wrong`."""
    fields = [part] if isinstance(part, Field) else part.fields()
    empty = not any(query.get(one.name, "").strip() for one in fields)
    if empty and part.optional:
        return None if part.needed else _LEFT_OUT
    if isinstance(part, Group):
        values = {one.key: _read(one, query, wrong) for one in part.parts}
        return {**part.constants, **{key: value for key, value in values.items() if value is not _LEFT_OUT}}
    try:
        if empty and not (part.control.may_be_empty and part.name in query):
            raise ValueError("Give a value.")
        return part.control.parse(query[part.name])
    except ValueError as error:
        wrong[part.name] = str(error)
        return _LEFT_OUT


def _bare(kind: inspect.Type) -> tuple[inspect.Type, bool, dict[str, Any]]:
    """Return the type itself, whether it may be null, and what its schema says of it besides."""
    null, said = False, dict[str, Any]()
    while True:
        if isinstance(kind, inspect.Metadata):
            said |= kind.extra_json_schema or {}
            kind = kind.type
        elif isinstance(kind, inspect.UnionType) and kind.includes_none:
            null = True
            others = tuple(one for one in kind.types if not isinstance(one, inspect.NoneType))
            kind = others[0] if len(others) == 1 else inspect.UnionType(others)
        else:
            null = null or isinstance(kind, inspect.NoneType)
            null = null or (isinstance(kind, inspect.LiteralType) and None in kind.values)
            return kind, null, said


def _is_struct(kind: inspect.Type) -> TypeIs[Struct]:
    """Whether it is an object in JSON that has fields."""
    if isinstance(kind, inspect.StructType):
        return bool(kind.fields) and not kind.array_like
    return isinstance(kind, inspect.DataclassType | inspect.TypedDictType) and bool(kind.fields)


def _tag(kind: Struct) -> dict[str, Any]:
    """Return what an object says of its type, where that is one of several."""
    if isinstance(kind, inspect.StructType) and kind.tag_field is not None:
        return {kind.tag_field: kind.tag}
    return {}


def _is_id(kind: inspect.Type) -> bool:
    """Whether it may be an integer or text, and nothing else."""
    return isinstance(kind, inspect.UnionType) and {type(one) for one in kind.types} == {
        inspect.IntType,
        inspect.StrType,
    }


def _of(example: Any, key: str) -> Any:
    return example.get(key) if isinstance(example, dict) else None


def _name(path: tuple[str, ...]) -> str:
    """Return the keys as one name. A dot within a key is written as JSON pointers write a slash."""
    return ".".join(key.replace("~", "~0").replace(".", "~1") for key in path[1:] or path)


def _left_empty(control: Control, within: inspect.Field | None) -> str:
    """Say what is taken where a field is left empty, if its struct says so."""
    if within is None or within.default in (msgspec.NODEFAULT, msgspec.UNSET):
        return ""
    text = control.text(msgspec.to_builtins(within.default))
    return f"Left empty: {text}." if text else ""
