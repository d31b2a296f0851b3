"""Broken records of every kind, to see quarantine working: none of them can ever be scored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path as FilePath
from typing import Any

import msgspec
from msgspec import Raw, inspect

from threeways import artifact
from threeways.artifact import mlmodel, runtime, signature
from threeways.errors import ArtifactError, PermanentError
from threeways.local_run.event_schema import (
    LISTS,
    Field,
    example_of,
    fields_of,
    id_path,
    replaced,
    value_at,
)
from threeways.scoring.task import Task
from threeways.settings import Settings

_WRONG: dict[str, tuple[str, object]] = {
    "null": ("null", None),
    "bool": ("true", True),
    "float": ("as fraction", 205.5),
    "str": ("as text", "130"),
    "array": ("a list", [1, 2, 3]),
}
"""A kind of JSON value -> what a field is called that has one, and the value."""
_TIMES = {
    "not a date": "yesterday",
    "without a time": "2021-02-01",
}
_LONG = 100_000
_ILL_FORMED = b"\xff\xfe\xfd\xfc"


def kinds(task: Task[Any], *, dicts: bool = False) -> dict[str, bytes]:
    """Return records of which the task can score none: what is wrong -> the record's data.

    dicts: whether the model takes dicts, for which fewer fields are read. What a task takes after all, such
    as a time that is no time where its features make nothing of it, is left out.
    """
    taken = task.for_dicts(None) if dicts else task
    return {
        kind: data for kind, data in derived(taken).items() if _is_refused(taken, data, decode_only=dicts)
    }


def kinds_for(task: Task[Any], folder: FilePath, settings: Settings) -> list[bytes]:
    """Return the broken records for a task that the model in a folder is of, by what that model takes."""
    return list(kinds(task, dicts=task.dicts is not None and _takes_dicts(task, folder, settings)).values())


def _takes_dicts(task: Task[Any], folder: FilePath, settings: Settings) -> bool:
    """Tell whether a model is fed dicts; one that cannot be loaded is for the function to refuse.

    It is loaded only where neither its runtime nor the columns that its MLmodel names tell.
    """
    try:
        info = mlmodel.read(folder)
        if runtime.choose(info.flavors, settings.model_runtime, folder) == "onnx":
            return False
        if task.columns in (info.features, signature.names(info)):
            return False
        return artifact.load(folder, settings.model_sha256, settings.model_runtime).input_kind == "dicts"
    except ArtifactError:
        return False


def derived(task: Task[Any]) -> dict[str, bytes]:
    """Return what is wrong by the event's schema, each as its example with one thing changed.

    What is wrong with the bytes and what is wrong with a field are mixed, so that a few records meet both.
    """
    example = example_of(task)
    of_bytes, of_fields = list(_of_bytes(example, id_path(task)[0])), []
    if isinstance(example, dict):
        for field in fields_of(task.event):
            of_fields += [(f"{field.name} {what}", data) for what, data in _of_field(example, field)]
    placed = [(place / len(part), one) for part in (of_bytes, of_fields) for place, one in enumerate(part)]
    return dict(one for _, one in sorted(placed, key=itemgetter(0)))


def _is_refused(task: Task[Any], data: bytes, *, decode_only: bool) -> bool:
    try:
        event = task.decode(data)
    except PermanentError:
        return True
    if decode_only:
        return False
    try:
        return bool(task.features([event], [datetime.now(UTC)]).faults)
    except Exception:  # noqa: BLE001 - a task's own code: what it raises on is no record to send
        return False


def _of_bytes(example: Any, id_name: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is wrong with the bytes, whatever the schema."""
    sound = msgspec.json.encode(example)
    yield "nothing at all", b""
    yield "not JSON", b"event 256 from 130 to 205"
    yield "cut short", sound[: len(sound) * 4 // 5]
    yield "trailing bytes", sound + b"}"
    yield "UTF-16", sound.decode().encode("utf-16")
    yield "a thousand brackets", b"[" * 1000 + b"]" * 1000
    yield "a list", b"[1, 2, 3]"
    yield "a number", b"256"
    yield "null", b"null"
    yield "hundred kilobytes of nothing", b"\x00" * _LONG
    if isinstance(example, dict):
        text = Raw(b'"' + _ILL_FORMED + b'"')
        yield "not UTF-8", msgspec.json.encode(example | {id_name: text})
        ignored = b'{"_ignored": '
        yield "not UTF-8 in a field that is ignored", ignored + b'"\xff", ' + sound[1:]
        yield "brackets without end in a field that is ignored", ignored + b"[" * _LONG


def _of_field(example: dict[str, Any], field: Field) -> Iterator[tuple[str, bytes]]:
    """Yield what is wrong with one field."""

    def having(value: object) -> bytes:
        return msgspec.json.encode(replaced(example, field.path, value))

    if field.required:
        yield "missing", msgspec.json.encode(_without(example, field.path))
    for what, value in _wrong_values(field):
        yield what, having(value)
    for kind in field.types:
        most = getattr(kind, "max_length", None) if isinstance(kind, LISTS) else None
        if most is not None and (items := value_at(example, field.path)):
            yield "with too many items", having(items[:1] * (most + 1))


def _wrong_values(field: Field) -> Iterator[tuple[str, object]]:
    """Yield values that a field does not take; of a list those with such an item."""
    for kind, (what, value) in _WRONG.items():
        if kind not in field.kinds:
            yield what, value
    if field.time:
        yield from _TIMES.items()
        if any(isinstance(kind, inspect.StrType) for kind in field.types):
            yield "before the calendar", "0001-01-01T00:00:00+14:00"
    yield from _out_of_range(field)
    if field.items is not None:
        for what, value in _wrong_values(field.items):
            yield f"with an item {what}", [value]


def _without(event: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    if len(path) == 1:
        return {name: value for name, value in event.items() if name != path[0]}
    return event | {path[0]: _without(event.get(path[0]) or {}, path[1:])}


def _out_of_range(field: Field) -> Iterator[tuple[str, object]]:
    """Yield values of the field's type that its limits leave out."""
    for kind in field.types:
        if isinstance(kind, inspect.FloatType):
            yield "NaN", Raw(b"NaN")
            yield "beyond a double", Raw(b"1e999")
        if isinstance(kind, inspect.IntType | inspect.FloatType):
            limits = {
                "below its range": (kind.ge, -1) if kind.ge is not None else (kind.gt, 0),
                "beyond its range": (kind.le, 1) if kind.le is not None else (kind.lt, 0),
            }
            for what, (limit, step) in limits.items():
                if limit is not None and math.isfinite(limit):
                    yield what, Raw(str(limit + step).encode())
        if isinstance(kind, inspect.StrType):
            if kind.min_length:
                yield "empty" if kind.min_length == 1 else "too short", "x" * (kind.min_length - 1)
            if kind.max_length is not None:
                yield "too long", "x" * (kind.max_length + 1)
            if kind.pattern is not None:
                yield "of another form", "?"
