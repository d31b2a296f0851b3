"""A DynamoDB table's stream as a source: docs.aws.amazon.com/lambda/latest/dg/with-ddb.html."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from threeways.aws.kinesis import list_shards
from threeways.emulator.harness import Harness
from threeways.emulator.mapping import as_kinesis
from threeways.emulator.mapping.document import kinesis_ids
from threeways.emulator.mapping.settings import from_event
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

type Make = Callable[..., Harness]
REPORTS = ["ReportBatchItemFailures"]


class Table:
    """A table with a stream, and what writes to it."""

    def __init__(self, emulator: Emulator, view: str = "NEW_AND_OLD_IMAGES") -> None:
        self.name = f"table-{uuid.uuid4().hex[:8]}"
        self.client = emulator.client("dynamodb")
        self.client.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        )

    def put(self, key: str, **more: Any) -> None:
        self.client.put_item(TableName=self.name, Item={"id": {"S": key}, **more})

    def delete(self, key: str) -> None:
        self.client.delete_item(TableName=self.name, Key={"id": {"S": key}})


@pytest.fixture
def table(emulator: Emulator) -> Table:
    return Table(emulator)


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def keys_of(event: dict[str, Any]) -> list[str]:
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]


def test_a_tables_event_is_the_documented_one(event_source_mapping: Make, table: Table) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    harness = event_source_mapping(nothing, table=table.name)
    before = int(time.time())
    table.put("101", Message={"S": "New item!"}, Raw={"B": b"\x00\xff"})
    table.put("101", Message={"S": "This item has changed"})
    table.delete("101")
    harness.drain()
    (event,) = [invocation.event for invocation in harness.invocations]
    first, second, third = event["Records"]
    created = first["dynamodb"].pop("ApproximateCreationDateTime")
    assert isinstance(created, int)
    assert before <= created <= time.time()
    assert first["dynamodb"].pop("SizeBytes") > 0
    number = first["dynamodb"].pop("SequenceNumber")
    assert number.isdecimal()
    assert first.pop("eventID")
    assert first == {
        "eventVersion": "1.0",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": harness.stream,
        "dynamodb": {
            "Keys": {"id": {"S": "101"}},
            "NewImage": {
                "id": {"S": "101"},
                "Message": {"S": "New item!"},
                "Raw": {"B": base64.b64encode(b"\x00\xff").decode()},
            },
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    assert harness.stream.startswith(f"arn:aws:dynamodb:us-east-1:123456789012:table/{table.name}/stream/")
    assert [record["eventName"] for record in (second, third)] == ["MODIFY", "REMOVE"]
    assert second["dynamodb"]["OldImage"]["Message"] == {"S": "New item!"}
    assert second["dynamodb"]["NewImage"]["Message"] == {"S": "This item has changed"}
    assert "NewImage" not in third["dynamodb"]
    assert int(number) < int(second["dynamodb"]["SequenceNumber"])


@pytest.mark.parametrize(
    ("view", "images"),
    [("KEYS_ONLY", set()), ("NEW_IMAGE", {"NewImage"}), ("OLD_IMAGE", {"OldImage"})],
)
def test_the_images_are_those_of_the_streams_view(
    event_source_mapping: Make, emulator: Emulator, view: str, images: set[str]
) -> None:
    """docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    table = Table(emulator, view)
    harness = event_source_mapping(nothing, table=table.name)
    table.put("k", n={"N": "1"})
    table.put("k", n={"N": "2"})
    harness.drain()
    change = harness.invocations[0].event["Records"][1]["dynamodb"]
    assert {name for name in change if name.endswith("Image")} == images


