"""The floor of a handler: what turns an event into entries for `PutRecords`, and nothing else.

base64, one typed msgspec decode, and the encoding of the message that consumers read. No check, no features,
no model, no bookkeeping: no handler in Python that validates and answers in this form does less.
"""

from __future__ import annotations

from binascii import a2b_base64
from typing import Any

import msgspec

from threeways.systems.taxi.duration import task
from threeways.systems.taxi.rides import RideEvent


class _Made(msgspec.Struct):
    ride_duration: float
    interval: tuple[float, float]
    ride_id: int | str


class _Message(msgspec.Struct):
    model: str
    version: str
    prediction: _Made
    source_event_id: str
    flags: tuple[str, ...]


_decode = msgspec.json.Decoder(RideEvent).decode
_encode = msgspec.json.Encoder().encode


def entries(
    event: dict[str, Any],
    minutes: float = 21.345678901234567,
    interval: tuple[float, float] = (14.234567890123456, 31.012345678901234),
) -> list[dict[str, Any]]:
    """The entries, with the same prediction in each."""
    made = []
    for record in event["Records"]:
        ride_id = _decode(a2b_base64(record["kinesis"]["data"])).ride_id
        message = _Message(task.model_name, "bench", _Made(minutes, interval, ride_id), record["eventID"], ())
        made.append({"Data": _encode(message), "PartitionKey": str(ride_id)})
    return made
