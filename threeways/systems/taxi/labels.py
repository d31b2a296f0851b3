"""What a ride really took: the labels of `ride_duration`, of events that say that a ride has ended.

A label says how long the ride was, by the taxi's meter. A difference of two clocks would be off where one of
them is, and the label may come before its ride's event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from threeways.join.labels import label_join
from threeways.scoring.decoding import Id
from threeways.systems.taxi.clock import NEW_YORK
from threeways.systems.taxi.slices import LEAST_MINUTES, MOST_MINUTES, SLICES
from threeways.wall_clock import wall_clock

A_DAY = 24 * 60
"""The limit on a label's minutes: a longer ride is no ride."""


def _pickup(text: str | None) -> datetime | None:
    return None if text is None else wall_clock(text, NEW_YORK, "$.ride.pickup_datetime")


class RideEnded(msgspec.Struct, frozen=True, gc=False):
    """The event `{"event": "ride_ended", …}` of a stream of its own."""

    ride_id: Id
    duration_minutes: Annotated[float, Meta(ge=0, le=A_DAY)]


class Begun(msgspec.Struct, frozen=True, gc=False):
    """Of a ride what its outcome tells."""

    PULocationID: int
    trip_distance: Annotated[float, Meta(ge=0)]
    pickup_datetime: str | None = None

    def __post_init__(self) -> None:
        """Refuse a time that cannot be read. Raises InvalidEvent."""
        _pickup(self.pickup_datetime)


class LabelledRide(msgspec.Struct, frozen=True, gc=False):
    """Of a ride event what is stored until its label comes."""

    ride_id: Id
    ride: Begun


join = label_join(
    "ride_duration",
    RideEnded,
    output="ride_duration",
    subject=LabelledRide,
    example=LabelledRide(ride_id=256, ride=Begun(130, 3.66, "2021-02-01T08:15:00")),
    id="ride_id",
    label="ride_ended",
    actual=lambda ended: ended.duration_minutes,
    time=lambda event: _pickup(event.ride.pickup_datetime),
    zone=NEW_YORK,
    values=lambda event: {one.field: getattr(event.ride, one.field) for one in SLICES},
    slices=SLICES,
    deadline_hours=3,
    least=LEAST_MINUTES,
    most=MOST_MINUTES,
)
