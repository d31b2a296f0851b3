"""Where a mapping starts: docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from threeways.emulator.harness import Harness
from threeways.errors import LocalError

SHARD = "shardId-000000000000"
type Make = Callable[..., Harness]


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def texts(harness: Harness) -> list[str]:
    return [data.decode() for invocation in harness.invocations for data in invocation.data]


def test_trim_horizon_reads_what_was_there_before_the_start(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: StartingPosition"""
    harness = event_source_mapping(nothing, StartingPosition="TRIM_HORIZON")
    harness.put("before")
    harness.start()
    harness.put("after")
    harness.drain()
    assert texts(harness) == ["before", "after"]


def test_latest_passes_over_what_was_there_before_the_start(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: StartingPosition"""
    harness = event_source_mapping(nothing, StartingPosition="LATEST")
    harness.put("before")
    harness.start()
    assert harness.mapping.drained()
    assert harness.positions() == {SHARD: None}
    harness.put("after")
    harness.drain()
    assert texts(harness) == ["after"]


def test_at_timestamp_reads_what_arrived_then_and_later(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: StartingPositionTimestamp"""
    moments: list[float] = []
    harness = event_source_mapping(nothing)
    for text in ("first", "second", "third"):
        moments.append(time.time())
        harness.put(text)
        while time.time() < moments[-1] + 0.01:
            """Arrival times have milliseconds."""
    harness.drain()
    assert texts(harness) == ["first", "second", "third"]
    later = event_source_mapping(
        nothing, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moments[1], stream=harness.stream
    )
    later.drain()
    assert texts(later) == ["second", "third"]
    assert later.mapping.drained()


def test_at_timestamp_after_the_last_record_reads_only_what_comes_later(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html"""
    now = time.time()
    harness = event_source_mapping(
        nothing, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=now + 10, clock=lambda: now + 11
    )
    harness.put("before")
    harness.start()
    assert harness.mapping.drained()
    assert harness.stop() == {SHARD: None}
    assert harness.invocations == []


def test_a_timestamp_in_the_future_is_refused(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html: cannot be in the future"""
    harness = event_source_mapping(
        nothing, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=time.time() + 3600
    )
    with pytest.raises(LocalError, match="future"):
        harness.start()


def test_a_mapping_that_is_not_enabled_reads_nothing(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: Enabled"""
    harness = event_source_mapping(nothing, Enabled=False)
    harness.start()
    assert harness.mapping.drained()
    beside = event_source_mapping(nothing, stream=harness.stream)
    beside.start()
    for number in range(3):
        harness.put(str(number))
        beside.drain()
    assert beside.counts().polled == 3
    assert not harness.mapping.drained()
    assert harness.stop() == {SHARD: None}
    assert harness.counts().polled == 0
