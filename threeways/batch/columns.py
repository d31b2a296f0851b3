"""Rows by column, as any source gives them: sound ones taken at once, odd ones decoded as the stream does."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.batch import id_kinds
from threeways.batch.chunk import Chunk, Refused, clean, payload_of, refusal
from threeways.batch.interval import Interval
from threeways.batch.layout import ACTUAL, TIME, Layout
from threeways.batch.leaf import id_is_plain
from threeways.batch.values import Values
from threeways.errors import DataError, InvalidEvent, PermanentError, UndecodableEvent, without_frames
from threeways.scoring.signature_task import BEYOND
from threeways.wall_clock import wall_clock

_MINUTE = np.timedelta64(1, "m")


class Rows:
    """n rows by column, and which of them the quick checks could not tell to be sound events.

    ids: n. fields: (n,) each, by the leaves' names, where the layout goes by column; the time's is not among
    them. time: (n,) datetime64[us], NaT where it can't be told. What they hold at an odd row does not matter.
    text_ids: see `Source`; the ids' own type may be another.
    """

    def __init__(self, values: Values, layout: Layout, *, text_ids: bool) -> None:
        self.layout, self.text_ids, self._values = layout, text_ids, values
        self.ids, self.odd = values.ids(layout.id.name, text=text_ids)
        self.time = np.full(len(self.ids), "NaT", "datetime64[us]")
        if layout.time:
            self.time, odd = values.times(layout.time)
            self.odd = self.odd | odd
        self.fields: dict[str, NDArray[Any]] = {}
        plain = layout.by_column and id_is_plain(layout.id)
        if not plain:
            self.odd = np.ones(len(self.ids), bool)
        for leaf in layout.leaves if layout.by_column else ():
            if plain and leaf.kind != "time" and leaf.name in values.keys:
                self.fields[leaf.name], odd = values.checked(leaf)
                self.odd = self.odd | odd
            elif leaf.kind != "time":
                self.fields[leaf.name] = leaf.array([leaf.default] * len(self.ids))

    def chunk(self, interval: Interval | None) -> Chunk:
        """Return the rows as a chunk. An odd row becomes an event and is decoded as the stream decodes it."""
        layout, refused, events = self.layout, list[Refused](), dict[int, Any]()
        sound = ~self.odd
        for row in np.flatnonzero(self.odd).tolist():
            given = self._raw(row)
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
        columns = None
        if layout.by_column:
            columns = self.fields
            if (leaf := layout.time_leaf) and leaf.kind == "time":
                columns = columns | {leaf.name: self.time.astype("datetime64[s]")}
        every = Chunk(
            layout,
            self.ids,
            columns,
            None if layout.by_column else [events.get(row) for row in range(len(self.ids))],
            self.time,
            self._actual(),
            refused,
            len(self.ids),
        )
        kept = sound if interval is None else sound & interval.mask(self.time)
        return every if kept.all() else every.only(kept, refused)

    def _raw(self, row: int) -> dict[str, Any]:
        """Return the values of a row, by the leaves' names and the time's key."""
        values = self._values
        there = [leaf for leaf in self.layout.leaves if leaf.name in values.keys]
        found = {leaf.name: values.value(leaf.name, row, leaf) for leaf in there}
        return found | {TIME: values.value(TIME, row)} if TIME in values.keys else found

    def _actual(self) -> NDArray[Any]:
        """(n,) the truth: minutes from the event's time, or the number itself; NaN where it is not known.

        Where the output is a class it is a label's text, None where it is not known. Of several outputs it is
        (n, k) of either.
        """
        if self.layout.has_labels:
            return self._actual_labels()
        if self.layout.truths:
            return self._actual_outputs()
        truth, values = self.layout.truth, self._values
        lacking = [name for name in truth.where if f":where {name}" not in values.keys] if truth else []
        if truth is None or ACTUAL not in values.keys or (lacking and self.layout.naming.actual is None):
            return np.full(len(self.ids), np.nan)  # without a column of `where`, nothing tells which are true
        if self.layout.naming.actual is not None:
            found = self._named(self.layout.naming.actual, since=truth.since)
        elif truth.since:
            found = self._minutes()
        else:
            found = values.numbers(ACTUAL)
        for name, value in truth.where.items():
            if name not in lacking:
                found = np.where(values.numbers(f":where {name}") == value, found, np.nan)
        return found

    def _minutes(self) -> NDArray[np.float64]:
        """(n,) the minutes from the event's time to the truth's, NaN where that is no time."""
        values, times = self._values, self._values.times(ACTUAL)[0].copy()
        if self.layout.naming.actual is not None:
            for row in np.flatnonzero(np.isnat(times)).tolist():  # texts with an offset
                if isinstance(value := values.value(ACTUAL, row), str):
                    with suppress(InvalidEvent):
                        times[row] = wall_clock(value, self.layout.zone, ACTUAL)
        return np.asarray((times - self.time) / _MINUTE, dtype=np.float64)

    def _named(self, column: str, *, since: bool) -> NDArray[np.float64]:
        """(n,) the truth of a column that the user names: a number is the output in its unit.

        since: the task's truth is a time; such a column is read as one where it holds no number. Raises
        DataError for a column that holds neither.
        """
        values, told = self._values, self.layout.task.output.name
        found = values.numbers(ACTUAL, texts=True)
        if np.isfinite(found).any() or (first := values.first(ACTUAL)) is None:
            return found
        if since and not np.isnat(self.time).all():
            found = self._minutes()
        if np.isfinite(found).any():
            return found
        time = " or a time" if since else ""
        raise DataError(
            f"ACTUAL={column}: it holds {str(first)[:40]!r}, where a number{time} belongs, what {told} "
            "really was; name the column with that"
        )

    def _actual_labels(self) -> NDArray[Any]:
        truth, values = self.layout.truth, self._values
        found = np.full(len(self.ids), None, dtype=object)
        if truth and ACTUAL in values.keys:
            found[:] = values.labels(ACTUAL, self.layout.task.output.columns["label"])
        return found

    def _actual_outputs(self) -> NDArray[Any]:
        kinds, truths = self.layout.task.output.columns, self.layout.truths
        found = np.full((len(self.ids), len(truths)), None, dtype=object)
        for place, name in enumerate(truths):
            key, kind = f"{ACTUAL} {name}", kinds[name]
            is_label = kind in (str, bool)
            found[:, place] = self._values.labels(key, kind) if is_label else self._values.numbers(key)
        return found

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
                    self.fields[leaf.name][row] = leaf.stored(value)
                except OverflowError:
                    beyond = "64 bits" if isinstance(value, int) else BEYOND
                    return InvalidEvent(f"`{value}` is beyond {beyond} - at `{leaf.at}`")
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
        return text, without_frames(error)


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
