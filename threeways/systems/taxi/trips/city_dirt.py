"""What is wrong in the real files, at about the rates of TLC's green taxi months of early 2021."""

from __future__ import annotations

import numpy as np
import pandas as pd

_PICKUP, _DROPOFF = "lpep_pickup_datetime", "lpep_dropoff_datetime"
_LEFT_RUNNING = 0.0014  # the meter ran until the shift's end or for a day
_CANCELLED = 0.017  # under a minute, most without a mile
_ZERO_DURATION = 0.0009
_BACKWARDS = 0.0001
_NO_DISTANCE = 0.021
_HUGE_DISTANCE = 0.0006
_OTHER_YEAR = 0.00004
_TWICE = 0.0016


def spread(frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Return a clean month with some rows dirtied; the number of rows stays."""
    rows = len(frame)
    pickup = frame[_PICKUP].to_numpy().copy()
    seconds = (frame[_DROPOFF].to_numpy() - pickup).astype("timedelta64[s]").astype(np.int64)
    miles = frame["trip_distance"].to_numpy().copy()

    def some(rate: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.flatnonzero(random.random(rows) < rate)

    hit = some(_LEFT_RUNNING)
    seconds[hit] = np.where(
        random.random(len(hit)) < 0.6, 86_400 - random.integers(1, 3600, len(hit)), 20_000
    )
    hit = some(_CANCELLED)
    seconds[hit] = random.integers(1, 60, len(hit))
    miles[hit] = np.where(random.random(len(hit)) < 0.6, 0.0, np.round(random.random(len(hit)) * 0.2, 2))
    seconds[some(_ZERO_DURATION)] = 0
    hit = some(_BACKWARDS)
    seconds[hit] = -seconds[hit]
    miles[some(_NO_DISTANCE)] = 0.0
    hit = some(_HUGE_DISTANCE)
    miles[hit] = np.round(10 ** random.uniform(2.2, 5.4, len(hit)), 2)
    hit = some(_OTHER_YEAR)
    pickup[hit] = np.datetime64("2009-01-01", "us") + (pickup[hit] - pickup[hit].astype("datetime64[D]"))
    frame = frame.assign(
        **{
            _PICKUP: pickup,
            _DROPOFF: pickup + seconds.astype("timedelta64[s]").astype("timedelta64[us]"),
            "trip_distance": miles,
        }
    )
    order = np.arange(rows)
    hit = some(_TWICE)
    order[hit] = np.maximum(hit - 1, 0)  # the ride before it stands here once more
    return frame.take(order)
