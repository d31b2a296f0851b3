"""Which trips make valid ride events, and which of them training learns from: counted, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threeways.errors import DataError
from threeways.scoring.task import Truth
from threeways.systems.taxi.duration import TRUTH
from threeways.systems.taxi.trips.reading import DISTANCE, DROPOFF_ZONE, PICKUP, PICKUP_ZONE

if TYPE_CHECKING:
    import pandas as pd

_ZONE_LIMIT = 2**31
_FIRST, _LAST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59", "us")


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What became of n raw trips.

    valid: (n,) bool, the trip makes an event of the task: it can be put on the stream.
    kept: (n,) bool, valid, and its true output is known and within its limits, both included: training and
    its metrics use these. target: (n,) float64, the true output; NaN where it is missing.
    dropped: reason -> how many trips it cost; each trip counts once, under the first reason that fits.
    """

    valid: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    target: NDArray[np.float64]
    dropped: dict[str, int]


def clean(frame: pd.DataFrame, truth: Truth = TRUTH) -> Cleaning:
    """Judge every row of `Trips.frame`. truth: where a task's true output is told.

    The first six reasons make an event invalid, the others a ride unfit to learn from. A distance of
    thousands of miles is a valid event and stays: serving will meet it too.
    """
    pickup = frame[PICKUP].to_numpy()
    zones = [frame[column].to_numpy(dtype=np.float64) for column in (PICKUP_ZONE, DROPOFF_ZONE)]
    miles = frame[DISTANCE].to_numpy(dtype=np.float64)
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
    target, unfit = _judged(frame, truth)
    valid, dropped = _sieve(np.ones(len(frame), dtype=bool), invalid)
    kept, unfit_dropped = _sieve(valid, unfit)
    return Cleaning(valid=valid, kept=kept, target=target, dropped=dropped | unfit_dropped)


def _judged(frame: pd.DataFrame, truth: Truth) -> tuple[NDArray[np.float64], dict[str, NDArray[np.bool_]]]:
    """Return the (n,) true outputs, and which rows are unfit to learn them from, by reason."""
    if truth.since:
        ended = frame[truth.column].to_numpy()
        minutes = minutes_between(frame[PICKUP].to_numpy(), ended)
        return minutes, {
            "no drop-off time": np.isnat(ended),
            "ended before it began": minutes < 0,
            f"under {truth.least:g} minute": minutes < truth.least,
            f"over {truth.most:g} minutes": minutes > truth.most,
        }
    missing = [column for column in (truth.column, *truth.where) if column not in frame]
    if missing:
        raise DataError(f"the trips have no column {', '.join(missing)}; give files of TLC's that have it")
    target = frame[truth.column].to_numpy(dtype=np.float64)
    return target, {
        **{
            f"{column} other than {value:g}": frame[column].to_numpy(dtype=np.float64) != value
            for column, value in truth.where.items()
        },
        f"no {truth.column}": np.isnan(target),
        f"{truth.column} under {truth.least:g}": target < truth.least,
        f"{truth.column} over {truth.most:g}": target > truth.most,
    }


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
