"""What becomes of an event: its prediction, as the core tells it and as consumers read it, or a fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

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


class Term(msgspec.Struct, frozen=True, gc=False):
    """One term of a score.

    feature: the event's field, or the model's column. value: the event's value of it, or the word among many;
    None where the column is a mixture of several, or missing. contribution: what it adds to the score.
    """

    feature: str
    value: str | int | float | bool | None
    contribution: float


class ScoredEvent(Scored, frozen=True, gc=False):
    """The same with its event, and the largest terms of its score where the task tells them."""

    event: Any
    because: list[Term] | None = None


@dataclass(frozen=True, slots=True)
class ColumnScores:
    """What became of n events that came by column.

    values: n answers, as `Output.checked` returns them; what the row of a fault holds means nothing. flags:
    name -> (n,) which have it. faults: row -> why it has no value. because: the largest terms of each score,
    where the task tells them.
    """

    values: NDArray[Any]
    flags: dict[str, NDArray[np.bool_]]
    faults: dict[int, Fault]
    because: Sequence[list[Term] | None] | None = None


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


class ExplainedPrediction(Prediction, frozen=True, omit_defaults=True, gc=False):
    """The same with the largest terms of its score."""

    because: list[Term] | None = None


class PartialPrediction(ExplainedPrediction, frozen=True, omit_defaults=True, gc=False):
    """One of an event's messages. messages: how many there are of it."""

    messages: int = 0


def prediction_maker(fields: Sequence[str], event_id: str, task: str) -> Callable[..., Any]:
    """Return what makes a message's `prediction` of its values and the id: a Struct, which is quick."""
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
    return cast("Callable[..., Any]", struct)


def fault_of(error: Exception) -> Fault:
    """Return what an error says of the one event that predict raised it on."""
    if isinstance(error, MemoryError | OSError):
        return ResourceShort(f"predict lacked something: {error!r}")
    return UnpredictableEvent(f"predict raises on this event alone: {error!r}")
