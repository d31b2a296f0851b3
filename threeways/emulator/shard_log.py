"""A shard of the emulator's Kinesis: an append-only log behind a lock, its records in a temporary file.

Memory holds 26 bytes a record, whatever its size, so that a million events fit on a laptop. Sequence numbers
are unique in the whole process, and ascending in a shard and on into its children.
"""

from __future__ import annotations

import errno
import itertools
import os
import tempfile
import time
from array import array
from base64 import b64decode
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

_FIRST = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
"""Real sequence numbers have 56 digits: too many for a float or a 64-bit integer."""
_MAX_BYTES = 10 * 1024 * 1024
"""Bytes of one GetRecords: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One stored record. created_at: epoch seconds."""

    sequence_number: int
    partition_key: str
    data: bytes
    created_at: float

    def to_json(self) -> dict[str, Any]:
        """Return it as in GetRecords' answer; moto serialises the values."""
        return {
            "Data": self.data,
            "PartitionKey": self.partition_key,
            "SequenceNumber": str(self.sequence_number),
            "ApproximateArrivalTimestamp": datetime.fromtimestamp(self.created_at, UTC),
        }


class ShardLog:
    """A shard's records in the order of their sequence numbers. Thread-safe."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as its shard exists
        self._ends = array("Q", [0])  # offsets of the records' ends in the file, after a leading 0
        self._key_sizes = array("H")
        self._numbers = array("Q")
        self._times = array("d")
        self._lock = Lock()
        self._is_open = True

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def is_open(self) -> bool:
        """Whether it accepts records; once closed, even a put in progress appends nothing."""
        return self._is_open

    @is_open.setter
    def is_open(self, value: bool) -> None:
        with self._lock:
            self._is_open = value

    @property
    def first(self) -> int:
        """The first sequence number, or 0."""
        return _FIRST + self._numbers[0] if self._numbers else 0

    @property
    def last(self) -> int:
        """The last sequence number, or 0."""
        return _FIRST + self._numbers[-1] if self._numbers else 0

    def append(self, partition_key: str, data: str) -> int | None:
        """Store a record, `data` in base64; return its sequence number, or None if the shard is closed."""
        key, body = partition_key.encode(), b64decode(data)
        with self._lock:
            if not self._is_open:
                return None
            start = self._ends[-1]
            if os.pwrite(self._file.fileno(), key + body, start) != len(key) + len(body):
                raise OSError(errno.ENOSPC, "the emulator's temporary folder is full", tempfile.gettempdir())
            number = next(_numbers)
            self._ends.append(start + len(key) + len(body))
            self._key_sizes.append(len(key))
            self._times.append(time.time())
            self._numbers.append(number)  # last: whoever sees the number finds its record
        return _FIRST + number

    def after(self, number: int, limit: int) -> list[StoredRecord]:
        """Return at most `limit` records, and 10 MiB, with greater numbers; one of them may be larger."""
        start = bisect_right(self._numbers, max(number - _FIRST, 0))
        stop = min(start + limit, len(self._numbers))
        if start >= stop:
            return []
        fit = bisect_right(self._ends, self._ends[start] + _MAX_BYTES, lo=start + 1, hi=stop + 1) - 1
        stop = max(fit, start + 1)
        begin = self._ends[start]
        stored = os.pread(self._file.fileno(), self._ends[stop] - begin, begin)
        return [self._record(position, stored, begin) for position in range(start, stop)]

    def _record(self, position: int, stored: bytes, begin: int) -> StoredRecord:
        start, stop = self._ends[position] - begin, self._ends[position + 1] - begin
        data = start + self._key_sizes[position]
        return StoredRecord(
            _FIRST + self._numbers[position],
            stored[start:data].decode(),
            stored[data:stop],
            self._times[position],
        )

    def milliseconds_behind(self, number: int) -> int:
        """Return how much later than the record with that number the last one arrived; 0 only for the last.

        A value of zero says that nothing follows:
        docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html (MillisBehindLatest)
        """
        position, last = bisect_left(self._numbers, number - _FIRST), len(self._numbers) - 1
        if position >= last:
            return 0
        return max(1, int(1000 * (self._times[last] - self._times[position])))

    def ends_at(self, number: int) -> bool:
        """Return whether nothing follows that number, now or later."""
        return not self._is_open and self.last <= number

    def last_before(self, moment: float) -> int:
        """Return the number of the last record that arrived before `moment` (epoch seconds), or 0."""
        count = bisect_left(self._times, moment, hi=len(self._numbers))
        return _FIRST + self._numbers[count - 1] if count else 0
