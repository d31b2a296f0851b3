"""Batch size, window and the 6 MB of an event: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from threeways.aws.invocation import REQUEST_LIMIT
from threeways.emulator.harness import Harness

MIB = 1024 * 1024
type Make = Callable[..., Harness]
COUNTING = """
import json
def handler(event, context):
    print(json.dumps([record["kinesis"]["sequenceNumber"] for record in event["Records"]]))
"""


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def sizes(harness: Harness) -> list[int]:
    return [len(invocation.ids) for invocation in harness.invocations]


def test_a_batch_holds_batch_size_records_and_the_default_is_100(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: BatchSize"""
    harness = event_source_mapping(nothing)
    put_many(harness, 250)
    harness.drain()
    assert sizes(harness) == [100, 100, 50]


def test_a_batch_of_ten_thousand_is_one_event(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: BatchSize, maximum 10,000"""
    harness = event_source_mapping(nothing, BatchSize=10_000)
    put_many(harness, 10_050)
    harness.drain()
    assert sizes(harness) == [10_000, 50]


def put_many(harness: Harness, count: int) -> None:
    for start in range(0, count, 500):
        records = [
            {"Data": b"%d" % number, "PartitionKey": "k"} for number in range(start, min(start + 500, count))
        ]
        harness.kinesis.put_records(StreamName=harness.stream, Records=records)  # type: ignore[arg-type]  # as put


def polled(harness: Harness, count: int) -> bool:
    return harness.counts().polled == count


def test_records_that_come_within_the_window_are_one_batch(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: batching window"""
    harness = event_source_mapping(nothing, MaximumBatchingWindowInSeconds=2)
    harness.start()
    for number in range(3):
        harness.put(str(number))
        harness.wait(partial(polled, harness, number + 1))
    harness.drain()
    assert sizes(harness) == [3]


def test_a_batch_is_cut_where_its_encoded_event_would_pass_six_megabytes(
    event_source_mapping: Make, tmp_path: Path
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: until the batch reaches the limit of 6 MB"""
    (tmp_path / "counting.py").write_text(COUNTING)
    harness = event_source_mapping("counting.handler", root=tmp_path, timeout=20, BatchSize=100)
    ids = [harness.put(b"\x00" * MIB) for _ in range(6)]
    harness.drain()
    assert [invocation.result.error for invocation in harness.invocations] == [None, None]
    assert sizes(harness) == [4, 2]
    harness.close()
    seen = [number for line in harness.log if line.startswith("[") for number in json.loads(line)]
    assert seen == [id_.partition(":")[2] for id_ in ids]


def test_a_record_over_six_megabytes_once_encoded_goes_to_the_destination_and_the_shard_moves_on(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: Kinesis takes 10 MiB, an invocation 6 MB"""
    harness = event_source_mapping(nothing, on_failure="S3")
    largest = b"\x01" * (REQUEST_LIMIT * 3 // 4 - 600)
    before, fits = harness.put("before"), harness.put(largest)
    over, after = harness.put(b"\x02" * (REQUEST_LIMIT * 3 // 4)), harness.put("after")
    harness.drain()
    assert [id_ for invocation in harness.invocations for id_ in invocation.ids] == [before, fits, after]
    (document,) = harness.failures()
    assert document["requestContext"]["condition"] == "RecordTooLarge"
    assert document["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in document
    (record,) = json.loads(document["payload"])["Records"]
    assert record["eventID"] == over
    assert len(base64.b64decode(record["kinesis"]["data"])) == REQUEST_LIMIT * 3 // 4
    assert harness.positions() == {"shardId-000000000000": after.partition(":")[2]}
