"""One shard of a stream: where its reading starts, and how far its records are done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from threeways.local.mapping.progress import Progress
from threeways.local.mapping.settings import Position

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef, GetShardIteratorInputTypeDef


class Shard:
    """A shard, read from its starting position on; the position is taken when it is made. Thread-safe.

    timestamp: epoch seconds, for AT_TIMESTAMP.
    """

    def __init__(
        self,
        kinesis: KinesisClient,
        stream: str,
        shard_id: str,
        start: Position,
        timestamp: float | None = None,
    ) -> None:
        self._kinesis = kinesis
        self._stream = stream
        self.id = shard_id
        self.progress = Progress()
        where: GetShardIteratorInputTypeDef = {
            "StreamName": stream, "ShardId": shard_id, "ShardIteratorType": start,
        }  # fmt: skip
        if timestamp is not None:
            where["Timestamp"] = datetime.fromtimestamp(timestamp, UTC)
        self._start = kinesis.get_shard_iterator(**where)["ShardIterator"]

    @property
    def checkpoint(self) -> str | None:
        """The last sequence number up to which everything is done; None: nothing yet."""
        return self.progress.checkpoint

    def iterator_after(self, sequence_number: str | None) -> str:
        """An iterator for what follows a record, or for the start of reading."""
        if sequence_number is None:
            return self._start
        return self._kinesis.get_shard_iterator(
            StreamName=self._stream,
            ShardId=self.id,
            ShardIteratorType="AFTER_SEQUENCE_NUMBER",
            StartingSequenceNumber=sequence_number,
        )["ShardIterator"]

    def read(self, iterator: str, limit: int) -> GetRecordsOutputTypeDef:
        """At most `limit` records: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html."""
        return self._kinesis.get_records(ShardIterator=iterator, Limit=limit)

    def is_behind(self) -> bool:
        """Whether the shard holds anything after the checkpoint, asked of the stream itself."""
        answer = self.read(self.iterator_after(self.checkpoint), 1)
        return bool(answer["Records"]) or answer["MillisBehindLatest"] > 0
