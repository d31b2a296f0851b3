"""Read predictions, the shadow's, and labels back, for the run's own thread to take."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.local_run.collector import Collector, StreamReader
from threeways.scoring.task import Task
from threeways.stream.aggregation import data_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


class Message(msgspec.Struct, frozen=True):
    """As much of a prediction as its label needs."""

    prediction: msgspec.Raw
    source_event_id: str
    version: str | None = None


class Predictions(Collector):
    """Keeps predictions as a run's ledger needs them, and hands on each event's first one."""

    def __init__(self, client: KinesisClient, stream: str, task: Task[Any]) -> None:
        super().__init__(client, stream, task)
        self._messages = msgspec.json.Decoder(Message).decode
        self._fresh: deque[Message] = deque()

    def take(self, shard: str, record: Mapping[str, Any]) -> None:
        """Keep what a record brings."""
        messages = [self._messages(data) for data in data_of(record["Data"])]
        first = [one for one in messages if one.source_event_id not in self.predictions]
        super().take(shard, record)
        self._fresh.extend(first)

    def fresh(self) -> Iterator[Message]:
        """Yield what has come since the last call."""
        while self._fresh:
            yield self._fresh.popleft()


class LabelReader(StreamReader):
    """Hands on the labels of a stream."""

    def __init__(self, client: KinesisClient, stream: str) -> None:
        super().__init__(client, stream)
        self._fresh: deque[bytes] = deque()

    def take(self, shard: str, record: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Keep a label."""
        self._fresh.append(record["Data"])

    def fresh(self) -> Iterator[bytes]:
        """Yield what has come since the last call."""
        while self._fresh:
            yield self._fresh.popleft()
