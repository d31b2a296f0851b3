"""Patch moto's Kinesis so that it keeps every acknowledged record, in order, also when resharded.

moto 5.2.5's shard takes its next sequence number from its last record without a lock: concurrent puts get
the same number and overwrite each other. It also lists all its keys at each put and reads from its first
record at each get, both quadratic; moves a parent's records into its children when a shard is split or
merged; goes on putting into closed shards; never reports that a closed shard was read to its end; and says
that a reader has caught up while records follow that arrived within the same millisecond. Here a shard is a
`ShardLog`: records stay where they were put, a put to a closed shard goes to its child, a closed shard's last
answer has no NextShardIterator, and MillisBehindLatest is 0 only where nothing follows.

The patch replaces methods, so it checks by digest that they are the ones it was written for: another moto
version whose shards are unchanged is patched, one whose shards differ is refused.

Iterators expire five minutes after they were issued, as Kinesis's do.

On request, shards have AWS's limits: an entry of PutRecords over them fails and is not stored, while the
others are; a PutRecord over them fails. docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import inspect
import time
from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import Any

from threeways.emulator.shard_limits import CODE, ShardLimits
from threeways.emulator.shard_log import ShardLog, StoredRecord
from threeways.errors import LocalError

TESTED = "5.2.5"
DIGEST = "16b14b2c7691ed168c7728a1662382b258d6ebe2be7ef060ee4326f2b431eaaf"
_MAX_RECORDS = 10_000
"""Records of one GetRecords: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""
ITERATOR_SECONDS = 300.0
"""An iterator's lifetime: docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html"""
_resharding = RLock()
"""moto numbers a new shard after the last one, without a lock. update_shard_count splits and merges."""


def digest_of_moto() -> str:
    """Return the SHA-256 of moto's source that is replaced or relied on."""
    from moto.kinesis import models, utils

    stream, backend = models.Stream, models.KinesisBackend
    parts = (
        models.Record,
        models.Shard,
        stream.put_record,
        stream.get_shard_for_key,
        stream.split_shard,
        stream.merge_shards,
        stream.update_shard_count,
        backend.get_records,
        backend.get_shard_iterator,
        backend.put_record,
        backend.put_records,
        utils,
    )
    return hashlib.sha256("".join(inspect.getsource(part) for part in parts).encode()).hexdigest()


def patch(*, shard_limits: bool = False, iterator_seconds: float = ITERATOR_SECONDS) -> None:
    """Patch moto in this process. Raises LocalError if its shards are not the known ones."""
    import moto

    if digest_of_moto() != DIGEST:
        raise LocalError(
            f"moto {moto.__version__} has other Kinesis shards than moto {TESTED}, whose loss of records"
            f" is fixed here: install moto=={TESTED} (`make setup` does)"
        )
    replace_methods(shard_limits=shard_limits, iterator_seconds=iterator_seconds)


def replace_methods(*, shard_limits: bool, iterator_seconds: float) -> None:
    """Replace moto's methods by the patched ones."""
    models: Any = importlib.import_module("moto.kinesis.models")
    shard, stream, backend = models.Shard, models.Stream, models.KinesisBackend
    broken_init = shard.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        self.log = ShardLog()
        self.limits = ShardLimits() if shard_limits else None
        broken_init(self, *args, **kwargs)  # `records` stays empty: a split or merge finds nothing to move

    shard.__init__ = init
    shard.is_open = property(
        lambda self: self.log.is_open, lambda self, value: setattr(self.log, "is_open", value)
    )
    shard.put_record = _put_record
    shard.get_records = _get_records
    shard.get_min_sequence_number = lambda self: self.log.first
    shard.get_max_sequence_number = lambda self: self.log.last
    shard.get_sequence_number_at = lambda self, at_timestamp: self.log.last_before(at_timestamp)
    stream.get_shard_for_key = _open_shard_for_key(stream.get_shard_for_key)
    stream.put_record = _put_into_an_open_shard(stream.put_record)
    for name in ("split_shard", "merge_shards", "update_shard_count"):
        setattr(stream, name, _one_at_a_time(getattr(stream, name)))
    backend.get_shard_iterator = _with_its_time(backend.get_shard_iterator)
    backend.get_records = _refusing_expired_and_reporting_the_end(backend.get_records, iterator_seconds)
    if shard_limits:
        backend.put_record = _refusing_what_is_over(backend.put_record)
        backend.put_records = _failing_entries_that_are_over(backend.put_records)


class _Closed(Exception):
    """The shard was closed between the lookup and the put."""


_OVER = ""
"""The sequence number of a record that was over its shard's limits."""


