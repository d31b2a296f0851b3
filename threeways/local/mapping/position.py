"""Where a shard's reader stands, and how far its records are done."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef


class Shard:
    """One shard of a stream, read from its starting position on. Thread-safe."""

    def __init__(
        self, kinesis: KinesisClient, stream: str, shard_id: str, start: Literal["TRIM_HORIZON", "LATEST"]
    ) -> None:
        self._kinesis = kinesis
        self._stream = stream
        self.id = shard_id
        self._start = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard_id, ShardIteratorType=start
        )["ShardIterator"]
        self._checkpoint: str | None = None
        self._lock = Lock()

    @property
    def checkpoint(self) -> str | None:
        """The last sequence number up to which everything is done; None: nothing yet."""
        with self._lock:
            return self._checkpoint

    def done_to(self, sequence_number: str) -> None:
        """Move the checkpoint."""
        with self._lock:
            self._checkpoint = sequence_number

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
