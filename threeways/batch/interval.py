"""Choose which events a run scores: those whose time lies in an interval, by the clock of the task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.errors import BatchError

_UNITS = {
    "minute": ("m", "min", "minute", "minutes"),
    "hour": ("h", "hour", "hours"),
    "day": ("d", "day", "days"),
    "week": ("w", "week", "weeks"),
    "month": ("month", "months"),
}
_DAY = 24 * 60


class Interval(msgspec.Struct, frozen=True, order=True):
    """From `start` until just before `end`: naive, the task's clock. start None: from the first event."""

    start: datetime | None
    end: datetime

    def __str__(self) -> str:
        return f"{'the first event' if self.start is None else _told(self.start)} to {_told(self.end)}"

    def mask(self, times: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """(n,) whether each time lies inside; never where it is NaT."""
        inside = times < np.datetime64(self.end)
        return inside if self.start is None else inside & (times >= np.datetime64(self.start))

    def holds(self, time: datetime) -> bool:
        """Return whether one time lies inside."""
        return (self.start is None or time >= self.start) and time < self.end

    def between(self, start: datetime | None, end: datetime) -> Interval | None:
        """Return what of it lies from `start` until just before `end`; None where nothing does."""
        starts = [one for one in (self.start, start) if one]
        part = Interval(max(starts, default=None), min(self.end, end))
        return part if part.start is None or part.start < part.end else None


def now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)


def chosen(
    start: str | None,
    end: str | None,
    last_unit: str | None,
    done: Sequence[Interval],
    at: datetime,
    zone: ZoneInfo,
) -> Interval:
    """Return the interval that the user asks for; with nothing given, everything since what is done.

    start, end: ISO 8601, a date or a date and time; without an offset by the zone's clock. end alone: from
    the first event; start alone: until now. last_unit: see `last`. at: now, aware. Raises BatchError.
    """
    if last_unit is not None:
        if start or end:
            raise BatchError("--last names an interval by itself; leave FROM= and TO= out, or --last")
        return last(last_unit, at, zone)
    until = _parsed(end, "TO", zone) if end else wall(at, zone).replace(microsecond=0)
    since = _parsed(start, "FROM", zone) if start else None if end else resume(done)
    if since is not None and since >= until:
        if start or end:
            ends = f"TO={end}" if end else f"now, {until}"
            raise BatchError(f"FROM={start} is not before {ends}; TO is the first moment left out")
        until = since
    return Interval(since, until)


def last(text: str, at: datetime, zone: ZoneInfo) -> Interval:
    """Return the last whole intervals before `at`, which is aware: `day`, `10m`, `6h`, `2d`, `3w`, `2months`.

    Several minutes or hours begin at a multiple of them in the day, where the day has a whole number of them,
    so that runs as often as that leave no time out. Weeks begin on Monday. Across a clock change an hour is
    one that has passed: where the clock goes from 2:00 to 3:00, the one before 3:00 began at 1:00, and where
    it goes back to 1:00, the two hours from 1:00 are one interval, since their events bear the same times.
    """
    found = re.fullmatch(r"\s*(\d{0,4})\s*([a-z]+)\s*", text.lower(), re.ASCII)
    unit = found and next((name for name, signs in _UNITS.items() if found[2] in signs), None)
    count = int(found[1] or 1) if found else 0
    if not (unit and count):
        raise BatchError(
            f"--last {text} is none; give one of {', '.join(_UNITS)}, or several: 10m, 6h, 2d, 3w, 2months"
        )
    here = at.astimezone(zone)
    if unit in ("minute", "hour"):
        return _passed(here, count * (60 if unit == "hour" else 1), 60 if unit == "hour" else 1)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    try:
        if unit == "month":
            end = midnight.replace(day=1)
            months = end.year * 12 + end.month - 1 - count
            return Interval(end.replace(year=months // 12, month=months % 12 + 1), end)
        end = midnight if unit == "day" else midnight - timedelta(days=midnight.weekday())
        return Interval(end - timedelta(days=count * (1 if unit == "day" else 7)), end)
    except (ValueError, OverflowError):
        raise BatchError(f"--last {text} begins before the year 1; give a shorter one") from None


def _passed(here: datetime, minutes: int, unit: int) -> Interval:
    """Return the last `minutes` that have passed, to a whole `unit` or a multiple of themselves."""
    zone, length = here.tzinfo, timedelta(minutes=minutes)
    whole = minutes if _DAY % minutes == 0 else unit
    since = here.replace(second=0, microsecond=0)
    end = since.astimezone(UTC) - timedelta(minutes=(since.hour * 60 + since.minute) % whole)
    first, past = ((one.astimezone(zone).replace(tzinfo=None, fold=0)) for one in (end - length, end))
    return Interval(first, max(past, first + length))


def resume(done: Sequence[Interval]) -> datetime | None:
    """Return where to go on: the end of the first unbroken stretch of what is done: no gap is skipped."""
    return next((one.end for one in merged(done)), None)


def merged(intervals: Sequence[Interval]) -> list[Interval]:
    """Return the same in unbroken stretches, in order."""
    stretches: list[Interval] = []
    for interval in sorted(intervals, key=lambda one: (one.start is not None, one.start or one.end)):
        if stretches and (interval.start is None or interval.start <= stretches[-1].end):
            stretches[-1] = Interval(stretches[-1].start, max(stretches[-1].end, interval.end))
        else:
            stretches.append(interval)
    return stretches


def _parsed(text: str, name: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else wall(moment, zone)
    except (ValueError, OverflowError):
        raise BatchError(f"{name}={text} is no date; write 2021-02-01 or 2021-02-01T08:00") from None


def wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return an aware moment on a zone's wall clock, naive."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _told(moment: datetime) -> str:
    """As FROM= and TO= take it too, to the second where it has one."""
    return moment.isoformat(sep=" ", timespec="auto" if moment.second or moment.microsecond else "minutes")
