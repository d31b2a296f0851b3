"""Schedule expressions: `rate(…)`, `cron(…)` and, of EventBridge Scheduler, `at(…)`.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html and
docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from threeways.emulator.schedule import cron

_FORM = re.compile(r"(rate|cron|at)\((.*)\)")
_RATE = re.compile(r"([1-9][0-9]*) (minute|hour|day)(s?)")


class Expression(Protocol):
    """When a schedule fires."""

    def after(self, moment: datetime) -> datetime | None:
        """Return the next time after a moment, both in UTC; None if there is none."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A regular interval from a start on."""

    interval: timedelta
    start: datetime

    def after(self, moment: datetime) -> datetime:
        """Return the next time after a moment."""
        if moment < self.start:
            return self.start
        return self.start + self.interval * ((moment - self.start) // self.interval + 1)


@dataclass(frozen=True, slots=True)
class Once:
    """One time."""

    time: datetime

    def after(self, moment: datetime) -> datetime | None:
        """Return it, if it is after a moment."""
        return self.time if self.time > moment else None


def parse(text: str, start: datetime, *, scheduler: bool, zone: str = "UTC") -> Expression:
    """Parse an expression. Raises ValueError, saying what is wrong.

    start: when the schedule is made, from which rates count: a rule fires an interval later for the first
    time, EventBridge Scheduler at once. scheduler: whether it is Scheduler's, which has `at` and a time zone.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None or (form[1] == "at" and not scheduler):
        raise ValueError(f"it is rate(…), cron(…){' or at(…)' if scheduler else ''}")
    try:
        found = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{zone} is no time zone") from None
    if form[1] == "cron":
        return cron.parse(form[2], found)
    if form[1] == "at":
        wall = datetime.fromisoformat(form[2])
        if wall.tzinfo is not None:
            raise ValueError("at(…) has no offset: its zone is ScheduleExpressionTimezone's")
        return Once(wall.replace(tzinfo=found).astimezone(UTC))
    rate = _RATE.fullmatch(form[2].strip())
    if rate is None or (not scheduler and (rate[1] == "1") == bool(rate[3])):
        raise ValueError("a rate is a positive number and minute, hour or day: singular for 1, else plural")
    interval = timedelta(**{f"{rate[2]}s": int(rate[1])})
    return Rate(interval, start if scheduler else start + interval)
