"""A table's stream by the calls of Kinesis that a mapping makes, as AWS's own adapter for consumers has it.

docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.KCLAdapter.html; the API is on the pages
docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html and beside it. Lambda reads
a table's stream as it reads a Kinesis stream: shards with parents, iterators, sequence numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

MOST_RECORDS = 1_000
"""Of one GetRecords."""


def as_kinesis(client: Any) -> KinesisClient:
    """Return what a mapping reads a table's stream by. client: boto3's for `dynamodbstreams`."""
    return cast("KinesisClient", TableStream(client))


class TableStream:
    """The calls of a Kinesis client that a mapping makes, made of DynamoDB Streams. Raises boto's errors.

    `StreamName` is the stream's ARN.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.meta, self.exceptions = client.meta, client.exceptions

    def describe_stream_summary(self, StreamName: str) -> dict[str, Any]:  # noqa: N803 - boto's names, here and below
        """Return the stream's ARN, which a stream that does not exist has not."""
        found = self._client.describe_stream(StreamArn=StreamName, Limit=1)["StreamDescription"]
        return {"StreamDescriptionSummary": {"StreamARN": found["StreamArn"]}}

    def get_paginator(self, _: str) -> TableStream:
        """Return what pages through the shards, the only list there is."""
        return self

    def paginate(self, StreamName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        """Yield the pages of DescribeStream: each with `Shards`, as ListShards has them."""
        following: dict[str, str] = {}
        while True:
            page = self._client.describe_stream(StreamArn=StreamName, **following)["StreamDescription"]
            yield page
            if "LastEvaluatedShardId" not in page:
                return
            following = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}

    def get_shard_iterator(
        self,
        StreamName: str,  # noqa: N803
        ShardId: str,  # noqa: N803
        ShardIteratorType: str,  # noqa: N803
        StartingSequenceNumber: str | None = None,  # noqa: N803
        Timestamp: datetime | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        """Return an iterator. There is none by time: records from before it are read and passed over."""
        where = {"StreamArn": StreamName, "ShardId": ShardId}
        if Timestamp is not None:
            return self._at(where, Timestamp)
        number = {"SequenceNumber": StartingSequenceNumber} if StartingSequenceNumber else {}
        found: dict[str, Any] = self._client.get_shard_iterator(
            **where, **number, ShardIteratorType=ShardIteratorType
        )
        return found

    def _at(self, where: dict[str, str], moment: datetime) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")
        while True:
            page = self._client.get_records(ShardIterator=found["ShardIterator"], Limit=MOST_RECORDS)
            for record in page["Records"]:
                if record["dynamodb"]["ApproximateCreationDateTime"] >= moment:
                    number = record["dynamodb"]["SequenceNumber"]
                    at = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": number}
                    return dict(self._client.get_shard_iterator(**where, **at))
            if not page["Records"] or not page.get("NextShardIterator"):
                return found
            found["ShardIterator"] = page["NextShardIterator"]

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        """Return a page. It does not say how far behind it is: a full page, or one of a megabyte, may be."""
        page: dict[str, Any] = self._client.get_records(
            ShardIterator=ShardIterator, Limit=min(Limit, MOST_RECORDS)
        )
        return {**page, "MillisBehindLatest": int(bool(page["Records"]))}
