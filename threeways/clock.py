"""Times as rides tell them: texts to New York's wall clock, one by one or many at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from threeways.errors import InvalidEvent

NEW_YORK = ZoneInfo("America/New_York")
_DATE_AND_TIME = re.compile(r"[0-9W-]{7,10}[Tt ][0-9:.,]{2,18}([Zz]|[+-][0-9:]{2,5})?")
"""The shape of ISO 8601 in ASCII. Python's own parser, which has the last word, lets more through."""
PLAIN = 19
LENGTHS = (PLAIN, 26)
"""How long a text in the plain form is: 2021-02-01 08:15:00 (or with a T), and with microseconds."""
_MARKS = {4: "-", 7: "-", 13: ":", 16: ":", 19: "."}


def new_york_wall_clock(text: str | None, arrived: datetime) -> datetime:
    """The naive New York time of an ISO 8601 text, or of the arrival where there is no text.

    A naive time is New York's already. Raises InvalidEvent where the text is no date with a time.
    """
    if text is None:
        return arrived.astimezone(NEW_YORK).replace(tzinfo=None)
    try:
        if _DATE_AND_TIME.fullmatch(text) is None:
            raise ValueError("it has another form")
        pickup = datetime.fromisoformat(text.upper())
        if pickup.tzinfo is not None:
            pickup = pickup.astimezone(NEW_YORK).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent(
            f"`{text[:40]}` is not an ISO 8601 date and time ({error}) - at `$.ride.pickup_datetime`"
        ) from None
    return pickup


def plain_times(values: Sequence[str], length: int) -> NDArray[np.datetime64]:
    """(n,) datetime64[us] of n ASCII texts of one of `LENGTHS`; NaT for another form, or for no date."""
    signs = np.frombuffer("".join(values).encode(), np.uint8).reshape(-1, length)
    fits = np.isin(signs[:, 10], (ord("T"), ord(" ")))
    for position in {*range(length)} - {10}:
        mark = _MARKS.get(position)
        sign = signs[:, position]
        fits &= (sign == ord(mark)) if mark else (sign >= ord("0")) & (sign <= ord("9"))
    fits &= (signs[:, :4] != ord("0")).any(axis=1)  # Python knows no year 0
    found = np.full(len(values), "NaT", "datetime64[us]")
    try:
        found[fits] = signs.view(f"S{length}")[:, 0][fits].astype("datetime64[us]")
    except ValueError:  # some date is none, such as the 31st of June: each is looked at
        for row in np.flatnonzero(fits).tolist():
            with suppress(ValueError):
                found[row] = np.datetime64(values[row], "us")
    return found
