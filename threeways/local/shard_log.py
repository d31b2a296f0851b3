"""A shard of the emulator's Kinesis: an append-only log behind a lock.

Sequence numbers are unique in the whole process and ascending in a shard, and so in its children after it.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from threading import Lock
from typing import Any

_FIRST = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
"""Real sequence numbers have 56 digits: too many for a float, or for a 64-bit integer."""
_MOST_BYTES = 10 * 1024 * 1024
"""Bytes of one GetRecords: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""
_numbers = itertools.count(_FIRST)


class ShardLog:
    """A shard's records in the order of their sequence numbers. Appending is safe from many threads."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.records: list[Any] = []
        self.lock = Lock()
        self._is_open = True

    @property
    def is_open(self) -> bool:
        """Whether it takes records. Nothing is appended after it was closed, not even by a put under way."""
        return self._is_open

    @is_open.setter
    def is_open(self, value: bool) -> None:
        with self.lock:
            self._is_open = value

    def append(self, make_record: Callable[[int], Any]) -> int | None:
        """Store `make_record(sequence number)`; the number, or None where the shard is closed."""
        with self.lock:
            if not self._is_open:
                return None
            number = next(_numbers)
            self.records.append(make_record(number))
            self.numbers.append(number)  # last: who sees the number finds its record
        return number

    def after(self, number: int, limit: int) -> list[Any]:
        """At most `limit` records whose number is greater, and 10 MiB of them (one at least)."""
        start = bisect_right(self.numbers, number)
        found = self.records[start : min(start + limit, len(self.numbers))]
        sizes = itertools.accumulate(len(record.data) * 3 // 4 for record in found)
        fit = sum(size <= _MOST_BYTES for size in sizes)
        return found[: max(fit, 1)]

    def ends_at(self, number: int) -> bool:
        """Whether nothing follows that number, now or ever."""
        return not self._is_open and (not self.numbers or self.numbers[-1] <= number)

    def last_before(self, moment: float) -> int:
        """The number of the last record that arrived before `moment` (epoch seconds), or 0."""
        count = bisect_left(self.records, moment, hi=len(self.numbers), key=lambda record: record.created_at)
        return self.numbers[count - 1] if count else 0
