"""Read Kinesis streams: which shards they have, and a shard's records page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import ShardTypeDef

MOST_RECORDS = 10_000
"""What one GetRecords brings at most: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html."""
OLDEST: Mapping[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
"""Where a shard's reading starts: at the oldest record that it still holds."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A shard as ListShards tells of it. parents: none, the one that was split, or the two merged."""

    id: str
    parents: tuple[str, ...] = ()
    closed: bool = False


def region_of(stream_arn: str) -> str:
    """Tell the region of a stream by its ARN; empty where that is none."""
    return (stream_arn.split(":") + [""] * 4)[3]


def list_shards(kinesis: KinesisClient, stream: str) -> list[Listed]:
    """List all shards that the stream still retains. Raises boto's errors."""
    pages = kinesis.get_paginator("list_shards").paginate(StreamName=stream)
    return [_listed(shard) for page in pages for shard in page["Shards"]]


def _listed(shard: ShardTypeDef) -> Listed:
    parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
    return Listed(shard["ShardId"], tuple(parent for parent in parents if parent), closed)


class ShardReader:
    """Read one shard, page by page. The starting position is taken when it is made.

    An iterator can be used for five minutes; one that expired is taken again after the last record that was
    read. The emulator's event source mapping has a reader of its own (`emulator.mapping.reader`): it reads as
    far as its buffer has room and from a checkpoint on that its lanes move.

    stream: `StreamName` or `StreamARN`. start: the parameters of GetShardIterator that say where; any but
    LATEST, which is elsewhere when it is taken again. All methods raise boto's errors.
    caught_up: whether the last page was empty and nothing follows it now. shard_id: the shard's.
    """

    def __init__(
        self, kinesis: Any, shard_id: str, stream: Mapping[str, str], start: Mapping[str, Any] = OLDEST
    ) -> None:
        self._kinesis, self.shard_id = kinesis, shard_id
        self._shard = {**stream, "ShardId": shard_id}
        self._more = {name: value for name, value in stream.items() if name == "StreamARN"}
        self._start = start
        self._iterator: str | None = self._take()
        self.caught_up = False

    @property
    def closed(self) -> bool:
        """Whether the shard was split or merged, and everything that it holds was read."""
        return self._iterator is None

    def read(self) -> list[dict[str, Any]]:
        """Read one page; it may be empty though more follows.

        An empty page is no end while MillisBehindLatest is over 0, and a page with records never is, whatever
        it says of that: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html.
        """
        self.caught_up = False
        try:
            answer = self._kinesis.get_records(ShardIterator=self._iterator, Limit=MOST_RECORDS, **self._more)
        except self._kinesis.exceptions.ExpiredIteratorException:
            self._iterator = self._take()
            return []
        records: list[dict[str, Any]] = answer["Records"]
        if records:
            after = records[-1]["SequenceNumber"]
            self._start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        self._iterator = answer.get("NextShardIterator")
        self.caught_up = not records and not answer.get("MillisBehindLatest")
        return records

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        """Read page after page up to what is the shard's end now.

        On a shard that is written to all the time the end may never come: whoever reads one stops at what it
        looked for.
        """
        while not (self.closed or self.caught_up):
            yield self.read()

    def _take(self) -> str:
        iterator: str = self._kinesis.get_shard_iterator(**self._shard, **self._start)["ShardIterator"]
        return iterator


def read_all(kinesis: KinesisClient, stream: str) -> list[bytes]:
    """Read the data of every record, shard by shard from the oldest, up to what is there now."""
    return [
        record["Data"]
        for shard in list_shards(kinesis, stream)
        for page in ShardReader(kinesis, shard.id, {"StreamName": stream}).pages()
        for record in page
    ]
