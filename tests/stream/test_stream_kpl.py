"""Batches with KPL-aggregated records: each user record on its own, the whole one answered for."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from doubles import NOW, FakeContext, FakeKinesis, client_error, kinesis_event, ride
from kpl import aggregated, sealed
from test_stream_handler import ListQuarantine, Reports, failures, handler

from threeways.stream.records import from_event, from_kinesis, kinesis_id

EVENT = json.loads((Path(__file__).parents[1] / "events" / "kinesis-kpl.json").read_text())
SHARD = "shardId-000000000000"
FIRST, WHOLE, LAST = (record["kinesis"]["sequenceNumber"] for record in EVENT["Records"])
DENIED = client_error("AccessDeniedException")


def test_each_user_record_has_its_own_id_key_and_bytes() -> None:
    records = from_event(EVENT)
    assert [record.event_id for record in records] == [
        f"{SHARD}:{FIRST}",
        *(f"{SHARD}:{WHOLE}:{number}" for number in range(4)),
        f"{SHARD}:{LAST}",
    ]
    assert [record.sequence_number for record in records] == [FIRST, *[WHOLE] * 4, LAST]
    assert [record.partition_key for record in records] == ["255", "256", "257", "256", "258", "260"]
    assert {record.shard_id for record in records} == {SHARD}
    assert json.loads(records[3].data) == json.loads(ride("b-258", distance=1.1))
    assert all(record.payload == record.data for record in records)


def test_the_api_s_aggregated_records_are_the_event_s() -> None:
    raw = [
        {
            "SequenceNumber": record["kinesis"]["sequenceNumber"],
            "PartitionKey": record["kinesis"]["partitionKey"],
            "Data": base64.b64decode(record["kinesis"]["data"]),
            "ApproximateArrivalTimestamp": from_event(EVENT)[0].arrived,
        }
        for record in EVENT["Records"]
    ]
    assert from_kinesis(raw, SHARD, EVENT["Records"][0]["eventSourceARN"]) == from_event(EVENT)


def test_each_user_record_is_scored_or_quarantined_on_its_own() -> None:
    client, quarantine, reports = FakeKinesis(), ListQuarantine(), Reports()
    assert handler(client, quarantine, reports)(EVENT, FakeContext()) == failures()
    made = [json.loads(record["Data"]) for record in client.stored]
    assert {one["source_event_id"].rpartition(":")[2]: one["prediction"]["ride_id"] for one in made} == {
        FIRST: 255, "0": 256, "2": "b-258", "3": 259, LAST: 260,
    }  # fmt: skip
    [(record, error)] = quarantine.kept
    assert (record.event_id, record.partition_key) == (f"{SHARD}:{WHOLE}:1", "257")
    assert json.loads(record.data)["ride_id"] == 300
    assert error.code == "invalid_event"
    assert (reports[0].events, reports[0].predictions, reports[0].quarantined.total()) == (6, 5, 1)


@pytest.mark.parametrize("unfinished", range(3))
def test_one_unfinished_user_record_reports_the_whole_kinesis_record(unfinished: int) -> None:
    event = kinesis_event([ride(1), aggregated([(f"key {n}", ride(n), None) for n in range(3)]), ride(2)])
    client = FakeKinesis({1 + unfinished}, DENIED)
    assert handler(client)(event, FakeContext()) == failures(1002)
    assert len(client.stored) == 4


def test_a_user_record_that_quarantine_does_not_take_reports_the_whole_kinesis_record() -> None:
    event = kinesis_event([ride(1), aggregated([("a", ride(2), None), ("b", b"junk", None)])])
    assert handler(FakeKinesis(), ListQuarantine(fails=True))(event, FakeContext()) == failures(1002)


def test_order_is_kept_by_the_user_records_keys_across_kinesis_records() -> None:
    packed = [aggregated([("k", ride(n), None), ("other", ride(n + 10), None)]) for n in (1, 2, 3)]
    client = FakeKinesis({0}, {1}, set(), {0})
    assert handler(client)(kinesis_event(packed, keys=["x", "y", "z"]), FakeContext()) == failures()
    order = [record["PartitionKey"] for record in client.stored]
    assert [key for key in order if len(key) == 1] == ["1", "2", "3"]
    assert [key for key in order if len(key) == 2] == ["11", "12", "13"]
    assert all(len({record["PartitionKey"] for record in call}) == len(call) for call in client.calls)


def test_a_redelivered_user_record_repeats_its_id() -> None:
    client = FakeKinesis()
    handle = handler(client)
    for _ in range(2):
        handle(EVENT, FakeContext())
    ids = [json.loads(record["Data"])["source_event_id"] for record in client.stored]
    assert ids[:5] == ids[5:]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (aggregated([("k", ride(1), None)])[:-1] + b"\x00", "MD5"),
        (aggregated([("k", ride(1), None)])[:19], "MD5"),
        (sealed(b"\x1a\x02\x08\x00"), "broken message"),
    ],
)
def test_a_broken_aggregated_record_is_quarantined_whole(data: bytes, reason: str) -> None:
    client, quarantine = FakeKinesis(), ListQuarantine()
    assert handler(client, quarantine)(kinesis_event([ride(1), data]), FakeContext()) == failures()
    [(record, error)] = quarantine.kept
    assert (record.event_id, record.data, error.code) == (f"{SHARD}:1002", data, "undecodable")
    assert reason in str(error)
    assert len(client.stored) == 1


def test_an_aggregated_record_of_nothing_is_done() -> None:
    client, reports = FakeKinesis(), Reports()
    answer = handler(client, reports=reports)(kinesis_event([sealed(b"")]), FakeContext())
    assert (answer, client.calls, reports[0].events) == (failures(), [], 0)


def test_a_user_record_that_comes_again_by_itself_is_not_taken_apart_once_more() -> None:
    within: Any = aggregated([("k", ride(1), None)])
    event = kinesis_event([within])
    event["Records"][0]["eventID"] += ":7"
    [record] = from_event(event)
    assert (record.event_id, record.data, record.arrived) == (f"{SHARD}:1001:7", within, NOW)


def test_the_id_of_the_kinesis_record_is_the_user_record_s_without_its_number() -> None:
    assert kinesis_id(f"{SHARD}:1002:17") == kinesis_id(f"{SHARD}:1002") == f"{SHARD}:1002"
