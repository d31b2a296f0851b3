"""Read predictions: each once, those of a key in order, while the stream is split, merged and read slowly.

    python examples/consumer.py ride_predictions

Needs boto3 and aws_kinesis_agg. Each time it is started it begins with the oldest record. To go on where it
ended, or on several machines, use the Kinesis Client Library or a Lambda function, which keep the position.
Where predictions go to a database, make `source_event_id` a unique key there instead of remembering ids.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
from aggregated import deaggregated

REMEMBERED = 1_000_000
"""Ids, the latest ones: some 100 MB."""


class Shard:
    """A shard, from its oldest record on. parents: the shard that was split, or the two that were merged."""

    def __init__(self, kinesis: Any, stream: str, listed: dict[str, Any]) -> None:
        self._kinesis = kinesis
        self._place = {"StreamName": stream, "ShardId": listed["ShardId"]}
        self._last: str | None = None
        self._iterator: str | None = None
        self.parents = {listed.get("ParentShardId"), listed.get("AdjacentParentShardId")}
        self.ended = False

    def read(self) -> list[dict[str, Any]]:
        """The next records, which may be none. The last answer of a closed shard names no next iterator."""
        try:
            answer = self._kinesis.get_records(ShardIterator=self._iterator or self._new_iterator())
        except self._kinesis.exceptions.ExpiredIteratorException:  # after five minutes without a read
            self._iterator = None
            return []
        records: list[dict[str, Any]] = answer["Records"]
        if records:
            self._last = records[-1]["SequenceNumber"]
        self._iterator = answer.get("NextShardIterator")
        self.ended = self._iterator is None
        return records

    def _new_iterator(self) -> str:
        where = {"ShardIteratorType": "TRIM_HORIZON"}
        if self._last:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self._last}
        iterator: str = self._kinesis.get_shard_iterator(**self._place, **where)["ShardIterator"]
        return iterator


def records(kinesis: Any, stream: str) -> Iterator[dict[str, Any]]:
    """Every record, for ever. A child is read after its parents' end: so a key's records stay in order."""
    shards: dict[str, Shard] = {}
    while True:
        for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream):
            for listed in page["Shards"]:
                shards.setdefault(listed["ShardId"], Shard(kinesis, stream, listed))
        reading = [
            shard
            for shard in shards.values()
            if not shard.ended and all(shards[parent].ended for parent in shard.parents & shards.keys())
        ]
        for shard in reading:
            yield from shard.read()
        time.sleep(1)  # Kinesis allows five reads a second of a shard, by all of its consumers together


def main() -> None:
    """Print each prediction once."""
    stream = sys.argv[1]
    seen: dict[str, None] = {}
    for record in records(boto3.client("kinesis"), stream):
        for data in deaggregated(record["Data"]):
            made = json.loads(data)
            if made["source_event_id"] in seen:
                continue
            seen[made["source_event_id"]] = None
            if len(seen) > REMEMBERED:
                del seen[next(iter(seen))]
            prediction = made["prediction"]
            print(prediction["ride_id"], prediction["ride_duration"], made["flags"], flush=True)


if __name__ == "__main__":
    main()
