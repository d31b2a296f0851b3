"""Which rows a run takes: its interval's, and those that were entered late into intervals that are done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from threeways.batch.chunk import Chunk, Refused, name_of
from threeways.batch.interval import Interval, merged
from threeways.errors import BatchError
from threeways.scoring.task import EventId

LOOKBACK = "1d"
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

type Mask = NDArray[np.bool_]


def lookback_of(text: str) -> timedelta:
    """How far back a run looks: 36h, 2d, 1w; 0 for not at all. Raises BatchError."""
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
        """The one interval to read: all of the window, with `older` or without."""
        first = [*(self.older if older else ()), *self.late, self.interval][0]
        return Interval(first.start, self.interval.end)


def of(interval: Interval, lookback: timedelta, done: Sequence[Interval]) -> Window:
    """The interval's window: from the midnight before `lookback` ago, as far as that is done."""
    start = interval.start
    if start is None or not lookback:
        return Window(interval)
    try:
        since = (start - lookback).replace(hour=0, minute=0, second=0, microsecond=0)
    except OverflowError:
        since = datetime.min  # noqa: DTZ901 - New York's wall clock, as all here
    before = [one for stretch in merged(done) if (one := stretch.between(None, start))]
    late = [one for stretch in before if (one := stretch.between(since, start))]
    return Window(interval, late, [one for stretch in before if (one := stretch.between(None, since))])


class Known(Protocol):
    """Which rides a sink has already."""

    def predicted(self, ids: Sequence[EventId]) -> Mask:
        """(n,) which of the rides have a prediction."""

    def quarantined(self, names: Sequence[str]) -> set[str]:
        """The ids, as `name_of` writes them, that are in quarantine."""


class Sift:
    """Takes from a chunk what the window is for; counts late rows taken and older ones left."""

    def __init__(self, window: Window, known: Known) -> None:
        self._window, self._known = window, known
        self.late = 0
        self.missed = 0
        self.missed_since: datetime | None = None

    def __call__(self, chunk: Chunk) -> Chunk:
        """The chunk without the rows that are known, older, or of a time that was never asked for."""
        window, start = self._window, self._window.interval.start
        if start is None or not (window.late or window.older):
            return chunk
        early = chunk.pickup < np.datetime64(start)
        refused = [one for one in chunk.refused if one.pickup_datetime and one.pickup_datetime < start]
        if not (refused or early.any()):
            return chunk
        new, new_refused = self._unknown(chunk, np.flatnonzero(early), refused)
        taken = _inside(window.late, chunk.pickup) & new
        older = _inside(window.older, chunk.pickup) & new
        late = [one for one in new_refused if _holds(window.late, one)]
        self.late += int(taken.sum()) + len(late)
        self._miss(chunk.pickup[older].tolist())
        self._miss([one.pickup_datetime for one in new_refused if _holds(window.older, one)])
        kept = [one for one in chunk.refused if one.pickup_datetime is None or one.pickup_datetime >= start]
        return chunk.only(~early | taken, [*kept, *late])

    def _unknown(
        self, chunk: Chunk, rows: NDArray[np.intp], refused: list[Refused]
    ) -> tuple[Mask, list[Refused]]:
        """(n,) which of the chunk's rides at `rows`, and which of the refused rows, the sink has not."""
        ids = [chunk.ids[row] for row in rows.tolist()]
        rows = rows[~self._known.predicted(ids)]
        names = [name_of(chunk.ids[row]) for row in rows.tolist()]
        told = self._known.quarantined([*names, *(one.ride_id for one in refused)])
        new = np.zeros(len(chunk.ids), bool)
        new[rows] = [name not in told for name in names]
        return new, [one for one in refused if one.ride_id not in told]

    def _miss(self, pickups: Sequence[datetime | None]) -> None:
        known = [one for one in (self.missed_since, *pickups) if one]
        self.missed += len(pickups)
        self.missed_since = min(known, default=None)


def _inside(stretches: Sequence[Interval], pickup: NDArray[np.datetime64]) -> Mask:
    inside = np.zeros(len(pickup), bool)
    for stretch in stretches:
        inside |= stretch.mask(pickup)
    return inside


def _holds(stretches: Sequence[Interval], refused: Refused) -> bool:
    pickup = refused.pickup_datetime
    return pickup is not None and any(one.holds(pickup) for one in stretches)
