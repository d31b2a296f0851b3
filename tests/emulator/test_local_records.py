from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from threeways.emulator.mapping.records import EMPTY_EVENT, Origin, encode_all, event_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

ORIGIN = Origin(
    "shardId-000000000006",
    "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
    "arn:aws:iam::123456789012:role/lambda-role",
    "us-east-2",
)
ARRIVED = datetime(2018, 12, 17, 22, 10, 50, 987654, tzinfo=UTC)


NUMBER = "49590338271490256608559692538361571095921575989136588898"


def raw(data: bytes, number: str = NUMBER, key: str = "1") -> RecordTypeDef:
    return {
        "SequenceNumber": number,
        "PartitionKey": key,
        "Data": data,
        "ApproximateArrivalTimestamp": ARRIVED,
    }


def test_an_event_is_the_documented_one() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    event = json.loads(event_of(encode_all([raw(b"Hello, this is a test.")], ORIGIN)))
    assert event == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.988,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
            }
        ]
    }


def test_an_events_size_is_the_sum_of_its_records_sizes() -> None:
    records = encode_all([raw(b"\x00" * size, str(size)) for size in range(1, 9)], ORIGIN)
    for count in range(1, 9):
        size = EMPTY_EVENT + sum(record.size for record in records[:count])
        assert len(event_of(records[:count])) == size


def test_odd_partition_keys_and_bytes_survive() -> None:
    key = 'é"\\\n\u2028😀'
    (record,) = encode_all([raw(b"\xff\x00", key=key)], ORIGIN)
    kinesis = json.loads(event_of([record]))["Records"][0]["kinesis"]
    assert (kinesis["partitionKey"], kinesis["data"]) == (key, "/wA=")
