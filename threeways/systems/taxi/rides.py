"""Ride events, and what every task on them shares: a second consumer of rides is an output and its truth.

The features of a ride come from one function, `features_of`, which training, the stream, the web and
the batch job all call: nothing about a ride is computed anywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from threeways.artifact.inputs import Block, DictRows
from threeways.clock import NO_TIME, PLAIN, plain_times
from threeways.errors import InvalidEvent, PermanentError, without_frames
from threeways.scoring.decoding import Id
from threeways.scoring.outputs import Value
from threeways.scoring.task import (
    ColumnFeatures,
    Columns,
    Dicts,
    Features,
    Flags,
    Task,
    Time,
    Truth,
)
from threeways.systems.taxi.clock import new_york_wall_clock
from threeways.systems.taxi.slices import LAST_ZONE, SLICES

COLUMNS = ("PULocationID", "DOLocationID", "zone_pair", "trip_distance", "minute_of_day", "weekday")
FIELDS = ("PULocationID", "DOLocationID", "trip_distance", "pickup_datetime")
"""What a ride has, by its event's names."""
ZONE_PAIR = "PU_DO"
UNKNOWN_ZONE = "unknown_zone"
ASSUMED_PICKUP = "assumed_pickup_datetime"

Zone = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


class Ride(msgspec.Struct, frozen=True, gc=False):
    """A ride as its event tells it: TLC's zones, miles, and New York time unless the text has an offset."""

    PULocationID: Zone
    DOLocationID: Zone
    trip_distance: Annotated[float, Meta(ge=0)]
    pickup_datetime: Annotated[str, Meta(extra_json_schema={"format": "date-time"})] | None = None


class RideEvent(msgspec.Struct, frozen=True, gc=False):
    """One ride event: the record's whole data. Fields it does not know are ignored."""

    ride_id: Id
    ride: Ride


class DictRide(msgspec.Struct, frozen=True, gc=False):
    """As much of a ride as the dicts are made of."""

    PULocationID: Zone
    DOLocationID: Zone
    trip_distance: Annotated[float, Meta(ge=0)]


class DictRideEvent(msgspec.Struct, frozen=True, gc=False):
    """One ride event for a model that takes dicts."""

    ride_id: Id
    ride: DictRide


@dataclass(frozen=True, slots=True)
class RideColumns:
    """A batch of n rides by column.

    pickup_zone, dropoff_zone: (n,) int64. distance: (n,) float64, miles.
    pickup: (n,) datetime64[us], New York's wall clock.
    """

    pickup_zone: NDArray[np.int64]
    dropoff_zone: NDArray[np.int64]
    distance: NDArray[np.float64]
    pickup: NDArray[np.datetime64]

    def by_field(self) -> Columns:
        """Return the same arrays by the names of the event's fields."""
        values = (self.pickup_zone, self.dropoff_zone, self.distance, self.pickup)
        return dict(zip(FIELDS, values, strict=True))


