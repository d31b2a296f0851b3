"""The synthetic city: months of taxi trips in TLC's schema, for whoever has no trips of their own.

Zones lie on a map, distances follow its streets, speed depends on the place, the hour and the weekday, a
few zones have most of the demand, and some rows are as dirty as the real files have them. The same seed
gives the same trips, always.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from threeways.errors import DataError
from threeways.systems.taxi.trips import city_dirt, city_map, city_tips
from threeways.systems.taxi.trips.city_map import ZONES, CityMap, Floats
from threeways.systems.taxi.trips.reading import Source, Trips, digest_of, normalised

SEED = 2021
"""The city that `make train` and `make run` know, where nothing else is asked for."""

# Rides an hour and the traffic's speed at these hours of the day, straight lines between them: working days
# have two rush hours, weekends wake up late.
_HOURS = (0, 3, 5, 6, 7, 8, 9, 12, 15, 17, 19, 21, 24)
_WORKDAY_RIDES = (5, 2, 9, 20, 48, 72, 78, 68, 78, 82, 56, 24, 5)
_WEEKEND_RIDES = (22, 9, 6, 10, 20, 36, 56, 80, 80, 75, 52, 34, 22)
_WORKDAY_SPEED = (1.45, 1.6, 1.55, 1.3, 1.0, 0.88, 0.92, 1.0, 0.88, 0.8, 0.98, 1.22, 1.45)
_WEEKEND_SPEED = (1.38, 1.48, 1.6, 1.5, 1.4, 1.3, 1.2, 1.05, 1.02, 1.02, 1.08, 1.2, 1.38)
_WEEKDAY_RIDES = (1.0, 1.08, 1.12, 1.12, 1.16, 0.86, 0.66)  # Monday first
CLOSED = 2.0
"""How many times as long rides take that would cross the bridges, once they are closed."""
_BOOKED = 0.46  # the share of rides booked ahead; their times come in whole minutes, as in TLC's files


@dataclass(frozen=True, slots=True)
class _Rides:
    """n rides before any dirt. Zones from 0; `pickup` in seconds since 1970, New York's clock."""

    pickup_zone: NDArray[np.int64]
    dropoff_zone: NDArray[np.int64]
    pickup: NDArray[np.int64]
    miles: Floats
    seconds: NDArray[np.int64]


def month(
    year: int, month: int, rides: int, seed: int = SEED, closed: np.datetime64 | None = None
) -> pd.DataFrame:
    """`rides` trips of one month in the schema of TLC's green taxi files, sorted by pickup.

    Columns: lpep_pickup_datetime and lpep_dropoff_datetime (datetime64[us], New York's clock), PULocationID
    and DOLocationID (int64), trip_distance (float64, miles), payment_type (int64) and tip_amount (float64,
    dollars). closed: from that moment on its bridges are: rides across them take longer (and tips are of
    their fares); all other rides are the same.
    Raises DataError for a month that is none.
    """
    if not (1 <= month <= 12 and 1970 <= year <= 9998 and rides >= 1):
        raise DataError(
            f"the synthetic city has no {rides} rides in {year}-{month}; give a real month and count"
        )
    streets = city_map.draw(seed)
    random = np.random.default_rng([seed, year, month, rides])
    clean = _clean_rides(streets, random, (year, month, rides), closed)
    frame = pd.DataFrame(
        {
            "lpep_pickup_datetime": clean.pickup.astype("datetime64[s]").astype("datetime64[us]"),
            "lpep_dropoff_datetime": (clean.pickup + clean.seconds)
            .astype("datetime64[s]")
            .astype("datetime64[us]"),
            "PULocationID": clean.pickup_zone + 1,
            "DOLocationID": clean.dropoff_zone + 1,
            "trip_distance": clean.miles,
            **city_tips.draw(clean.miles, clean.seconds / 60, [seed, year, month, rides]),
        }
    )
    return city_dirt.spread(frame, random).sort_values(
        "lpep_pickup_datetime", kind="stable", ignore_index=True
    )


def trips(
    year: int, month_number: int, rides: int, seed: int = SEED, closed: np.datetime64 | None = None
) -> Trips:
    """`month` as `Trips`, ready for cleaning; its source says which city and carries the rows' digest."""
    frame = month(year, month_number, rides, seed, closed)
    name = f"synthetic city {seed}, {year}-{month_number:02d}"
    if closed is not None:
        name += f", its bridges closed from {closed}"
    return Trips(normalised(frame), (Source(name, len(frame), digest_of(frame)),))


