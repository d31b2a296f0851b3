"""KPL aggregation: many user records within one Kinesis record, taken apart.

Format: github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md: four magic bytes, a
protobuf message and its MD5. Only that message is read here, so that the Lambda image needs no protobuf.

Lambda's event does not tell a shard's hash key range, so user records that a producer put on the wrong shard
(its shard map was old, or the shard was split) are kept, where the KCL drops them because the KPL sends them
again: they may come twice, with different ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from threeways.errors import UndecodableEvent

MAGIC = b"\xf3\x89\x9a\xc2"
"""No UTF-8 text begins with these."""
_DIGEST_BYTES = 16
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""The wire types that are in use: protobuf.dev/programming-guides/encoding/"""
_PARTITION_KEY, _EXPLICIT_HASH_KEY, _RECORD = (1, _BYTES), (2, _BYTES), (3, _BYTES)
_KEY_INDEX, _HASH_INDEX, _DATA, _TAG = (1, _VARINT), (2, _VARINT), (3, _BYTES), (4, _BYTES)
_TAG_KEY = (1, _BYTES)


@dataclass(frozen=True, slots=True)
class UserRecord:
    """What one call of the producer put. Its sub-sequence number is its place in the aggregated record."""

    partition_key: str
    data: bytes


def is_aggregated(data: bytes) -> bool:
    """Whether a Kinesis record's data begins as an aggregated record's does."""
    return data.startswith(MAGIC)


def take_apart(data: bytes) -> list[UserRecord]:
    """The user records of an aggregated record, in order; there may be none.

    Raises UndecodableEvent where the digest is wrong or the message is broken, and nothing else.
    """
    message, digest = data[len(MAGIC) : -_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    short = len(data) < len(MAGIC) + _DIGEST_BYTES
    if short or hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise UndecodableEvent("its data begins as a KPL-aggregated record, but its MD5 is not at its end")
    try:
        return _aggregated_record(message)
    except (ValueError, IndexError) as error:
        raise UndecodableEvent(f"its data is KPL-aggregated, with a broken message: {error}") from None


def _aggregated_record(message: bytes) -> list[UserRecord]:
    keys: list[str] = []
    hash_keys = 0
    records: list[tuple[int, int, bytes]] = []
    for field, _, content in _fields(message):
        if field == _PARTITION_KEY:
            keys.append(content.decode())
        elif field == _EXPLICIT_HASH_KEY:
            hash_keys += 1
        elif field == _RECORD:
            records.append(_record(content))
    if any(key >= len(keys) or hash_key >= hash_keys for key, hash_key, _ in records):
        raise ValueError("a user record's key is not in the table")
    return [UserRecord(keys[key], content) for key, _, content in records]


def _record(message: bytes) -> tuple[int, int, bytes]:
    """The indices of its partition key and its explicit hash key (-1 where it has none), and its data."""
    key = data = None
    hash_key = -1
    for field, number, content in _fields(message):
        if field == _KEY_INDEX:
            key = number
        elif field == _HASH_INDEX:
            hash_key = number
        elif field == _DATA:
            data = content
        elif field == _TAG and _TAG_KEY not in [inner for inner, _, _ in _fields(content)]:
            raise ValueError("a tag has no key")
    if key is None or data is None:
        raise ValueError("a user record has no partition key or no data")
    return key, hash_key, data


def _fields(message: bytes) -> Iterator[tuple[tuple[int, int], int, bytes]]:
    """Each field: its (field number, wire type), its number if it is one, its bytes if it is some."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        field, wire_type = tag >> 3, tag & 7
        if not 0 < field < 2**29:
            raise ValueError(f"there is no field {field}")
        number, size = 0, 0
        if wire_type == _VARINT:
            number, at = _varint(message, at)
        elif wire_type == _BYTES:
            size, at = _varint(message, at)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire_type} is not in use")
        if size > end - at:
            raise ValueError("it is cut short")
        yield (field, wire_type), number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a position, and where it ends. Raises IndexError where it is cut short."""
    number = message[at]
    if number < 128:
        return number, at + 1
    number &= 127
    for shift in range(7, 70, 7):
        at += 1
        byte = message[at]
        number |= (byte & 127) << shift
        if byte < 128:
            return number & (2**64 - 1), at + 1
    raise ValueError("a number has more than 64 bits")