def features_of(rides: RideColumns) -> Block:
    """Return the (n, 6) float64 block of `COLUMNS` for n rides: the one place where features are computed.

    Zones outside 1-265 become 0 before they are combined, so that no two pairs share a `zone_pair`
    (pickup * 1000 + dropoff). `weekday` counts from Monday = 0.
    """
    pickup_zone, dropoff_zone = _known(rides.pickup_zone), _known(rides.dropoff_zone)
    day = rides.pickup.astype("datetime64[D]")
    minute = (rides.pickup - day).astype("timedelta64[m]").astype(np.int64)
    weekday = (day.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    block = np.empty((len(rides.distance), len(COLUMNS)))
    pair = pickup_zone * 1000 + dropoff_zone
    for column, values in enumerate((pickup_zone, dropoff_zone, pair, rides.distance, minute, weekday)):
        block[:, column] = values
    return block


def _known(zones: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where((zones >= 1) & (zones <= LAST_ZONE), zones, 0)


def _unknown_zone(block: Block) -> NDArray[np.bool_]:
    unknown: NDArray[np.bool_] = (block[:, 0] == 0) | (block[:, 1] == 0)
    return unknown


def _features(events: Sequence[RideEvent], arrived: Sequence[datetime]) -> Features:
    """Make the batch's block and flags, and tell the rides whose pickup time cannot be read."""
    rides = [event.ride for event in events]
    times = [ride.pickup_datetime for ride in rides]
    pickup, faults = _pickups(times, arrived)
    columns = RideColumns(
        pickup_zone=np.array([ride.PULocationID for ride in rides], dtype=np.int64),
        dropoff_zone=np.array([ride.DOLocationID for ride in rides], dtype=np.int64),
        distance=np.array([ride.trip_distance for ride in rides], dtype=np.float64),
        pickup=pickup,
    )
    block = features_of(columns)
    flags = _flags(block, times)
    if faults:
        block[list(faults)] = np.nan
    return Features(block=block, flags=flags, faults=faults)


def _features_by_column(columns: Columns) -> ColumnFeatures:
    """Make the block and the flags of rides by column; each has its pickup time, so none is assumed."""
    pickup_zone, dropoff_zone, distance, pickup = (columns[name] for name in FIELDS)
    block = features_of(RideColumns(pickup_zone, dropoff_zone, distance, pickup))
    return ColumnFeatures(block, {UNKNOWN_ZONE: _unknown_zone(block)})


def _dicts(events: Sequence[RideEvent | DictRideEvent]) -> DictRows:
    """Make the features of the pipeline before this one: `PU_DO` and `trip_distance`."""
    rides = [event.ride for event in events]
    return _pairs_and_distances(
        [ride.PULocationID for ride in rides],
        [ride.DOLocationID for ride in rides],
        [ride.trip_distance for ride in rides],
    )


def _dicts_by_column(columns: Columns, rows: Sequence[int]) -> DictRows:
    """Make what `_dicts` makes of some of the same rides."""
    return _pairs_and_distances(*(columns[name][rows].tolist() for name in FIELDS[:3]))


def _dict_flags(events: Sequence[RideEvent | DictRideEvent]) -> Flags:
    """Tell which rides have a zone that is unknown."""
    rides = [event.ride for event in events]
    pickup = np.array([ride.PULocationID for ride in rides], dtype=np.int64)
    dropoff = np.array([ride.DOLocationID for ride in rides], dtype=np.int64)
    unknown = (_known(pickup) == 0) | (_known(dropoff) == 0)
    return [(UNKNOWN_ZONE,) if one else () for one in unknown.tolist()]


def ride_task(
    name: str, output: Value, truth: Truth, page: str | None = None, life: str | None = None
) -> Task[RideEvent]:
    """Return a task on ride events: what is predicted of them is all that differs.

    output: its name and unit. truth: where TLC's trip records tell it. page: the module of its own page.
    life: see `Task`.
    """
    return Task(
        name=name,
        event=RideEvent,
        id="ride_id",
        example=RideEvent(ride_id=256, ride=Ride(130, 205, 3.66, "2021-02-01T08:15:00")),
        columns=COLUMNS,
        features=_features,
        features_by_column=_features_by_column,
        output=output,
        time=Time("pickup_datetime", "America/New_York"),
        truth=truth,
        dicts=Dicts(
            event=DictRideEvent,
            example=DictRideEvent(ride_id=256, ride=DictRide(130, 205, 3.66)),
            keys={ZONE_PAIR: str, "trip_distance": float},
            rows=_dicts,
            by_column=_dicts_by_column,
            flags=_dict_flags,
            about={UNKNOWN_ZONE: ZONE_PAIR},
        ),
        page=page,
        producer="threeways.systems.taxi.trips.producer",
        training="threeways.systems.taxi.training",
        demo="threeways.systems.taxi.trips.demo",
        life=life,
        prefixes=("lpep_", "tpep_"),
        slices=SLICES,
    )


def _pairs_and_distances(pickup: list[int], dropoff: list[int], distance: list[float]) -> DictRows:
    return DictRows({ZONE_PAIR: list(map(_pair, pickup, dropoff)), "trip_distance": distance})


@lru_cache(maxsize=2**14)  # a month of green taxis has 13,000 pairs
def _pair(pickup_zone: int, dropoff_zone: int) -> str:
    return f"{pickup_zone}_{dropoff_zone}"


def _pickups(
    texts: Sequence[str | None], arrived: Sequence[datetime]
) -> tuple[NDArray[np.datetime64], dict[int, PermanentError]]:
    """Return the (n,) pickup times, and the rides whose time cannot be read: their place holds no time.

    Times in the plain form, which almost all have, are read at once, and anything else one by one.
    """
    pickup = plain_times([text if text and len(text) == PLAIN else NO_TIME for text in texts], PLAIN)
    faults: dict[int, PermanentError] = {}
    for row in np.flatnonzero(np.isnat(pickup)).tolist():
        try:
            pickup[row] = new_york_wall_clock(texts[row], arrived[row])
        except InvalidEvent as error:
            faults[row] = without_frames(error)
    return pickup, faults


def _flags(block: Block, times: Sequence[str | None]) -> list[tuple[str, ...]]:
    flags: list[tuple[str, ...]] = [()] * len(times)
    for position in np.flatnonzero(_unknown_zone(block)).tolist():
        flags[position] = (UNKNOWN_ZONE,)
    if None in times:
        for position, time in enumerate(times):
            if time is None:
                flags[position] = (*flags[position], ASSUMED_PICKUP)
    return flags
