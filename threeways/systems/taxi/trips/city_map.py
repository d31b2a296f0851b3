"""The synthetic city's map: where its zones lie, how far apart, how fast and how popular they are.

The map depends on nothing but the seed, so that every month of one city has the same streets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ZONES = 265
"""As TLC numbers them: 1-263 are places, 264 is 'unknown' and 265 'outside of the city'."""

type Floats = NDArray[np.float64]


class _Borough(NamedTuple):
    zones: int
    centre: tuple[float, float]
    spread: tuple[float, float]
    mph: float


# Miles from the middle of the island. As many zones as TLC's boroughs have, then 'unknown' and 'outside'.
_BOROUGHS = (
    _Borough(69, (0.0, 0.0), (0.8, 3.6), 12.1),
    _Borough(43, (2.4, 7.6), (1.8, 1.6), 14.4),
    _Borough(69, (7.0, 0.5), (3.2, 2.6), 17.3),
    _Borough(61, (2.2, -6.8), (2.2, 2.2), 13.8),
    _Borough(20, (-6.5, -11.0), (2.4, 2.2), 21.9),
    _Borough(1, (-10.5, -1.5), (0.1, 0.1), 25.3),
    _Borough(2, (3.0, 2.0), (7.0, 7.0), 18.4),
)
_DETOUR = 1.28  # streets against the straight line
_BRIDGE = 1.18  # and again where the ride leaves its borough
_FAR = 2
"""The borough beyond the bridges that may be closed."""


@dataclass(frozen=True, slots=True)
class CityMap:
    """Zone `z` is row `z - 1` of everything here.

    place: (265, 2) miles. radius: (265,) miles. street_factor: (265, 265) street miles to straight ones.
    speed: (265, 265) miles an hour at a quiet time. hailed, booked: (265 * 265,) cumulative shares of the
    zone pairs among rides hailed in the street and among those booked ahead. bridged: (265, 265) which
    rides cross the bridges that may be closed.
    """

    place: Floats
    radius: Floats
    street_factor: Floats
    speed: Floats
    hailed: Floats
    booked: Floats
    bridged: NDArray[np.bool_]


def draw(seed: int) -> CityMap:
    """Return the map of the city called `seed`."""
    random = np.random.default_rng([seed, 0])
    order = np.append(
        random.permutation(ZONES - 2), [ZONES - 2, ZONES - 1]
    )  # neighbours' numbers are far apart
    borough = np.repeat(np.arange(len(_BOROUGHS)), [b.zones for b in _BOROUGHS])[order]
    centre, spread = np.array([b.centre for b in _BOROUGHS]), np.array([b.spread for b in _BOROUGHS])
    place = centre[borough] + spread[borough] * random.normal(size=(ZONES, 2))
    zone_speed = np.array([b.mph for b in _BOROUGHS])[borough] * random.lognormal(0, 0.12, ZONES)
    miles = np.hypot(*(place[:, None, :] - place[None, :, :]).transpose(2, 0, 1))
    crossing = borough[:, None] != borough[None, :]
    pair_speed = random.lognormal(0, 0.16, (ZONES, ZONES))  # a fast road here, a crowded bridge there
    attraction = _popularity(random, np.hypot(*place.T), exponent=0.7)
    return CityMap(
        place=place,
        radius=0.22 + 0.035 * np.hypot(*place.T),
        street_factor=_DETOUR * np.where(crossing, _BRIDGE, 1.0) * random.lognormal(0, 0.05, (ZONES, ZONES)),
        speed=np.sqrt(zone_speed[:, None] * zone_speed[None, :]) * pair_speed,
        hailed=_demand(_popularity(random, np.hypot(*place.T), exponent=1.15), attraction, miles, reach=1.2),
        booked=_demand(_popularity(random, np.hypot(*place.T), exponent=0.6), attraction, miles, reach=3.2),
        bridged=(borough == _FAR)[:, None] ^ (borough == _FAR)[None, :],
    )


def _popularity(random: np.random.Generator, from_middle: Floats, exponent: float) -> Floats:
    """(265,) shares after Zipf: a few zones have most rides, and they lie near the middle."""
    rank = np.argsort(np.argsort(from_middle + random.exponential(4.0, ZONES)))
    share = 1.0 / (rank + 2.0) ** exponent
    share[-2:] = share[:-2].sum() * np.array(
        [0.002, 0.0015]
    )  # 'unknown' and 'outside', about as TLC has them
    return np.asarray(share / share.sum())


def _demand(pickup: Floats, dropoff: Floats, miles: Floats, reach: float) -> Floats:
    """(265 * 265,) cumulative shares of zone pairs: popular zones near each other have most rides."""
    pull = dropoff[None, :] * np.exp(-miles / reach)
    share = pickup[:, None] * pull / pull.sum(axis=1, keepdims=True)
    return np.asarray(np.cumsum(share.ravel() / share.sum()))
