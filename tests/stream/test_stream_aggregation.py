"""Our reader of KPL aggregation against AWS's own aggregator, and against protobuf's own reader."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from kpl import Put, aggregated, message_class, sealed

from threeways.errors import UndecodableEvent
from threeways.stream.aggregation import MAGIC, UserRecord, deaggregate, is_aggregated

keys = st.text(min_size=1, max_size=5)
puts = st.tuples(keys, st.binary(max_size=300), st.none() | st.integers(0, 2**128 - 1).map(str))
indices = st.integers(0, 3) | st.sampled_from([127, 128, 2**32, 2**64 - 1])


@given(st.lists(puts, min_size=1, max_size=30))
def test_what_aws_s_aggregator_packs_comes_out_in_order(given_puts: list[Put]) -> None:
    data = aggregated(given_puts)
    assert is_aggregated(data)
    assert deaggregate(data) == [UserRecord(key, content) for key, content, _ in given_puts]


def test_a_record_as_large_as_kinesis_takes_is_taken_apart() -> None:
    many: list[Put] = [(str(n % 700), b"x" * 130, None) for n in range(6_500)]
    assert deaggregate(aggregated(many)) == [UserRecord(key, content) for key, content, _ in many]


def test_an_aggregated_record_may_hold_nothing() -> None:
    assert deaggregate(sealed(b"")) == []
    assert deaggregate(sealed(b"\x0a\x01k")) == []


def by_protobuf(message: bytes) -> list[UserRecord] | None:
    """What protobuf's own reader makes of it; None where it refuses it, or a key is not in its table."""
    try:
        read = message_class().FromString(message)
        table, hash_keys = list(read.partition_key_table), len(read.explicit_hash_key_table)
    except (DecodeError, UnicodeDecodeError):
        return None
    for record in read.records:
        hash_key = record.explicit_hash_key_index if record.HasField("explicit_hash_key_index") else -1
        if record.partition_key_index >= len(table) or hash_key >= hash_keys:
            return None
    return [UserRecord(table[record.partition_key_index], record.data) for record in read.records]


def ours(message: bytes) -> list[UserRecord] | None:
    try:
        return deaggregate(sealed(message))
    except UndecodableEvent:
        return None


@st.composite
def messages(draw: st.DrawFn) -> Any:
    """A message with tags, shared keys and, at times, an index that is in no table."""
    message = message_class()()
    message.partition_key_table.extend(draw(st.lists(keys, max_size=4)))
    message.explicit_hash_key_table.extend(draw(st.lists(keys, max_size=2)))
    for _ in range(draw(st.integers(0, 4))):
        record = message.records.add(
            partition_key_index=draw(indices),
            data=draw(st.binary(max_size=200)),
            explicit_hash_key_index=draw(st.none() | indices),
        )
        for key in draw(st.lists(keys, max_size=2)):
            record.tags.add(key=key, value=draw(st.none() | keys))
    return message


@given(messages())
def test_every_message_is_read_as_protobuf_reads_it(message: Any) -> None:
    serialized = message.SerializeToString()
    assert ours(serialized) == by_protobuf(serialized)


@given(messages(), st.data())
def test_a_damaged_message_is_read_as_protobuf_reads_it_or_refused(message: Any, data: st.DataObject) -> None:
    damaged = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    read = ours(bytes(damaged))
    assert read is None or read == by_protobuf(bytes(damaged))


UNKNOWN = bytes.fromhex("7801" + "790000000000000000" + "7d00000000" + "7a0161")
"""A field 15 in each wire type: a number, 8 bytes, 4 bytes, a text."""


def test_fields_that_the_format_does_not_know_are_passed_over() -> None:
    record = UNKNOWN + b"\x08\x00\x1a\x01d"
    message = UNKNOWN + b"\x0a\x01k" + b"\x1a" + bytes([len(record)]) + record + UNKNOWN
    assert ours(message) == by_protobuf(message) == [UserRecord("k", b"d")]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"\x0a\x01k\x1a\x02\x08\x00", "no data"),
        (b"\x0a\x01k\x1a\x03\x1a\x01d", "no partition key"),
        (b"\x0a\x01k\x1a\x07\x08\x00\x1a\x01d\x22\x00", "no key"),
        (b"\x0a\x01k\x1a\x09\x08\x00\x1a\x01d\x22\x02\x08\x00", "no key"),
        (
            b"\x0a\x01k\x1a\x0c\x08\x00\x1a\x01d\x22\x05\x0a\x01t\x0a\x09",
            "9 bytes at byte 5, where 0 are left",
        ),
        (b"\x0a\x01k\x1a\x05\x08\x01\x1a\x01d", "not in the table"),
        (b"\x0a\x01k\x1a\x07\x08\x00\x10\x00\x1a\x01d", "not in the table"),
        (b"\x0a\x01\xff", "codec"),
        (b"\x0a\x05k", "5 bytes at byte 2, where 1 are left"),
        (b"\x0a", "has no end"),
        (b"\x0a" + b"\xff" * 11, "64 bits"),
        (b"\x00\x00", "no field has the number 0"),
        (b"\x0b\x0c", "wire type 3"),
    ],
)
def test_a_broken_message_is_refused_and_says_why(message: bytes, reason: str) -> None:
    with pytest.raises(UndecodableEvent, match=f"broken message.*{reason}"):
        deaggregate(sealed(message))


@given(rest=st.binary(max_size=100), seal=st.booleans())
@example(rest=b"", seal=False)
@example(rest=b"\x1a\x80", seal=True)
def test_no_bytes_raise_anything_else(*, rest: bytes, seal: bool) -> None:
    with suppress(UndecodableEvent):
        assert all(
            isinstance(user.data, bytes) for user in deaggregate(sealed(rest) if seal else MAGIC + rest)
        )


@given(st.lists(puts, min_size=1, max_size=3), st.data())
def test_one_changed_byte_is_noticed(given_puts: list[Put], data: st.DataObject) -> None:
    whole = bytearray(aggregated(given_puts))
    at = data.draw(st.integers(len(MAGIC), len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UndecodableEvent, match="MD5"):
        deaggregate(bytes(whole))
