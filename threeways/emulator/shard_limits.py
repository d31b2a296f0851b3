"""A shard's throughput limits, which moto does not enforce.

docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html: 1,000 records and 1 MB a second,
partition keys included. How AWS measures the second is not documented: here a token bucket holds one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

RECORDS_PER_SECOND = 1_000
BYTES_PER_SECOND = 2**20
CODE = "ProvisionedThroughputExceededException"


class ShardLimits:
    """One shard's token buckets. Thread-safe. clock: seconds, of any origin."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records = float(RECORDS_PER_SECOND)
        self._bytes = float(BYTES_PER_SECOND)
        self._at = clock()
        self._lock = Lock()

    def take(self, size: int) -> bool:
        """Consume the limits for a record of `size` bytes, its key included; return whether it fits."""
        with self._lock:
            now = self._clock()
            passed, self._at = now - self._at, now
            self._records = min(RECORDS_PER_SECOND, self._records + passed * RECORDS_PER_SECOND)
            self._bytes = min(BYTES_PER_SECOND, self._bytes + passed * BYTES_PER_SECOND)
            # A record larger than the bucket takes all of it, since it could never pass otherwise.
            if self._records < 1 or self._bytes < min(size, BYTES_PER_SECOND):
                return False
            self._records -= 1
            self._bytes -= min(size, BYTES_PER_SECOND)
            return True
