"""Between a shard's reader and its lane: a little read-ahead, and batches cut from it.

A batch is full at `BatchSize` records or 6 MB, else it is due when its first record has waited for
`MaximumBatchingWindowInSeconds`: docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition

from threeways.local.invocation import REQUEST_LIMIT
from threeways.local.mapping.records import EMPTY_EVENT, StreamRecord

READ_AHEAD_BYTES = 2 * REQUEST_LIMIT


class Buffer:
    """For one reader and one lane. batch_size: records. window: seconds. clock: monotonic seconds."""

    def __init__(self, batch_size: int, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._batch_size = batch_size
        self._window = window
        self._clock = clock
        self._records: deque[tuple[float, StreamRecord]] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = Condition()

    def __len__(self) -> int:
        with self._changed:
            return len(self._records)

    def close(self) -> None:
        """Wake everyone; nothing comes in or out any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_for_room(self) -> bool:
        """Wait until more than what is held is wanted. False: it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._full())
            return not self._closed

    def _full(self) -> bool:
        return len(self._records) >= 2 * self._batch_size or self._bytes >= READ_AHEAD_BYTES

    def put(self, records: Sequence[StreamRecord]) -> None:
        """Add records in the order of the shard."""
        now = self._clock()
        with self._changed:
            self._records.extend((now, record) for record in records)
            self._bytes += sum(record.size for record in records)
            self._changed.notify_all()

    def take(self) -> tuple[StreamRecord, ...]:
        """The next batch, as soon as one is full or due. Empty: it was closed."""
        with self._changed:
            while not self._closed:
                count, full = self._next_batch()
                wait = self._records[0][0] + self._window - self._clock() if self._records else None
                if count and (full or (wait is not None and wait <= 0)):
                    return self._cut(count)
                self._changed.wait(wait)
            return ()

    def _next_batch(self) -> tuple[int, bool]:
        """How many records the next batch has, and whether no more fit. One that fits no event goes alone."""
        size = EMPTY_EVENT
        for count, (_, record) in enumerate(self._records):
            size += record.size
            if count == self._batch_size or (size > REQUEST_LIMIT and count):
                return count, True
            if size > REQUEST_LIMIT:
                return 1, True
        return len(self._records), len(self._records) >= self._batch_size

    def _cut(self, count: int) -> tuple[StreamRecord, ...]:
        batch = tuple(self._records.popleft()[1] for _ in range(count))
        self._bytes -= sum(record.size for record in batch)
        self._changed.notify_all()
        return batch