def _put_record(self: Any, partition_key: str, data: str, explicit_hash_key: str) -> str:  # noqa: ARG001 - moto's
    if self.limits and not self.limits.take(len(partition_key.encode()) + len(data) * 3 // 4):
        return _OVER
    number = self.log.append(partition_key, data)
    if number is None:
        raise _Closed
    return str(number)


def _failing_entries_that_are_over(put: Any) -> Any:
    """Wrap moto's put_records: entries over a shard's limits fail."""

    def put_records(self: Any, stream_arn: str, stream_name: str, records: list[Any]) -> dict[str, Any]:
        answer: dict[str, Any] = put(self, stream_arn, stream_name, records)
        stream = self.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
        for position, entry in enumerate(answer["Records"]):
            if entry["SequenceNumber"] == _OVER:
                why = _rate_exceeded(stream, entry["ShardId"])
                answer["Records"][position] = {"ErrorCode": CODE, "ErrorMessage": why}
                answer["FailedRecordCount"] += 1
        return answer

    return put_records


def _refusing_what_is_over(put: Any) -> Any:
    def put_record(self: Any, stream_arn: str, stream_name: str, *rest: str) -> tuple[str, str]:
        from moto.core.exceptions import JsonRESTError

        number, shard_id = put(self, stream_arn, stream_name, *rest)
        if number == _OVER:
            stream = self.describe_stream(stream_arn=stream_arn, stream_name=stream_name)
            raise JsonRESTError(CODE, _rate_exceeded(stream, shard_id))
        return number, shard_id

    return put_record


def _rate_exceeded(stream: Any, shard_id: str) -> str:
    """Word the error message as the API's page does."""
    where = f"{shard_id} in stream {stream.stream_name} under account {stream.account_id}"
    return f"Rate exceeded for shard {where}."


def _put_into_an_open_shard(put: Any) -> Any:
    """Wrap moto's put_record: retry if the shard was closed meanwhile; its children exist by then."""

    def put_record(self: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
        while True:
            with suppress(_Closed):
                found: tuple[str, str] = put(self, *args, **kwargs)
                return found

    return put_record


def _one_at_a_time(change: Callable[..., None]) -> Callable[..., None]:
    def locked(self: Any, *args: Any, **kwargs: Any) -> None:
        with _resharding:
            change(self, *args, **kwargs)

    return locked


def _get_records(self: Any, last_sequence_id: str, limit: int | None) -> tuple[list[StoredRecord], int, int]:
    after = int(last_sequence_id)
    found = self.log.after(after, limit or _MAX_RECORDS)
    if not found:
        return [], after, 0
    last: int = found[-1].sequence_number
    return found, last, self.log.milliseconds_behind(last)


def _with_its_time(get: Any) -> Any:
    """Wrap moto's get_shard_iterator: add the stream's name, even where its ARN was given, and the time."""

    def get_shard_iterator(self: Any, stream_arn: str | None, stream_name: str | None, *rest: Any) -> str:
        name = self.describe_stream(stream_arn=stream_arn, stream_name=stream_name).stream_name
        return _stamped(get(self, stream_arn, name, *rest))

    return get_shard_iterator


def _stamped(iterator: str) -> str:
    return base64.b64encode(base64.decodebytes(iterator.encode()) + f":{_milliseconds()}".encode()).decode()


def _milliseconds() -> int:
    return int(1000 * time.time())


def _refusing_expired_and_reporting_the_end(get: Any, iterator_seconds: float) -> Any:
    """Wrap moto's get_records: check the iterator's time, which is its last part; end a closed shard.

    docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html (ExpiredIteratorException;
    NextShardIterator)
    """
    utils: Any = importlib.import_module("moto.kinesis.utils")

    def get_records(
        self: Any, stream_arn: str | None, shard_iterator: str, limit: int | None
    ) -> tuple[str | None, list[Any], int]:
        from moto.core.exceptions import JsonRESTError

        try:
            iterator, _, issued = base64.b64decode(shard_iterator, validate=True).decode().rpartition(":")
            age = _milliseconds() - int(issued)
        except ValueError:
            raise JsonRESTError("InvalidArgumentException", "Invalid ShardIterator.") from None
        if age > 1000 * iterator_seconds:
            why = f"Iterator expired. It was created {age} ms ago, over the {1000 * iterator_seconds:.0f} ms"
            raise JsonRESTError("ExpiredIteratorException", f"{why} for which it can be used.")
        asked = base64.encodebytes(iterator.encode()).decode()
        following, records, behind = get(self, stream_arn, asked, limit)
        name, shard_id, last = utils.decompose_shard_iterator(following)
        log = self.describe_stream(stream_arn=stream_arn, stream_name=name).get_shard(shard_id).log
        return None if log.ends_at(int(last)) else _stamped(following), records, behind

    return get_records


def _open_shard_for_key(validated: Any) -> Any:
    """Wrap moto's get_shard_for_key: it validates the key; the shard is then sought among open ones.

    moto's own search excludes the last hash key of each range.
    """

    def get_shard_for_key(self: Any, partition_key: str, explicit_hash_key: str) -> Any:
        validated(self, partition_key, explicit_hash_key)
        position = int(explicit_hash_key) if explicit_hash_key else _hash_of(partition_key)
        while True:  # a concurrent split or merge can close a shard that was already checked
            for shard in list(self.shards.values()):
                if shard.is_open and shard.starting_hash <= position <= shard.ending_hash:
                    return shard

    return get_shard_for_key


def _hash_of(partition_key: str) -> int:
    """Return a key's MD5 hash: docs.aws.amazon.com/streams/latest/dev/key-concepts.html."""
    return int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest())
