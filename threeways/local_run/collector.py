"""Reads the predictions back from the output stream, as any consumer would."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.emulator.mapping.lineage import list_shards
from threeways.local_run.ledger import Received
from threeways.scoring.task import Task
from threeways.stream.aggregation import data_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

IDLE_SECONDS = 0.1


class _Read(msgspec.Struct):
    prediction: dict[str, Any]
    source_event_id: str
    version: str | None = None


class Collector(threading.Thread):
    """A thread that reads every shard of a stream from its beginning and keeps what it finds.

    Shards that come into being meanwhile are read too. task: whose predictions they are.
    predictions: event id -> its first prediction. duplicates: predictions beyond the first.
    recent: the last of them, as (event id, Unix time of arrival).
    version: the model's, as the last prediction names it.
    error: why it ended early, if it did.
    """

    def __init__(self, client: KinesisClient, stream: str, task: Task[Any]) -> None:
        super().__init__(name="collector", daemon=True)
        self._client = client
        self._stream = stream
        self._task = task
        self._decode = msgspec.json.Decoder(_Read).decode
        self._finishing = threading.Event()
        self._begun: set[str] = set()
        self._last: dict[str, str] = {}
        self.predictions: dict[str, Received] = {}
        self.recent: deque[tuple[str, float]] = deque(maxlen=2_000)
        self.duplicates = 0
        self.version: str | None = None
        self.error: Exception | None = None

    def finish(self) -> None:
        """Read to the end of the stream, then stop; returns when that is done. Raises what stopped it."""
        self._finishing.set()
        self.join()
        if self.error:
            raise self.error

    def run(self) -> None:
        """Read until told to finish, and then until nothing is left."""
        try:
            iterators: dict[str, str] = {}
            self._begin(iterators)
            while True:
                finishing = self._finishing.is_set()
                before = len(iterators)
                at_end = [self._read(iterators, shard) for shard in list(iterators)]
                if len(iterators) < before:  # a shard was closed, so there are new ones
                    self._begin(iterators)
                elif all(at_end):
                    if finishing:
                        return
                    self._finishing.wait(IDLE_SECONDS)
        except Exception as error:  # noqa: BLE001 - raised again by finish()
            self.error = error

    def _begin(self, iterators: dict[str, str]) -> None:
        """Begin with the shards that were not there before."""
        for shard in [listed.id for listed in list_shards(self._client, self._stream)]:
            if shard not in self._begun:
                self._begun.add(shard)
                iterators[shard] = self._iterator(shard)

    def _iterator(self, shard: str) -> str:
        """An iterator for what was not read yet."""
        where: dict[str, Any] = {"StreamName": self._stream, "ShardId": shard}
        where["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER" if shard in self._last else "TRIM_HORIZON"
        if shard in self._last:
            where["StartingSequenceNumber"] = self._last[shard]
        return self._client.get_shard_iterator(**where)["ShardIterator"]

    def _read(self, iterators: dict[str, str], shard: str) -> bool:
        """Keep what one GetRecords brings; whether that was nothing, and nothing follows."""
        try:
            answer = self._client.get_records(ShardIterator=iterators[shard], Limit=10_000)
        except self._client.exceptions.ExpiredIteratorException:  # the machine may have slept
            iterators[shard] = self._iterator(shard)
            return False
        if answer.get("NextShardIterator"):
            iterators[shard] = answer["NextShardIterator"]
        else:
            del iterators[shard]
        for record in answer["Records"]:
            self._last[shard] = record["SequenceNumber"]
            for place, data in enumerate(data_of(record["Data"])):
                read = self._decode(data)
                self.version = read.version
                received = Received(
                    read.prediction[self._task.output.name],
                    record["ApproximateArrivalTimestamp"].timestamp(),
                    (int(record["SequenceNumber"]) << 32) + place,
                    read.prediction[self._task.id],
                )
                self._keep(read.source_event_id, received)
        return not answer["Records"] and not answer.get("MillisBehindLatest")

    def _keep(self, event_id: str, received: Received) -> None:
        """Keep the prediction that was delivered first, which may not be the one that is read first."""
        kept = self.predictions.get(event_id)
        if kept is None:
            self.recent.append((event_id, received.at))
        else:
            self.duplicates += 1
        if kept is None or received.number < kept.number:
            self.predictions[event_id] = received
