"""How often and how much a shard may be read, by all mappings that poll it together.

Five GetRecords and 2 MB a second; after a call of 10 MB those of the next five seconds are refused:
docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html and
docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html. A consumer with enhanced fan-out has 2 MB
a second and shard of its own and polls nothing:
docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from threading import Lock

CALLS_PER_SECOND = 5
BYTES_PER_SECOND = 2 * 10**6
POLLED_SECONDS = 1.0
"""Between polls of a shard without new records: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""
RETRY_SECONDS = (0.1, 0.3)
"""Until a refused read is tried again, by chance between these, so that no mapping is always the second."""


class ReadLimits:
    """The read limits of a stream's shards, for the mappings that are given the same object. Thread-safe.

    fan_out: those of a consumer with enhanced fan-out, of which a mapping makes one for itself. clock:
    seconds, of any origin.
    """

    def __init__(self, *, fan_out: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.fan_out = fan_out
        self._shards: defaultdict[str, _Shard] = defaultdict(lambda: _Shard(clock()))
        self._clock = clock
        self._lock = Lock()

    def take(self, shard_id: str) -> bool:
        """Consume a call on a shard; return whether it may be made."""
        with self._lock:
            shard, now = self._shards[shard_id], self._clock()
            if now < shard.refused_until:
                return False
            return self.fan_out or shard.take(now)

    def read(self, shard_id: str, size: int) -> None:
        """Consume the bytes that a call has brought, keys included."""
        with self._lock:
            self._shards[shard_id].read(size, self._clock())


class _Shard:
    """A shard's token bucket for calls, and the bytes that it has still to work off."""

    def __init__(self, now: float) -> None:
        self._calls, self._counted = float(CALLS_PER_SECOND), now
        self._owed, self._paid = 0.0, now
        self.refused_until = now

    def take(self, now: float) -> bool:
        passed, self._counted = now - self._counted, now
        self._calls = min(CALLS_PER_SECOND, self._calls + passed * CALLS_PER_SECOND)
        if self._calls < 1:
            return False
        self._calls -= 1
        return True

    def read(self, size: int, now: float) -> None:
        passed, self._paid = now - self._paid, now
        self._owed = max(0.0, self._owed - passed * BYTES_PER_SECOND) + size
        if self._owed > BYTES_PER_SECOND:
            self.refused_until = now + self._owed / BYTES_PER_SECOND
