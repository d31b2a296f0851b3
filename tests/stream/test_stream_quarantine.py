"""Quarantine on a real S3 protocol: what is kept, and what happens when it cannot be."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from doubles import FOREVER, NOW, Sleeps, client_error
from events_lab import KINDS

from threeways.aws.calls import Backoff, Deadline
from threeways.emulator.server import Emulator
from threeways.errors import InvalidEvent, QuarantineFailed, SettingsError, UndecodableEvent
from threeways.stream.quarantine import S3Quarantine, read, split_location
from threeways.stream.records import Record

LOCATION = "s3://quarantine-bucket/threeways/quarantine"


@pytest.fixture(scope="module")
def s3(emulator: Emulator) -> Any:
    client = emulator.client("s3")
    client.create_bucket(Bucket="quarantine-bucket")
    return client


@pytest.fixture
def _empty(s3: Any) -> Iterator[None]:
    yield
    for item in s3.list_objects_v2(Bucket="quarantine-bucket").get("Contents", []):
        s3.delete_object(Bucket="quarantine-bucket", Key=item["Key"])


def record(number: int, data: bytes) -> Record:
    return Record(
        event_id=f"shardId-000000000003:{number}",
        sequence_number=str(number),
        partition_key="key",
        arrived_at=NOW.timestamp(),
        data=data,
        payload=data,
        source_arn="arn:aws:kinesis:us-east-1:123456789012:stream/ride_events",
    )


@pytest.mark.usefixtures("_empty")
def test_every_kind_of_broken_record_is_kept_with_its_bytes_and_its_reason(s3: Any) -> None:
    faults = [(record(n, data), InvalidEvent(f"reason {n}")) for n, data in enumerate(KINDS.values())]
    assert S3Quarantine(s3, LOCATION).put(faults, FOREVER) == 0
    found = list(read(s3, LOCATION))
    assert len({key for key, _ in found}) == 1
    for (kept, error), (key, entry) in zip(faults, found, strict=True):
        assert key.startswith("threeways/quarantine/20")
        assert key.endswith(".jsonl")
        assert (entry.data, entry.code, entry.message) == (kept.data, error.code, str(error))
        assert (entry.source_event_id, entry.shard_id) == (kept.event_id, "shardId-000000000003")
        assert (entry.sequence_number, entry.partition_key) == (kept.sequence_number, "key")
        assert (entry.arrived, entry.event_source_arn) == (NOW, kept.source_arn)


@pytest.mark.usefixtures("_empty")
def test_records_that_come_again_replace_their_object_and_others_have_their_own(s3: Any) -> None:
    quarantine = S3Quarantine(s3, LOCATION)
    faults = [(record(n, b"x"), UndecodableEvent("why")) for n in range(3)]
    for batch in (faults, faults, faults[:2], faults[:1], faults[1:]):
        quarantine.put(batch, FOREVER)
    assert len({key for key, _ in read(s3, LOCATION)}) == 4
    assert {entry.sequence_number for _, entry in read(s3, LOCATION)} == {"0", "1", "2"}


@pytest.mark.usefixtures("_empty")
def test_a_reason_is_kept_to_a_length(s3: Any) -> None:
    S3Quarantine(s3, LOCATION).put([(record(1, b"x"), UndecodableEvent("y" * 100_000))], FOREVER)
    [(_, entry)] = read(s3, LOCATION)
    assert entry.message == "y" * 1000


class FakeS3:
    """Fails as often as it is told, or answers when it is let go."""

    def __init__(self, *faults: Exception, answers: threading.Event | None = None) -> None:
        self.faults = deque(faults)
        self.answers = answers
        self.objects: list[bytes] = []

    def put_object(self, *, Body: bytes, **_: Any) -> None:  # noqa: N803 - boto3's name
        if self.answers:
            self.answers.wait(20)
        if self.faults:
            raise self.faults.popleft()
        self.objects.append(Body)


def test_an_s3_that_never_answers_has_not_kept_anything() -> None:
    client: Any = FakeS3(answers=threading.Event())
    with pytest.raises(QuarantineFailed, match="did not answer"):
        S3Quarantine(client, LOCATION).put([(record(1, b"x"), UndecodableEvent("y"))], Deadline(lambda: 0.05))
    client.answers.set()


def test_retries_are_told_whether_it_ends_well_or_not() -> None:
    slow_down = client_error("SlowDown", 503)
    fault = [(record(1, b"x"), UndecodableEvent("y"))]
    kept: Any = FakeS3(slow_down, slow_down)
    assert S3Quarantine(kept, LOCATION, Backoff(sleep=Sleeps())).put(fault, FOREVER) == 2
    assert len(kept.objects) == 1
    refused: Any = FakeS3(slow_down, client_error("AccessDenied", 403))
    with pytest.raises(QuarantineFailed) as raised:
        S3Quarantine(refused, LOCATION, Backoff(sleep=Sleeps())).put(fault, FOREVER)
    assert raised.value.retries == 1


def test_a_bucket_that_is_not_there_fails_at_once(s3: Any) -> None:
    sleeps = Sleeps()
    quarantine = S3Quarantine(s3, "s3://no-such-bucket-here/q", Backoff(sleep=sleeps))
    with pytest.raises(QuarantineFailed, match="NoSuchBucket"):
        quarantine.put([(record(1, b"x"), UndecodableEvent("why"))], FOREVER)
    assert sleeps.asked == []


def test_an_unreachable_s3_is_tried_until_the_deadline() -> None:
    nobody = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        config=Config(connect_timeout=1, retries={"total_max_attempts": 1}),
    )
    left = iter((60.0, 60.0, 60.0, 60.0, 60.0, 0.0))  # asked before each call and before each wait
    sleeps = Sleeps()
    quarantine = S3Quarantine(nobody, LOCATION, Backoff(sleep=sleeps))
    with pytest.raises(QuarantineFailed, match=r"127\.0\.0\.1"):
        quarantine.put(
            [(record(1, b"x"), UndecodableEvent("why"))],
            Deadline(lambda: next(left)),
        )
    assert len(sleeps.asked) == 2


@pytest.mark.parametrize("location", ["", "bucket/prefix", "s3://", "https://bucket/prefix", "s3:///x"])
def test_a_location_of_another_form_is_refused(location: str) -> None:
    with pytest.raises(SettingsError, match="s3://bucket/prefix"):
        split_location(location)


def test_locations_are_split_into_bucket_and_prefix() -> None:
    assert split_location("s3://b/p/q/") == ("b", "p/q/")
    assert split_location("s3://b") == ("b", "")
