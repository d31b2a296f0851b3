"""Parse a text to a time of a zone's wall clock. Free of NumPy, as a join's image is."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from threeways.errors import InvalidEvent

_DATE_AND_TIME = re.compile(r"[0-9W-]{7,10}[Tt ][0-9:.,]{2,18}([Zz]|[+-][0-9:]{2,5})?")
"""ISO 8601 in ASCII. Python's parser, which is applied afterwards, would accept more."""


def wall_clock(text: str, zone: ZoneInfo, at: str) -> datetime:
    """Return the naive time of an ISO 8601 text on a zone's clock, which a naive text has already.

    at: where in its event the text stands. Raises InvalidEvent if the text is not a date with a time.
    """
    try:
        if _DATE_AND_TIME.fullmatch(text) is None:
            raise ValueError("it has another form")
        moment = datetime.fromisoformat(text.upper())
        return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent(f"`{text[:40]}` is not an ISO 8601 date and time ({error}) - at `{at}`") from None
