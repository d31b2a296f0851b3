"""A stream is read to its end, however its pages come."""

from __future__ import annotations

from typing import Any

from uneven import UnevenClient

from threeways.aws.kinesis import ShardReader, read_all
from threeways.emulator.server import Emulator

SHARD = "shardId-000000000000"


def put(emulator: Emulator, stream: str, count: int) -> list[bytes]:
    bodies = [str(number).encode() for number in range(count)]
    for start in range(0, count, 500):
        emulator.client("kinesis").put_records(
            StreamName=stream,
            Records=[{"Data": body, "PartitionKey": "one"} for body in bodies[start : start + 500]],
        )
    return bodies


def test_the_emulator_says_that_it_is_caught_up_only_with_the_last_record(
    emulator: Emulator, stream: str
) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html: MillisBehindLatest"""
    bodies, kinesis = put(emulator, stream, 500), emulator.client("kinesis")
    iterator: Any = kinesis.get_shard_iterator(
        StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[bytes] = []
    for _ in range(10):
        answer = kinesis.get_records(ShardIterator=iterator, Limit=50)
        found += [record["Data"] for record in answer["Records"]]
        assert (answer["MillisBehindLatest"] == 0) == (len(found) == 500)
        iterator = answer["NextShardIterator"]
    assert found == bodies


def test_an_empty_page_is_no_end_while_more_follows_and_a_page_with_records_never_is(
    emulator: Emulator, stream: str
) -> None:
    bodies = put(emulator, stream, 450)
    client: Any = UnevenClient(emulator.client("kinesis"))
    assert read_all(client, stream) == bodies
    assert client.calls < 20


def test_a_closed_shard_ends_without_another_call(emulator: Emulator, stream: str) -> None:
    bodies, kinesis = put(emulator, stream, 10), emulator.client("kinesis")
    kinesis.split_shard(
        StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    [page] = ShardReader(kinesis, SHARD, {"StreamName": stream}).pages()
    assert [record["Data"] for record in page] == bodies


class Expiring:
    """A Kinesis client whose iterators have expired at some of its calls, counted from 0."""

    def __init__(self, kinesis: Any, *expired: int) -> None:
        self._kinesis = kinesis
        self._expired = expired
        self._calls = -1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kinesis, name)

    def get_records(self, **arguments: Any) -> Any:
        self._calls += 1
        if self._calls in self._expired:
            raise self._kinesis.exceptions.ExpiredIteratorException({}, "GetRecords")
        return self._kinesis.get_records(**arguments | {"Limit": 100})


def test_an_iterator_that_expired_is_taken_again_after_the_last_record_that_was_read(
    emulator: Emulator, stream: str
) -> None:
    bodies = put(emulator, stream, 450)
    client: Any = Expiring(emulator.client("kinesis"), 0, 2, 3, 6)
    assert read_all(client, stream) == bodies


def test_a_stream_is_read_by_its_arn_from_a_record_on(emulator: Emulator, stream: str) -> None:
    bodies, kinesis = put(emulator, stream, 5), emulator.client("kinesis")
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    [page, _] = ShardReader(kinesis, SHARD, {"StreamARN": arn}).pages()
    start = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": page[3]["SequenceNumber"]}
    [rest, _] = ShardReader(kinesis, SHARD, {"StreamARN": arn}, start).pages()
    assert [record["Data"] for record in rest] == bodies[3:]
