"""Check what a join is written of: the types of its fields, its key, and examples of its predictions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, get_origin

import msgspec
from msgspec import inspect

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_names(value: object) -> bool:
    return isinstance(value, AbstractSet) and all(isinstance(one, str) for one in value)


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (
        lambda value: isinstance(value, str) and _NAME.fullmatch(value) is not None,
        'letters, digits, _, - and ., at most 100, such as "orders"',
    ),
    "id": (lambda value: isinstance(value, str), "the name of the subject's field that has the key"),
    "verdicts": (
        lambda value: isinstance(value, Mapping) and _are_names(value.keys()),
        'a dict of source -> type, such as {"fraud": Answer}',
    ),
    "expected": (_are_names, 'a frozenset of sources, such as frozenset({"fraud"})'),
    "persons": (_are_names, 'a frozenset of sources, such as frozenset({"reviewer"})'),
    "versions": (_are_names, 'a frozenset of sources, such as frozenset({"fraud"})'),
    "observed": (_are_names, 'a frozenset of sources, such as frozenset({"delivered"})'),
    "reviewed": (_are_names, 'a frozenset of outcomes, such as frozenset({"review"})'),
    "deadline": (_is_number, "a number of seconds, such as 30.0"),
    "keep_days": (lambda value: type(value) is int, "a number of whole days, such as 30"),
    "late": (lambda value: value in ("ignore", "revise"), '"ignore" or "revise"'),
    "policy": (lambda value: isinstance(value, str), "a policy's text"),
    "of_policy": (
        lambda value: value is None or callable(value),
        "a function of a policy's text",
    ),
    "rules": (lambda value: isinstance(value, str), 'a text, such as "1"'),
    "decide": (callable, "a function of verdicts, expected and expired"),
    "effects": (callable, "a function of the subject and what was decided"),
    "revises": (callable, "a function of two decisions"),
}
"""A field -> whether a value fits it, and what does."""
_KEYS = (inspect.IntType, inspect.StrType, inspect.LiteralType, inspect.AnyType, inspect.NoneType)


def faults(join: Any) -> Iterator[str]:
    """Yield what is wrong with the fields of a join, each with its mend."""
    for name, (fits, mend) in _FIELDS.items():
        value = getattr(join, name)
        if not fits(value):
            yield f"{name}={value!r:.80} is of type {type(value).__name__}, and has to be {mend}; correct it"


def subject_faults(subject: Any, field: str, example: Any) -> Iterator[str]:
    """Yield why a type and an example are no subject with its key in a field, with the mend."""
    yield from key_faults(subject, field, "`subject`")
    kind = get_origin(subject) or subject
    name = getattr(kind, "__name__", "subject")
    if not isinstance(example, kind):
        yield f"`example` is of type {type(example).__name__}; give a {name}"
        return
    try:
        msgspec.json.decode(msgspec.json.encode(example), type=subject)
    except (msgspec.ValidationError, TypeError) as error:
        yield f"`example` is no {name}: {error}; give one as its events are"


def key_faults(kind: Any, field: str, what: str) -> Iterator[str]:
    """Yield why a type has no key in a field, with the mend. what: names the type in it."""
    try:
        info: Any = inspect.type_info(kind)
    except (TypeError, NameError) as error:
        yield f"{what} cannot be read as JSON: {error}; give a msgspec.Struct"
        return
    if not isinstance(info, inspect.StructType | inspect.DataclassType):
        yield f"{what.strip('`')}={kind!r:.80} has no fields; give a msgspec.Struct"
        return
    name = info.cls.__name__
    types = {one.name: one.type for one in info.fields}
    if field not in types:
        yield f"id={field!r} is no field of {name}; give one of {', '.join(types) or 'its fields'} as `id`"
    elif not _is_key(types[field]):
        yield f"the key, {name}.{field}, is neither int nor str; give it the type int, str or int | str"


def _is_key(info: Any) -> bool:
    if isinstance(info, inspect.Metadata):
        return _is_key(info.type)
    kinds = info.types if isinstance(info, inspect.UnionType) else (info,)
    return all(isinstance(one, _KEYS) for one in kinds)


def sample(kind: Any) -> Any:
    """Return a small value of a type; None where none can be made, as of dicts, patterns, Any."""
    try:
        return msgspec.convert(_plain(inspect.type_info(kind)), kind)
    except (TypeError, ValueError, NameError):
        return None


def _plain(info: Any) -> Any:
    """Return the JSON value of a sample. Raises TypeError where there is none."""
    match info:
        case inspect.Metadata():
            return _plain(info.type)
        case inspect.UnionType():
            return _plain(next(one for one in info.types if not isinstance(one, inspect.NoneType)))
        case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType():
            return _tag(info) | {one.encode_name: _plain(one.type) for one in info.fields if one.required}
        case inspect.ListType() | inspect.SetType() | inspect.VarTupleType() | inspect.FrozenSetType():
            return [_plain(info.item_type)] * max(1, info.min_length or 0)
        case inspect.TupleType():
            return [_plain(one) for one in info.item_types]
    return _scalar(info)


def _tag(info: Any) -> dict[str, Any]:
    return {info.tag_field: info.tag} if getattr(info, "tag_field", None) else {}


def _scalar(info: Any) -> Any:
    match info:
        case inspect.BoolType():
            return False
        case inspect.IntType() | inspect.FloatType():
            return _number(info)
        case inspect.StrType():
            return "x" * max(1, info.min_length or 0)
        case inspect.LiteralType():
            return info.values[0]
        case inspect.EnumType():
            return next(iter(info.cls)).value
    raise TypeError(f"no sample of {info}")


def _number(info: Any) -> Any:
    step: float = 1 if isinstance(info, inspect.IntType) else 1e-9
    if info.ge is not None or info.gt is not None:
        return info.ge if info.ge is not None else info.gt + step
    if info.le is not None or info.lt is not None:
        return min(0, info.le if info.le is not None else info.lt - step)
    return 0
