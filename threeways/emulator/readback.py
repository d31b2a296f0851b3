"""What lies on a stream, read to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


def pages(kinesis: Any, iterator: str | None, **more: str) -> Iterator[list[dict[str, Any]]]:
    """The pages of a shard from an iterator on, to what is its end now. Raises boto's errors.

    An empty page is no end while MillisBehindLatest is over 0, and a page with records never is, whatever it
    says of that: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html. On a shard that is
    written to all the time the end may never come: whoever reads one stops at what it looked for.
    more: of GetRecords' parameters.
    """
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator, Limit=10_000, **more)
        yield answer["Records"]
        iterator = answer.get("NextShardIterator")
        if not answer["Records"] and not answer.get("MillisBehindLatest"):
            return


def everything(kinesis: KinesisClient, stream: str) -> list[bytes]:
    """The data of every record, shard by shard from the oldest, up to what is there now."""
    return [
        record["Data"]
        for listed in kinesis.get_paginator("list_shards").paginate(StreamName=stream)
        for shard in listed["Shards"]
        for page in pages(kinesis, _beginning(kinesis, stream, shard["ShardId"]))
        for record in page
    ]


def _beginning(kinesis: KinesisClient, stream: str, shard: str) -> str:
    return kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
