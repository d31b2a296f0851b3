"""Cron expressions as EventBridge has them: six fields, and the wildcards , - * ? / L W #.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html and
docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minutes", 0, 59, {}), ("hours", 0, 23, {}), ("day-of-month", 1, 31, {}), ("month", 1, 12, _MONTHS),
    ("day-of-week", 1, 7, _DAYS), ("year", 1970, 2199, {}),
)  # fmt: skip
_STEPS = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")
_OF_MONTH = re.compile(r"L|(\d{1,2})W")
_OF_WEEK = re.compile(r"(\w+)(?:#([1-5])|(L))")
_MOST_DAYS = 366 * 30
"""How far the next time is looked for: over any leap year that a list of weekdays needs."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule by the calendar. days, weekdays: None for `?`, else the field."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: str | None
    months: frozenset[int]
    weekdays: str | None
    years: frozenset[int]
    zone: ZoneInfo

    def after(self, moment: datetime) -> datetime | None:
        """Return the next time after a moment, in UTC; None if there is none.

        A wall-clock time that a change of clocks skips is passed over, and one that comes twice counts once.
        """
        local = moment.astimezone(self.zone)
        for number in range(_MOST_DAYS):
            day = local.date() + timedelta(days=number)
            if not self._includes(day):
                continue
            for hour, minute in self._times(local.hour if number == 0 else 0):
                wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                found = wall.astimezone(UTC)
                skipped = found.astimezone(self.zone).replace(tzinfo=None) != wall.replace(tzinfo=None)
                if found > moment and not skipped:
                    return found
        return None

    def _times(self, first: int) -> Iterator[tuple[int, int]]:
        for hour in sorted(self.hours):
            if hour >= first:
                yield from ((hour, minute) for minute in sorted(self.minutes))

    def _includes(self, day: date) -> bool:
        if day.year not in self.years or day.month not in self.months:
            return False
        if self.days is not None:
            return day.day in _days_of(self.days, day)
        return _in_week(self.weekdays or "*", day)


def parse(fields: str, zone: ZoneInfo) -> Cron:
    """Parse what stands between the brackets. Raises ValueError, saying what is wrong."""
    parts = fields.upper().split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"cron has 6 fields (minutes hours day-of-month month day-of-week year), not {len(parts)}"
        )
    minutes, hours, days, months, weekdays, years = parts
    if (days == "?") == (weekdays == "?"):
        raise ValueError("exactly one of day-of-month and day-of-week has to be ?")
    first = date(2000, 1, 1)
    if days != "?":
        _days_of(days, first)
    else:
        _in_week(weekdays, first)
    return Cron(
        _values(minutes, 0),
        _values(hours, 1),
        None if days == "?" else days,
        _values(months, 3),
        None if weekdays == "?" else weekdays,
        _values(years, 5),
        zone,
    )


def _values(field: str, position: int) -> frozenset[int]:
    """Return the numbers that a field stands for."""
    name, lowest, highest, names = _FIELDS[position]
    found: set[int] = set()
    for part in field.split(","):
        steps = _STEPS.fullmatch(part)
        if steps is None:
            raise ValueError(f"{part} is nothing that the field {name} takes")
        start, end, step = steps.groups()
        low = lowest if start == "*" else _number(start, name, names)
        high = _number(end, name, names) if end else highest if start == "*" or step else low
        if not (lowest <= low <= high <= highest) or step == "0" or (start == "*" and end):
            raise ValueError(f"{part} is nothing that the field {name} takes: {lowest} to {highest}")
        found.update(range(low, high + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, name: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdecimal():
        raise ValueError(f"{text} is nothing that the field {name} takes")
    return int(text)


def _days_of(field: str, day: date) -> frozenset[int]:
    """Return the days of a month that a day-of-month field stands for."""
    last = calendar.monthrange(day.year, day.month)[1]
    special = _OF_MONTH.fullmatch(field)
    if special is None:
        return _values(field, 2)
    if special[1] is None:
        return frozenset({last})
    wanted = min(int(special[1]), last)
    if not wanted:
        raise ValueError(f"{field} is nothing that the field day-of-month takes: 1W to 31W")
    weekdays = (at for at in range(1, last + 1) if date(day.year, day.month, at).weekday() < 5)
    return frozenset({min(weekdays, key=lambda at: abs(at - wanted))})


def _in_week(field: str, day: date) -> bool:
    """Return whether a day-of-week field stands for a day."""
    weekday = day.isoweekday() % 7 + 1
    if field == "L":
        return weekday == 7
    special = _OF_WEEK.fullmatch(field)
    if special is None:
        return weekday in _values(field, 4)
    (wanted,) = _values(special[1], 4)
    if weekday != wanted:
        return False
    last = calendar.monthrange(day.year, day.month)[1]
    return day.day + 7 > last if special[3] else (day.day - 1) // 7 + 1 == int(special[2])
