"""Failure destinations: docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from threeways.aws.invocation import InvocationResult
from threeways.emulator.harness import DestinationKind, Harness
from threeways.emulator.mapping import Clients, EventSourceMapping, MappingSettings
from threeways.errors import LocalError

SHARD = "shardId-000000000000"
type Make = Callable[..., Harness]


def choke(event: Any, context: Any) -> None:
    raise ValueError("no")


@pytest.mark.parametrize("kind", ["S3", "SQS", "SNS"])
def test_all_get_the_metadata_of_what_is_given_up_and_a_bucket_alone_the_records(
    event_source_mapping: Make, kind: DestinationKind
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: example record"""
    harness = event_source_mapping(choke, MaximumRetryAttempts=2, on_failure=kind)
    numbers = [harness.put(secret).partition(":")[2] for secret in ("secret one", "secret two")]
    harness.drain()
    (document,) = harness.failures()
    records = json.loads(document.pop("payload", '{"Records": []}'))["Records"]
    sent = [record["kinesis"]["sequenceNumber"] for record in records]
    assert sent == (numbers if kind == "S3" else [])
    assert set(document) == {"requestContext", "responseContext", "version", "timestamp", "KinesisBatchInfo"}
    assert document["requestContext"] == {
        "requestId": harness.invocations[-1].result.request_id,
        "functionArn": harness.function.arn,
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 3,
    }
    assert document["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    batch = document["KinesisBatchInfo"]
    moments = [batch.pop(f"approximateArrivalOf{which}Record") for which in ("First", "Last")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment) for moment in moments)
    assert batch == {
        "shardId": SHARD,
        "startSequenceNumber": numbers[0],
        "endSequenceNumber": numbers[1],
        "batchSize": 2,
        "streamArn": f"arn:aws:kinesis:us-east-1:123456789012:stream/{harness.stream}",
    }
    assert document["version"] == "1.0"


def test_the_records_a_queue_was_told_of_can_be_fetched_from_the_stream_by_its_document(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    harness = event_source_mapping(choke, MaximumRetryAttempts=0, BatchSize=2, on_failure="SQS")
    for number in range(4):
        harness.put(f"order {number}")
    harness.drain()
    documents = sorted(harness.failures(), key=lambda found: found["KinesisBatchInfo"]["startSequenceNumber"])
    info = documents[1]["KinesisBatchInfo"]
    iterator = harness.kinesis.get_shard_iterator(
        StreamARN=info["streamArn"],
        StreamName=harness.stream,
        ShardId=info["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=info["startSequenceNumber"],
    )["ShardIterator"]
    records = harness.kinesis.get_records(ShardIterator=iterator, Limit=info["batchSize"])["Records"]
    assert [record["Data"] for record in records] == [b"order 2", b"order 3"]


class RefusingAtFirst:
    """SQS and SNS clients that cannot be reached, `times` times."""

    def __init__(self, client: Any, times: int) -> None:
        self.client, self.times = client, times

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            if self.times:
                self.times -= 1
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
            return getattr(self.client, name)(**arguments)

        return call


@pytest.mark.parametrize("kind", ["SQS", "SNS"])
def test_a_queue_or_topic_that_cannot_be_reached_is_tried_until_it_has_the_document(
    event_source_mapping: Make, kind: DestinationKind
) -> None:
    """AWS gives a delivery up at once: docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    harness = event_source_mapping(choke, MaximumRetryAttempts=0, on_failure=kind)
    assert harness.destination is not None
    aws = harness.emulator
    refusing: Any = RefusingAtFirst(aws.client("sqs" if kind == "SQS" else "sns"), 3)
    harness.put("x")
    settings = MappingSettings(maximum_retry_attempts=0, destination=harness.destination.arn)
    mapping = EventSourceMapping(
        harness.kinesis, harness.stream, harness.function.invoke, settings, backoff=lambda _: 0.005,
        clients=Clients(**{kind.lower(): refusing}),
    )  # fmt: skip
    with mapping:
        harness.wait(mapping.drained)
    assert len(harness.failures()) == 1
    counts = mapping.counts()
    assert (counts.destination_failures, counts.sent_to_destination, counts.discarded) == (3, 1, 1)


@pytest.mark.parametrize("kind", ["sqs", "sns"])
def test_a_destination_needs_its_own_client(event_source_mapping: Make, kind: str) -> None:
    harness = event_source_mapping(choke)
    settings = MappingSettings(destination=f"arn:aws:{kind}:us-east-1:123456789012:there")
    with pytest.raises(LocalError, match=f"give the mapping an {kind.upper()} client with `{kind}=`"):
        EventSourceMapping(
            harness.kinesis,
            harness.stream,
            lambda _: InvocationResult(),
            settings,
            clients=Clients(harness.emulator.client("s3")),
        )


def test_without_a_destination_what_is_given_up_is_dropped_and_told(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    harness = event_source_mapping(choke, MaximumRetryAttempts=0)
    harness.put("x")
    harness.drain()
    assert [event.kind for event in harness.events] == ["function_error", "discarded"]
    with pytest.raises(LocalError, match="on_failure"):
        harness.failures()
