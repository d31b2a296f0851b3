"""Records out of Lambda's event and out of the Kinesis API's answer are the same records."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from threeways.stream.records import Record, from_event, from_kinesis

EVENTS = Path(__file__).parents[1] / "events"


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def test_lambda_s_event_is_taken_apart() -> None:
    record = from_event(event("kinesis-good"))[0]
    assert record == Record(
        event_id="shardId-000000000000:49630081666084879290581185630324770398608704880802529282",
        sequence_number="49630081666084879290581185630324770398608704880802529282",
        partition_key="256",
        arrived_at=datetime(2021, 2, 1, 13, 15, 0, 123000, tzinfo=UTC).timestamp(),
        data=record.data,
        payload=record.data,
        source_arn="arn:aws:kinesis:us-east-1:123456789012:stream/ride_events",
    )
    assert json.loads(record.data)["ride_id"] == 256
    assert record.shard_id == "shardId-000000000000"


def test_the_api_s_records_are_the_event_s_records() -> None:
    same = event("kinesis-mixed")
    raw = [
        {
            "SequenceNumber": record["kinesis"]["sequenceNumber"],
            "PartitionKey": record["kinesis"]["partitionKey"],
            "Data": base64.b64decode(record["kinesis"]["data"]),
            "ApproximateArrivalTimestamp": datetime.fromtimestamp(
                record["kinesis"]["approximateArrivalTimestamp"], UTC
            ),
        }
        for record in same["Records"]
    ]
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/ride_events"
    assert from_kinesis(raw, "shardId-000000000000", arn) == from_event(same)
