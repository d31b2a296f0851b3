from __future__ import annotations

import itertools
import os
import resource
import sys
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest

from threeways.emulator.shard_log import ShardLog

MEBIBYTE = b64encode(bytes(2**20)).decode()


def append(log: ShardLog, data: bytes = b"x", key: str = "key") -> int:
    number = log.append(key, b64encode(data).decode())
    assert number is not None
    return number


def numbers_of(log: ShardLog, after: int = 0, limit: int = 10_000_000) -> list[int]:
    return [record.sequence_number for record in log.after(after, limit)]


def test_a_shard_under_contention_stays_in_order_and_finds_each_record_by_its_number() -> None:
    log, interval = ShardLog(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            writers = [
                pool.submit(
                    lambda writer: [append(log, f"{writer}-{n}".encode()) for n in range(500)], writer
                )
                for writer in range(8)
            ]
            acknowledged = {writer: done.result() for writer, done in enumerate(writers)}
    finally:
        sys.setswitchinterval(interval)
    assert numbers_of(log) == sorted(itertools.chain(*acknowledged.values()))
    data = {record.sequence_number: record.data for record in log.after(0, 10_000)}
    for writer, numbers in acknowledged.items():
        assert [data[number] for number in numbers] == [f"{writer}-{n}".encode() for n in range(500)]


def test_a_record_comes_back_with_its_key_its_bytes_and_its_time() -> None:
    log, before = ShardLog(), time.time()
    append(log, b"first")
    number = append(log, b"\x00\xff", "clé")
    record = log.after(number - 1, 1)[0]
    assert (record.sequence_number, record.partition_key, record.data) == (number, "clé", b"\x00\xff")
    assert before <= record.created_at <= time.time()


def test_reading_goes_on_after_a_number_and_keeps_to_the_limit() -> None:
    log = ShardLog()
    numbers = [append(log) for _ in range(10)]
    assert numbers_of(log, numbers[3], 4) == numbers[4:8]
    assert log.after(numbers[-1], 4) == []


def test_one_read_returns_ten_mebibytes_at_most_and_always_one_record() -> None:
    log = ShardLog()
    for _ in range(12):
        log.append("", MEBIBYTE)
    assert len(log.after(0, 100)) == 10
    huge = ShardLog()
    append(huge, bytes(11 * 2**20))
    append(huge)
    assert len(huge.after(0, 100)) == 1


def test_the_last_record_before_a_moment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    log, moments = ShardLog(), iter((1.0, 2.0, 3.0))
    monkeypatch.setattr(time, "time", lambda: next(moments))
    first, second, last = (append(log) for _ in range(3))
    assert log.last_before(3.0) == second
    assert log.last_before(2.5) == second
    assert log.last_before(1.5) == first
    assert log.last_before(1.0) == 0
    assert log.milliseconds_behind(first) == 2000
    assert log.milliseconds_behind(last) == 0


@pytest.mark.parametrize("passed", [0.0, 0.0004, -5.0])
def test_a_reader_is_behind_while_anything_follows_however_short_after_it_arrived(
    monkeypatch: pytest.MonkeyPatch, passed: float
) -> None:
    """docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html: zero is caught up."""
    log = ShardLog()
    moments = iter((1_000.0, 1_000.0 + passed))
    monkeypatch.setattr(time, "time", lambda: next(moments))
    first, last = append(log), append(log)
    assert log.milliseconds_behind(first) == 1
    assert log.milliseconds_behind(last) == 0


def test_reading_costs_the_same_at_the_end_of_a_long_shard() -> None:
    log = ShardLog()
    numbers = [append(log) for _ in range(100_000)]

    def seconds(after: int) -> float:
        started = time.thread_time()
        for _ in range(200):
            log.after(after, 10)
        return time.thread_time() - started

    assert seconds(numbers[-20]) < 20 * seconds(numbers[0]) + 0.05


def test_records_take_no_memory_but_their_place_in_the_index() -> None:
    log = ShardLog()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        log.append("key", MEBIBYTE)
    kilobytes = 1 if sys.platform == "linux" else 1024
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / kilobytes < 100 * 1024


def test_a_full_disk_refuses_the_record_and_spoils_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = ShardLog()
    first = append(log, b"first")
    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", lambda *_: 1)
        with pytest.raises(OSError, match="temporary folder is full"):
            log.append("key", MEBIBYTE)
    last = append(log, b"last")
    assert [record.data for record in log.after(0, 10)] == [b"first", b"last"]
    assert (log.first, log.last) == (first, last)


def test_a_put_that_meets_a_shard_closed_in_the_meantime_goes_to_its_child() -> None:
    log = ShardLog()
    number = append(log)
    log.is_open = False
    assert log.append("key", MEBIBYTE) is None
    assert len(log) == 1
    assert log.ends_at(number)
    assert not log.ends_at(number - 1)
