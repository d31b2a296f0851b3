"""What a mapping with a filter sends: docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from threeways.emulator.harness import Harness
from threeways.emulator.server import Emulator
from threeways.errors import LocalError
from threeways.stream.aggregation import pack

type Make = Callable[..., Harness]
CARD = {"Filters": [{"Pattern": json.dumps({"data": {"paid": ["card"]}})}]}


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def test_only_what_matches_is_sent_and_the_rest_counts_as_done(event_source_mapping: Make) -> None:
    harness = event_source_mapping(nothing, BatchSize=4, FilterCriteria=CARD)
    ids = [harness.put({"id": n, "paid": "card" if n % 3 == 0 else "cash"}) for n in range(20)]
    harness.drain()
    sent = [json.loads(data)["id"] for one in harness.invocations for data in one.data]
    assert sent == [0, 3, 6, 9, 12, 15, 18]
    assert [len(one.ids) for one in harness.invocations] == [4, 3]  # batches are of what matches
    assert harness.positions() == {"shardId-000000000000": ids[-1].partition(":")[2]}
    counts = harness.counts()
    assert (counts.polled, counts.filtered, counts.records) == (20, 13, 7)
    assert counts.metrics()["FilteredOutEventCount"] == 13
    assert counts.metrics()["DroppedEventCount"] == 0


def test_a_failing_batch_does_not_hold_back_what_was_filtered_out_nor_lose_it(
    event_source_mapping: Make,
) -> None:
    failed: list[Any] = []

    def once(event: Any, context: Any) -> None:
        if not failed:
            failed.append(event)
            raise ValueError("once")

    harness = event_source_mapping(once, BatchSize=1, FilterCriteria=CARD)
    for n, paid in enumerate(["cash", "card", "cash", "card", "cash"]):
        harness.put({"id": n, "paid": paid})
    harness.drain()
    assert [json.loads(one.data[0])["id"] for one in harness.invocations] == [1, 1, 3]


def test_data_that_is_not_json_and_an_aggregated_record_are_dropped_by_a_polling_mapping(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html: aggregated records need fan-out"""
    harness = event_source_mapping(nothing, FilterCriteria=CARD)
    harness.put("no JSON")
    harness.put(pack("k", [b'{"paid": "card"}', b'{"paid": "card"}']))
    harness.put({"paid": "card"})
    harness.drain()
    assert [data for one in harness.invocations for data in one.data] == [b'{"paid": "card"}']
    assert harness.counts().filtered == 2
    [told] = [event for event in harness.events if event.kind == "aggregated"]
    assert told.records == 1


def test_an_aggregated_record_that_aws_would_filter_with_fan_out_ends_the_mapping_with_a_clear_line(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html: it does not say what is then sent"""
    first = event_source_mapping(nothing)
    consumer = f"arn:aws:kinesis:us-east-1:123456789012:stream/{first.stream}/consumer/tip:1"
    harness = event_source_mapping(nothing, stream=first.stream, Stream=consumer, FilterCriteria=CARD)
    harness.put(pack("k", [b'{"paid": "card"}']))
    with pytest.raises(LocalError, match="with enhanced fan-out AWS filters what is in them, which is not"):
        harness.drain()
    with pytest.raises(LocalError, match="Kinesis Producer Library"):
        harness.close()
    harness.mapping._failure = None  # the fixture closes it again


def test_a_shard_that_is_split_while_everything_is_filtered_out_is_read_on(
    event_source_mapping: Make,
) -> None:
    harness = event_source_mapping(nothing, FilterCriteria=CARD)
    harness.put({"paid": "cash"})
    harness.start()
    harness.split()
    harness.put({"paid": "card"}, key="other")
    harness.put({"paid": "card"}, key="key")
    harness.drain()
    assert harness.counts().records == 2


def test_of_a_table_s_changes_only_what_matches_is_sent(
    event_source_mapping: Make, emulator: Emulator
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html"""
    table, client = f"filtered-{uuid.uuid4().hex[:8]}", emulator.client("dynamodb")
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    pattern = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"paid": {"S": ["card"]}}}}
    harness = event_source_mapping(
        nothing, table=table, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]}
    )
    for key, paid in (("1", "card"), ("2", "cash"), ("1", "cash"), ("3", "card")):
        client.put_item(TableName=table, Item={"id": {"S": key}, "paid": {"S": paid}})
    harness.drain()
    sent = [record for one in harness.invocations for record in one.event["Records"]]
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in sent] == ["1", "3"]
    assert harness.counts().filtered == 2
