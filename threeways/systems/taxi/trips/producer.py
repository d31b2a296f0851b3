"""Ride events for `make run` and `make torture`: trips of TLC's files, or the synthetic city's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from threeways.errors import DataError
from threeways.scoring.events import Events
from threeways.scoring.task import Task
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import (
    DISTANCE,
    DROPOFF_ZONE,
    PICKUP,
    PICKUP_ZONE,
    Trips,
    read,
)
from threeways.systems.taxi.trips.rides import payloads_of

if TYPE_CHECKING:
    import pandas as pd

CITY_MONTH = (2021, 3)
"""The synthetic city's month that is sent; training uses others."""
CITY_RIDES = 75_000
"""How many rides "all of them" are where there is no file."""


def load(spec: str | None, count: int, task: Task[Any]) -> Events:
    """Return `count` rides (0: all) of the trip files in `spec`, or of the city. Raises DataError."""
    trips = read(spec, "EVENTS") if spec else _city(count)
    known = task.truth is not None and {task.truth.column, *task.truth.where} <= set(trips.frame.columns)
    cleaning = clean(trips.frame, task.truth) if known and task.truth else clean(trips.frame)
    rows = np.flatnonzero(cleaning.valid)
    if not len(rows):
        raise DataError(f"EVENTS={trips.name}: none of its {len(trips.frame):,} trips is a valid ride event")
    rows = rows[:count] if count else rows
    frame = trips.frame.iloc[rows]
    return Events(
        name=trips.name,
        ids=frame.index.tolist(),
        payloads=partial(payloads_of, frame),
        truth=cleaning.target[rows] if known else np.full(len(rows), np.nan),
        counted=cleaning.kept[rows] if known else np.ones(len(rows), dtype=np.bool_),
        skipped=int(np.count_nonzero(~cleaning.valid)),
        labels=partial(_labels, frame),
    )


def _labels(frame: pd.DataFrame, position: int) -> Mapping[str, str]:
    trip = frame.iloc[position]
    return {
        "from zone": str(int(trip[PICKUP_ZONE])),
        "to zone": str(int(trip[DROPOFF_ZONE])),
        "miles": f"{trip[DISTANCE]:.2f}",
        "pickup": f"{trip[PICKUP]:%a %H:%M}",
    }


def _city(count: int) -> Trips:
    from threeways.systems.taxi.trips.city import trips

    return trips(*CITY_MONTH, rides=count or CITY_RIDES)
