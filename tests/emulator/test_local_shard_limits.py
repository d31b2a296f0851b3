"""docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html: 1,000 records and 1 MB a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from threeways.emulator.endpoint import client_of
from threeways.emulator.server import Emulator
from threeways.emulator.shard_limits import BYTES_PER_SECOND, RECORDS_PER_SECOND, ShardLimits

THROTTLED = "ProvisionedThroughputExceededException"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def limited() -> Iterator[Emulator]:
    with Emulator(shard_limits=True) as running:
        yield running


def test_a_thousand_records_fit_into_a_second_and_no_more() -> None:
    clock = Clock()
    limits = ShardLimits(clock)
    assert sum(limits.take(100) for _ in range(3_000)) == RECORDS_PER_SECOND
    clock.now += 0.5
    assert sum(limits.take(100) for _ in range(3_000)) == RECORDS_PER_SECOND / 2
    clock.now += 60
    assert sum(limits.take(100) for _ in range(3_000)) == RECORDS_PER_SECOND


def test_a_megabyte_fits_into_a_second_and_no_more() -> None:
    clock = Clock()
    limits = ShardLimits(clock)
    assert sum(limits.take(2**16) for _ in range(100)) == BYTES_PER_SECOND / 2**16
    clock.now += 0.25
    assert sum(limits.take(2**16) for _ in range(100)) == BYTES_PER_SECOND / 2**18


def test_a_record_larger_than_a_seconds_room_goes_once_a_second() -> None:
    clock = Clock()
    limits = ShardLimits(clock)
    assert [limits.take(5 * BYTES_PER_SECOND) for _ in range(2)] == [True, False]
    clock.now += 1
    assert limits.take(5 * BYTES_PER_SECOND)


def test_entries_over_a_shards_limit_fail_alone_and_are_really_not_stored(limited: Emulator) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""
    kinesis = limited.client("kinesis")
    kinesis.create_stream(StreamName="entries", ShardCount=1)
    stored: list[bytes] = []
    failed: list[bytes] = []
    for call in range(6):
        data = [f"{call}-{position}".encode() for position in range(500)]
        answer = kinesis.put_records(
            StreamName="entries", Records=[{"Data": body, "PartitionKey": "k"} for body in data]
        )
        assert answer["FailedRecordCount"] == sum("ErrorCode" in entry for entry in answer["Records"])
        for body, entry in zip(data, answer["Records"], strict=True):
            (stored if "SequenceNumber" in entry else failed).append(body)
            if "ErrorCode" in entry:
                assert entry["ErrorCode"] == THROTTLED
                assert "Rate exceeded for shard shardId-000000000000 in stream" in entry["ErrorMessage"]
    assert len(failed) > 500
    start = kinesis.get_shard_iterator(
        StreamName="entries", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert [record["Data"] for record in kinesis.get_records(ShardIterator=start)["Records"]] == stored


def test_a_record_put_alone_over_the_limit_is_refused(limited: Emulator) -> None:
    kinesis = limited.client("kinesis")
    kinesis.create_stream(StreamName="alone", ShardCount=1)
    once = client_of("kinesis", limited.endpoint_url, limited.region, attempts=1)
    try:
        once.put_record(StreamName="alone", Data=bytes(2**20 - 1), PartitionKey="k")
        with pytest.raises(ClientError) as refused:
            once.put_record(StreamName="alone", Data=bytes(2**20 - 1), PartitionKey="k")
    finally:
        once.close()
    assert refused.value.response["Error"]["Code"] == THROTTLED
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_without_being_asked_for_there_is_no_limit(emulator: Emulator, stream: str) -> None:
    records = [{"Data": b"x", "PartitionKey": str(key)} for key in range(500)]
    for _ in range(6):
        answer = emulator.client("kinesis").put_records(StreamName=stream, Records=records)  # type: ignore[arg-type]
        assert answer["FailedRecordCount"] == 0
