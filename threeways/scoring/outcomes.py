"""What becomes of an event: its prediction, as the core tells it and as consumers read it, or a fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.errors import (
    PermanentError,
    ResourceShort,
    SettingsError,
    TransientError,
    UnpredictableEvent,
)
from threeways.scoring.task import EventId


class Scored(msgspec.Struct, frozen=True, gc=False):
    """One event's prediction, and what to know about it. value: as `Output.values` gives it."""

    event_id: EventId
    value: Any
    flags: tuple[str, ...]


class ScoredEvent(Scored, frozen=True, gc=False):
    """The same with its event, for a task that makes messages of both."""

    event: Any


@dataclass(frozen=True, slots=True)
class ColumnScores:
    """What became of n events that came by column.

    values: n answers, as `Output.checked` returns them; what the row of a fault holds means nothing. flags:
    name -> (n,) which have it. faults: row -> why it has no value.
    """

    values: NDArray[Any]
    flags: dict[str, NDArray[np.bool_]]
    faults: dict[int, Fault]


type Fault = PermanentError | TransientError
type Outcome = Scored | Fault
"""What became of one event: its prediction, why it can never have one, or why it has none yet."""


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One prediction as consumers read it. `prediction` holds the output and the event's id by name."""

    model: str
    version: str | None
    prediction: dict[str, Any]
    source_event_id: str | None = None
    flags: tuple[str, ...] | None = None


class PartialPrediction(Prediction, frozen=True, omit_defaults=True, gc=False):
    """One of an event's messages. messages: how many there are of it."""

    messages: int = 0


def prediction_maker(fields: Sequence[str], event_id: str, task: str) -> Callable[[Any, EventId], Any]:
    """Return what makes a message's `prediction`: a Struct takes half a dict's time, with the same JSON."""
    if event_id in fields:
        raise SettingsError(
            f"TASK={task}: its predictions have a field {event_id}, and so is the event's id called; name "
            "another field with the id (ID=)"
        )
    names = dict(
        zip(
            [*(f"value_{place}" for place in range(len(fields))), "event_id"],
            [*fields, event_id],
            strict=True,
        )
    )
    try:
        struct: Any = msgspec.defstruct("Made", list(names), rename=names, frozen=True, gc=False)
    except ValueError as error:
        raise SettingsError(f"TASK={task}: its output: {error}; rename it") from None
    return struct if len(fields) == 1 else lambda value, named: struct(*value, named)


def fault_of(error: Exception) -> Fault:
    """Return what an error says of the one event that predict raised it on."""
    if isinstance(error, MemoryError | OSError):
        return ResourceShort(f"predict lacked something: {error!r}")
    return UnpredictableEvent(f"predict raises on this event alone: {error!r}")
