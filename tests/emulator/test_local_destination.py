from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from threeways.aws.invocation import REQUEST_LIMIT, FunctionError, InvocationResult
from threeways.emulator.mapping import Clients, EventSourceMapping, MappingEvent, MappingSettings
from threeways.emulator.mapping.counts import MappingReporter
from threeways.emulator.mapping.decisions import Batch
from threeways.emulator.mapping.destination import Destination
from threeways.emulator.mapping.lane import Lane, Work
from threeways.emulator.mapping.position import Shard
from threeways.emulator.mapping.records import Origin, StreamRecord
from threeways.emulator.server import Emulator
from threeways.errors import LocalError

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


@dataclass
class Failing:
    """A stream whose function takes nothing, and the bucket that its records go to."""

    emulator: Emulator
    stream: str
    s3: Any
    eventually: Callable[..., None]

    def run(self, s3: Any = None) -> list[MappingEvent]:
        """What the mapping told until the stream was drained."""
        told: list[MappingEvent] = []
        with self.mapping(s3 or self.s3, told) as mapping:
            self.eventually(mapping.drained)
        assert mapping.counts().sent_to_destination == mapping.counts().discarded
        return told

    def mapping(self, s3: Any, told: list[MappingEvent]) -> EventSourceMapping:
        kinesis = self.emulator.client("kinesis")
        return EventSourceMapping(
            kinesis, self.stream, lambda _: FAILED, SETTINGS, clients=Clients(s3), function_arn=ARN,
            uuid=UUID, on_event=told.append, backoff=lambda _: 0.005,
        )  # fmt: skip

    def keys(self) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket="failures").get("Contents", [])]

    def documents(self) -> list[dict[str, Any]]:
        bodies = [self.s3.get_object(Bucket="failures", Key=key)["Body"] for key in self.keys()]
        return [json.loads(body.read()) for body in bodies]


@pytest.fixture
def failing(
    emulator: Emulator,
    stream: str,
    new_bucket: Callable[[str], Any],
    eventually: Callable[..., None],
) -> Failing:
    return Failing(emulator, stream, new_bucket("failures"), eventually)


def test_the_object_is_named_as_documented(failing: Failing, put: Callable[..., list[str]]) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    put(failing.stream, ["x"])
    failing.run()
    (key,) = failing.keys()
    moment = r"\d{4}/\d\d/\d\d/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d"
    assert re.fullmatch(rf"aws/lambda/{UUID}/shardId-000000000000/{moment}-[0-9a-f-]{{36}}", key)


def test_an_unreachable_destination_is_tried_until_it_has_the_records(
    failing: Failing, put: Callable[..., list[str]]
) -> None:
    put(failing.stream, ["x"])
    told = failing.run(UnreachableAtFirst(failing.s3, 3))
    assert [event.kind for event in told].count("destination_failed") == 3
    assert len(failing.documents()) == 1


def test_stopping_before_the_destination_has_the_records_leaves_them_unchecked(
    failing: Failing, put: Callable[..., list[str]]
) -> None:
    put(failing.stream, ["x"])
    told: list[MappingEvent] = []
    mapping = failing.mapping(UnreachableAtFirst(failing.s3, 10**9), told)
    mapping.start()
    failing.eventually(lambda: any(event.kind == "destination_failed" for event in told))
    assert mapping.stop() == {"shardId-000000000000": None}
    assert mapping.counts().discarded == 0


def test_a_record_over_six_megabytes_goes_to_the_destination_uninvoked_and_the_shard_moves_on(
    failing: Failing,
) -> None:
    # Kinesis takes 10 MiB; the emulator takes 1, so the record is handed to the lane by hand.
    from threading import Event

    told: list[MappingEvent] = []
    kinesis = failing.emulator.client("kinesis")
    shard = Shard(kinesis, failing.stream, "shardId-000000000000", "TRIM_HORIZON")
    destination = Destination("failures", Clients(failing.s3), UUID, ARN)
    reporter = MappingReporter(told.append)
    work = Work(SETTINGS, lambda _: FAILED, destination, reporter, lambda: 0.0, lambda _: 0.0, Event())
    shard.progress.read(["7"])
    origin = Origin(shard.id, "arn:aws:kinesis:us-east-1:123456789012:stream/s", "role", "us-east-1")
    lane = Lane(shard, origin, None, work)  # type: ignore[arg-type]  # it takes nothing from a buffer here
    batch = Batch((StreamRecord("7", "k", 0.0, b'{"data":"' + b"x" * REQUEST_LIMIT + b'"}'),))
    lane._queue.append(batch)
    lane._step(batch)
    assert (shard.checkpoint, reporter.snapshot().invocations) == ("7", 0)
    assert reporter.snapshot().sent_to_destination == 1
    (document,) = failing.documents()
    assert "responseContext" not in document
    assert len(json.loads(document["payload"])["Records"][0]["data"]) == REQUEST_LIMIT


def test_a_destination_needs_a_client(emulator: Emulator, stream: str) -> None:
    with pytest.raises(LocalError, match="S3 client"):
        EventSourceMapping(emulator.client("kinesis"), stream, lambda _: FAILED, SETTINGS)
