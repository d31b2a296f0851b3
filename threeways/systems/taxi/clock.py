"""New York's wall clock, by which rides are told."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from threeways.wall_clock import wall_clock

NEW_YORK = ZoneInfo("America/New_York")


def new_york_wall_clock(text: str | None, arrived: datetime) -> datetime:
    """Return the naive New York time of an ISO 8601 text, or of the arrival if there is no text.

    A naive time is New York's already. Raises InvalidEvent if the text is not a date with a time.
    """
    if text is None:
        return arrived.astimezone(NEW_YORK).replace(tzinfo=None)
    return wall_clock(text, NEW_YORK, "$.ride.pickup_datetime")
