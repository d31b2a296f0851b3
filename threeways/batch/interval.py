"""Which rides a run scores: those whose pickup lies in an interval of New York's wall clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.clock import NEW_YORK
from threeways.errors import BatchError

LAST = ("hour", "day", "week", "month")
"""What `last` takes."""


class Interval(msgspec.Struct, frozen=True, order=True):
    """From `start` until just before `end`: naive, New York's wall clock. start None: from the first ride."""

    start: datetime | None
    end: datetime

    def __str__(self) -> str:
        return f"{'the first ride' if self.start is None else _told(self.start)} to {_told(self.end)}"

    def mask(self, pickup: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """(n,) whether each pickup lies inside; never where it is NaT."""
        inside = pickup < np.datetime64(self.end)
        return inside if self.start is None else inside & (pickup >= np.datetime64(self.start))

    def holds(self, pickup: datetime) -> bool:
        """Whether one pickup lies inside."""
        return (self.start is None or pickup >= self.start) and pickup < self.end

    def between(self, start: datetime | None, end: datetime) -> Interval | None:
        """What of it lies from `start` until just before `end`; None where nothing does."""
        starts = [one for one in (self.start, start) if one]
        part = Interval(max(starts, default=None), min(self.end, end))
        return part if part.start is None or part.start < part.end else None

    def overlaps(self, other: Self) -> bool:
        """Whether some pickup lies in both."""
        return (other.start is None or self.end > other.start) and (
            self.start is None or other.end > self.start
        )


def now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


def chosen(
    start: str | None, end: str | None, last_unit: str | None, done: Sequence[Interval], at: datetime
) -> Interval:
    """The interval that the user asks for; with nothing given, everything since what is done.

    start, end: ISO 8601, a date or a date and time; without an offset New York's. end alone: from the first
    ride; start alone: until now. last_unit: one of `LAST`. at: now, aware. Raises BatchError.
    """
    if last_unit is not None:
        if start or end:
            raise BatchError("--last names an interval by itself; leave FROM= and TO= out, or --last")
        return last(last_unit, at)
    until = _parsed(end, "TO") if end else wall(at).replace(microsecond=0)
    since = _parsed(start, "FROM") if start else None if end else resume(done)
    if since is not None and since >= until:
        if start or end:
            ends = f"TO={end}" if end else f"now, {until}"
            raise BatchError(f"FROM={start} is not before {ends}; TO is the first moment left out")
        until = since
    return Interval(since, until)


def last(unit: str, at: datetime) -> Interval:
    """The last whole hour, day, week (from Monday) or month before `at`, which is aware.

    Across a clock change an hour is one that has passed: the one before 3:00 in March began at 1:00, and the
    two hours from 1:00 in November are one interval, since their rides bear the same times.
    """
    here = at.astimezone(NEW_YORK)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if unit == "hour":
        end = here.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        first, past = wall(end - timedelta(hours=1)), wall(end)
        return Interval(first, max(past, first + timedelta(hours=1)))
    if unit == "day":
        return Interval(midnight - timedelta(days=1), midnight)
    if unit == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return Interval(monday - timedelta(days=7), monday)
    if unit == "month":
        end = midnight.replace(day=1)
        return Interval((end - timedelta(days=1)).replace(day=1), end)
    raise BatchError(f"--last {unit} is none; give one of {', '.join(LAST)}")


def resume(done: Sequence[Interval]) -> datetime | None:
    """Where to go on: the end of the first unbroken stretch of what is done, so that no gap is skipped."""
    return next((one.end for one in merged(done)), None)


def merged(intervals: Sequence[Interval]) -> list[Interval]:
    """The same in unbroken stretches, in order."""
    stretches: list[Interval] = []
    for interval in sorted(intervals, key=lambda one: (one.start is not None, one.start or one.end)):
        if stretches and (interval.start is None or interval.start <= stretches[-1].end):
            stretches[-1] = Interval(stretches[-1].start, max(stretches[-1].end, interval.end))
        else:
            stretches.append(interval)
    return stretches


def _parsed(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else wall(moment)
    except (ValueError, OverflowError):
        raise BatchError(f"{name}={text} is no date; write 2021-02-01 or 2021-02-01T08:00") from None


def wall(moment: datetime) -> datetime:
    """An aware moment on New York's wall clock, naive."""
    return moment.astimezone(NEW_YORK).replace(tzinfo=None, fold=0)


def _told(moment: datetime) -> str:
    """As FROM= and TO= take it too, to the second where it has one."""
    return moment.isoformat(sep=" ", timespec="auto" if moment.second or moment.microsecond else "minutes")
