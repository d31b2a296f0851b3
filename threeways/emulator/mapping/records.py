"""Stream records as in a Lambda event.

Of Kinesis: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html; of a DynamoDB table's stream:
docs.aws.amazon.com/lambda/latest/dg/with-ddb.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.aws import kinesis_event
from threeways.aws.kinesis_event import COMMA, EventRecord, KinesisPart

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record of a shard. arrived: epoch seconds. encoded: its JSON in an event's `Records`.

    partition_key: what it stays in order with; of a table's stream the item's key. It is encoded once, when
    it is read; retries and size limits use that form.
    """

    sequence_number: str
    partition_key: str
    arrived: float
    encoded: bytes

    @property
    def size(self) -> int:
        """Its size in an event in bytes, the comma before the next one included."""
        return len(self.encoded) + len(COMMA)


EMPTY_EVENT = kinesis_event.EMPTY_EVENT - len(COMMA)
"""The size of an event without records in bytes."""


def event_of(records: Sequence[StreamRecord]) -> bytes:
    """Return a batch's event as JSON, of `EMPTY_EVENT` bytes plus the records' sizes."""
    return kinesis_event.event_of(record.encoded for record in records)


@dataclass(frozen=True, slots=True)
class Origin:
    """The fields that all records of a shard share. role_arn: the function's execution role."""

    shard_id: str
    stream_arn: str
    role_arn: str
    region: str

    @property
    def is_table(self) -> bool:
        """Whether the stream is a DynamoDB table's."""
        return self.stream_arn.split(":")[2:3] == ["dynamodb"]


def encode_all(raw: Iterable[RecordTypeDef], origin: Origin) -> list[StreamRecord]:
    """Encode GetRecords' records (`Data` in bytes, `ApproximateArrivalTimestamp` a datetime) for events."""
    encoder = msgspec.json.Encoder()
    if origin.is_table:
        return [_encode_change(record, origin, encoder) for record in raw]
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


def _encode_change(raw: Any, origin: Origin, encoder: msgspec.json.Encoder) -> StreamRecord:
    """Encode a change of an item: in order by the item's key, with its time in whole seconds.

    docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
    """
    change = raw["dynamodb"]
    arrived = change["ApproximateCreationDateTime"].timestamp()
    member = {
        **raw,
        "awsRegion": origin.region,
        "dynamodb": {**change, "ApproximateCreationDateTime": int(arrived)},
        "eventSourceARN": origin.stream_arn,
    }
    key = msgspec.json.encode(change["Keys"], order="deterministic").decode()
    return StreamRecord(change["SequenceNumber"], key, arrived, encoder.encode(member))
