"""Puts events onto the input stream, at a rate, and remembers what the stream acknowledged."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from threeways.aws.calls import Backoff
from threeways.local_run.background import BackgroundThread
from threeways.local_run.ledger import Sent

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CALL = 500
"""Records in one `PutRecords` call, at most."""
CALL_BYTES = 4 * 2**20
BACKOFF = Backoff(base=0.05, cap=1.0, least=1.0)
"""Between puts of what a call did not store; there is nobody else to keep out of step with."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to put. index: what it stands for (its event's position), or None for a broken record."""

    partition_key: str
    data: bytes
    index: int | None


class Producer(BackgroundThread):
    """Puts records until there are no more; stopped, it puts no more than what is on its way.

    sent: event id -> what was acknowledged, in order. by_key: the same, partition key -> the last one of it.
    by_shard: how many of them are on each shard.
    """

    def __init__(
        self, client: KinesisClient, stream: str, records: Iterator[Outgoing], rate: float | None
    ) -> None:
        super().__init__()
        self._client, self._stream, self._records, self._rate = client, stream, records, rate
        self.sent: dict[str, Sent] = {}
        self.by_key: dict[str, Sent] = {}
        self.by_shard: Counter[str] = Counter()

    def work(self) -> None:
        """Put everything. What a call did not store is put again."""
        started = time.monotonic()
        while not self._stopping.is_set():
            room = self._room(started)
            batch = list(islice(self._records, room))
            if room and not batch:
                return
            for part in _parts(batch):
                self._put(part)

    def _room(self, started: float) -> int:
        """How many records may be put now; waits a moment where there is no room yet."""
        if self._rate is None:
            return CALL
        room = int((time.monotonic() - started) * self._rate) + 1 - len(self.sent)
        if room <= 0:
            self._stopping.wait(min(0.05, 1 / self._rate))
            return 0
        return min(room, CALL)

    def _put(self, batch: list[Outgoing]) -> None:
        failures = 0
        while batch:
            at = time.time()
            answer = self._client.put_records(
                StreamName=self._stream,
                Records=[{"Data": record.data, "PartitionKey": record.partition_key} for record in batch],
            )
            failed = []
            for record, result in zip(batch, answer["Records"], strict=True):
                if "SequenceNumber" in result:
                    event_id = f"{result['ShardId']}:{result['SequenceNumber']}"
                    sent = Sent(at, record.index, record.partition_key)
                    self.sent[event_id] = self.by_key[record.partition_key] = sent
                    self.by_shard[result["ShardId"]] += 1
                else:
                    failed.append(record)
            batch = failed
            if batch:
                failures += 1
                self._stopping.wait(BACKOFF.after(failures))


def _parts(batch: list[Outgoing]) -> Iterator[list[Outgoing]]:
    part: list[Outgoing] = []
    size = 0
    for record in batch:
        if part and size + len(record.data) > CALL_BYTES:
            yield part
            part, size = [], 0
        part.append(record)
        size += len(record.data) + len(record.partition_key)
    if part:
        yield part
