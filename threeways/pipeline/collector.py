"""Reads the predictions back from the output stream, as any consumer would."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from threeways.pipeline.ledger import Received

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

IDLE_SECONDS = 0.1


class _Read(msgspec.Struct):
    prediction: dict[str, Any]
    source_event_id: str
    version: str | None = None


class Collector(threading.Thread):
    """A thread that reads every shard of a stream from its beginning and keeps what it finds.

    predictions: event id -> its first prediction. duplicates: predictions beyond the first.
    recent: the last of them, as (event id, Unix time of arrival).
    version: the model's, as the last prediction names it.
    error: why it ended early, if it did.
    """

    def __init__(self, client: KinesisClient, stream: str, output: str) -> None:
        super().__init__(name="collector", daemon=True)
        self._client = client
        self._stream = stream
        self._output = output
        self._decode = msgspec.json.Decoder(_Read).decode
        self._finishing = threading.Event()
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
            iterators = self._iterators()
            while True:
                finishing = self._finishing.is_set()
                found = sum(self._read(iterators, shard) for shard in list(iterators))
                if not found:
                    if finishing:
                        return
                    self._finishing.wait(IDLE_SECONDS)
        except Exception as error:  # noqa: BLE001 - raised again by finish()
            self.error = error

    def _iterators(self) -> dict[str, str]:
        shards = self._client.list_shards(StreamName=self._stream)["Shards"]
        return {
            shard["ShardId"]: self._client.get_shard_iterator(
                StreamName=self._stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            for shard in shards
        }

    def _read(self, iterators: dict[str, str], shard: str) -> int:
        answer = self._client.get_records(ShardIterator=iterators[shard], Limit=10_000)
        if answer.get("NextShardIterator"):
            iterators[shard] = answer["NextShardIterator"]
        else:
            del iterators[shard]
        for record in answer["Records"]:
            read = self._decode(record["Data"])
            if read.source_event_id in self.predictions:
                self.duplicates += 1
                continue
            at = record["ApproximateArrivalTimestamp"].timestamp()
            self.version = read.version
            self.recent.append((read.source_event_id, at))
            self.predictions[read.source_event_id] = Received(read.prediction[self._output], at)
        return len(answer["Records"])
