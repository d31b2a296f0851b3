"""Rows by column, as any source gives them: sound ones taken at once, odd ones decoded as the stream does."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.batch import id_kinds
from threeways.batch.chunk import Chunk, Refused, clean, payload_of, refusal
from threeways.batch.interval import Interval
from threeways.batch.layout import ACTUAL, TIME, Layout
from threeways.batch.leaf import Leaf, id_is_plain
from threeways.errors import InvalidEvent, PermanentError, UndecodableEvent

type Mask = NDArray[np.bool_]
_MINUTE = np.timedelta64(1, "m")


@dataclass(slots=True)
class RowColumns:
    """n rows by column, and which of them the quick checks could not tell to be sound events.

    ids: n. fields: (n,) each, by the leaves' names, where the layout goes by column; the time's is not among
    them. time: (n,) datetime64[us], NaT where it can't be told. ended, value: (n,) what the truth's column
    holds, where it is a time or a number. told: (n,) whether the truth is one by its `where`. What they hold
    at an odd row does not matter. raw: the values of a row, by the leaves' names and the time's key.
    text_ids: see `Source`.
    """

    layout: Layout
    ids: list[Any]
    fields: dict[str, NDArray[Any]]
    time: NDArray[np.datetime64]
    ended: NDArray[np.datetime64] | None
    value: NDArray[np.float64] | None
    told: Mask | None
    odd: Mask
    raw: Callable[[int], dict[str, Any]]
    text_ids: bool

    def chunk(self, interval: Interval | None) -> Chunk:
        """Return the rows as a chunk. An odd row becomes an event and is decoded as the stream decodes it."""
        layout, refused, events = self.layout, list[Refused](), dict[int, Any]()
        sound = ~self.odd
        for row in np.flatnonzero(self.odd).tolist():
            given = self.raw(row)
            payload, outcome = decoded(layout, self.ids[row], given, text_ids=self.text_ids)
            if not isinstance(outcome, PermanentError):
                outcome = self._mend(row, *outcome) or outcome
            if isinstance(outcome, PermanentError):
                when = self._time_of(given)
                if interval is None or when is None or interval.holds(when):
                    refused.append(refusal(self.ids[row], payload, when, outcome))
            else:
                events[row] = outcome[0]
                sound[row] = True
        rows = np.flatnonzero(sound if interval is None else sound & interval.mask(self.time))
        every = len(rows) == len(self.ids)
        ids = self.ids if every else [self.ids[row] for row in rows.tolist()]
        time = self.time[rows]
        return Chunk(
            layout,
            ids,
            self._columns(rows, time) if layout.by_column else None,
            None if layout.by_column else [events[row] for row in rows.tolist()],
            time,
            self._actual(rows, time),
            refused,
            len(self.ids),
        )

    def _columns(self, rows: NDArray[np.intp], time: NDArray[np.datetime64]) -> dict[str, NDArray[Any]]:
        found = {name: values[rows] for name, values in self.fields.items()}
        if leaf := self.layout.time_leaf:
            found[leaf.name] = time.astype("datetime64[s]")
        return found

    def _actual(self, rows: NDArray[np.intp], time: NDArray[np.datetime64]) -> NDArray[np.float64]:
        """(n,) the truth: minutes from the event's time, or the number itself."""
        if self.ended is not None:
            found = np.asarray((self.ended[rows] - time) / _MINUTE, dtype=np.float64)
        elif self.value is not None:
            found = self.value[rows]
        else:
            return np.full(len(rows), np.nan)
        return found if self.told is None else np.where(self.told[rows], found, np.nan)

    def _mend(self, row: int, event: Any, time: datetime | None) -> PermanentError | None:
        """Put what an odd row's event holds into the columns; the reason where they can't hold it."""
        layout = self.layout
        self.ids[row] = layout.id.of(event)
        if time is not None:
            self.time[row] = np.datetime64(time)
        for leaf in layout.leaves if layout.by_column else ():
            if leaf.kind != "time":
                value = leaf.of(event)
                try:
                    self.fields[leaf.name][row] = np.nan if value is None and leaf.kind == "float" else value
                except OverflowError:
                    return InvalidEvent(f"`{value}` is beyond 64 bits - at `{leaf.at}`")
        return None

    def _time_of(self, given: dict[str, Any]) -> datetime | None:
        """Return the time of a refused row, where that can be told, so that it belongs to an interval."""
        value = given.get(self.layout.time or "")
        if not isinstance(value, str | datetime):
            return None
        try:
            return self.layout.moment(value)
        except InvalidEvent:
            return None


