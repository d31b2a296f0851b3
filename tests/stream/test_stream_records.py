"""Records out of Lambda's event and out of the Kinesis API's answer are the same records."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from threeways.errors import InvalidInvocation
from threeways.stream import records
from threeways.stream.records import Batch, Record, batch_of, from_event, from_kinesis

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


def test_a_batch_by_column_is_the_same_records() -> None:
    for name in ("kinesis-good", "kinesis-mixed"):
        records, batch = from_event(event(name)), batch_of(event(name))
        assert list(batch) == records == batch[:]
        assert Batch.of(records) == batch
        assert list(batch.taken([len(records) - 1, 0])) == [records[-1], records[0]]
    assert list(Batch.of([])) == from_event({"Records": []}) == []


def test_each_column_of_a_batch_is_its_field_of_the_records_by_name() -> None:
    record = Record("id", "1", "key", 2.0, b"data", b"payload", "arn")
    batch = Batch.of([record])
    columns = {"payload": "payloads", "data": "data", "arrived_at": "arrived_at"}
    for name in Record.__struct_fields__:
        assert getattr(batch, columns.get(name, f"{name}s")) == [getattr(record, name)]


def test_an_empty_batch_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_again(_: object) -> list[Record]:
        raise AssertionError("the event was sound")

    monkeypatch.setattr(records, "_thoroughly", not_again)
    assert len(batch_of({"Records": []})) == 0


@pytest.mark.parametrize("number", ["", "12a", "1.5", "-3", "\u0663", "\u00b2", " 1", "\ud800"])
def test_a_sequence_number_that_is_none_makes_the_event_no_kinesis_event(number: str) -> None:
    odd = event("kinesis-good")
    odd["Records"][-1]["kinesis"]["sequenceNumber"] = number
    with pytest.raises(InvalidInvocation, match="sequenceNumber"):
        from_event(odd)


@pytest.mark.parametrize("data", ["A", "QQ=", "Q Q=", "QQ==\n", "=", "\u0041\u00e9==", "QQ==QQ=="])
def test_data_that_is_not_base64_is_that_record_s_reason_alone(data: str) -> None:
    odd = event("kinesis-good")
    odd["Records"].append({**odd["Records"][0], "kinesis": {**odd["Records"][0]["kinesis"], "data": data}})
    *others, last = from_event(odd)
    assert others == from_event(event("kinesis-good"))
    assert "not base64" in str(last.payload)
    assert last.data == data.encode()
