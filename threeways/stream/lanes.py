"""Detect user keys of aggregated records that several of a shard's lanes may process at once.

With a `ParallelizationFactor` of 2 or more, AWS distributes a shard's records to as many lanes by their
partition keys. For a record that the Kinesis Producer Library has aggregated that is the outer key, and the
library puts the events of one user key under several: then two lanes have them, and no order is kept between
the two. docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

from __future__ import annotations

import logging

from threeways.stream.records import Batch

logger = logging.getLogger(__name__)

MAX_KEYS = 100_000
"""The limit on remembered user keys; beyond it, all are forgotten."""


class Lanes:
    """Counts user keys that came under several partition keys, within one process.

    count: the mapping's `ParallelizationFactor`, None if unknown. With 1 nothing is counted.
    """

    def __init__(self, count: int | None = None) -> None:
        self._several = count is None or count > 1
        self._outer: dict[int, int] = {}
        """By a user key's hash, that of its latest partition key: a key may take a kilobyte."""
        self._told = False

    def scattered(self, batch: Batch) -> int:
        """Return how many user keys of a batch came under another partition key than before."""
        if not self._several or not batch.wholes:
            return 0
        if len(self._outer) > MAX_KEYS:
            self._outer.clear()
        found: set[int] = set()
        for number, user_key in zip(batch.sequence_numbers, batch.partition_keys, strict=True):
            key = hash(user_key)
            outer = hash(batch.wholes[number].partition_key) if number in batch.wholes else key
            if self._outer.setdefault(key, outer) != outer:
                found.add(key)
                self._outer[key] = outer
        if found and not self._told:
            self._told = True
            logger.warning(
                "%d keys of aggregated records came under several partition keys: with a "
                "ParallelizationFactor above 1 their records may be out of order. Set it to 1, or turn "
                "the producer's aggregation off",
                len(found),
            )
        return len(found)
