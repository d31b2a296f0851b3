"""Trips as the task takes them: by column for training, as events for the stream; equal features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from threeways.systems.taxi.rides import RideColumns
from threeways.systems.taxi.trips.reading import DISTANCE, DROPOFF_ZONE, PICKUP, PICKUP_ZONE

if TYPE_CHECKING:
    import pandas as pd

_CHUNK = 10_000


def columns_of(frame: pd.DataFrame) -> RideColumns:
    """Return n valid rows (`Cleaning.valid`) of `Trips.frame` by column; pickup cut to the second."""
    return RideColumns(
        pickup_zone=frame[PICKUP_ZONE].to_numpy(dtype=np.int64),
        dropoff_zone=frame[DROPOFF_ZONE].to_numpy(dtype=np.int64),
        distance=frame[DISTANCE].to_numpy(dtype=np.float64),
        pickup=frame[PICKUP].to_numpy().astype("datetime64[s]"),
    )


def events_of(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Return the events of valid rows of `Trips.frame`, in order; `ride_id` is the row's index.

    The pickup is naive New York time in ISO 8601, with a fraction only where the trip has one.
    """
    for start in range(0, len(frame), _CHUNK):
        chunk = frame.iloc[start : start + _CHUNK]
        rides = columns_of(chunk)
        for ride_id, pickup_zone, dropoff_zone, miles, pickup in zip(
            chunk.index.tolist(),
            rides.pickup_zone.tolist(),
            rides.dropoff_zone.tolist(),
            rides.distance.tolist(),
            _iso(chunk[PICKUP].to_numpy()),
            strict=True,
        ):
            ride = {
                PICKUP_ZONE: pickup_zone,
                DROPOFF_ZONE: dropoff_zone,
                DISTANCE: miles,
                "pickup_datetime": pickup,
            }
            yield {"ride_id": ride_id, "ride": ride}


def payloads_of(frame: pd.DataFrame) -> Iterator[bytes]:
    """Return the same events as the stream carries them: JSON, UTF-8."""
    return map(msgspec.json.encode, events_of(frame))


def _iso(times: NDArray[np.datetime64]) -> list[str]:
    seconds = times.astype("datetime64[s]")
    texts: list[str] = np.datetime_as_string(seconds).tolist()
    for row in np.flatnonzero(seconds != times).tolist():
        texts[row] = str(np.datetime_as_string(times[row], unit="us"))
    return texts
