"""Tell for one field of an event which values of a column are sound, as the event's type has it."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal
from uuid import UUID

import msgspec
import numpy as np
from msgspec import inspect
from numpy.typing import NDArray

from threeways.batch.id_kinds import EXACT, whole
from threeways.scoring.decoding import KEY_LENGTH

type Kind = Literal["integer", "float", "text", "boolean", "datetime", "time", "other"]
"""How a field's values are checked: `other` by decoding each; `time` is the event's own, in seconds."""

_LEAST, _MOST = -(2**63), 2**63 - 1
NO_LIMIT = _MOST
"""The most characters of a text whose type sets no limit."""
_KINDS: dict[type, Kind] = {
    inspect.IntType: "integer",
    inspect.FloatType: "float",
    inspect.StrType: "text",
    inspect.BoolType: "boolean",
}
_COMPOUND = (
    inspect.CollectionType, inspect.TupleType, inspect.NamedTupleType, inspect.DictType,
    inspect.TypedDictType, inspect.StructType, inspect.DataclassType,
)  # fmt: skip


@dataclass(frozen=True)
class Leaf:
    """One field of an event that is no struct.

    name: the column's. path: of JSON names. attributes: dotted. nullable: null is a value of it. required:
    the event must have it. default: stands in otherwise. types: what its type may be, null aside.
    """

    name: str
    path: tuple[str, ...]
    attributes: str
    kind: Kind
    nullable: bool
    required: bool
    default: Any
    types: tuple[Any, ...]

    @property
    def at(self) -> str:
        """Where it is, as messages tell it."""
        return ".".join(("$", *self.path))

    @property
    def within(self) -> str:
        """Where the struct is that it belongs to."""
        return ".".join(("$", *self.path[:-1]))

    @property
    def null_is_left_out(self) -> bool:
        """Whether an event without the field says what a null in the table says."""
        return not self.required and (not self.nullable or self.default is None)

    @property
    def holds_times(self) -> bool:
        """Whether its values may be times: text or datetime."""
        return all(isinstance(one, inspect.StrType | inspect.DateTimeType) for one in self.types)

    @cached_property
    def of(self) -> Any:
        """The function that takes its value out of an event."""
        return attrgetter(self.attributes)

    @cached_property
    def _bounds(self) -> list[tuple[Any, Any]]:
        """(comparison, limit) of each that its type sets."""
        names, told = ("ge", "gt", "le", "lt"), self.types[0]
        limits = [(getattr(operator, name), getattr(told, name)) for name in names]
        return [(compare, limit) for compare, limit in limits if limit is not None]

    def inside(self, values: Any) -> Any:
        """Whether a number, or each of (n,), none of which is NaN, lies within the bounds of the type."""
        sound: Any = np.ones(np.shape(values), dtype=np.bool_)
        for compare, limit in self._bounds:
            sound = sound & compare(values, limit)
        return sound

    @property
    def lengths(self) -> tuple[int, int]:
        """The least and the most characters of a text."""
        told = self.types[0]
        return told.min_length or 0, NO_LIMIT if told.max_length is None else told.max_length

    def stored(self, value: Any) -> Any:
        """Return what an event holds as its place in `array` takes it."""
        if value is None:
            return np.nan if self.kind == "float" else None
        if self.kind == "datetime" and value.tzinfo:
            return value.astimezone(UTC).replace(tzinfo=None)
        return value

    def value(self, given: Any, *, floats: bool = True) -> Any:
        """Return a value of a table as the event has it. floats: 130.0 is an integer in this column."""
        if isinstance(given, Decimal):
            given = whole(given) if self.kind == "integer" else given
            return float(given) if isinstance(given, Decimal) else given
        if self.kind == "integer":
            return whole(given) if floats else given
        if self.kind == "boolean" and type(given) is int and given in (0, 1):  # SQLite has no booleans
            return bool(given)
        if self.kind == "text" and isinstance(given, date | UUID):
            return str(given) if isinstance(given, UUID) else given.isoformat()
        if self.kind == "other" and type(given) is str and self._is_compound:
            return _parsed(given)
        return given

    @cached_property
    def _is_compound(self) -> bool:
        """Whether it is a list or an object: SQLite and parquet have such as a text of JSON."""
        return all(isinstance(one, _COMPOUND) for one in self.types)

    def fits(self, value: Any) -> bool:
        """Return whether a value, as `value` returns it, is plainly one that the event may have."""
        if value is None:
            return self.nullable
        if self.kind == "text":
            return type(value) is str and value.isascii() and self.lengths[0] <= len(value) <= self.lengths[1]
        if self.kind == "integer":
            return type(value) is int and _LEAST <= value <= _MOST and bool(self.inside(value))
        if self.kind == "float":
            known = type(value) is float or (type(value) is int and abs(value) <= EXACT)
            return known and math.isfinite(value) and bool(self.inside(value))
        return self.kind == "boolean" and type(value) is bool

    def array(self, values: Sequence[Any]) -> NDArray[Any]:
        """(n,) values that fit, as the features by column take them; None is a missing one."""
        if self.kind == "float":
            return np.array([np.nan if one is None else one for one in values], np.float64)
        if self.kind == "datetime":
            return np.array(values, dtype="datetime64[us]")
        if self.kind in ("text", "other") or self.nullable:
            found = np.empty(len(values), dtype=object)
            found[:] = values
            return found
        return np.array([one or 0 for one in values], np.int64 if self.kind == "integer" else np.bool_)


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def leaf_of(told: Any, path: tuple[str, ...], attributes: tuple[str, ...], *, by_path: bool = False) -> Leaf:
    """Return the leaf for a field as msgspec tells it.

    by_path: a table's column is called as the JSON's field is, and datetimes are taken by column.
    """
    types = [_plain(one) for one in getattr(_plain(told.type), "types", (_plain(told.type),))]
    nullable = any(isinstance(one, inspect.NoneType) for one in types)
    types = [one for one in types if not isinstance(one, inspect.NoneType)] or types
    kind: Kind = "other"
    if len(types) == 1 and not _is_special(types[0]):
        kind = _KINDS.get(type(types[0]), "other")
        if by_path and isinstance(types[0], inspect.DateTimeType):
            kind = "datetime"
    default = None if told.default is msgspec.NODEFAULT else told.default
    if told.default_factory is not msgspec.NODEFAULT:
        kind, default = "other", told.default_factory()
    if not told.required and default is None and not nullable:
        kind = "other"  # such as msgspec.UNSET
    name = path[-1] if by_path else told.name
    return Leaf(name, path, ".".join(attributes), kind, nullable, told.required, default, tuple(types))


def _plain(told: Any) -> Any:
    return _plain(told.type) if isinstance(told, inspect.Metadata) else told


def _is_special(told: Any) -> bool:
    """Whether its type asks for what is not checked by column."""
    return getattr(told, "multiple_of", None) is not None or getattr(told, "pattern", None) is not None


def id_is_plain(leaf: Leaf) -> bool:
    """Whether each integer of 64 bits and each text that fits a key is an id to the event's type."""
    for told in leaf.types:
        if isinstance(told, inspect.IntType):
            whole_range = (told.ge is None or told.ge <= _LEAST) and (told.le is None or told.le >= _MOST)
            if not whole_range or told.gt is not None or told.lt is not None:
                return False
        elif isinstance(told, inspect.StrType):
            if (told.min_length or 0) > 1 or (told.max_length or KEY_LENGTH) < KEY_LENGTH:
                return False
        else:
            return False
    return not any(map(_is_special, leaf.types))


def id_kinds_of(leaf: Leaf) -> set[bool]:
    """Return what ids may be to the event's type: True for texts, False for integers."""
    kinds = {isinstance(one, inspect.StrType) for one in leaf.types}
    return (
        kinds
        if all(isinstance(one, inspect.StrType | inspect.IntType) for one in leaf.types)
        else {True, False}
    )
