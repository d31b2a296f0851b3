"""Streams that are split and merged.

docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any

import pytest

from threeways.aws.kinesis import Listed, list_shards
from threeways.emulator.harness import Harness
from threeways.emulator.mapping import poller

FIRST, LOW, HIGH, MERGED = (f"shardId-{number:012}" for number in range(4))
KEYS = [f"key-{number}" for number in range(12)]
type Make = Callable[..., Harness]


class Handler:
    """Notes (shard, key, text); fails while `failing` is set."""

    def __init__(self) -> None:
        self.failing = threading.Event()
        self.seen: list[tuple[str, str, str]] = []

    def __call__(self, event: Any, context: Any) -> None:
        if self.failing.is_set():
            raise ValueError("not yet")
        self.seen += [
            (
                record["eventID"].partition(":")[0],
                record["kinesis"]["partitionKey"],
                base64.b64decode(record["kinesis"]["data"]).decode(),
            )
            for record in event["Records"]
        ]

    def shards(self) -> list[str]:
        """In the order in which their first records came."""
        return list(dict.fromkeys(shard for shard, _, _ in self.seen))

    def texts(self, key: str) -> list[str]:
        return [text for _, found, text in self.seen if found == key]


def put(harness: Harness, start: int, stop: int) -> None:
    for number in range(start, stop):
        harness.put(str(number), key=KEYS[number % len(KEYS)])


def check(handler: Handler, count: int) -> None:
    assert len(handler.seen) == count
    for index, key in enumerate(KEYS):
        assert handler.texts(key) == [str(number) for number in range(index, count, len(KEYS))]


@pytest.mark.parametrize("factor", [1, 3])
def test_a_split_and_a_merge_while_it_runs_lose_and_reorder_nothing_of_a_key(
    event_source_mapping: Make, factor: int
) -> None:
    """docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html"""
    handler = Handler()
    harness = event_source_mapping(handler, BatchSize=5, ParallelizationFactor=factor)
    harness.start()
    put(harness, 0, 60)
    harness.split(FIRST)
    put(harness, 60, 120)
    harness.merge(LOW, HIGH)
    put(harness, 120, 180)
    harness.drain()
    check(handler, 180)
    assert set(handler.shards()) == {FIRST, LOW, HIGH, MERGED}
    assert set(harness.positions()) == {FIRST, LOW, HIGH, MERGED}


def test_children_are_read_only_after_their_parent_is_done_to_its_end(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html"""
    handler = Handler()
    handler.failing.set()
    harness = event_source_mapping(handler, BatchSize=5)
    harness.start()
    put(harness, 0, 12)
    harness.split(FIRST)
    put(harness, 12, 24)
    harness.wait(lambda: harness.counts().failed > 5)
    assert harness.positions() == {FIRST: None}
    assert not harness.mapping.drained()
    handler.failing.clear()
    harness.drain()
    check(handler, 24)
    assert handler.shards()[0] == FIRST
    assert {shard for shard, _, text in handler.seen if int(text) < 12} == {FIRST}


def test_the_child_of_a_merge_is_read_only_after_both_parents(
    event_source_mapping: Make, new_stream: Callable[[int], str]
) -> None:
    """docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html"""
    handler = Handler()
    harness = event_source_mapping(handler, stream=new_stream(2))
    put(harness, 0, 60)
    harness.merge(FIRST, LOW)
    put(harness, 60, 120)
    harness.drain()
    check(handler, 120)
    assert handler.shards()[-1] == HIGH
    parents = [position for position, (shard, _, _) in enumerate(handler.seen) if shard != HIGH]
    child = [position for position, (shard, _, _) in enumerate(handler.seen) if shard == HIGH]
    assert max(parents) < min(child)


