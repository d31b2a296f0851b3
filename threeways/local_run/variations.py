"""Variations of a task's example, for tasks that have no producer of events."""

from __future__ import annotations

import random
from collections.abc import Sequence
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


def variations(task: Task[Any], count: int) -> Events:
    """Return `count` events (0: COUNT) like the task's example, each with an id of its own.

    Numbers are varied by up to a half within the limits of their fields, and nothing else is; not even they
    where the task takes some such event for an invalid one. Raises DataError where no other id is taken.
    """
    count = count or COUNT
    fields, path = value_fields_of(task.event), id_path(task)
    own = next(field for field in fields if field.path == path)
    ids: list[EventId] = [n if "int" in own.kinds else str(n) for n in range(count)]
    varied = [field for field in fields if field.path != path and {"int", "float"} & field.kinds]
    if not _are_taken(task, _payloads(task, path, ids[:_TRIED], varied)):
        varied = []
    if not _are_taken(task, _payloads(task, path, ids[:_TRIED], varied)):
        raise DataError(f"TASK={task.name} takes no variations of its example; give events of it, EVENTS=")
    payloads = _payloads(task, path, ids, varied)
    return Events(
        name="variations of the task's example",
        ids=ids,
        payloads=lambda: iter(payloads),
        truth=np.full(count, np.nan),
        counted=np.ones(count, dtype=np.bool_),
        labels=lambda position: labels_of(fields, payloads[position]),
    )


def _payloads(
    task: Task[Any], path: tuple[str, ...], ids: Sequence[EventId], varied: Sequence[Field]
) -> list[bytes]:
    example, rng, made = example_of(task), random.Random(0), []  # noqa: S311 - variety, not a secret
    for one in ids:
        event = replaced(example, path, one)
        for field in varied:
            event = _varied(event, field, rng)
        made.append(msgspec.json.encode(event))
    return made


def _varied(event: Any, field: Field, rng: random.Random) -> Any:
    """Return the event with another number in a field; the same where the example has none there."""
    value = value_at(event, field.path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return event
    new: float = value * rng.uniform(1 - _SPREAD, 1 + _SPREAD)
    for kind in field.types:
        if isinstance(kind, inspect.IntType | inspect.FloatType):
            new = max(new, kind.ge) if kind.ge is not None else new
            new = min(new, kind.le) if kind.le is not None else new
    return replaced(event, field.path, round(new) if isinstance(value, int) else new)


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
