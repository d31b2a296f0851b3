"""ParallelizationFactor: docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html."""

from __future__ import annotations

import base64
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from threeways.emulator.harness import Harness
from threeways.emulator.mapping.buffer import Buffer, lane_of
from threeways.emulator.mapping.records import StreamRecord

KEYS = [f"key-{number}" for number in range(20)]
ONE = KEYS[0]
OTHER = next(key for key in KEYS if lane_of(key, 2) != lane_of(ONE, 2))
type Make = Callable[..., Harness]


@dataclass
class Handler:
    """Notes what it does and how much of it at once; keys in `held` wait, keys in `failing` fail."""

    held: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    seen: list[tuple[str, str]] = field(default_factory=list)
    under_way: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    most: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, event: Any, context: Any) -> None:
        records = [record["kinesis"] for record in event["Records"]]
        keys = {record["partitionKey"] for record in records}
        with self.changed:
            self.most = max(self.most, sum(self.under_way.values()) + 1)
            self.under_way[lane_of(min(keys), 4)] += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: not keys & self.held, 10)
            self.under_way[lane_of(min(keys), 4)] -= 1
            if keys & self.failing:
                raise ValueError("not yet")
            self.seen += [(r["partitionKey"], base64.b64decode(r["data"]).decode()) for r in records]

    def release(self) -> None:
        with self.changed:
            self.held.clear()
            self.failing.clear()
            self.changed.notify_all()


def test_a_key_is_always_on_the_same_lane_and_all_lanes_are_used() -> None:
    assert {lane_of(key, 10) for key in map(str, range(200))} == set(range(10))
    assert lane_of("é😀", 10) == lane_of("é😀", 10)
    assert {lane_of(key, 1) for key in KEYS} == {0}


def test_a_lanes_batches_hold_its_own_keys_and_are_full_at_batch_size() -> None:
    buffer = Buffer(2, window=300, lanes=2)
    records = [StreamRecord(str(number), KEYS[number % 20], 0.0, b"x") for number in range(40)]
    buffer.put(records)
    batches = [(lane, buffer.take(lane)) for lane in (0, 1, 0, 1)]
    assert all(len(batch) == 2 for _, batch in batches)
    assert all(lane_of(record.partition_key, 2) == lane for lane, batch in batches for record in batch)
    taken = [record for lane, batch in batches if lane == 0 for record in batch]
    assert taken == [record for record in records if lane_of(record.partition_key, 2) == 0][:4]


def test_records_of_one_key_stay_in_order_whatever_the_factor(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: in order at the partition key's level."""
    handler = Handler()
    harness = event_source_mapping(handler, ParallelizationFactor=4, BatchSize=3)
    for number in range(120):
        harness.put(str(number), key=KEYS[number % 20])
    harness.drain()
    assert len(handler.seen) == 120
    for key in KEYS:
        texts = [int(text) for seen, text in handler.seen if seen == key]
        assert texts == sorted(texts)


def test_as_many_batches_of_a_shard_run_at_once_as_the_factor_says_and_one_a_lane(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: concurrent batches per shard."""
    handler = Handler(held=set(KEYS))
    harness = event_source_mapping(handler, ParallelizationFactor=4, BatchSize=1)
    for number in range(40):
        harness.put(str(number), key=KEYS[number % 20])
    harness.start()
    harness.wait(lambda: handler.most == 4)
    assert set(handler.under_way.values()) == {1}
    handler.release()
    harness.drain()
    assert handler.most == 4


def test_with_the_factor_of_one_a_shard_has_one_invocation_at_a_time(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: by default, one batch a shard at a time."""
    handler = Handler()
    harness = event_source_mapping(handler, BatchSize=1)
    for number in range(30):
        harness.put(str(number), key=KEYS[number % 20])
    harness.drain()
    assert handler.most == 1
    assert [int(text) for _, text in handler.seen] == list(range(30))


def test_a_lane_that_fails_blocks_neither_the_others_nor_loses_what_lies_between(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: retried until it passes."""
    handler = Handler(failing={ONE})
    harness = event_source_mapping(handler, ParallelizationFactor=2, BatchSize=2)
    ids = [harness.put(str(number), key=ONE if number in {2, 5} else OTHER) for number in range(10)]
    harness.start()
    harness.wait(lambda: len(handler.seen) == 8)
    assert harness.positions() == {"shardId-000000000000": ids[1].partition(":")[2]}
    assert not harness.mapping.drained()
    handler.release()
    harness.drain()
    assert harness.positions() == {"shardId-000000000000": ids[9].partition(":")[2]}
    assert [text for key, text in handler.seen if key == ONE] == ["2", "5"]


def test_what_is_done_beyond_the_checkpoint_is_not_sent_again_while_the_mapping_runs(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: each record at least once, here no more."""
    handler = Handler(failing={ONE})
    harness = event_source_mapping(handler, ParallelizationFactor=2, BatchSize=1)
    for number in range(10):
        harness.put(str(number), key=ONE if number == 0 else OTHER)
    harness.start()
    harness.wait(lambda: len(handler.seen) == 9 and harness.counts().failed > 2)
    handler.release()
    harness.drain()
    assert sorted(text for _, text in handler.seen) == [str(number) for number in range(10)]


def test_stopping_while_a_lane_is_behind_tells_the_position_before_its_first_record(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: a restart sends from there, duplicates too."""
    handler = Handler(failing={ONE})
    harness = event_source_mapping(handler, ParallelizationFactor=2, BatchSize=1)
    harness.put("first", key=ONE)
    harness.put("second", key=OTHER)
    harness.start()
    harness.wait(lambda: handler.seen)
    assert harness.stop() == {"shardId-000000000000": None}


def test_a_lane_that_is_given_up_goes_to_the_destination_with_its_own_records_alone(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    handler = Handler(failing={ONE})
    harness = event_source_mapping(
        handler, ParallelizationFactor=2, MaximumRetryAttempts=1, BatchSize=100, on_failure="S3"
    )
    ids = [harness.put(str(number), key=ONE if number % 2 else OTHER) for number in range(10)]
    harness.drain()
    (document,) = harness.failures()
    assert [record["eventID"] for record in json.loads(document["payload"])["Records"]] == ids[1::2]
    assert harness.positions() == {"shardId-000000000000": ids[9].partition(":")[2]}
    assert [text for _, text in handler.seen] == ["0", "2", "4", "6", "8"]


def test_a_blocked_lane_lets_the_shard_be_read_until_all_lanes_allowance_is_held() -> None:
    """Not documented by AWS; bounded here, so that one lane cannot fill the memory."""
    buffer = Buffer(2, window=0, lanes=2)
    blocked, other = (
        [StreamRecord(str(number), key, 0.0, b"x") for number in range(7)] for key in (ONE, OTHER)
    )
    buffer.put(blocked)
    assert buffer.wait_for_room()
    buffer.put(other[:1])
    with ThreadPoolExecutor(1) as pool:
        room = pool.submit(buffer.wait_for_room)
        assert not room.done()
        assert buffer.take(lane_of(OTHER, 2)) == (other[0],)
        assert room.result(timeout=60)
