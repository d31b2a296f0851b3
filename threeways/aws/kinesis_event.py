"""The event of a Kinesis event source mapping: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

ROLE_ARN = "arn:aws:iam::123456789012:role/lambda-role"
"""The execution role that an event names where nobody knows the function's: that of AWS's example event."""
COMMA = b","
_HEAD, _TAIL = b'{"Records":[', b"]}"
EMPTY_EVENT = len(_HEAD) + len(_TAIL)
"""Bytes of an event without records."""


class KinesisPart(msgspec.Struct, rename="camel"):
    """A record's own part of its place in an event. Arrival: epoch seconds."""

    partition_key: str
    sequence_number: str
    data: bytes
    approximate_arrival_timestamp: float
    kinesis_schema_version: str = "1.0"


class EventRecord(msgspec.Struct):
    """One of an event's `Records`."""

    kinesis: KinesisPart
    event_id: str = msgspec.field(name="eventID")
    invoke_identity_arn: str = msgspec.field(name="invokeIdentityArn")
    aws_region: str = msgspec.field(name="awsRegion")
    event_source_arn: str = msgspec.field(name="eventSourceARN")
    event_source: str = msgspec.field(name="eventSource", default="aws:kinesis")
    event_version: str = msgspec.field(name="eventVersion", default="1.0")
    event_name: str = msgspec.field(name="eventName", default="aws:kinesis:record")


def event_of(members: Iterable[bytes]) -> bytes:
    """Write the event, in JSON, of `EventRecord`s that are in JSON already."""
    return _HEAD + COMMA.join(members) + _TAIL
