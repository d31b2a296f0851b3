"""Lambda's events, made of rides of the synthetic city."""

from __future__ import annotations

import base64
import json
from typing import Any

ARRIVED = 1_617_235_200.0
BROKEN = json.dumps({"ride_id": 1, "ride": {"PULocationID": "the airport"}}).encode()


def payloads(count: int) -> list[bytes]:
    """So many valid ride events' bytes."""
    from threeways.systems.taxi.trips.city import trips
    from threeways.systems.taxi.trips.cleaning import clean
    from threeways.systems.taxi.trips.rides import payloads_of

    frame = trips(2021, 3, rides=2 * count + 100).frame
    return list(payloads_of(frame[clean(frame).valid]))[:count]


def event(data: list[bytes]) -> dict[str, Any]:
    """The event that Lambda calls a Kinesis consumer with, each record under a key of its own.

    docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html ("Example event")
    """
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": str(position),
                    "sequenceNumber": str(10**20 + position),
                    "data": base64.b64encode(payload).decode(),
                    "approximateArrivalTimestamp": ARRIVED,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{10**20 + position}",
                "eventName": "aws:kinesis:record",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/ride_events",
            }
            for position, payload in enumerate(data)
        ]
    }


def with_broken(data: list[bytes], every: int) -> list[bytes]:
    """Replace each `every`th payload by a record that can never be scored."""
    return [BROKEN if position % every == 0 else payload for position, payload in enumerate(data)]
