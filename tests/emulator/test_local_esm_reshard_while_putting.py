"""Producers that put all the time, a stream that is split and merged, a handler that fails at random."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from threeways.emulator.harness import Harness

SHARDS = [f"shardId-{number:012}" for number in range(8)]
type Make = Callable[..., Harness]


class Handler:
    """Fails now and then; notes the first delivery of each text, by key."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.first: dict[str, list[int]] = {}

    def __call__(self, event: Any, context: Any) -> Any:
        records = [record["kinesis"] for record in event["Records"]]
        with self._lock:
            act = self._random.random()
            stop = self._random.randrange(len(records)) if act < 0.3 else len(records)
            for record in records[:stop]:
                seen = self.first.setdefault(record["partitionKey"], [])
                number = int(base64.b64decode(record["data"]))
                if number not in seen:
                    seen.append(number)
        if act < 0.1:
            raise ValueError("now and then")
        failed = [{"itemIdentifier": record["sequenceNumber"]} for record in records[stop:][:1]]
        return {"batchItemFailures": failed}


@pytest.mark.parametrize("factor", [1, 4])
def test_no_record_is_lost_or_reordered_for_a_key_while_a_busy_stream_is_split_and_merged(
    event_source_mapping: Make, factor: int
) -> None:
    """docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html"""
    handler = Handler(seed=factor)
    harness = event_source_mapping(
        handler,
        BatchSize=7,
        ParallelizationFactor=factor,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        BisectBatchOnFunctionError=True,
        backoff=lambda _: 0.001,
    )
    harness.start()
    resharded = threading.Event()

    def produce(key: str) -> int:
        count = 0
        while not resharded.is_set() or count < 30:
            harness.put(str(count), key=key)
            count += 1
        return count

    with ThreadPoolExecutor(6) as pool:
        producers = {key: pool.submit(produce, key) for key in map(str, range(6))}
        try:
            harness.split(SHARDS[0])
            harness.split(SHARDS[1])
            harness.merge(SHARDS[4], SHARDS[2])
            harness.merge(SHARDS[3], SHARDS[5])
            harness.split(SHARDS[6])
        finally:
            resharded.set()
        put = {key: list(range(producer.result())) for key, producer in producers.items()}
    harness.drain()
    assert len(harness.positions()) == len(SHARDS) + 1
    assert handler.first == put
