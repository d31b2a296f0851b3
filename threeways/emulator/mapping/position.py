"""One shard of a stream: where its reading starts, and how far its records are done."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from threeways.emulator.mapping.progress import Progress
from threeways.emulator.mapping.settings import Position

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import (
        GetRecordsOutputTypeDef,
        GetShardIteratorInputTypeDef,
        ResponseMetadataTypeDef,
    )


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
        moment = None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
        self._take(start, moment)

    def _take(self, start: Position, moment: datetime | None) -> None:
        """Take the start of reading, and how it is to be taken again where its iterator expires."""
        where: GetShardIteratorInputTypeDef = {
            "StreamName": self._stream, "ShardId": self.id, "ShardIteratorType": start,
        }  # fmt: skip
        if moment is not None:
            where["Timestamp"] = moment
        answer = self._kinesis.get_shard_iterator(**where)
        self._start, self._taken = answer["ShardIterator"], (start, moment)
        if start == "LATEST":
            self._taken = ("AT_TIMESTAMP", _server_time(answer["ResponseMetadata"]))

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
        """At most `limit` records: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html.

        An iterator can be used for five minutes. So while nothing was found, the start of reading moves on
        with each answer; where it expired all the same (there were no answers), it is taken again, and the
        caller, to whom the error is raised, asks for it.
        """
        try:
            answer = self._kinesis.get_records(ShardIterator=iterator, Limit=limit)
        except self._kinesis.exceptions.ExpiredIteratorException:
            self._take(*self._taken)
            raise
        following = answer.get("NextShardIterator")
        if following and not answer["Records"] and self.progress.untouched:
            self._start = following
        return answer

    def is_behind(self) -> bool:
        """Whether the shard holds anything after the checkpoint, asked of the stream itself."""
        if self.progress.outstanding:
            return True
        answer = self.read(self.iterator_after(self.checkpoint), 1)
        return bool(answer["Records"]) or answer["MillisBehindLatest"] > 0


def _server_time(metadata: ResponseMetadataTypeDef) -> datetime:
    """When the service answered, by its own clock, to the second; by ours where it does not say."""
    told = metadata["HTTPHeaders"].get("date")
    return parsedate_to_datetime(told) if told else datetime.now(UTC).replace(microsecond=0)
