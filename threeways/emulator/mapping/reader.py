"""A shard's poller: it reads into the buffer while there is room, until the shard or the mapping ends.

Unlike `aws.kinesis.ShardReader` it waits for room in the buffer, reads one batch at a time, retries after any
error, and reports what it read to the shard's `Progress`, which determines the checkpoint.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from threeways.emulator.mapping.buffer import Buffer
from threeways.emulator.mapping.counts import MappingEvent
from threeways.emulator.mapping.filters import is_aggregated, of_kinesis, of_table
from threeways.emulator.mapping.lane import Work
from threeways.emulator.mapping.position import Shard
from threeways.emulator.mapping.read_limits import POLLED_SECONDS, RETRY_SECONDS
from threeways.emulator.mapping.records import Origin, StreamRecord, encode_all
from threeways.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

IDLE = (0.05, 0.1, 0.2)
"""Seconds between polls of a shard without new records, by consecutive empty polls. AWS waits one second."""
_MIN_RECORDS, _MAX_RECORDS = 500, 10_000


@dataclass
class Reader:
    """A reader's work in its thread, until the shard's end or until the buffer is closed.

    closed: to be set when the shard was split or merged: the next empty poll is its end.
    """

    shard: Shard
    origin: Origin
    buffer: Buffer
    work: Work
    closed: Event = field(default_factory=Event)
    _iterator: str | None = None
    _last: str | None = None

    def run(self) -> None:
        """Read until the end."""
        empty = failures = 0
        self._last = self.shard.checkpoint
        limit = min(max(self.work.settings.batch_size, _MIN_RECORDS), _MAX_RECORDS)
        polled = self.work.limits is not None and not self.work.limits.fan_out
        idle = (POLLED_SECONDS,) if polled else IDLE
        while self.buffer.wait_for_room() and not self.work.stopping.is_set():
            if not self._may_read():
                continue
            closed = self.closed.is_set()
            try:
                found, caught_up = self._poll(_MAX_RECORDS if polled else limit)
            except (ClientError, BotoCoreError) as error:
                failures += 1
                self._iterator = None  # it may have expired
                self.work.reporter.report(MappingEvent("read_failed", self.shard.id, f"GetRecords: {error}"))
                self.work.stopping.wait(self.work.backoff(failures))
                continue
            if self._iterator is None or (closed and caught_up and not found):
                self.shard.progress.ended()
                self.buffer.end()
                return
            failures = 0
            empty = 0 if found else empty + 1
            if caught_up:
                self.work.stopping.wait(idle[min(empty, len(idle) - 1)])

    def _may_read(self) -> bool:
        """Return whether the shard's limits allow another call; where they don't, wait and count it."""
        if self.work.limits is None or self.work.limits.take(self.shard.id):
            return True
        self.work.reporter.count(reads_refused=1)
        self.work.stopping.wait(random.uniform(*RETRY_SECONDS))  # noqa: S311 - no secret
        return False

    def _poll(self, limit: int) -> tuple[int, bool]:
        """Call GetRecords; return the number of records, and whether those were all that the shard has now.

        After the last record of a closed shard there is no next iterator.
        """
        if self._iterator is None:
            self._iterator = self.shard.iterator_after(self._last)
        answer = self.shard.read(self._iterator, limit)
        raw = answer["Records"]
        if self.work.limits is not None and not self.origin.is_table:
            size = sum(len(record["Data"]) + len(record["PartitionKey"].encode()) for record in raw)
            self.work.limits.read(self.shard.id, size)
        records = encode_all(raw, self.origin)
        if records:
            self._last = records[-1].sequence_number
            self.shard.progress.read(record.sequence_number for record in records)
            self.work.reporter.count(polled=len(records))
            self.buffer.put(self._let_through(raw, records) if self.work.settings.filters else records)
        self._iterator = answer.get("NextShardIterator")
        return len(records), answer["MillisBehindLatest"] == 0 and len(records) < limit

    def _tell_of_aggregated(self, found: Sequence[RecordTypeDef]) -> None:
        """Say that filters of a mapping that polls do not look into aggregated records.

        docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html. Raises LocalError with enhanced
        fan-out, where they do, and AWS does not say in which form the function gets what is let through.
        """
        if not found:
            return
        if self.work.settings.fan_out:
            raise LocalError(
                "FilterCriteria met records that the Kinesis Producer Library aggregated: with enhanced "
                "fan-out AWS filters what is in them, which is not emulated; filter in the function, or test "
                "it on AWS"
            )
        message = (
            "aggregated records are filtered out: the filter of a mapping that polls does not look into them"
        )
        first, last = found[0]["SequenceNumber"], found[-1]["SequenceNumber"]
        self.work.reporter.report(MappingEvent("aggregated", self.shard.id, message, len(found), first, last))

    def _let_through(self, raw: Sequence[RecordTypeDef], records: list[StreamRecord]) -> list[StreamRecord]:
        """Return the records that a filter matches; the others are done."""
        filters = self.work.settings.filters
        if self.origin.is_table:
            matched = [of_table(filters, record.encoded) for record in records]
        else:
            self._tell_of_aggregated([one for one in raw if is_aggregated(one["Data"])])
            matched = [of_kinesis(filters, record["Data"]) for record in raw]
        self.shard.progress.done(
            record.sequence_number for record, taken in zip(records, matched, strict=True) if not taken
        )
        self.work.reporter.count(filtered=matched.count(False))
        return [record for record, taken in zip(records, matched, strict=True) if taken]
