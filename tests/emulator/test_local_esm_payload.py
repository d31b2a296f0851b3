"""Batch size, window and the 6 MB of an event: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from threeways.aws.invocation import REQUEST_LIMIT
from threeways.emulator.harness import Bench

MIB = 1024 * 1024
type Make = Callable[..., Bench]
COUNTING = """
import json
def handler(event, context):
    print(json.dumps([record["kinesis"]["sequenceNumber"] for record in event["Records"]]))
"""


def nothing(event: Any, context: Any) -> None:
    """A handler that is content with everything."""


def sizes(bench: Bench) -> list[int]:
    return [len(invocation.ids) for invocation in bench.invocations]


def test_a_batch_holds_batch_size_records_and_the_default_is_100(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: BatchSize"""
    bench = event_source_mapping(nothing)
    put_many(bench, 250)
    bench.drain()
    assert sizes(bench) == [100, 100, 50]


def test_a_batch_of_ten_thousand_is_one_event(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: BatchSize, maximum 10,000"""
    bench = event_source_mapping(nothing, BatchSize=10_000)
    put_many(bench, 10_050)
    bench.drain()
    assert sizes(bench) == [10_000, 50]


def put_many(bench: Bench, count: int) -> None:
    for start in range(0, count, 500):
        records = [
            {"Data": b"%d" % number, "PartitionKey": "k"} for number in range(start, min(start + 500, count))
        ]
        bench.kinesis.put_records(StreamName=bench.stream, Records=records)  # type: ignore[arg-type]  # as put


def polled(bench: Bench, count: int) -> bool:
    return bench.counts().polled == count


def test_records_that_come_within_the_window_are_one_batch(event_source_mapping: Make) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html: batching window"""
    bench = event_source_mapping(nothing, MaximumBatchingWindowInSeconds=2)
    bench.start()
    for number in range(3):
        bench.put(str(number))
        bench.wait(partial(polled, bench, number + 1))
    bench.drain()
    assert sizes(bench) == [3]


def test_a_batch_is_cut_where_its_encoded_event_would_pass_six_megabytes(
    event_source_mapping: Make, tmp_path: Path
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: until the batch reaches the limit of 6 MB"""
    (tmp_path / "counting.py").write_text(COUNTING)
    bench = event_source_mapping("counting.handler", root=tmp_path, timeout=20, BatchSize=100)
    ids = [bench.put(b"\x00" * MIB) for _ in range(6)]
    bench.drain()
    assert [invocation.result.error for invocation in bench.invocations] == [None, None]
    assert sizes(bench) == [4, 2]
    bench.close()
    seen = [number for line in bench.log if line.startswith("[") for number in json.loads(line)]
    assert seen == [id_.partition(":")[2] for id_ in ids]


def test_a_record_over_six_megabytes_once_encoded_goes_to_the_destination_and_the_shard_moves_on(
    event_source_mapping: Make,
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html: Kinesis takes 10 MiB, an invocation 6 MB"""
    bench = event_source_mapping(nothing, on_failure="S3")
    largest = b"\x01" * (REQUEST_LIMIT * 3 // 4 - 600)
    before, fits = bench.put("before"), bench.put(largest)
    over, after = bench.put(b"\x02" * (REQUEST_LIMIT * 3 // 4)), bench.put("after")
    bench.drain()
    assert [id_ for invocation in bench.invocations for id_ in invocation.ids] == [before, fits, after]
    (document,) = bench.failures()
    assert document["requestContext"]["condition"] == "RecordTooLarge"
    assert document["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in document
    (record,) = json.loads(document["payload"])["Records"]
    assert record["eventID"] == over
    assert len(base64.b64decode(record["kinesis"]["data"])) == REQUEST_LIMIT * 3 // 4
    assert bench.positions() == {"shardId-000000000000": after.partition(":")[2]}
