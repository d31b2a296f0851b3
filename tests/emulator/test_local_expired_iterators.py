"""Shard iterators expire: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from threeways.emulator.harness import Harness
from threeways.emulator.server import Emulator
from threeways.local_run import collector as collectors
from threeways.local_run.collector import Collector
from threeways.scoring import tasks

pytestmark = pytest.mark.exhaustive

SECONDS = 0.5
IDLE = 1.2 * SECONDS
TRIES = 4
"""On a busy machine an iterator may expire between two reads: not each time."""
SHARD = "shardId-000000000000"


@pytest.fixture(scope="module")
def forgetful() -> Iterator[Emulator]:
    """An emulator whose iterators expire soon, and not after the five minutes of AWS's."""
    with Emulator(iterator_seconds=SECONDS) as running:
        yield running


class Handler:
    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, event: Any, context: Any) -> None:
        self.go_on.wait(10)
        self.seen += [record["kinesis"]["data"] for record in event["Records"]]


class Cut:
    """A Kinesis client whose reads fail while `down` is set."""

    def __init__(self, kinesis: Any) -> None:
        self._kinesis = kinesis
        self.down = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kinesis, name)

    def get_records(self, **arguments: Any) -> Any:
        if self.down.is_set():
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")
        return self._kinesis.get_records(**arguments)


type Make = Callable[..., tuple[Harness, Handler, Cut]]


@pytest.fixture
def make(forgetful: Emulator) -> Iterator[Make]:
    harnesses: list[Harness] = []

    def made(**event: Any) -> tuple[Harness, Handler, Cut]:
        handler = Handler()
        harness = Harness(forgetful, handler, **event)
        harnesses.append(harness)
        cut, shards = Cut(harness.kinesis), harness.mapping._shards
        shards._kinesis = cut
        return harness, handler, cut

    yield made
    for harness in harnesses:
        harness.close()


def test_an_iterator_is_refused_once_it_has_expired_and_one_that_is_none_at_once(forgetful: Emulator) -> None:
    kinesis = forgetful.client("kinesis")
    kinesis.create_stream(StreamName="expiring", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="expiring")["StreamDescriptionSummary"]["StreamARN"]
    first = kinesis.get_shard_iterator(StreamARN=arn, ShardId=SHARD, ShardIteratorType="TRIM_HORIZON")
    answer = kinesis.get_records(ShardIterator=first["ShardIterator"])
    time.sleep(IDLE)
    for iterator in (first["ShardIterator"], answer["NextShardIterator"]):
        with pytest.raises(kinesis.exceptions.ExpiredIteratorException, match="500 ms for which"):
            kinesis.get_records(ShardIterator=iterator)
    for nothing in ("AAAA", "none", "ZXhwaXJpbmc6"):
        with pytest.raises(ClientError, match="InvalidArgumentException"):
            kinesis.get_records(ShardIterator=nothing)


@pytest.mark.parametrize("start", ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])
def test_an_idle_mapping_outlives_its_start_iterator(make: Make, start: str) -> None:
    moment = {"StartingPositionTimestamp": time.time() - 60} if start == "AT_TIMESTAMP" else {}
    told: list[str] = []
    for _ in range(TRIES):
        harness, handler, _ = make(StartingPosition=start, **moment)
        harness.start()
        time.sleep(IDLE)
        harness.wait(harness.mapping.drained, 10)
        harness.put("one")
        harness.drain(10)
        assert len(handler.seen) == 1
        if not (told := [event.message for event in harness.events]):
            return
    raise AssertionError(told)


@pytest.mark.parametrize("start", ["TRIM_HORIZON", "LATEST"])
def test_reads_that_failed_until_the_iterator_had_expired_cost_no_record(make: Make, start: str) -> None:
    harness, handler, cut = make(StartingPosition=start)
    cut.down.set()
    harness.start()
    harness.put("one")
    time.sleep(IDLE)
    cut.down.clear()
    harness.put("two")
    harness.drain(5)
    assert len(handler.seen) == 2


def test_a_first_batch_that_takes_longer_than_an_iterator_lasts_ends_well(make: Make) -> None:
    harness, handler, _ = make()
    handler.go_on.clear()
    harness.put("one")
    harness.start()
    time.sleep(IDLE)
    assert not harness.mapping.drained()
    handler.go_on.set()
    harness.drain(5)
    assert (len(handler.seen), [event.kind for event in harness.events]) == (1, [])


def test_a_mapping_that_is_not_enabled_still_tells_whether_it_is_drained(make: Make) -> None:
    harness, _, _ = make(Enabled=False)
    harness.start()
    time.sleep(IDLE)
    harness.wait(harness.mapping.drained, 5)
    harness.put("one")
    assert not harness.mapping.drained()


def test_the_collector_reads_on_after_its_iterators_have_expired(
    forgetful: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collectors, "IDLE_SECONDS", IDLE)
    kinesis = forgetful.client("kinesis")
    kinesis.create_stream(StreamName="slept", ShardCount=1)

    def put(number: int) -> None:
        made = {"prediction": {"ride_duration": 1.5, "ride_id": number}, "source_event_id": str(number)}
        kinesis.put_record(StreamName="slept", Data=json.dumps(made).encode(), PartitionKey="k")

    put(1)
    collector = Collector(kinesis, "slept", tasks.find("ride_duration"))
    collector.start()
    time.sleep(IDLE)
    put(2)
    time.sleep(IDLE)
    put(3)
    collector.stop()
    assert (sorted(collector.predictions), collector.duplicates) == (["1", "2", "3"], 0)
