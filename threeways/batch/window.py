"""Choose the rows a run takes: its interval's, and those entered late into intervals that are done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from threeways.batch.chunk import Chunk, Refused, name_of
from threeways.batch.interval import Interval, merged
from threeways.batch.sink import Writer
from threeways.errors import BatchError

LOOKBACK = "1d"
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

type Mask = NDArray[np.bool_]


def lookback_of(text: str) -> timedelta:
    """Return how far back a run looks: 36h, 2d, 1w; 0 for not at all. Raises BatchError."""
    found = re.fullmatch(r"\s*(\d{1,5})\s*([hdw])?\s*", text.lower(), re.ASCII)
    if found and (found[2] or int(found[1]) == 0):
        return timedelta(**{_UNITS[found[2] or "d"]: int(found[1])})
    raise BatchError(f"LOOKBACK={text} is no length of time; write 36h, 2d or 1w, or 0 for none")


@dataclass(frozen=True, slots=True)
class Window:
    """interval: is scored whole. late: done before, a row of it without a prediction is scored too.

    older: the same, but such a row is only counted. Both are stretches in order, before the interval.
    """

    interval: Interval
    late: Sequence[Interval] = ()
    older: Sequence[Interval] = ()

    def reading(self, *, older: bool) -> Interval:
        """Return the one interval to read: all of the window, with `older` or without."""
        first = [*(self.older if older else ()), *self.late, self.interval][0]
        return Interval(first.start, self.interval.end)


def of(interval: Interval, lookback: timedelta, done: Sequence[Interval]) -> Window:
    """Return the interval's window: from the midnight before `lookback` ago, as far as that is done."""
    start = interval.start
    if start is None or not lookback:
        return Window(interval)
    try:
        since = (start - lookback).replace(hour=0, minute=0, second=0, microsecond=0)
    except OverflowError:
        since = datetime.min  # noqa: DTZ901 - the task's clock, as all here
    before = [one for stretch in merged(done) if (one := stretch.between(None, start))]
    late = [one for stretch in before if (one := stretch.between(since, start))]
    return Window(interval, late, [one for stretch in before if (one := stretch.between(None, since))])


class Sift:
    """Takes from a chunk what the window is for; counts late rows taken and older ones left."""

    def __init__(self, window: Window, known: Writer) -> None:
        self._window, self._known = window, known
        self.late = 0
        self.missed = 0
        self.missed_since: datetime | None = None

    def __call__(self, chunk: Chunk) -> Chunk:
        """Return the chunk without the rows that are known, older, or of a time that was never asked for."""
        window, start = self._window, self._window.interval.start
        if start is None or not (window.late or window.older):
            return chunk
        early = chunk.time < np.datetime64(start)
        refused = [one for one in chunk.refused if one.time and one.time < start]
        if not (refused or early.any()):
            return chunk
        new, new_refused = self._unknown(chunk, np.flatnonzero(early), refused)
        taken = _inside(window.late, chunk.time) & new
        older = _inside(window.older, chunk.time) & new
        late = [one for one in new_refused if _holds(window.late, one)]
        self.late += int(taken.sum()) + len(late)
        self._miss(chunk.time[older].tolist())
        self._miss([one.time for one in new_refused if _holds(window.older, one)])
        kept = [one for one in chunk.refused if one.time is None or one.time >= start]
        return chunk.only(~early | taken, [*kept, *late])

    def new(self, refused: list[Refused]) -> list[Refused]:
        """Return all of the refused rows: each run of an interval tells of its own."""
        return refused

    def _unknown(
        self, chunk: Chunk, rows: NDArray[np.intp], refused: list[Refused]
    ) -> tuple[Mask, list[Refused]]:
        """(n,) which of the chunk's events at `rows`, and which of the refused rows, the sink has not."""
        ids = [chunk.ids[row] for row in rows.tolist()]
        rows = rows[~self._known.predicted(ids)]
        names = [name_of(chunk.ids[row]) for row in rows.tolist()]
        told = self._known.quarantined([*names, *(one.id for one in refused)])
        new = np.zeros(len(chunk.ids), bool)
        new[rows] = [name not in told for name in names]
        return new, [one for one in refused if one.id not in told]

    def _miss(self, times: Sequence[datetime | None]) -> None:
        known = [one for one in (self.missed_since, *times) if one]
        self.missed += len(times)
        self.missed_since = min(known, default=None)


class Unscored:
    """Takes from a chunk, of a run by ids, what has no prediction yet."""

    late, missed, missed_since = 0, 0, None

    def __init__(self, known: Writer) -> None:
        self._known = known

    def __call__(self, chunk: Chunk) -> Chunk:
        """Return the chunk without the events that have a prediction."""
        known = self._known.predicted(chunk.ids) if chunk.ids else np.zeros(0, bool)
        return chunk.only(~known, chunk.refused) if known.any() else chunk

    def new(self, refused: list[Refused]) -> list[Refused]:
        """Return the refused rows without those refused before: they keep their quarantine entry."""
        told = self._known.quarantined([one.id for one in refused]) if refused else set()
        return [one for one in refused if one.id not in told]


def _inside(stretches: Sequence[Interval], times: NDArray[np.datetime64]) -> Mask:
    inside = np.zeros(len(times), bool)
    for stretch in stretches:
        inside |= stretch.mask(times)
    return inside


def _holds(stretches: Sequence[Interval], refused: Refused) -> bool:
    time = refused.time
    return time is not None and any(one.holds(time) for one in stretches)
