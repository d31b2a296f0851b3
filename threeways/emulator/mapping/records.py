"""Kinesis records as a Lambda event holds them: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

_HEAD, _COMMA, _TAIL = b'{"Records":[', b",", b"]}"


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record of a shard. arrived: epoch seconds. encoded: its member of an event's `Records`, as JSON.

    Encoded once, when it is read: it is tried again, and measured, in that form.
    """

    sequence_number: str
    partition_key: str
    arrived: float
    encoded: bytes

    @property
    def size(self) -> int:
        """Its bytes in an event, the comma before the next one included."""
        return len(self.encoded) + len(_COMMA)


EMPTY_EVENT = len(_HEAD) + len(_TAIL) - len(_COMMA)
"""Bytes of an event beside its records' sizes."""


def event_of(records: Sequence[StreamRecord]) -> bytes:
    """The event for a batch: `EMPTY_EVENT` bytes and the records' sizes."""
    return _HEAD + _COMMA.join(record.encoded for record in records) + _TAIL


class KinesisPart(msgspec.Struct, rename="camel"):
    """A record's own part of its place in an event. Arrival: epoch seconds."""

    partition_key: str
    sequence_number: str
    data: bytes
    approximate_arrival_timestamp: float
    kinesis_schema_version: str = "1.0"


class EventRecord(msgspec.Struct):
    """One of an event's `Records`, as docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html shows it."""

    kinesis: KinesisPart
    event_id: str = msgspec.field(name="eventID")
    invoke_identity_arn: str = msgspec.field(name="invokeIdentityArn")
    aws_region: str = msgspec.field(name="awsRegion")
    event_source_arn: str = msgspec.field(name="eventSourceARN")
    event_source: str = msgspec.field(name="eventSource", default="aws:kinesis")
    event_version: str = msgspec.field(name="eventVersion", default="1.0")
    event_name: str = msgspec.field(name="eventName", default="aws:kinesis:record")


@dataclass(frozen=True, slots=True)
class Origin:
    """What is the same in all records of a shard. role_arn: the function's execution role."""

    shard_id: str
    stream_arn: str
    role_arn: str
    region: str


def encode_all(raw: Iterable[RecordTypeDef], origin: Origin) -> list[StreamRecord]:
    """GetRecords' records (`Data` in bytes, `ApproximateArrivalTimestamp` a datetime), ready for events."""
    encoder = msgspec.json.Encoder()
    return [_encode(record, origin, encoder) for record in raw]


def _encode(raw: RecordTypeDef, origin: Origin, encoder: msgspec.json.Encoder) -> StreamRecord:
    number, key = raw["SequenceNumber"], raw["PartitionKey"]
    arrived = round(raw["ApproximateArrivalTimestamp"].timestamp(), 3)
    member = EventRecord(
        kinesis=KinesisPart(key, number, raw["Data"], arrived),
        event_id=f"{origin.shard_id}:{number}",
        invoke_identity_arn=origin.role_arn,
        aws_region=origin.region,
        event_source_arn=origin.stream_arn,
    )
    return StreamRecord(number, key, arrived, encoder.encode(member))
