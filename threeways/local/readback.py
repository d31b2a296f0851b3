"""What lies on a small stream, all of it, for tests and tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


def everything(kinesis: KinesisClient, stream: str) -> list[bytes]:
    """The data of every record, shard by shard from the oldest, up to what is there now."""
    shards = [
        shard["ShardId"]
        for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream)
        for shard in page["Shards"]
    ]
    return [data for shard in shards for data in _shard(kinesis, stream, shard)]


def _shard(kinesis: KinesisClient, stream: str, shard: str) -> list[bytes]:
    found: list[bytes] = []
    iterator: str | None = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
        found += [record["Data"] for record in answer["Records"]]
        iterator = answer.get("NextShardIterator")
        if not answer["Records"] and not answer.get("MillisBehindLatest"):
            break
    return found
