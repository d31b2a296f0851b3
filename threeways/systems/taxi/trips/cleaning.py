"""Which trips make valid ride events, and which of them training learns from: counted, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threeways.systems.taxi.trips.reading import DISTANCE, DROPOFF, DROPOFF_ZONE, PICKUP, PICKUP_ZONE

if TYPE_CHECKING:
    import pandas as pd

SHORTEST_MINUTES, LONGEST_MINUTES = 1, 60
_ZONE_LIMIT = 2**31
_FIRST, _LAST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59", "us")


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What became of n raw trips.

    valid: (n,) bool, the trip makes an event of the task: it can be put on the stream.
    kept: (n,) bool, valid and 1 to 60 minutes long, both included: training and its metrics use these.
    minutes: (n,) float64, the duration; NaN where a time is missing.
    dropped: reason -> how many trips it cost; each trip counts once, under the first reason that fits.
    """

    valid: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    minutes: NDArray[np.float64]
    dropped: dict[str, int]


def clean(frame: pd.DataFrame) -> Cleaning:
    """Judge every row of `Trips.frame`.

    The first six reasons make an event invalid, the others a ride unfit to learn from. A distance of
    thousands of miles is a valid event and stays: serving will meet it too.
    """
    pickup, dropoff = frame[PICKUP].to_numpy(), frame[DROPOFF].to_numpy()
    zones = [frame[column].to_numpy(dtype=np.float64) for column in (PICKUP_ZONE, DROPOFF_ZONE)]
    miles = frame[DISTANCE].to_numpy(dtype=np.float64)
    minutes = minutes_between(pickup, dropoff)
    missing_zone = np.isnan(zones[0]) | np.isnan(zones[1])
    unreal_zone = ~(_is_zone(zones[0]) & _is_zone(zones[1]))
    invalid = {
        "no pickup time": np.isnat(pickup),
        "a pickup time no event can hold": ~((pickup >= _FIRST) & (pickup <= _LAST)),
        "no zone": missing_zone,
        "a zone that is no 32-bit integer": unreal_zone,
        "no distance": np.isnan(miles),
        "a negative or infinite distance": ~(np.isfinite(miles) & (miles >= 0)),
    }
    unfit = {
        "no drop-off time": np.isnat(dropoff),
        "ended before it began": minutes < 0,
        f"under {SHORTEST_MINUTES} minute": minutes < SHORTEST_MINUTES,
        f"over {LONGEST_MINUTES} minutes": minutes > LONGEST_MINUTES,
    }
    valid, dropped = _sieve(np.ones(len(frame), dtype=bool), invalid)
    kept, unfit_dropped = _sieve(valid, unfit)
    return Cleaning(valid=valid, kept=kept, minutes=minutes, dropped=dropped | unfit_dropped)


def minutes_between(pickup: NDArray[np.datetime64], dropoff: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """(n,) minutes from pickup to drop-off, NaN where either is missing."""
    return np.asarray((dropoff - pickup) / np.timedelta64(1, "m"), dtype=np.float64)


def _sieve(
    rows: NDArray[np.bool_], reasons: dict[str, NDArray[np.bool_]]
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    dropped = {}
    for reason, hit in reasons.items():
        dropped[reason] = int(np.count_nonzero(rows & hit))
        rows = rows & ~hit
    return rows, dropped


def _is_zone(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((values >= -_ZONE_LIMIT) & (values < _ZONE_LIMIT) & (values == np.floor(values)))
