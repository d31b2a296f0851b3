"""The events of a run: a producer's, a file's or variations of an example, with broken records among them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import numpy as np

from threeways.errors import UsageError
from threeways.local_run import event_files, event_rows
from threeways.local_run.event_rows import ColumnNames
from threeways.local_run.event_schema import id_path, value_fields_of
from threeways.local_run.producer import Outgoing
from threeways.local_run.variations import variations
from threeways.scoring.events import Events
from threeways.scoring.task import Task

_TRIED = 100


@dataclass(frozen=True)
class Source:
    """Where the events are from, as the user says it.

    spec: EVENTS, None for the task's own producer. count: how many, 0 is all. columns: ACTUAL and ID.
    rows: of the model's input example, for a task without a producer.
    """

    spec: str | None = None
    count: int = 0
    columns: ColumnNames = field(default_factory=ColumnNames)
    rows: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Workload:
    """What is put on the stream: events, some of them replaced by broken records.

    task: theirs. broken: their positions. kinds: the broken records, taken in turn. key: position ->
    partition key.
    """

    task: Task[Any]
    events: Events
    broken: frozenset[int]
    kinds: Sequence[bytes] = ()
    key: Callable[[int], str] = str

    def __len__(self) -> int:
        return len(self.events)

    def outgoing(self) -> Iterator[Outgoing]:
        """Yield the records to put, in order; a broken record stands for no event."""
        broken = cycle(self.kinds)
        for position, payload in enumerate(self.events.payloads()):
            if position in self.broken:
                yield Outgoing(self.key(position), next(broken), None)
            else:
                yield Outgoing(self.key(position), payload, position)


def load(source: Source, task: Task[Any], tell: Callable[[str], None]) -> Events:
    """Return the events that the user asks for. tell: gets a line for people. Raises DataError."""
    if source.spec is None:
        if source.columns != ColumnNames():
            raise UsageError("ACTUAL= and ID= name columns of a file; give that as EVENTS=")
        if task.producer is None:
            tell(
                f"TASK={task.name} has no producer of events, and EVENTS= names none: variations of its "
                "example are sent"
            )
            return variations(task, source.count, source.rows)
    elif task.producer is None or _is_by_fields(source.spec, source.columns, task):
        return event_rows.read(source.spec, source.count, task, source.columns, tell)
    made: Events = importlib.import_module(task.producer).load(source.spec, source.count, task)
    _require_taken(made, task)
    return made


def with_broken(task: Task[Any], events: Events, share: float) -> Workload:
    """Replace a share of the events by broken records, always the same ones; `kinds` is to be set."""
    broken = np.random.default_rng(0).choice(len(events), round(share * len(events)), replace=False)
    return Workload(task, events, frozenset(broken.tolist()))


def _require_taken(events: Events, task: Task[Any]) -> None:
    """Raise UsageError where none of the first events of a producer is one of the task's."""
    taken, faults = task.decode_all(list(islice(events.payloads(), _TRIED)))
    if not taken:
        raise UsageError(
            f"TASK={task.name} takes none of the events of {task.producer}, which it names as its producer "
            f"({next(iter(faults.values()), 'there are none')}); mend that, or give events of it, EVENTS="
        )


def _is_by_fields(spec: str, columns: ColumnNames, task: Task[Any]) -> bool:
    """Tell whether files are read by the names of the event's fields: the producer reads its own kind only.

    They are where columns are named, for JSON and CSV, and where a parquet file has the event's id and each
    field that an event must have.
    """
    if columns != ColumnNames():
        return True
    try:
        path = event_files.paths(spec, lambda _: None)[0]
        if not event_files.is_parquet(path):
            return True
        there = event_files.columns_of(path)
    except UsageError:
        return False  # the producer may know the place; it says what is wrong with it
    needed = [one for one in value_fields_of(task.event) if one.required]
    names = {one.name: one.path[-1] for one in needed} | {id_path(task)[0]: id_path(task)[0]}
    return all(name in there or last in there for name, last in names.items())
