"""Broken records of every kind, to see quarantine working: none of them can ever be scored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle

_RIDE = {
    "PULocationID": 130,
    "DOLocationID": 205,
    "trip_distance": 3.66,
    "pickup_datetime": "2021-02-01T08:15:00",
}


def _event(ride_id: object = 256, **changes: object) -> bytes:
    return json.dumps({"ride_id": ride_id, "ride": _RIDE | changes}).encode()


def _without(*path: str) -> bytes:
    event: dict[str, object] = {"ride_id": 256, "ride": dict(_RIDE)}
    inner = event
    for name in path[:-1]:
        inner = inner[name]  # type: ignore[assignment]  # a path leads through objects
    del inner[path[-1]]
    return json.dumps(event).encode()


KINDS: dict[str, bytes] = {
    "nothing at all": b"",
    "not JSON": b"ride 256 from 130 to 205",
    "cut short": _event()[:-20],
    "trailing bytes": _event() + b"}",
    "not UTF-8": _event().replace(b"2021", b"\xff\xfe\xfd\xfc"),
    "not UTF-8 in a field that is ignored": b'{"note": "\xff", ' + _event()[1:],
    "UTF-16": _event().decode().encode("utf-16"),
    "a thousand brackets": b"[" * 1000 + b"]" * 1000,
    "brackets without end in a field that is ignored": b'{"note": ' + b"[" * 100_000,
    "a list": b"[1, 2, 3]",
    "null": b"null",
    "no ride_id": _without("ride_id"),
    "no ride": _without("ride"),
    "no pickup zone": _without("ride", "PULocationID"),
    "no distance": _without("ride", "trip_distance"),
    "ride_id true": _event(ride_id=True),
    "ride_id empty": _event(ride_id=""),
    "ride_id too long": _event(ride_id="x" * 257),
    "ride_id beyond 64 bits": _event(ride_id=2**70),
    "zone as text": _event(PULocationID="130"),
    "zone as fraction": _event(DOLocationID=205.5),
    "zone beyond 32 bits": _event(DOLocationID=2**40),
    "distance NaN": _event(trip_distance=float("nan")),
    "distance beyond a double": _event().replace(b"3.66", b"1e999"),
    "distance negative": _event(trip_distance=-1.5),
    "distance null": _event(trip_distance=None),
    "pickup not a date": _event(pickup_datetime="yesterday"),
    "pickup without a time": _event(pickup_datetime="2021-02-01"),
    "pickup before the calendar": _event(pickup_datetime="0001-01-01T00:00:00+14:00"),
    "hundred kilobytes of nothing": b"\x00" * 100_000,
}
"""What is wrong -> the record's data."""


def stream() -> Iterator[bytes]:
    """Every kind in turn, for ever."""
    return cycle(KINDS.values())
