"""A mapping that is changed: docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from threeways.emulator.harness import Harness
from threeways.emulator.mapping import ReadLimits
from threeways.errors import LocalError

type Make = Callable[..., Harness]


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def numbers(harness: Harness) -> list[int]:
    return [json.loads(data)["n"] for one in harness.invocations for data in one.data]


def wait_for_reads(harness: Harness, beyond: int) -> None:
    harness.wait(lambda: harness.counts().polled > beyond)


def put(harness: Harness, these: range, keys: int = 1) -> None:
    for n in these:
        harness.put({"n": n}, key=f"key-{n % keys}")


def test_a_paused_mapping_reads_nothing_and_goes_on_from_its_checkpoint(event_source_mapping: Make) -> None:
    harness = event_source_mapping(nothing, BatchSize=4)
    put(harness, range(10))
    harness.drain()
    harness.update(Enabled=False)
    put(harness, range(10, 20))
    assert not harness.mapping.enabled
    assert not harness.mapping.drained()
    before = harness.counts().polled
    harness.update(Enabled=False)
    assert harness.counts().polled == before == 10
    harness.update(Enabled=True)
    harness.drain()
    assert numbers(harness) == list(range(20))


def test_what_was_read_and_is_not_done_when_it_is_paused_comes_again_in_order(
    event_source_mapping: Make,
) -> None:
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def slow(event: Any, context: Any) -> None:
        begun.release()
        go_on.acquire(timeout=10)

    harness = event_source_mapping(slow, BatchSize=3)
    ids = [harness.put({"n": n}).partition(":")[2] for n in range(12)]
    harness.start()
    for batch in range(2):
        assert begun.acquire(timeout=10)
        pausing = threading.Thread(target=harness.update, kwargs={"Enabled": False})
        pausing.start()
        harness.wait(harness.mapping._poller._work.stopping.is_set)
        go_on.release()
        pausing.join()
        done = 3 * batch + 3
        assert numbers(harness) == list(range(done))
        assert list(harness.positions().values()) == [ids[done - 1]]
        harness.update(Enabled=True)
        wait_for_reads(harness, beyond=12 * (batch + 1))
        assert list(harness.positions().values()) == [ids[done - 1]]
    go_on.release(4)
    harness.drain()
    assert numbers(harness) == list(range(12))


def test_one_that_was_made_disabled_takes_its_position_then(event_source_mapping: Make) -> None:
    harness = event_source_mapping(nothing, StartingPosition="LATEST", Enabled=False)
    put(harness, range(3))
    harness.start()
    put(harness, range(3, 6))
    harness.update(Enabled=True)
    harness.drain()
    assert numbers(harness) == [3, 4, 5]


def test_a_changed_batch_size_and_filter_take_effect(event_source_mapping: Make) -> None:
    harness = event_source_mapping(nothing, BatchSize=2)
    put(harness, range(4))
    harness.drain()
    criteria = {"Filters": [{"Pattern": '{"data": {"n": [{"numeric": [">", 10]}]}}'}]}
    harness.update(BatchSize=100, FilterCriteria=criteria)
    put(harness, range(8, 20))
    harness.drain()
    assert numbers(harness) == [0, 1, 2, 3, *range(11, 20)]
    assert [len(one.ids) for one in harness.invocations][:2] == [2, 2]
    assert max(len(one.ids) for one in harness.invocations) > 2


def test_one_that_is_deleted_and_made_again_begins_anew(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html: StartingPosition"""
    first = event_source_mapping(nothing)
    put(first, range(3))
    first.drain()
    first.stop()
    again = event_source_mapping(nothing, stream=first.stream)
    again.drain()
    assert numbers(again) == [0, 1, 2]


@pytest.mark.parametrize("start", ["TRIM_HORIZON", "AT_TIMESTAMP"])
def test_one_that_is_added_while_records_flow_starts_where_it_is_told_and_catches_up(
    event_source_mapping: Make, start: str
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: StartingPosition"""
    first = event_source_mapping(nothing, BatchSize=10, limits=(limits := ReadLimits()))
    first.start()
    flowing, times = threading.Event(), dict[int, float]()

    def produce() -> None:
        for n in range(120):
            times[n] = time.time()
            put(first, range(n, n + 1), keys=3)
            if n == 60:
                flowing.set()

    producer = threading.Thread(target=produce)
    producer.start()
    assert flowing.wait(20)
    since = {"StartingPositionTimestamp": times[30]} if start == "AT_TIMESTAMP" else {}
    added = event_source_mapping(nothing, stream=first.stream, StartingPosition=start, limits=limits, **since)
    added.start()
    producer.join()
    for one in (first, added):
        one.drain()
    begin = 30 if since else 0
    assert numbers(first) == list(range(120))
    assert numbers(added)[-90:] == list(range(30, 120))
    assert begin - 1 <= numbers(added)[0] <= begin  # to the millisecond


def test_a_stream_that_is_split_while_the_mapping_is_paused_is_read_in_order(
    event_source_mapping: Make,
) -> None:
    harness = event_source_mapping(nothing, BatchSize=5)
    put(harness, range(10), keys=4)
    harness.drain()
    harness.update(Enabled=False)
    put(harness, range(10, 20), keys=4)
    harness.split()
    put(harness, range(20, 40), keys=4)
    harness.update(Enabled=True)
    harness.drain()
    seen = numbers(harness)
    assert Counter(seen) == Counter(range(40))
    for key in range(4):
        of_key = [n for n in seen if n % 4 == key]
        assert of_key == sorted(of_key)


def test_pausing_again_and_again_under_load_loses_nothing_and_keeps_each_key_s_order(
    event_source_mapping: Make,
) -> None:
    harness = event_source_mapping(nothing, BatchSize=7, ParallelizationFactor=3)
    harness.start()
    for part in range(6):
        put(harness, range(part * 50, part * 50 + 50), keys=9)
        harness.update(Enabled=False)
        harness.update(Enabled=True, BatchSize=7 + part)
    harness.drain()
    first: dict[int, int] = {}
    for place, n in enumerate(numbers(harness)):
        first.setdefault(n, place)
    assert set(first) == set(range(300))
    for key in range(9):
        places = [first[n] for n in range(key, 300, 9)]
        assert places == sorted(places)


def test_a_stopped_mapping_is_not_started_by_an_update(event_source_mapping: Make) -> None:
    harness = event_source_mapping(nothing)
    harness.start()
    harness.stop()
    put(harness, range(2))
    harness.update(BatchSize=5)
    assert harness.counts().polled == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"StartingPosition": "LATEST"}, "stream and the starting position .* cannot be changed"),
        ({"Stream": "arn:aws:kinesis:us-east-1:1:stream/s/consumer/c:1"}, "cannot be changed"),
        ({"BatchSize": 0}, "BatchSize"),
        ({"TumblingWindowInSeconds": 5}, "TumblingWindowInSeconds"),
    ],
)
def test_what_cannot_be_changed_is_refused_and_it_goes_on_as_before(
    event_source_mapping: Make, changed: dict[str, Any], message: str
) -> None:
    harness = event_source_mapping(nothing)
    harness.start()
    with pytest.raises(LocalError, match=message):
        harness.update(**changed)
    put(harness, range(2))
    harness.drain()
    harness.update(BatchSize=9)
    assert numbers(harness) == [0, 1]
