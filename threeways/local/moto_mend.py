"""moto's Kinesis, mended so that it keeps what it acknowledges.

moto 5.2.5's shard takes its next sequence number from its last record without a lock: concurrent puts get
the same number and overwrite each other. It also lists all its keys at each put and reads from its first
record at each get, both quadratic; moves a parent's records into its children when a shard is split or
merged; and goes on putting into closed shards. Here a shard is an append-only log behind a lock, sequence
numbers are unique in the whole process and ascending in a shard, and records stay where they were put.

The mend replaces methods, so it checks that they are the ones it was written for, by digest: another
moto version whose shards are unchanged is mended, one whose shards differ is refused.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import itertools
from bisect import bisect_left, bisect_right
from threading import Lock
from typing import Any

from threeways.errors import LocalError

TESTED = "5.2.5"
DIGEST = "4e46c81853ba6c674c1f2fe9e69a8608669883d1437ed69280b55cb5d3823f2c"
_FIRST = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000
"""Real sequence numbers have 56 digits: too many for a float, or for a 64-bit integer."""
_MOST, _MOST_BYTES = 10_000, 10 * 1024 * 1024
"""Records and bytes of one GetRecords: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""
_numbers = itertools.count(_FIRST)


class ShardLog:
    """A shard's records in the order of their sequence numbers. Appending is safe from many threads."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.records: list[Any] = []
        self.lock = Lock()

    def append(self, make_record: Any) -> int:
        """Store `make_record(sequence number)`; the number."""
        with self.lock:
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

    def last_before(self, moment: float) -> int:
        """The number of the last record that arrived before `moment` (epoch seconds), or 0."""
        count = bisect_left(self.records, moment, hi=len(self.numbers), key=lambda record: record.created_at)
        return self.numbers[count - 1] if count else 0


def digest_of_moto() -> str:
    """SHA-256 of the source of what is replaced or relied on."""
    from moto.kinesis import models

    stream = models.Stream
    parts = (
        models.Record,
        models.Shard,
        stream.put_record,
        stream.get_shard_for_key,
        stream.split_shard,
        stream.merge_shards,
    )
    return hashlib.sha256("".join(inspect.getsource(part) for part in parts).encode()).hexdigest()


def mend() -> None:
    """Mend the moto of this process. Raises LocalError where its shards are not the known ones."""
    import moto

    if digest_of_moto() != DIGEST:
        raise LocalError(
            f"moto {moto.__version__} has other Kinesis shards than moto {TESTED}, whose loss of records"
            f" is mended here: install moto=={TESTED} (`make setup` does)"
        )
    replace_methods()


def replace_methods() -> None:
    """Put the mended methods in place of moto's."""
    models: Any = importlib.import_module("moto.kinesis.models")
    broken_init = models.Shard.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        broken_init(self, *args, **kwargs)
        self.log = ShardLog()  # `records` stays empty: a split or merge finds nothing to move

    models.Shard.__init__ = init
    models.Shard.put_record = _put_record
    models.Shard.get_records = _get_records
    models.Shard.get_min_sequence_number = lambda self: self.log.numbers[0] if self.log.numbers else 0
    models.Shard.get_max_sequence_number = lambda self: self.log.numbers[-1] if self.log.numbers else 0
    models.Shard.get_sequence_number_at = lambda self, at_timestamp: self.log.last_before(at_timestamp)
    models.Stream.get_shard_for_key = _open_shard_for_key(models.Stream.get_shard_for_key)


def _put_record(self: Any, partition_key: str, data: str, explicit_hash_key: str) -> str:
    from moto.kinesis.models import Record

    return str(self.log.append(lambda number: Record(partition_key, data, number, explicit_hash_key)))


def _get_records(self: Any, last_sequence_id: str, limit: int | None) -> tuple[list[Any], int, int]:
    after = int(last_sequence_id)
    found = self.log.after(after, limit or _MOST)
    if not found:
        return [], after, 0
    behind = self.log.records[-1].created_at - found[-1].created_at
    return found, found[-1].sequence_number, int(behind * 1000)


def _open_shard_for_key(validated: Any) -> Any:
    """Moto's lookup, which refuses keys that cannot be, but among open shards and to the range's end."""

    def get_shard_for_key(self: Any, partition_key: str, explicit_hash_key: str) -> Any:
        validated(self, partition_key, explicit_hash_key)
        position = int(explicit_hash_key) if explicit_hash_key else _hash_of(partition_key)
        return next(
            shard
            for shard in self.shards.values()
            if shard.is_open and shard.starting_hash <= position <= shard.ending_hash
        )

    return get_shard_for_key


def _hash_of(partition_key: str) -> int:
    """Kinesis hashes keys with MD5: docs.aws.amazon.com/streams/latest/dev/key-concepts.html."""
    return int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest())