def test_changes_come_in_order_in_batches_of_batch_size_and_are_checkpointed(
    event_source_mapping: Make, table: Table
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    harness = event_source_mapping(nothing, table=table.name, BatchSize=3)
    for number in range(7):
        table.put(str(number))
    harness.drain()
    batches = [keys_of(invocation.event) for invocation in harness.invocations]
    assert batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    last = harness.invocations[-1].event["Records"][-1]["dynamodb"]["SequenceNumber"]
    assert list(harness.positions().values()) == [last]


def test_latest_passes_over_what_was_written_before_the_start(
    event_source_mapping: Make, table: Table
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html"""
    table.put("before")
    harness = event_source_mapping(nothing, table=table.name, StartingPosition="LATEST")
    harness.start()
    table.put("after")
    harness.drain()
    assert [keys_of(invocation.event) for invocation in harness.invocations] == [["after"]]


def test_a_reported_change_and_all_after_it_come_again(event_source_mapping: Make, table: Table) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html"""
    tries: list[list[str]] = []

    def handler(event: Any, context: Any) -> Any:
        tries.append(keys_of(event))
        at = {
            key: record["dynamodb"]["SequenceNumber"]
            for key, record in zip(tries[-1], event["Records"], strict=True)
        }
        failed = [at["2"]] if "2" in at and len(tries) < 3 else []
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}

    harness = event_source_mapping(handler, table=table.name, FunctionResponseTypes=REPORTS)
    for number in range(4):
        table.put(str(number))
    harness.drain()
    assert tries == [["0", "1", "2", "3"], ["2", "3"], ["2", "3"]]
    assert harness.counts().partial == 2


def test_bisecting_isolates_a_poison_change_whose_document_and_records_are_kept(
    event_source_mapping: Make, table: Table
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"""
    done: list[str] = []

    def handler(event: Any, context: Any) -> None:
        keys = keys_of(event)
        if "poison" in keys:
            raise ValueError("poison")
        done.extend(keys)

    harness = event_source_mapping(
        handler,
        table=table.name,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=0,
        on_failure="S3",
    )
    for key in ("a", "b", "poison", "c"):
        table.put(key)
    harness.drain()
    assert done == ["a", "b", "c"]
    (document,) = harness.failures()
    (record,) = json.loads(document["payload"])["Records"]
    assert keys_of({"Records": [record]}) == ["poison"]
    assert kinesis_ids(json.dumps(document).encode()) == {record["eventID"]}
    info = document["DDBStreamBatchInfo"]
    assert "KinesisBatchInfo" not in document
    assert info.pop("approximateArrivalOfFirstRecord") == info.pop("approximateArrivalOfLastRecord")
    number = record["dynamodb"]["SequenceNumber"]
    assert info == {
        "shardId": next(iter(harness.positions())),
        "startSequenceNumber": number,
        "endSequenceNumber": number,
        "batchSize": 1,
        "streamArn": harness.stream,
    }
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_changes_over_the_maximum_age_are_given_up_without_an_invocation(
    event_source_mapping: Make, table: Table
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html"""
    table.put("old")
    harness = event_source_mapping(
        nothing,
        table=table.name,
        MaximumRecordAgeInSeconds=60,
        on_failure="SQS",
        clock=lambda: time.time() + 100,
    )
    harness.drain()
    assert not harness.invocations
    assert harness.failures()[0]["requestContext"]["condition"] == "RecordAgeExceeded"


def test_an_items_changes_stay_in_order_whatever_the_factor(event_source_mapping: Make, table: Table) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html"""
    harness = event_source_mapping(nothing, table=table.name, ParallelizationFactor=4, BatchSize=2)
    for number in range(6):
        for key in "abc":
            table.put(key, n={"N": str(number)})
    harness.drain()
    seen: dict[str, list[str]] = {}
    for invocation in sorted(harness.invocations, key=lambda one: int(first_number(one.event))):
        for record in invocation.event["Records"]:
            image = record["dynamodb"]["NewImage"]
            seen.setdefault(image["id"]["S"], []).append(image["n"]["N"])
    assert seen == {key: [str(number) for number in range(6)] for key in "abc"}


def first_number(event: dict[str, Any]) -> str:
    number: str = event["Records"][0]["dynamodb"]["SequenceNumber"]
    return number


def test_a_mapping_made_anew_begins_where_it_is_told(event_source_mapping: Make, table: Table) -> None:
    for number in range(4):
        table.put(str(number))
    first = event_source_mapping(nothing, table=table.name, BatchSize=2)
    first.drain()
    first.stop()
    again = event_source_mapping(nothing, table=table.name, BatchSize=4)
    again.drain()
    assert keys_of(again.invocations[0].event) == ["0", "1", "2", "3"]


def test_a_paused_mapping_goes_on_from_its_checkpoint(event_source_mapping: Make, table: Table) -> None:
    harness = event_source_mapping(nothing, table=table.name)
    table.put("before")
    harness.drain()
    harness.update(Enabled=False)
    table.put("while")
    harness.update(Enabled=True, BatchSize=1)
    table.put("after")
    harness.drain()
    batches = [keys_of(invocation.event) for invocation in harness.invocations]
    assert batches == [["before"], ["while"], ["after"]]


def test_a_position_by_time_is_found_by_reading_up_to_it(emulator: Emulator, table: Table) -> None:
    """What LATEST is taken again from, where its iterator expired before anything was read."""
    streams = emulator.client("dynamodbstreams")
    arn = table.client.describe_table(TableName=table.name)["Table"]["LatestStreamArn"]
    kinesis: Any = as_kinesis(streams)
    (shard,) = list_shards(kinesis, arn)
    where = {"StreamName": arn, "ShardId": shard.id, "ShardIteratorType": "AT_TIMESTAMP"}

    def found(moment: datetime) -> list[str]:
        at = kinesis.get_shard_iterator(**where, Timestamp=moment)["ShardIterator"]
        return keys_of(kinesis.get_records(ShardIterator=at, Limit=10))

    table.put("before")
    time.sleep(0.01)
    moment = datetime.now(UTC)
    assert found(moment) == []
    table.put("after")
    assert found(moment) == ["after"]
    assert found(moment - timedelta(days=1)) == ["before", "after"]


def test_a_timestamp_is_for_kinesis_alone_and_a_table_needs_a_stream(
    event_source_mapping: Make, emulator: Emulator, table: Table
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html"""
    arn = event_source_mapping(nothing, table=table.name).stream
    with pytest.raises(LocalError, match="TRIM_HORIZON or LATEST"):
        from_event({"Stream": arn, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1.0})
    plain = f"plain-{uuid.uuid4().hex[:8]}"
    emulator.client("dynamodb").create_table(
        TableName=plain,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(LocalError, match="no stream: give it a StreamSpecification"):
        event_source_mapping(nothing, table=plain)
