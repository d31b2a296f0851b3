"""Kinesis records as a Lambda event holds them: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from threeways.aws import kinesis_event
from threeways.aws.kinesis_event import COMMA, EventRecord, KinesisPart

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef


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
        return len(self.encoded) + len(COMMA)


EMPTY_EVENT = kinesis_event.EMPTY_EVENT - len(COMMA)
"""Bytes of an event beside its records' sizes."""


def event_of(records: Sequence[StreamRecord]) -> bytes:
    """The event for a batch: `EMPTY_EVENT` bytes and the records' sizes."""
    return kinesis_event.event_of(record.encoded for record in records)


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
