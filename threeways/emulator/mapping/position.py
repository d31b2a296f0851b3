"""One shard of a stream: its starting position and its checkpoint."""

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
    """A shard, read from the starting position at the time of creation. Thread-safe.

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
        """Get the first iterator, and remember how to get it again if it expires."""
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
        """Return an iterator for what follows a record, or for the starting position."""
        if sequence_number is None:
            return self._start
        return self._kinesis.get_shard_iterator(
            StreamName=self._stream,
            ShardId=self.id,
            ShardIteratorType="AFTER_SEQUENCE_NUMBER",
            StartingSequenceNumber=sequence_number,
        )["ShardIterator"]

    def read(self, iterator: str, limit: int) -> GetRecordsOutputTypeDef:
        """Read at most `limit` records: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html.

        An iterator expires after five minutes. While no record was found, the first iterator advances with
        each answer; if it expires nevertheless (there were no answers), it is obtained again, and the error
        is raised for the caller to ask for it.
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
        """Return whether the stream has any record of the shard after the checkpoint."""
        if self.progress.outstanding:
            return True
        answer = self.read(self.iterator_after(self.checkpoint), 1)
        return bool(answer["Records"]) or answer["MillisBehindLatest"] > 0


def _server_time(metadata: ResponseMetadataTypeDef) -> datetime:
    """Return the time of the service's answer, by its clock, to the second; else by ours."""
    date = metadata["HTTPHeaders"].get("date")
    return parsedate_to_datetime(date) if date else datetime.now(UTC).replace(microsecond=0)
