from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from threeways.errors import LocalError
from threeways.local.emulator import Emulator
from threeways.local.invocation import REQUEST_LIMIT, FunctionError, InvocationResult
from threeways.local.mapping import EventSourceMapping, MappingEvent, MappingSettings
from threeways.local.mapping.counts import Teller
from threeways.local.mapping.decisions import Batch
from threeways.local.mapping.destination import S3Destination
from threeways.local.mapping.lane import Lane, Work
from threeways.local.mapping.position import Shard
from threeways.local.mapping.records import Origin, StreamRecord

FAILED = InvocationResult(error=FunctionError("ValueError", "no"), request_id="the-request")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:tested"
SETTINGS = MappingSettings(maximum_retry_attempts=2, destination="failures")
UUID = "14e0db71-5d35-4eb5-b481-8945cf9d10c2"


class UnreachableAtFirst:
    """An S3 client whose first puts do not reach it."""

    def __init__(self, s3: Any, times: int) -> None:
        self.s3, self.times = s3, times

    def put_object(self, **arguments: Any) -> Any:
        if self.times:
            self.times -= 1
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        return self.s3.put_object(**arguments)


@pytest.fixture
def bucket(emulator: Emulator) -> Iterator[str]:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="failures")
    yield "failures"
    for key in keys(emulator):
        s3.delete_object(Bucket="failures", Key=key)
    s3.delete_bucket(Bucket="failures")


def keys(emulator: Emulator) -> list[str]:
    listed = emulator.client("s3").list_objects_v2(Bucket="failures")
    return [item["Key"] for item in listed.get("Contents", [])]


def documents(emulator: Emulator) -> list[dict[str, Any]]:
    s3 = emulator.client("s3")
    return [json.loads(s3.get_object(Bucket="failures", Key=key)["Body"].read()) for key in keys(emulator)]


def run(
    emulator: Emulator, stream: str, eventually: Callable[..., None], s3: Any = None
) -> list[MappingEvent]:
    told: list[MappingEvent] = []
    mapping = EventSourceMapping(
        emulator.client("kinesis"),
        stream,
        lambda _: FAILED,
        SETTINGS,
        s3=s3 or emulator.client("s3"),
        function_arn=ARN,
        uuid=UUID,
        on_event=told.append,
        backoff=lambda _: 0.005,
    )
    with mapping:
        eventually(mapping.drained)
    assert mapping.counts().sent_to_destination == mapping.counts().discarded
    return told


def test_given_up_records_are_kept_with_the_documented_metadata_and_the_whole_event(
    emulator: Emulator,
    stream: str,
    put: Callable[..., list[str]],
    bucket: str,
    eventually: Callable[..., None],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    numbers = put(stream, ["one", "two"])
    run(emulator, stream, eventually)
    (document,) = documents(emulator)
    assert document["requestContext"] == {
        "requestId": "the-request",
        "functionArn": ARN,
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 3,
    }
    assert document["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    batch = document["KinesisBatchInfo"]
    assert (batch["startSequenceNumber"], batch["endSequenceNumber"]) == (numbers[0], numbers[-1])
    assert (batch["shardId"], batch["batchSize"]) == ("shardId-000000000000", 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", batch["approximateArrivalOfFirstRecord"])
    assert batch["streamArn"].endswith(f"stream/{stream}")
    records = json.loads(document["payload"])["Records"]
    assert [record["kinesis"]["sequenceNumber"] for record in records] == numbers


def test_the_object_is_named_as_documented(
    emulator: Emulator,
    stream: str,
    put: Callable[..., list[str]],
    bucket: str,
    eventually: Callable[..., None],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    put(stream, ["x"])
    run(emulator, stream, eventually)
    (key,) = keys(emulator)
    moment = r"\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/{UUID}/shardId-000000000000/{moment}-[0-9a-f-]{{36}}", key)


def test_an_unreachable_destination_is_tried_until_it_has_the_records(
    emulator: Emulator,
    stream: str,
    put: Callable[..., list[str]],
    bucket: str,
    eventually: Callable[..., None],
) -> None:
    put(stream, ["x"])
    told = run(emulator, stream, eventually, UnreachableAtFirst(emulator.client("s3"), 3))
    assert [event.kind for event in told].count("destination_failed") == 3
    assert len(documents(emulator)) == 1


def test_stopping_before_the_destination_has_the_records_leaves_them_unchecked(
    emulator: Emulator,
    stream: str,
    put: Callable[..., list[str]],
    bucket: str,
    eventually: Callable[..., None],
) -> None:
    put(stream, ["x"])
    told: list[MappingEvent] = []
    unreachable: Any = UnreachableAtFirst(emulator.client("s3"), 10**9)
    mapping = EventSourceMapping(
        emulator.client("kinesis"), stream, lambda _: FAILED, SETTINGS, s3=unreachable,
        on_event=told.append, backoff=lambda _: 0.005,
    )  # fmt: skip
    mapping.start()
    eventually(lambda: any(event.kind == "destination_failed" for event in told))
    assert mapping.stop() == {"shardId-000000000000": None}
    assert mapping.counts().discarded == 0


def test_a_record_over_six_megabytes_goes_to_the_destination_uninvoked_and_the_shard_moves_on(
    emulator: Emulator, stream: str, bucket: str
) -> None:
    # Kinesis takes 10 MiB; the emulator takes 1, so the record is handed to the lane by hand.
    from threading import Event

    told: list[MappingEvent] = []
    kinesis = emulator.client("kinesis")
    shard = Shard(kinesis, stream, "shardId-000000000000", "TRIM_HORIZON")
    destination = S3Destination(emulator.client("s3"), "failures", UUID, ARN)
    teller = Teller(told.append)
    work = Work(SETTINGS, lambda _: FAILED, destination, teller, lambda: 0.0, lambda _: 0.0, Event())
    shard.progress.read(["7"])
    origin = Origin(shard.id, "arn:aws:kinesis:us-east-1:123456789012:stream/s", "role", "us-east-1")
    lane = Lane(shard, origin, None, work)  # type: ignore[arg-type]  # it takes nothing from a buffer here
    batch = Batch((StreamRecord("7", "k", 0.0, b'{"data":"' + b"x" * REQUEST_LIMIT + b'"}'),))
    lane._queue.append(batch)
    lane._step(batch)
    assert (shard.checkpoint, teller.snapshot().invocations) == ("7", 0)
    assert teller.snapshot().sent_to_destination == 1
    (document,) = documents(emulator)
    assert "responseContext" not in document
    assert len(json.loads(document["payload"])["Records"][0]["data"]) == REQUEST_LIMIT


def test_a_destination_needs_a_client(emulator: Emulator, stream: str) -> None:
    with pytest.raises(LocalError, match="S3 client"):
        EventSourceMapping(emulator.client("kinesis"), stream, lambda _: FAILED, SETTINGS)
