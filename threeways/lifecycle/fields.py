"""What an event says of itself, by the names of its fields, and when it happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.errors import InvalidEvent
from threeways.scoring.task import Time
from threeways.wall_clock import wall_clock


def leaves(payload: bytes) -> Mapping[str, Any]:
    """Return a JSON event's values by their own names, whatever they are nested in."""
    found: dict[str, Any] = {}
    waiting: Sequence[Any] = [msgspec.json.decode(payload)]
    while waiting:
        one, *waiting = waiting
        for name, value in one.items():
            if isinstance(value, dict):
                waiting.append(value)
            else:
                found.setdefault(name, value)
    return found


def unix_times(values: Sequence[Any], time: Time | None) -> NDArray[np.float64]:
    """(n,) Unix times of events, NaN where one is unknown. values: of the field that says when each was."""
    found = np.full(len(values), np.nan)
    if time is None:
        return found
    zone = ZoneInfo(time.zone)
    for place, value in enumerate(values):
        if isinstance(value, str):
            try:
                found[place] = wall_clock(value, zone, time.field).replace(tzinfo=zone).timestamp()
            except InvalidEvent:
                continue
    return found
