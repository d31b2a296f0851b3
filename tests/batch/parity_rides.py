"""A thousand rides as they come: from the synthetic city, at every boundary, flagged, and dirty."""

from __future__ import annotations

from typing import Any

import numpy as np

from threeways.systems.taxi.trips import city
from threeways.systems.taxi.trips.cleaning import clean
from threeways.systems.taxi.trips.reading import normalised
from threeways.systems.taxi.trips.rides import events_of

FIELDS = ("PULocationID", "DOLocationID", "trip_distance", "pickup_datetime")
EDGES: dict[str, list[Any]] = {
    "PULocationID": [0, 1, 263, 264, 265, 266, -1, 2**31 - 1, -(2**31), 2**31, 2**63, None, 130.0, "130"],
    "DOLocationID": [0, 1, 265, 266, 1000, -(2**31) - 1, None, 1.5, "x"],
    "trip_distance": [0, 0.0, -0.0, 5e-324, -5e-324, 1e308, 7, 2**53 + 1, -1, None, "3.66"],
    "pickup_datetime": [
        "2021-03-14T02:30:00", "2021-11-07T01:30:00", "2021-11-07T01:30:00-05:00", "2021-02-01 08:15:00",
        "2021-02-01T08:15:59.999999", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2021-02-29T00:00:00",
        "2021-02-01T24:00:00", "2021-02-01T23:59:60", "0000-01-01T00:00:00", "2021-02-01", "now", "",
        "2021-02-01T08:15:00Z", "2021-W05-1T08:15:00", "2021-02-01T08:15:00,123456", "2021-13-01T08:15:00",
        20210201, 1.5,
    ],
}  # fmt: skip


def events(count: int = 1000) -> list[dict[str, Any]]:
    """`count` events: the edges first, then the city's; ids are 0, 1, 2 …"""
    frame = normalised(city.month(2021, 3, count))
    found = list(events_of(frame[clean(frame).valid]))
    edges = [(name, value) for name, values in EDGES.items() for value in values]
    for ride, (name, value) in zip(found, edges, strict=False):
        ride["ride"][name] = value
    return [{"ride_id": n, "ride": one["ride"]} for n, one in enumerate(found)]


def values_of(event: dict[str, Any]) -> tuple[Any, ...]:
    """The event as a row: (ride_id, *FIELDS)."""
    return (event["ride_id"], *(event["ride"][name] for name in FIELDS))


def bits(value: float) -> bytes:
    """The value's own bits."""
    return np.float64(value).tobytes()
