"""What differs between two models: the event's schema, the features, the output, and optional pieces.

A task is one `Task` in one module, called `task`; everything else in the project serves any of them.
`threeways/systems/taxi/tip.py` is a whole one, `threeways/systems/taxi/rides.py` what its events share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.artifact.inputs import Block, Rows
from threeways.errors import PermanentError, SettingsError
from threeways.scoring.decoding import JsonEvents
from threeways.scoring.groups import Combine, Groups
from threeways.scoring.outputs import Declared
from threeways.scoring.slices import Slice

MOST_TERMS = 100
"""The limit on `because`: a message of more terms is longer than its prediction is worth."""

type EventId = int | str
"""What names an event to its producer: an integer of 64 bits, or 1 to 256 characters."""

type Columns = Mapping[str, NDArray[Any]]
"""n events by column: a field's name -> (n,) values; times are naive datetime64, by `Time.zone`'s clock."""

type Flags = list[tuple[str, ...]]
"""For each event the names of its flags, empty where there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Features[R: Rows | Groups = Block]:
    """The features of one batch of n events.

    block: (n, len(task.columns)) float64, or a `Table` of these columns where they are of mixed types; what
    the row of an event in `faults` holds is not looked at. `Groups` of such rows for `combine`. flags: n
    tuples. faults: position in the batch -> why this event has no features.
    """

    block: R
    flags: Flags
    faults: dict[int, PermanentError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColumnFeatures[R: Rows = Block]:
    """The features of n events that came by column, all of them valid.

    block: (n, len(task.columns)) float64, or a `Table`. flags: flag name -> (n,) which events have it, in the
    order in which an event's flags are told.
    """

    block: R
    flags: dict[str, NDArray[np.bool_]]


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of an event, for the output stream.

    prediction: what it says, by name; the event's id is added to it. key: its partition key; messages of one
    key are on one shard. Default: the event's id. id: what tells it from the event's other messages, such
    as whom it is for; a redelivered event's message of the same id is a duplicate. Default: its place.
    """

    prediction: Mapping[str, Any]
    key: EventId | None = None
    id: EventId | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """When an event happened. field: of the event's fields the one that says it. zone: its clock."""

    field: str
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What an event's output really was, as a table of the system's tells it: to train and to judge by.

    column: it is there. since: it is a time, and the output the minutes to it from the event's. least, most:
    a row beyond is left out of training and judging. where: column -> the value that a row must have there.
    """

    column: str
    since: bool = False
    least: float = -np.inf
    most: float = np.inf
    where: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dicts[E]:
    """Rows as dicts, for models that begin with a `DictVectorizer`.

    event: a type of the event with no field that the dicts are not made of. example: one. keys: of the dicts,
    each with `str` or `float`: what its values are. rows: one dict an event, such as `DictRows`.
    by_column: the rows at some positions of `Columns`. flags: the events' flags, those of `about` and no
    others. about: the name of a flag -> the key that it is about; it is told where the model takes that.
    """

    event: type[E]
    example: E
    keys: Mapping[str, type]
    rows: Callable[[Sequence[E]], Sequence[dict[str, Any]]]
    by_column: Callable[[Columns, Sequence[int]], Sequence[dict[str, Any]]] | None = None
    flags: Callable[[Sequence[E]], Flags] | None = None
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Task[E]:
    """One model's side of the scoring path: data, and functions that take whole batches and keep no state.

    name: what the artifact's metadata and TASK call it. event: the msgspec type that an event's JSON decodes
    to, the one schema for stream, web and batch. id: its field with the event's id, an `Id`. columns: the
    names of the block's columns, in order. features: the block of a batch; it gets the events and for each
    the aware time at which it arrived. output: what the model predicts. example: a valid event, on which a
    service proves its model before the first real one. model_name: the `model` field of its predictions.

    Optional pieces: time, truth: see there. features_by_column: the features of events by column, the same as
    `features` makes of them one by one; it makes a batch job fast. Its columns are int64, float64, bool or
    datetime64 arrays; texts, and integers and booleans that may be null, are arrays of objects with None, and
    floats that may be null have NaN. dicts: for models that take dicts.
    page, producer, training: modules with the page at `/`, events for `make run`, and `make train`.
    life: the module with events of a world that changes, and their labels, for `make run LIFE=1`.
    demo: the module with `table(folder)`, a database of events for `make batch` where none is given: its URL
    and the table's name; and `files(folder)`, the same as parquet. mixed: its features are a `Table`.
    prefixes: a table's column may have one of these before the field's name. slices: how a batch job's report
    parts the events; default: by the first numbers among the fields. from_signature: an artifact's signature
    makes it, so that a table's columns are called as the fields in JSON are. messages: what the stream puts
    of an event and its prediction by name, none to 10,000; a pure function of both. Default: one message,
    the prediction. combine: where an event has any number of rows (`Groups`), what makes its one answer of
    the model's answers for them. because: how many of the terms that a prediction is the sum of are told
    with it, the largest; of a linear model.
    """

    name: str
    event: type[E]
    example: E
    columns: tuple[str, ...]
    features: Callable[[Sequence[E], Sequence[datetime]], Features[Any]]
    output: Declared
    id: str = "id"
    model_name: str = ""
    time: Time | None = None
    truth: Truth | None = None
    features_by_column: Callable[[Columns], ColumnFeatures[Any]] | None = None
    dicts: Dicts[Any] | None = None
    page: str | None = None
    producer: str | None = None
    training: str | None = None
    demo: str | None = None
    life: str | None = None
    mixed: bool = False
    from_signature: bool = False
    prefixes: tuple[str, ...] = ()
    slices: tuple[Slice, ...] = ()
    messages: Callable[[E, Mapping[str, Any]], Iterable[Message]] | None = None
    combine: Combine | None = None
    because: int = 0
    decode: Callable[[bytes], E] = field(init=False, repr=False, compare=False)
    """One event from JSON bytes. Raises UndecodableEvent or InvalidEvent, and nothing else."""
    decode_all: Callable[[Sequence[bytes | PermanentError]], tuple[list[E], dict[int, PermanentError]]] = (
        field(init=False, repr=False, compare=False)
    )
    """A batch's events in order, and for each position that has none the reason."""
    event_id: Callable[[E], EventId] = field(init=False, repr=False, compare=False)
    """The producer's id of the event."""
    id_name: str = field(init=False, repr=False, compare=False)
    """What the field with the id is called in JSON."""

    def __post_init__(self) -> None:
        """Make the decoder of its events."""
        if not 0 <= self.because <= MOST_TERMS:
            raise SettingsError(
                f"TASK={self.name}: because={self.because}; tell 1 to {MOST_TERMS} terms, or 0"
            )
        if self.because and self.combine:
            raise SettingsError(
                f"TASK={self.name}: because={self.because}, and its answer is combined of several rows', "
                "which have terms of their own; leave `because` out"
            )
        json = JsonEvents(self.event, self.id)
        made = {
            "model_name": self.model_name or f"{self.name}_prediction_model",
            "decode": json.decode,
            "decode_all": json.decode_all,
            "event_id": attrgetter(self.id),
            "id_name": _json_name(self.event, self.id),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    @property
    def dict_keys(self) -> Mapping[str, type]:
        """The keys of the dicts that it makes, each with `str` or `float`; none where it makes none."""
        return self.dicts.keys if self.dicts else {}

    def for_dicts(self, taken: frozenset[str] | None) -> Task[Any]:
        """Return the task for a model that takes dicts: its events have no field that those are not made of.

        taken: the keys that the model takes, None where it does not tell; flags about others are left out.
        """
        if self.dicts is None:
            raise SettingsError(f"TASK={self.name} makes no dicts, and the model takes them; name its task")
        about = {flag: key for flag, key in self.dicts.about.items() if taken is None or key in taken}
        flags = self.dicts.flags
        if flags and about != self.dicts.about:
            flags = _only(flags, frozenset(about)) if about else None
        dicts = dataclasses.replace(self.dicts, about=about, flags=flags)
        return dataclasses.replace(self, event=dicts.event, example=dicts.example, dicts=dicts)


def _only(flags: Callable[[Sequence[Any]], Flags], names: frozenset[str]) -> Callable[[Sequence[Any]], Flags]:
    return lambda events: [tuple(one for one in told if one in names) for told in flags(events)]


def _json_name(event: Any, field_name: str) -> str:
    if not (isinstance(event, type) and issubclass(event, msgspec.Struct)):  # a union of structs is no class
        return field_name
    return {one.name: one.encode_name for one in msgspec.structs.fields(event)}.get(field_name, field_name)