def test_from_trim_horizon_a_stream_resharded_before_is_read_parents_first(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html"""
    handler = Handler()
    harness = event_source_mapping(handler)
    put(harness, 0, 24)
    harness.split(FIRST)
    put(harness, 24, 48)
    harness.merge(LOW, HIGH)
    put(harness, 48, 72)
    harness.drain()
    check(handler, 72)
    order = handler.shards()
    assert (order[0], set(order[1:3]), order[3]) == (FIRST, {LOW, HIGH}, MERGED)


def test_from_latest_only_open_shards_are_read_and_their_later_children_from_the_beginning(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: StartingPosition"""
    handler = Handler()
    harness = event_source_mapping(handler, StartingPosition="LATEST")
    put(harness, 0, 12)
    harness.split(FIRST)
    put(harness, 12, 24)
    harness.start()
    assert set(harness.positions()) == {LOW, HIGH}
    assert harness.mapping.drained()
    harness.merge(LOW, HIGH)
    put(harness, 24, 48)
    harness.drain()
    assert [text for _, _, text in handler.seen] == [str(number) for number in range(24, 48)]
    assert handler.shards() == [MERGED]


def test_an_empty_parent_holds_its_children_back_no_longer_than_it_takes_to_see_its_end(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html: no NextShardIterator at the end"""
    handler = Handler()
    harness = event_source_mapping(handler)
    harness.start()
    harness.split(FIRST)
    harness.wait(lambda: set(harness.positions()) == {FIRST, LOW, HIGH})
    put(harness, 0, 12)
    harness.drain()
    check(handler, 12)


def test_a_last_batch_of_a_closed_shard_does_not_wait_for_the_window(event_source_mapping: Make) -> None:
    """Not documented by AWS: nothing can come that it could wait for."""
    handler = Handler()
    harness = event_source_mapping(handler, BatchSize=100, MaximumBatchingWindowInSeconds=300)
    harness.put("last")
    harness.start()
    harness.wait(lambda: harness.counts().polled)
    assert handler.seen == []
    harness.split(FIRST)
    harness.drain()
    assert [text for _, _, text in handler.seen] == ["last"]


class EndlessClient:
    """A Kinesis client whose closed shards never report their end, as unmended moto's."""

    def __init__(self, kinesis: Any) -> None:
        self._kinesis = kinesis

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kinesis, name)

    def get_records(self, **arguments: Any) -> Any:
        answer = self._kinesis.get_records(**arguments)
        if "NextShardIterator" not in answer:
            answer["NextShardIterator"] = self._after(answer["Records"], arguments["ShardIterator"])
        return answer

    def _after(self, records: list[Any], iterator: str) -> str:
        if not records:
            return iterator
        stream, shard, _, moment = base64.b64decode(iterator).decode().split(":")
        after = records[-1]["SequenceNumber"]
        return base64.b64encode(f"{stream}:{shard}:{after}:{moment}".encode()).decode()


def test_where_a_closed_shard_never_reports_its_end_an_empty_read_after_it_closed_is_the_end(
    event_source_mapping: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html"""
    monkeypatch.setattr(poller, "LIST_SECONDS", 0.05)
    handler = Handler()
    harness = event_source_mapping(handler)
    reading: Any = harness.mapping._shards
    reading._kinesis = EndlessClient(harness.kinesis)
    harness.start()
    put(harness, 0, 12)
    harness.split(FIRST)
    put(harness, 12, 24)
    harness.drain()
    check(handler, 24)


def test_all_pages_of_a_list_of_shards_are_read() -> None:
    pages = [
        {"Shards": [{"ShardId": "a", "SequenceNumberRange": {"EndingSequenceNumber": "1"}}]},
        {"Shards": [{"ShardId": "b", "ParentShardId": "a", "SequenceNumberRange": {}}]},
    ]

    class Client:
        def get_paginator(self, _: str) -> Any:
            return self

        def paginate(self, **_: Any) -> Any:
            return iter(pages)

    client: Any = Client()
    assert list_shards(client, "s") == [Listed("a", closed=True), Listed("b", ("a",))]
