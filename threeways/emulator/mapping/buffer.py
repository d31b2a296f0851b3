"""The buffer between a shard's reader and its lanes: limited read-ahead, from which batches are formed.

A batch is full at `BatchSize` records or 6 MB; otherwise it is due when its first record has waited for
`MaximumBatchingWindowInSeconds`: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html. With a
`ParallelizationFactor` each lane has batches of its own, and a partition key is always on the same lane.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition
from zlib import crc32

from threeways.aws.invocation import REQUEST_LIMIT
from threeways.emulator.mapping.records import EMPTY_EVENT, StreamRecord

READ_AHEAD_BYTES = 2 * REQUEST_LIMIT
"""The limit for each lane; like that on records, it is shared by all lanes."""


def lane_of(partition_key: str, lanes: int) -> int:
    """Return a key's lane, 0 to `lanes` - 1, the same in every process. AWS does not document its hash."""
    return crc32(partition_key.encode()) % lanes if lanes > 1 else 0


class Buffer:
    """A buffer of one reader and `lanes` lanes.

    batch_size: records. window: seconds. clock: monotonic seconds.
    """

    def __init__(
        self, batch_size: int, window: float, lanes: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._batch_size = batch_size
        self._window = window
        self._clock = clock
        self._lanes: list[deque[tuple[float, StreamRecord]]] = [deque() for _ in range(lanes)]
        self._count = self._bytes = 0
        self._closed = self._ended = False
        self._changed = Condition()

    def __len__(self) -> int:
        with self._changed:
            return self._count

    def close(self) -> None:
        """Stop, and wake all waiters; nothing is put or taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def end(self) -> None:
        """Mark the end of input: no batch waits for more, and `take` returns () after the last one."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_room(self) -> bool:
        """Wait until the buffer has room; return False if it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._full())
            return not self._closed

    def _full(self) -> bool:
        lanes = len(self._lanes)
        return self._count >= 2 * self._batch_size * lanes or self._bytes >= READ_AHEAD_BYTES * lanes

    def put(self, records: Sequence[StreamRecord]) -> None:
        """Add records in the shard's order."""
        now = self._clock()
        with self._changed:
            for record in records:
                self._lanes[lane_of(record.partition_key, len(self._lanes))].append((now, record))
            self._count += len(records)
            self._bytes += sum(record.size for record in records)
            self._changed.notify_all()

    def take(self, lane: int = 0) -> tuple[StreamRecord, ...]:
        """Wait until a lane's next batch is full or due, and return it; () if closed or ended."""
        held = self._lanes[lane]
        with self._changed:
            while not self._closed:
                count, full = self._next_batch(held)
                wait = held[0][0] + self._window - self._clock() if held else None
                if count and (full or self._ended or (wait is not None and wait <= 0)):
                    return self._cut(held, count)
                if self._ended:
                    return ()
                self._changed.wait(wait)
            return ()

    def _next_batch(self, held: deque[tuple[float, StreamRecord]]) -> tuple[int, bool]:
        """Return the next batch's number of records, and whether no more fit.

        A record that is too large for an event is a batch of its own.
        """
        size = EMPTY_EVENT
        for count, (_, record) in enumerate(held):
            size += record.size
            if count == self._batch_size or (size > REQUEST_LIMIT and count):
                return count, True
            if size > REQUEST_LIMIT:
                return 1, True
        return len(held), len(held) >= self._batch_size

    def _cut(self, held: deque[tuple[float, StreamRecord]], count: int) -> tuple[StreamRecord, ...]:
        batch = tuple(held.popleft()[1] for _ in range(count))
        self._count -= count
        self._bytes -= sum(record.size for record in batch)
        self._changed.notify_all()
        return batch