def decoded(
    layout: Layout, event_id: Any, given: dict[str, Any], *, text_ids: bool
) -> tuple[str, tuple[Any, datetime | None] | PermanentError]:
    """Return a row as the event's JSON, and the event with its time, or why it is none.

    given: values by the leaves' names and the time's key, as `Leaf.value` makes them.
    """
    sent = float(event_id) if isinstance(event_id, Decimal) else event_id  # in JSON it would be a text
    try:
        payload = payload_of(layout, sent, given)
    except UnicodeEncodeError:
        return clean(repr((event_id, given))), UndecodableEvent("its text is no UTF-8")
    text = payload.decode()
    try:
        if wrong := id_kinds.fault(event_id, text=text_ids, at=layout.id.at) or _infinite(layout, given):
            raise wrong
        event = layout.task.decode(payload)
        return text, (event, _moment(layout, event, given))
    except PermanentError as error:
        return text, error


def _moment(layout: Layout, event: Any, given: dict[str, Any]) -> datetime | None:
    """Return the event's time. Raises InvalidEvent."""
    if layout.time is None:
        return None
    leaf = layout.time_leaf
    value = leaf.of(event) if leaf else given[layout.time]
    if value is None or value is msgspec.UNSET:  # an arrival may stand in on the stream; a table has none
        within = leaf.within if leaf else "$"
        raise InvalidEvent(f"Object missing required field `{layout.time_name}` - at `{within}`")
    return layout.moment(value)


def _infinite(layout: Layout, given: dict[str, Any]) -> InvalidEvent | None:
    """Return the reason for a number that JSON has not, where its null would be taken for a missing one."""
    for leaf in layout.leaves:
        value = given.get(leaf.name)
        if leaf.nullable and isinstance(value, float) and math.isinf(value):
            return InvalidEvent(f"`{value}` is no finite number - at `{leaf.at}`")
    return None


class Values(Protocol):
    """Reads the columns of n rows by their keys (see `Layout.wanted`), in whatever form they came."""

    @property
    def keys(self) -> Collection[str]:
        """The keys of the columns that are there."""

    def ids(self, key: str, *, text: bool) -> tuple[list[Any], Mask]:
        """Return the ids, and which of them are none of the kind. text: whether ids are told as texts."""

    def times(self, key: str) -> tuple[NDArray[np.datetime64], Mask]:
        """Return (n,) on the layout's clock, NaT and odd where there is no time that an event can hold."""

    def checked(self, leaf: Leaf) -> tuple[NDArray[Any], Mask]:
        """Return (n,) a field's values, and which of them are not plainly sound."""

    def numbers(self, key: str) -> NDArray[np.float64]:
        """Return (n,) numbers, NaN where there is none."""

    def value(self, key: str, row: int, leaf: Leaf | None = None) -> Any:
        """Return what a row holds; as a leaf takes it where that is given."""


def read(values: Values, layout: Layout, *, text_ids: bool) -> RowColumns:
    """Return n rows as columns. text_ids: see `Source`; the ids' own type may be another."""
    ids, odd = values.ids(layout.id.name, text=text_ids)
    time = np.full(len(ids), "NaT", "datetime64[us]")
    if layout.time:
        time, odd_times = values.times(layout.time)
        odd = odd | odd_times
    fields: dict[str, NDArray[Any]] = {}
    if layout.by_column and id_is_plain(layout.id):
        for leaf in layout.leaves:
            if leaf.kind == "time":
                continue
            if leaf.name in values.keys:
                fields[leaf.name], odd_values = values.checked(leaf)
                odd = odd | odd_values
            else:
                fields[leaf.name] = leaf.filled(len(ids))
    else:
        odd = np.ones(len(ids), bool)
        fields = {leaf.name: leaf.filled(len(ids)) for leaf in layout.leaves if layout.by_column}

    leaves = [leaf for leaf in layout.leaves if leaf.name in values.keys]

    def raw(row: int) -> dict[str, Any]:
        found = {leaf.name: values.value(leaf.name, row, leaf) for leaf in leaves}
        return found | {TIME: values.value(TIME, row)} if TIME in values.keys else found

    truth = _truth_of(layout, values)
    return RowColumns(layout, ids, fields, time, odd=odd, raw=raw, text_ids=text_ids, **truth)


def _truth_of(layout: Layout, values: Values) -> dict[str, Any]:
    """Return what `RowColumns` holds of the truth."""
    truth = layout.truth
    found: dict[str, Any] = {"ended": None, "value": None, "told": None}
    if truth is None or ACTUAL not in values.keys:
        return found
    lacking = [name for name in truth.where if f":where {name}" not in values.keys]
    if lacking and layout.naming.actual is None:
        return found  # nothing tells which rows are true
    if truth.since:
        found["ended"] = values.times(ACTUAL)[0]
    else:
        found["value"] = values.numbers(ACTUAL)
    for name, value in truth.where.items():
        if name not in lacking:
            holds = values.numbers(f":where {name}") == value
            found["told"] = holds if found["told"] is None else found["told"] & holds
    return found
