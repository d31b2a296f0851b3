"""What differs between two models: the event's schema, the features and the output's name.

A task is one object in one file under `threeways/systems/taxi/`; everything else in the project is the same
for every model. `threeways/systems/taxi/duration.py` is the one to read, and to copy from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block
from threeways.errors import PermanentError

type EventId = int | str
"""What names an event to its producer: an integer of 64 bits, or 1 to 256 characters."""


@dataclass(frozen=True, slots=True)
class Features:
    """The features of one batch of n events.

    block: (n, len(task.columns)) float64; the row of an event in `faults` holds NaN.
    flags: n tuples of flag names, empty where there is nothing to tell.
    faults: position in the batch -> why this event has no features.
    """

    block: Block
    flags: list[tuple[str, ...]]
    faults: dict[int, PermanentError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColumnFeatures:
    """The features of n events that came by column, all of them valid.

    block: (n, len(task.columns)) float64. flags: flag name -> (n,) which events have it, in the order in
    which an event's flags are told.
    """

    block: Block
    flags: dict[str, NDArray[np.bool_]]


class Task[E](Protocol):
    """One model's side of the scoring path. Methods take whole batches; none keeps state."""

    @property
    def name(self) -> str:
        """The name that `TASK` selects it by: a module of `threeways.systems` that ends as it does."""

    @property
    def model_name(self) -> str:
        """The `model` field of its predictions."""

    @property
    def output(self) -> str:
        """The name of the predicted quantity within `prediction`."""

    @property
    def id_field(self) -> str:
        """The name of the event's id within `prediction`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the feature block's columns, in order."""

    @property
    def dict_features(self) -> Mapping[str, type]:
        """The keys of `dicts`' rows, each with `str` or `float`: what its values are."""

    @property
    def event_type(self) -> type[E]:
        """The msgspec type that an event decodes to: the one schema for stream, web and batch."""

    @property
    def example(self) -> E:
        """A valid event; a service proves its model on it before the first real one."""

    def decode(self, payload: bytes, /) -> E:
        """One event from JSON bytes. Raises UndecodableEvent or InvalidEvent, and nothing else."""

    def decode_all(
        self, payloads: Sequence[bytes | PermanentError], /
    ) -> tuple[list[E], dict[int, PermanentError]]:
        """A batch's events in order, and for each position that has none the reason.

        payloads: an event's bytes each, or the reason why there are none.
        """

    def event_id(self, event: E, /) -> EventId:
        """The producer's id of the event."""

    def features(self, events: Sequence[E], arrived: Sequence[datetime]) -> Features:
        """The block for a batch. `arrived`: for each event the aware time at which it arrived."""

    def for_dicts(self, taken: frozenset[str] | None) -> DictTask[Any]:
        """The task for a model that takes dicts: its events have no field that the dicts are not made of.

        taken: the keys of the dicts that the model takes, None where it does not tell.
        """


@runtime_checkable
class DictTask[E](Task[E], Protocol):
    """The task as a model sees it that begins with a `DictVectorizer`: it has no use for a block."""

    def dicts(self, events: Sequence[E]) -> Sequence[dict[str, Any]]:
        """The events as dicts, such as `DictRows`."""

    def dict_flags(self, events: Sequence[E]) -> list[tuple[str, ...]]:
        """The names of each event's flags, as far as they are about what the model takes."""


@runtime_checkable
class ColumnTask[C](Protocol):
    """What a task has beside `Task` where its events may also come by column, as the batch job's do."""

    def column_features(self, columns: C) -> ColumnFeatures:
        """The block that `Task.features` makes of the same events, bit for bit, and their flags.

        The flags are those of `DictTask.dict_flags` where the task is one.
        """

    def column_dicts(self, columns: C, rows: Sequence[int]) -> Sequence[dict[str, Any]]:
        """What `DictTask.dicts` makes of some of the same events."""
