"""How long will a taxi ride take: the running example, and the pattern for a task of your own.

The features of a ride come from one function, `features_of`, which training, the stream, the web and
the batch job all call: nothing about a ride is computed anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from threeways.artifact.inputs import Block, DictRows
from threeways.clock import NO_TIME, PLAIN, new_york_wall_clock, plain_times
from threeways.errors import InvalidEvent, PermanentError
from threeways.scoring.decoding import Id, JsonEvents
from threeways.scoring.task import ColumnFeatures, Features

LAST_ZONE = 265
"""TLC's zones are 1-263; 264 is 'unknown' and 265 'outside of NYC', both ordinary values in the data.
Source: TLC's taxi zone lookup table and user guide, nyc.gov/site/tlc/about/tlc-trip-record-data.page"""
COLUMNS = ("PULocationID", "DOLocationID", "zone_pair", "trip_distance", "minute_of_day", "weekday")
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


def features_of(rides: RideColumns) -> Block:
    """The (n, 6) float64 block of `COLUMNS` for n rides: the one place where features are computed.

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


class RideDuration:
    """The task: minutes from pickup to drop-off."""

    name = "ride_duration"
    model_name = "ride_duration_prediction_model"
    output = "ride_duration"
    id_field = "ride_id"
    columns = COLUMNS
    dict_features: Mapping[str, type] = {ZONE_PAIR: str, "trip_distance": float}
    event_type: type[Any] = RideEvent
    example: Any = RideEvent(ride_id=256, ride=Ride(130, 205, 3.66, "2021-02-01T08:15:00"))
    event_id = attrgetter(id_field)

    def __init__(self) -> None:
        json = JsonEvents(self.event_type, self.id_field)
        self.decode, self.decode_all = json.decode, json.decode_all

    def for_dicts(self, taken: frozenset[str] | None) -> RideDurationByDicts:
        """The task without the pickup time, which is in no dict."""
        return RideDurationByDicts(taken)

    def features(self, events: Sequence[RideEvent], arrived: Sequence[datetime]) -> Features:
        """The batch's block, its flags, and the rides whose pickup time cannot be read."""
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

    def dicts(self, events: Sequence[RideEvent | DictRideEvent]) -> DictRows:
        """The features of the pipeline before this one: `PU_DO` and `trip_distance`."""
        rides = [event.ride for event in events]
        return _pairs_and_distances(
            [ride.PULocationID for ride in rides],
            [ride.DOLocationID for ride in rides],
            [ride.trip_distance for ride in rides],
        )

    def column_features(self, columns: RideColumns) -> ColumnFeatures:
        """The block and the flags of rides by column; each has its pickup time, so none is assumed."""
        block = features_of(columns)
        return ColumnFeatures(block, {UNKNOWN_ZONE: _unknown_zone(block)})

    def column_dicts(self, columns: RideColumns, rows: Sequence[int]) -> DictRows:
        """What `dicts` makes of some of the same rides."""
        taken = (columns.pickup_zone[rows], columns.dropoff_zone[rows], columns.distance[rows])
        return _pairs_and_distances(*(column.tolist() for column in taken))


class RideDurationByDicts(RideDuration):
    """The same for a model that takes dicts. taken: their keys that it takes; None: not known."""

    event_type: type[Any] = DictRideEvent
    example: Any = DictRideEvent(ride_id=256, ride=DictRide(130, 205, 3.66))

    def __init__(self, taken: frozenset[str] | None) -> None:
        super().__init__()
        self._zones_taken = taken is None or ZONE_PAIR in taken

    def dict_flags(self, events: Sequence[RideEvent | DictRideEvent]) -> list[tuple[str, ...]]:
        """Which events have a zone that is unknown, where the model takes zones."""
        if not self._zones_taken:
            return [()] * len(events)
        rides = [event.ride for event in events]
        pickup = np.array([ride.PULocationID for ride in rides], dtype=np.int64)
        dropoff = np.array([ride.DOLocationID for ride in rides], dtype=np.int64)
        unknown = (_known(pickup) == 0) | (_known(dropoff) == 0)
        return [(UNKNOWN_ZONE,) if one else () for one in unknown.tolist()]

    def column_features(self, columns: RideColumns) -> ColumnFeatures:
        """The block of rides by column, and the same flags."""
        found = super().column_features(columns)
        return found if self._zones_taken else ColumnFeatures(found.block, {})


def _pairs_and_distances(pickup: list[int], dropoff: list[int], distance: list[float]) -> DictRows:
    return DictRows({ZONE_PAIR: list(map(_pair, pickup, dropoff)), "trip_distance": distance})


@lru_cache(maxsize=2**14)  # a month of green taxis has 13,000 pairs
def _pair(pickup_zone: int, dropoff_zone: int) -> str:
    return f"{pickup_zone}_{dropoff_zone}"


def _pickups(
    texts: Sequence[str | None], arrived: Sequence[datetime]
) -> tuple[NDArray[np.datetime64], dict[int, PermanentError]]:
    """The (n,) pickup times, and the rides whose time cannot be read: their place holds no time.

    Times in the plain form, which almost all have, are read at once, and anything else one by one.
    """
    pickup = plain_times([text if text and len(text) == PLAIN else NO_TIME for text in texts], PLAIN)
    faults: dict[int, PermanentError] = {}
    for row in np.flatnonzero(np.isnat(pickup)).tolist():
        try:
            pickup[row] = new_york_wall_clock(texts[row], arrived[row])
        except InvalidEvent as error:
            faults[row] = error
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


task = RideDuration()
