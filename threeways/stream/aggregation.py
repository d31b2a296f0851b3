"""KPL aggregation: parse and pack many user records within one Kinesis record.

Format: github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md: four magic bytes, a
protobuf message and its MD5. Only that message is parsed here, so that the Lambda image needs no protobuf.

Lambda's event does not contain a shard's hash key range, so user records that a producer put on the wrong
shard (its shard map was old, or the shard was split) are kept, where the KCL drops them because the KPL sends
them again: they may come twice, with different ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from threeways.errors import UndecodableEvent
from threeways.protobuf import fields
from threeways.scoring.decoding import KEY_LENGTH

MAGIC = b"\xf3\x89\x9a\xc2"
"""The first bytes of an aggregated record; no UTF-8 text begins with them."""
MAX_USER_RECORDS = 50_000
"""The limit on user records in an aggregated record, and on events in an invocation: what broken ones take
in memory, each with its reason, fits into the template's 1,024 MB. An honest record has fewer: in the 1 MiB
that a producer puts there is room for 20 bytes each."""
_DIGEST_BYTES = 16
_PARTITION_KEY, _EXPLICIT_HASH_KEY, _RECORD = 1, 2, 3
_KEY_INDEX, _HASH_INDEX, _DATA, _TAG = 1, 2, 3, 4  # of a record
_TAG_KEY = 1
_FIRST_KEY = bytes([_KEY_INDEX << 3, 0])
"""The encoded field of a user record whose key is the first in the table."""


@dataclass(frozen=True, slots=True)
class UserRecord:
    """One record that the producer put. Its sub-sequence number is its index in the aggregated record."""

    partition_key: str
    data: bytes


def is_aggregated(data: bytes) -> bool:
    """Return whether a Kinesis record's data begins like an aggregated record."""
    return data.startswith(MAGIC)


def deaggregate(data: bytes) -> list[UserRecord]:
    """Parse an aggregated record into its user records, in order; there may be none.

    Raises only UndecodableEvent, where the digest is wrong, the message is broken or holds more than
    MAX_USER_RECORDS.
    """
    message, digest = data[len(MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    short = len(data) < len(MAGIC) + _DIGEST_BYTES
    if short or hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise UndecodableEvent("its data begins as a KPL-aggregated record, but its MD5 is not at its end")
    try:
        return _aggregated_record(message)
    except ValueError as error:
        raise UndecodableEvent(f"its data is KPL-aggregated, with a broken message: {error}") from None


def pack(partition_key: str, data: Iterable[bytes]) -> bytes:
    """Encode an aggregated record whose user records all have one partition key, in order."""
    message = bytearray(_field(_PARTITION_KEY, partition_key.encode()))
    for one in data:
        message += _field(_RECORD, _FIRST_KEY + _field(_DATA, one))
    return MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


def _field(number: int, value: bytes) -> bytes:
    """Encode a length-delimited field."""
    size, length = bytearray(), len(value)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + value


def data_of(data: bytes) -> list[bytes]:
    """Return the data of a record's user records, or the record's data if it is not aggregated.

    Raises UndecodableEvent as `deaggregate` does.
    """
    return [user.data for user in deaggregate(data)] if is_aggregated(data) else [data]


def _aggregated_record(message: bytes) -> list[UserRecord]:
    keys: list[str] = []
    hash_keys = 0
    records: list[tuple[int, int, bytes]] = []
    for number, value in fields(message):
        if isinstance(value, int):
            continue  # none of the known fields is a number
        if number == _PARTITION_KEY:
            keys.append(_key(value))
        elif number == _EXPLICIT_HASH_KEY:
            hash_keys += 1
        elif number == _RECORD:
            records.append(_record(value))
        if max(len(keys), len(records)) > MAX_USER_RECORDS:
            raise ValueError(
                f"it holds over {MAX_USER_RECORDS:,} user records or keys, which is more than an invocation "
                "takes: lower the producer's AggregationMaxCount"
            )
    if any(key >= len(keys) or hash_key >= hash_keys for key, hash_key, _ in records):
        raise ValueError("a user record's key is not in the table")
    return [UserRecord(keys[key], content) for key, _, content in records]


def _key(value: bytes) -> str:
    """Decode a partition key. Raises ValueError for one that is longer than Kinesis allows.

    docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html
    """
    key = value.decode() if len(value) <= 4 * KEY_LENGTH else ""  # a character has four bytes at most
    if len(value) > 4 * KEY_LENGTH or len(key) > KEY_LENGTH:
        raise ValueError(f"a partition key of {len(value):,} bytes; Kinesis allows {KEY_LENGTH} characters")
    return key


def _record(message: bytes) -> tuple[int, int, bytes]:
    """Parse a user record: its indices of partition key and explicit hash key (-1: none), and its data."""
    key = data = None
    hash_key = -1
    for number, value in fields(message):
        if isinstance(value, int):
            if number == _KEY_INDEX:
                key = value
            elif number == _HASH_INDEX:
                hash_key = value
        elif number == _DATA:
            data = value
        elif number == _TAG:
            _require_key(value)
    if key is None or data is None:
        raise ValueError("a user record has no partition key or no data")
    return key, hash_key, data


def _require_key(tag: bytes) -> None:
    """Parse a tag completely. Raises ValueError unless it has a key."""
    if _TAG_KEY not in [number for number, value in fields(tag) if isinstance(value, bytes)]:
        raise ValueError("a tag has no key")
