"""Derive a table's columns from a task's event: the msgspec type of the event is the one schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import inspect

from threeways.batch import names
from threeways.batch.leaf import Leaf, leaf_of
from threeways.errors import SettingsError
from threeways.scoring.outputs import Classes, Scores, Value
from threeways.scoring.ranking import Ranking
from threeways.scoring.task import Task, Truth
from threeways.wall_clock import wall_clock

TIME, ACTUAL = ":time", ":actual"
"""The keys of what is in a table and not in the event; no field of an event has such a name."""
BECAUSE = "because"
"""The column with the terms of a prediction as JSON, where its task tells them."""
_OURS = ("flags", "model_version", "payload", "code", "message")


class Naming(msgspec.Struct, frozen=True):
    """What the user calls three columns: ID=, TIME= and ACTUAL=; None: as the task does."""

    id: str | None = None
    time: str | None = None
    actual: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column of a table. key: what it is here. column: its name there. required: the table must have it."""

    key: str
    column: str
    required: bool


@dataclass(frozen=True)
class Layout:
    """How the events of a task lie in a table.

    id: the event's id. leaves: its other fields, nested ones too, in the event's order; a table's columns are
    called as they are. nodes: the structs, by their path, with the tag of each that wants one. time: the key
    of the column with the event's time, None where there is none; time_name: its name in what is written.
    zone: the clock of times without an offset. truth: what tells the output. naming: see `Naming`.
    """

    task: Task[Any]
    id: Leaf
    leaves: tuple[Leaf, ...]
    nodes: tuple[tuple[tuple[str, ...], dict[str, str | int]], ...]
    time: str | None
    time_name: str
    zone: ZoneInfo
    truth: Truth | None
    naming: Naming = field(default_factory=Naming)

    @cached_property
    def names(self) -> names.Names:
        """The names of the task's tables."""
        return (names.of_model if self.task.from_signature else names.of)(self.task.name)

    @cached_property
    def refused_columns(self) -> dict[str, str]:
        """The columns of the quarantine, by what `Refused` calls them."""
        times = {"time": self.time_name} if self.time else {}
        return {"id": self.id.name, **times, "payload": "payload", "code": "code", "message": "message"}

    @cached_property
    def by_column(self) -> bool:
        """Whether the features of sound rows are made of columns; else every row becomes an event."""
        dicts = self.task.dicts
        return self.task.features_by_column is not None and (dicts is None or dicts.by_column is not None)

    @cached_property
    def time_leaf(self) -> Leaf | None:
        """The field of the event that tells its time."""
        return next((one for one in self.leaves if one.name == self.time), None)

    @cached_property
    def id_is_feature(self) -> bool:
        """Whether the event's id is one of the columns that the model takes."""
        return self.task.from_signature and self.id.name in self.task.columns

    @cached_property
    def truths(self) -> dict[str, str]:
        """The columns with the truth by the names of several outputs; none for one."""
        return _truths(self.task, self.naming)

    @cached_property
    def written(self) -> dict[str, type]:
        """The columns of a table of predictions between its time and flags, with their values' types."""
        return written_of(self.task)

    @cached_property
    def bounds(self) -> tuple[str, ...]:
        """Those of them that hold an interval's ends, a table's last: a model without intervals has none."""
        return getattr(self.task.output, "bounds", ())

    @cached_property
    def is_whole(self) -> bool:
        """Whether the columns of its predictions are known: those of classes the model tells."""
        return isinstance(self.task.output, Value | Scores | Ranking)

    @cached_property
    def has_labels(self) -> bool:
        """Whether the output is a class, so that the truth is a label."""
        return isinstance(self.task.output, Classes)

    @cached_property
    def wanted(self) -> tuple[Wanted, ...]:
        """The columns: the id's first, the truth's last."""
        truth, given = self.truth, self.naming
        found = [Wanted(self.id.name, given.id or self.id.name, required=True)]
        for leaf in self.leaves:
            timed = leaf.name == self.time
            called = given.time if timed and given.time else leaf.name
            found.append(Wanted(leaf.name, called, leaf.required or timed))
        if self.time == TIME:
            found.append(Wanted(TIME, self.time_name, required=True))
        found += [Wanted(f"{ACTUAL} {name}", one, required=True) for name, one in self.truths.items()]
        if truth:
            found.append(Wanted(ACTUAL, truth.column, given.actual is not None))
            found += [Wanted(f":where {name}", name, required=False) for name in truth.where]
        return tuple(found)

    def event_of(self, event_id: Any, given: dict[str, Any]) -> dict[str, Any]:
        """Return a row as the event that the stream would carry. given: values by the leaves' names.

        A field that the row lacks, or a null that its default stands in for, is left out.
        """
        event: dict[str, Any] = {self.id.path[0]: event_id}
        for path, tags in self.nodes:
            _node(event, path).update(tags)
        for leaf in self.leaves:
            if leaf.name in given and not (given[leaf.name] is None and leaf.null_is_left_out):
                _node(event, leaf.path[:-1])[leaf.path[-1]] = given[leaf.name]
        return event

    def moment(self, value: Any) -> datetime:
        """Return the naive time of a value of the time column, by the zone's clock. Raises InvalidEvent."""
        leaf = self.time_leaf
        at = leaf.at if leaf else f"$.{self.time_name}"
        text = value.isoformat() if isinstance(value, datetime) else value
        return wall_clock(text if isinstance(text, str) else str(text), self.zone, at)

    def prefixed(self, wanted: Wanted, there: list[str]) -> str:
        """Return the name of a column as a table may have it: with one of the task's prefixes, or without."""
        return next(
            (p + wanted.column for p in self.task.prefixes if p + wanted.column in there), wanted.column
        )


