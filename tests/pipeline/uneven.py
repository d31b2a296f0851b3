"""A Kinesis client whose answers are as uneven as AWS allows."""

from __future__ import annotations

from typing import Any


class UnevenClient:
    """Pages of 100 records, an empty one before each, and 'caught up' in each page that has records.

    docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html: a call can return an empty list even
    when the shard contains more records for this shard iterator.
    """

    def __init__(self, kinesis: Any) -> None:
        self._kinesis = kinesis
        self._empty = False
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kinesis, name)

    def get_records(self, *, ShardIterator: str, Limit: int = 100, **more: Any) -> Any:  # noqa: N803 - boto3's
        self.calls += 1
        self._empty = not self._empty
        answer = self._kinesis.get_records(ShardIterator=ShardIterator, Limit=min(Limit, 100), **more)
        if not answer["Records"]:
            return answer
        if self._empty:
            return {"Records": [], "NextShardIterator": ShardIterator, "MillisBehindLatest": 1_000}
        return answer | {"MillisBehindLatest": 0}