def _clean_rides(
    streets: CityMap,
    random: np.random.Generator,
    asked: tuple[int, int, int],
    closed: np.datetime64 | None,
) -> _Rides:
    year, month, count = asked
    booked = random.random(count) < _BOOKED
    draw = random.random(count)
    pair = np.where(booked, np.searchsorted(streets.booked, draw), np.searchsorted(streets.hailed, draw))
    pickup_zone, dropoff_zone = np.divmod(np.minimum(pair, ZONES * ZONES - 1), ZONES)
    pickup = _pickups(random, year, month, count)
    pickup[booked] -= pickup[booked] % 60
    miles = _miles(streets, random, pickup_zone, dropoff_zone)
    minutes = _minutes(streets, random, pickup_zone, dropoff_zone, pickup, miles)
    if closed is not None:
        late = streets.bridged[pickup_zone, dropoff_zone] & (
            pickup >= closed.astype("M8[s]").astype(np.int64)
        )
        minutes = np.where(late, minutes * CLOSED, minutes)
    seconds = np.rint(minutes * 60).astype(np.int64)
    seconds[booked] = np.maximum(60, np.rint(seconds[booked] / 60).astype(np.int64) * 60)
    return _Rides(pickup_zone, dropoff_zone, pickup, np.round(miles, 2), seconds)


def _pickups(random: np.random.Generator, year: int, month: int, count: int) -> NDArray[np.int64]:
    """(count,) seconds since 1970: more on working days, and in their rush hours."""
    first = np.datetime64(f"{year}-{month:02d}-01", "s").astype(np.int64)
    days = np.arange(calendar.monthrange(year, month)[1])
    weekday = (calendar.weekday(year, month, 1) + days) % 7
    middle = np.arange(24) + 0.5
    workday, weekend = (np.interp(middle, _HOURS, rides) for rides in (_WORKDAY_RIDES, _WEEKEND_RIDES))
    hours = np.where((weekday >= 5)[:, None], weekend, workday)
    weight = hours / hours.sum(axis=1, keepdims=True) * np.array(_WEEKDAY_RIDES)[weekday][:, None]
    cumulative = np.cumsum(weight.ravel())
    hour = np.searchsorted(cumulative / cumulative[-1], random.random(count)).clip(max=weight.size - 1)
    return np.asarray(first + hour * 3600 + random.integers(0, 3600, count))


def _miles(
    streets: CityMap, random: np.random.Generator, pickup: NDArray[np.int64], dropoff: NDArray[np.int64]
) -> Floats:
    """(n,) street miles between a point in each ride's first zone and one in its last."""
    ends = [
        streets.place[zone] + streets.radius[zone, None] * random.normal(size=(len(zone), 2))
        for zone in (pickup, dropoff)
    ]
    straight = np.hypot(*(ends[0] - ends[1]).T)
    return np.asarray(
        np.maximum(
            0.05, straight * streets.street_factor[pickup, dropoff] * random.lognormal(0, 0.06, len(pickup))
        )
    )


def _minutes(
    streets: CityMap,
    random: np.random.Generator,
    pickup: NDArray[np.int64],
    dropoff: NDArray[np.int64],
    at: NDArray[np.int64],
    miles: Floats,
) -> Floats:
    """(n,) minutes: longer rides are faster, rush hours slow, and one ride in thirty waits or strays."""
    weekend = (at // 86_400 + 3) % 7 >= 5
    clock = (at % 86_400) / 3600
    workday_speed = np.interp(clock, _HOURS, _WORKDAY_SPEED)
    weekend_speed = np.interp(clock, _HOURS, _WEEKEND_SPEED)
    traffic = np.where(weekend, weekend_speed, workday_speed)
    mph = streets.speed[pickup, dropoff] * traffic * np.clip(miles / 2.5, 0.3, 8.0) ** 0.28
    driving = 60 * miles / mph * random.lognormal(0, 0.24, len(miles))
    strays = random.random(len(miles)) < 1 / 30
    return np.asarray(
        0.8
        + random.gamma(2.0, 0.6, len(miles))
        + driving * np.where(strays, random.uniform(1.3, 3.0, len(miles)), 1.0)
    )