def _node(event: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for part in path:
        event = event.setdefault(part, {})
    return event


def of(task: Task[Any], naming: Naming | None = None) -> Layout:
    """Return the layout of a task's events. Raises SettingsError where they can lie in no table."""
    naming = naming or Naming()
    nodes: list[tuple[tuple[str, ...], dict[str, str | int]]] = []
    leaves = list(_leaves(inspect.type_info(task.event), (), (), nodes, by_path=task.from_signature))
    event_id = next((one for one in leaves if one.attributes == task.id), None)
    if event_id is None:
        raise _refused(task, f"its event has no field {task.id} for the id; mend its `id`")
    leaves.remove(event_id)
    twice = [name for name, count in Counter(one.name for one in [event_id, *leaves]).items() if count > 1]
    if twice:
        raise _refused(
            task,
            f"more than one field of its event is called {', '.join(twice)}, and a table's "
            "columns go by these names; rename all but one",
        )
    time, name, clock, leaves = _timed(task, naming, leaves)
    unknown = [one.field for one in task.slices if one.field not in [leaf.name for leaf in leaves]]
    if unknown:
        raise _refused(task, f"its event has no field {unknown[0]} for `slices`; mend the task")
    require_columns(task, [event_id.name, *([name] if time else []), *written_of(task)])
    truth = _truth(task, naming, time)
    return Layout(task, event_id, tuple(leaves), tuple(nodes), time, name, clock, truth, naming)


def written_of(task: Task[Any]) -> dict[str, type]:
    """Return the columns that a table has of what a task predicts, with their values' types."""
    if task.because and BECAUSE in task.output.columns:
        raise _refused(
            task, f"its output and its terms would both be the column {BECAUSE}; rename the output"
        )
    return task.output.columns | ({BECAUSE: str} if task.because else {})


def _timed(
    task: Task[Any], naming: Naming, leaves: list[Leaf]
) -> tuple[str | None, str, ZoneInfo, list[Leaf]]:
    """Return the time's key and name, its clock, and the leaves with the time's marked."""
    time, zone = naming.time and TIME, task.time.zone if task.time else "UTC"
    name = naming.time or ""
    if task.time:
        time = name = task.time.field
        leaves = [_time_leaf(task, one) if one.name == time else one for one in leaves]
        if time not in [one.name for one in leaves]:
            raise _refused(task, f"its event has no field {time} for `time`; mend the task")
    try:
        return time or None, name, ZoneInfo(zone), leaves
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _refused(task, f"{zone} is no time zone; mend its `time`") from None


def _truth(task: Task[Any], naming: Naming, time: str | None) -> Truth | None:
    """Return what tells the output of the table's events. Raises SettingsError."""
    truth = task.truth
    if naming.actual:
        if isinstance(task.output, Ranking):
            raise _refused(task, "it ranks names, which are not judged yet; leave ACTUAL= out")
        if isinstance(task.output, Scores):
            _truths(task, naming)
            return None
        truth = replace(truth, column=naming.actual) if truth else Truth(column=naming.actual)
    if truth and truth.since and not time:
        raise _refused(task, "its truth counts from the event's time; give TIME= too")
    return truth


def _truths(task: Task[Any], naming: Naming) -> dict[str, str]:
    """Return the columns with the truth by the names of several outputs. Raises SettingsError."""
    if naming.actual is None or not isinstance(task.output, Scores):
        return {}
    columns, names = [one.strip() for one in naming.actual.split(",")], task.output.names
    if len(set(columns)) == len(columns) and set(columns) <= set(names):
        return dict(zip(columns, columns, strict=True))
    if len(columns) == len(names):
        return dict(zip(names, columns, strict=True))
    raise _refused(task, f"ACTUAL={naming.actual}: it predicts {', '.join(names)}; name a column for each")


def require_columns(task: Task[Any], written: list[str]) -> None:
    """Raise SettingsError for columns of predictions that no table could have beside each other."""
    same = [one for one, count in Counter(map(str.lower, [*written, *_OURS])).items() if count > 1]
    if same:
        raise _refused(
            task,
            f"two columns of its predictions would be called {same[0]}; rename the field, the output "
            "or TIME=, or the class that the column is named for (case does not matter)",
        )
    unfit = [
        one for one in written if not one or "\0" in one or any(0xD800 <= ord(sign) < 0xE000 for sign in one)
    ]
    if unfit:
        raise _refused(
            task,
            f"a column of its predictions would be called {unfit[0]!r}, which no table can have; rename the "
            "output, or the class that the column is named for, and train again",
        )


def _refused(task: Task[Any], problem: str) -> SettingsError:
    """Return an error that names the task, or the model whose signature makes it."""
    return SettingsError(f"{'the model ' if task.from_signature else 'TASK='}{task.name}: {problem}")


def _time_leaf(task: Task[Any], leaf: Leaf) -> Leaf:
    if not leaf.holds_times:
        raise _refused(
            task,
            f"its time, {leaf.name}, is neither text nor datetime, and the batch job goes "
            "by dates with a time; give the event such a field",
        )
    return leaf if task.from_signature else replace(leaf, kind="time")  # it is a feature as it is, too


def _leaves(
    told: Any,
    path: tuple[str, ...],
    attributes: tuple[str, ...],
    nodes: list[tuple[tuple[str, ...], dict[str, str | int]]],
    *,
    by_path: bool,
) -> Iterator[Leaf]:
    """Yield the leaf fields of a struct, those of nested structs in their place."""
    tag = getattr(told, "tag_field", None)
    nodes.append((path, {tag: told.tag} if tag else {}))
    for one in told.fields:
        inner_path, inner = (*path, one.encode_name), (*attributes, one.name)
        if isinstance(one.type, inspect.StructType | inspect.DataclassType) and one.required:
            yield from _leaves(one.type, inner_path, inner, nodes, by_path=by_path)
        else:
            yield leaf_of(one, inner_path, inner, by_path=by_path)
