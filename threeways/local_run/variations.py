"""Variations of a task's example, for tasks that have no producer of events."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from msgspec import inspect

from threeways.errors import DataError, PermanentError
from threeways.local_run.event_rows import labels_of
from threeways.local_run.event_schema import Field, example_of, id_path, replaced, value_at, value_fields_of
from threeways.scoring.events import Events
from threeways.scoring.task import EventId, Task

COUNT = 20_000
"""How many "all" of them are."""
_TRIED = 100
_SPREAD = 0.5
_MISSING = 0.05
"""The share of the values that are left out where a signature says that they may be."""

type _Make = Callable[[Any, random.Random], Any]
"""Returns another event of JSON values."""


def variations(task: Task[Any], count: int, rows: Sequence[Mapping[str, Any]] = ()) -> Events:
    """Return `count` events (0: COUNT) like the task's example, each with an id of its own.

    rows: of the input example, for a task that a signature makes: each value is then one that some row has,
    or a number between those of two rows, and now and then none where none is allowed. Else numbers are
    varied by up to a half within the limits of their fields, and nothing else is; not even they where the
    task takes some such event for an invalid one. Raises DataError where no other id is taken.
    """
    count = count or COUNT
    fields, path = value_fields_of(task.event), id_path(task)
    own = next(field for field in fields if field.path == path)
    ids: list[EventId] = [n if "int" in own.kinds else str(n) for n in range(count)]
    rest = [field for field in fields if field.path != path]
    examples = _examples(task, path, rows)
    make = _mixed(examples, rest) if task.from_signature else _numbers_varied(rest)
    if not _are_taken(task, _payloads(examples, path, ids[:_TRIED], make)):
        make = _as_it_is
    if not _are_taken(task, _payloads(examples, path, ids[:_TRIED], make)):
        raise DataError(f"TASK={task.name} takes no variations of its example; give events of it, EVENTS=")
    payloads = _payloads(examples, path, ids, make)
    return Events(
        name="variations of the task's example",
        ids=ids,
        payloads=lambda: iter(payloads),
        truth=np.full(count, np.nan),
        counted=np.ones(count, dtype=np.bool_),
        labels=lambda position: labels_of(fields, payloads[position]),
    )


def _examples(task: Task[Any], path: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the task's example and the rows that are events of it, too, as JSON values."""
    first, found = example_of(task), []
    for row in rows:
        event = {path[0]: value_at(first, path)} | {k: one for k, one in row.items() if one is not None}
        try:
            task.decode(msgspec.json.encode(event))
        except (PermanentError, TypeError):
            continue
        found.append(event)
    return found or [first]


def _payloads(
    examples: Sequence[Any], path: tuple[str, ...], ids: Sequence[EventId], make: _Make
) -> list[bytes]:
    rng = random.Random(0)  # noqa: S311 - variety, not a secret
    return [
        msgspec.json.encode(make(replaced(examples[n % len(examples)], path, one), rng))
        for n, one in enumerate(ids)
    ]


def _as_it_is(event: Any, rng: random.Random) -> Any:  # noqa: ARG001
    return event


def _numbers_varied(fields: Sequence[Field]) -> _Make:
    varied = [field for field in fields if {"int", "float"} & field.kinds]

    def make(event: Any, rng: random.Random) -> Any:
        for field in varied:
            event = _varied(event, field, rng)
        return event

    return make


def _mixed(examples: Sequence[Any], fields: Sequence[Field]) -> _Make:
    """Return what mixes the values of several examples, by field."""
    known = {field.path: [value_at(one, field.path) for one in examples] for field in fields}

    def make(event: Any, rng: random.Random) -> Any:
        for field in fields:
            if "null" in field.kinds and rng.random() < _MISSING:
                event = replaced(event, field.path, None)
            elif len(examples) == 1:
                event = _varied(event, field, rng)
            else:
                values = known[field.path]
                event = replaced(event, field.path, _between(rng.choice(values), rng.choice(values), rng))
        return event

    return make


def _between(one: Any, other: Any, rng: random.Random) -> Any:
    """Return a number between two fractions, as long as the longer of them; of anything else the first.

    Integers are often codes, so that one between two may be none.
    """
    if isinstance(one, list) and isinstance(other, list):
        return [_between(a, b, rng) for a, b in zip(one, other, strict=False)]
    if not isinstance(one, float) or not isinstance(other, float):
        return one
    return round(one + rng.random() * (other - one), max(_digits(one), _digits(other)))


def _digits(number: float) -> int:
    """Return how many digits a number has after its point."""
    text = repr(number)
    return len(text.partition(".")[2]) if "e" not in text else 17


def _varied(event: Any, field: Field, rng: random.Random) -> Any:
    """Return the event with another number in a field; the same where the example has none there."""
    value = value_at(event, field.path)
    if isinstance(value, list):
        return replaced(event, field.path, [_number(one, (), rng) for one in value])
    return replaced(event, field.path, _number(value, field.types, rng)) if _is_number(value) else event


def _number(value: Any, types: Sequence[inspect.Type], rng: random.Random) -> Any:
    if not _is_number(value):
        return value
    new: float = value * rng.uniform(1 - _SPREAD, 1 + _SPREAD)
    for kind in types:
        if isinstance(kind, inspect.IntType | inspect.FloatType):
            new = max(new, kind.ge) if kind.ge is not None else new
            new = min(new, kind.le) if kind.le is not None else new
    return round(new) if isinstance(value, int) else new


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_taken(task: Task[Any], payloads: Sequence[bytes]) -> bool:
    """Tell whether each of them has features."""
    try:
        events = [task.decode(payload) for payload in payloads]
        return not task.features(events, [datetime.now(UTC)] * len(events)).faults
    except PermanentError:
        return False
    except Exception as error:  # a task's own code
        raise DataError(
            f"TASK={task.name}: its features raise on variations of its example: {error!r}; mend it"
        ) from error
