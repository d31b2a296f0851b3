"""Reads the predictions back from the output stream, as any consumer would."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.aws.kinesis import ShardReader, list_shards
from threeways.local_run.background import BackgroundThread
from threeways.local_run.ledger import Received
from threeways.scoring.messages import event_of
from threeways.scoring.output import interval_in
from threeways.scoring.outputs import value_in
from threeways.scoring.task import Task
from threeways.stream.aggregation import data_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

IDLE_SECONDS = 0.1


class _Read(msgspec.Struct):
    prediction: dict[str, Any]
    source_event_id: str
    messages: int = 0
    version: str | None = None


class StreamReader(BackgroundThread):
    """Reads every shard of a stream from its beginning; stopped, it reads to the end.

    Shards that come into being meanwhile are read too. idle_seconds: between looks where nothing comes.
    """

    idle_seconds = IDLE_SECONDS

    def __init__(self, client: KinesisClient, stream: str) -> None:
        super().__init__()
        self._client, self._stream = client, stream
        self._begun: set[str] = set()

    @abstractmethod
    def take(self, shard: str, record: Mapping[str, Any]) -> None:
        """Take a record of a shard, as GetRecords has it."""

    def work(self) -> None:
        """Read until it is stopped, and then until nothing is left."""
        readers = self._new_readers()
        while True:
            stopping = self._stopping.is_set()
            for reader in readers:
                for record in reader.read():
                    self.take(reader.shard_id, record)
            still_open = [reader for reader in readers if not reader.closed]
            if len(still_open) < len(readers):  # a shard was closed, so there are new ones
                readers = still_open + self._new_readers()
            elif all(reader.caught_up for reader in readers):
                if stopping:
                    return
                self._stopping.wait(self.idle_seconds)

    def _new_readers(self) -> list[ShardReader]:
        """Readers of the shards that were not there before."""
        stream = {"StreamName": self._stream}
        new = [shard.id for shard in list_shards(self._client, self._stream) if shard.id not in self._begun]
        self._begun.update(new)
        return [ShardReader(self._client, shard, stream) for shard in new]


class Collector(StreamReader):
    """Keeps the predictions of a stream.

    task: whose predictions they are. predictions: event id -> its first prediction; of several messages once
    all of them are there. duplicates: predictions beyond the first. messages: the others.
    recent: the last of them, as (event id, Unix time of arrival); each is among the predictions, also for
    other threads.
    version: the model's, as the last prediction names it.
    """

    def __init__(self, client: KinesisClient, stream: str, task: Task[Any]) -> None:
        super().__init__(client, stream)
        self.task = task
        self._decode = msgspec.json.Decoder(_Read).decode
        self.predictions: dict[str, Received] = {}
        self._parts: dict[str, dict[str, Received]] = {}
        """Event id -> its messages by their ids."""
        self.recent: deque[tuple[str, float]] = deque(maxlen=2_000)
        self.duplicates = 0
        self.version: str | None = None

    def take(self, shard: str, record: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Keep what a record brings."""
        for place, data in enumerate(data_of(record["Data"])):
            read = self._decode(data)
            self.version = read.version
            received = Received(
                value_in(read.prediction, self.task.id_name),
                record["ApproximateArrivalTimestamp"].timestamp(),
                (int(record["SequenceNumber"]) << 32) + place,
                read.prediction[self.task.id_name],
                interval=interval_in(read.prediction),
                version=read.version,
            )
            if read.messages:
                self._keep_message(read, received)
            else:
                self._keep(read.source_event_id, received)

    @property
    def messages(self) -> int:
        """How many messages there are of the predictions, each counted once."""
        parts = self._parts
        return sum(len(parts[one]) if one in parts else 1 for one in self.predictions)

    def _keep_message(self, read: _Read, received: Received) -> None:
        """Keep one of an event's messages; the event's prediction is there with the last of them."""
        event_id = event_of(read.source_event_id)
        parts = self._parts.setdefault(event_id, {})
        kept = parts.get(read.source_event_id)
        self.duplicates += kept is not None
        if kept is not None and kept.number < received.number:
            return
        parts[read.source_event_id] = received
        if len(parts) < read.messages:
            return
        first, last = (choose(parts.values(), key=attrgetter("number")) for choose in (min, max))
        known = event_id in self.predictions
        self.predictions[event_id] = replace(first, at=last.at, last=last.number)
        if not known:
            self.recent.append((event_id, last.at))

    def _keep(self, event_id: str, received: Received) -> None:
        """Keep the prediction that was delivered first, which may not be the one that is read first."""
        kept = self.predictions.get(event_id)
        if kept is None or received.number < kept.number:
            self.predictions[event_id] = received
        if kept is None:
            self.recent.append((event_id, received.at))
        else:
            self.duplicates += 1
