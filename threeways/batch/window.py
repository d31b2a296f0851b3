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
    """Takes from a chunk what the window is for; counts late rows taken and older ones left.

    Without a window, in a run by ids, that is what has no prediction yet.
    """

    def __init__(self, window: Window | None, known: Writer) -> None:
        self._window, self._known = window, known
        self.late = 0
        self.missed = 0
        self.missed_since: datetime | None = None

    def __call__(self, chunk: Chunk) -> Chunk:
        """Return the chunk without the rows that are known, older, or of a time that was never asked for."""
        window = self._window
        if window is None:
            scored = self._known.predicted(chunk.ids) if chunk.ids else np.zeros(0, bool)
            return chunk.only(~scored, chunk.refused) if scored.any() else chunk
        start = window.interval.start
        if start is None or not (window.late or window.older):
            return chunk
        refused_at = np.array([one.time for one in chunk.refused], "datetime64[us]")
        first = np.datetime64(start)
        early, early_refused = chunk.time < first, refused_at < first
        if not (early.any() or early_refused.any()):
            return chunk
        new, new_refused = self._unknown(chunk, early, early_refused)
        late = _inside(window.late, chunk.time) & new
        late_refused = _inside(window.late, refused_at) & new_refused
        self.late += int(late.sum() + late_refused.sum())
        older = chunk.time[_inside(window.older, chunk.time) & new]
        older = np.concatenate([older, refused_at[_inside(window.older, refused_at) & new_refused]])
        if len(older):
            self.missed += len(older)
            oldest = older.min().item()
            self.missed_since = min(self.missed_since or oldest, oldest)
        kept = ~early_refused | late_refused
        return chunk.only(~early | late, [chunk.refused[row] for row in np.flatnonzero(kept).tolist()])

    def new(self, refused: list[Refused]) -> list[Refused]:
        """Return the refused rows that are told: each run of an interval tells of its own.

        In a run by ids, those refused before keep their quarantine entry.
        """
        if self._window or not refused:
            return refused
        told = self._known.quarantined([one.id for one in refused])
        return [one for one in refused if one.id not in told]

    def _unknown(self, chunk: Chunk, early: Mask, early_refused: Mask) -> tuple[Mask, Mask]:
        """(n,) which of the chunk's early events, and of its early refused rows, the sink has not."""
        rows = np.flatnonzero(early)
        rows = rows[~self._known.predicted([chunk.ids[row] for row in rows.tolist()])]
        names = [name_of(chunk.ids[row]) for row in rows.tolist()]
        others = np.flatnonzero(early_refused)
        other_names = [chunk.refused[row].id for row in others.tolist()]
        told = self._known.quarantined([*names, *other_names])
        new, new_refused = np.zeros_like(early), np.zeros_like(early_refused)
        new[rows] = [name not in told for name in names]
        new_refused[others] = [name not in told for name in other_names]
        return new, new_refused


def _inside(stretches: Sequence[Interval], times: NDArray[np.datetime64]) -> Mask:
    inside = np.zeros(len(times), bool)
    for stretch in stretches:
        inside |= stretch.mask(times)
    return inside
