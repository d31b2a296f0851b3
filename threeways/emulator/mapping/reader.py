"""A shard's poller: it reads into the buffer while there is room, until the shard or the mapping ends.

Unlike `aws.kinesis.ShardReader` it waits for room in the buffer, reads one batch at a time, retries after any
error, and reports what it read to the shard's `Progress`, which determines the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from botocore.exceptions import BotoCoreError, ClientError

from threeways.emulator.mapping.buffer import Buffer
from threeways.emulator.mapping.counts import MappingEvent, MappingReporter
from threeways.emulator.mapping.position import Shard
from threeways.emulator.mapping.records import Origin, encode_all

IDLE = (0.05, 0.1, 0.2)
"""Seconds between polls of a shard without new records, by consecutive empty polls. AWS waits one second."""
_MIN_RECORDS, _MAX_RECORDS = 500, 10_000


class Reader:
    """A reader's work in its thread, until the shard's end or until the buffer is closed."""

    def __init__(
        self,
        shard: Shard,
        origin: Origin,
        buffer: Buffer,
        reporter: MappingReporter,
        batch_size: int,
        stopping: Event,
        backoff: Callable[[int], float],
    ) -> None:
        self._shard = shard
        self._origin = origin
        self._buffer = buffer
        self._reporter = reporter
        self._limit = min(max(batch_size, _MIN_RECORDS), _MAX_RECORDS)
        self._stopping = stopping
        self._backoff = backoff
        self._iterator: str | None = None
        self._last: str | None = None
        self._closed = Event()

    def closed(self) -> None:
        """Record that the shard was split or merged: the next empty poll is its end."""
        self._closed.set()

    def run(self) -> None:
        """Read until the end."""
        empty = failures = 0
        while self._buffer.wait_for_room() and not self._stopping.is_set():
            closed = self._closed.is_set()
            try:
                found, caught_up = self._poll()
            except (ClientError, BotoCoreError) as error:
                failures += 1
                self._iterator = None  # it may have expired
                self._reporter.report(MappingEvent("read_failed", self._shard.id, f"GetRecords: {error}"))
                self._stopping.wait(self._backoff(failures))
                continue
            if self._iterator is None or (closed and caught_up and not found):
                self._shard.progress.ended()
                self._buffer.end()
                return
            failures = 0
            empty = 0 if found else empty + 1
            if caught_up:
                self._stopping.wait(IDLE[min(empty, len(IDLE) - 1)])

    def _poll(self) -> tuple[int, bool]:
        """Call GetRecords; return the number of records, and whether those were all that the shard has now.

        After the last record of a closed shard there is no next iterator.
        """
        if self._iterator is None:
            self._iterator = self._shard.iterator_after(self._last)
        answer = self._shard.read(self._iterator, self._limit)
        records = encode_all(answer["Records"], self._origin)
        if records:
            self._last = records[-1].sequence_number
            self._shard.progress.read(record.sequence_number for record in records)
            self._reporter.count(polled=len(records))
            self._buffer.put(records)
        self._iterator = answer.get("NextShardIterator")
        return len(records), answer["MillisBehindLatest"] == 0 and len(records) < self._limit
