from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from threeways.local.shard_log import ShardLog


class FakeRecord:
    def __init__(self, number: int, data: str = "", created_at: float = 0.0) -> None:
        self.sequence_number = number
        self.data = data
        self.created_at = created_at


def test_a_shard_under_contention_stays_in_order_and_finds_each_record_by_its_number() -> None:
    log, interval = ShardLog(), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            writers = [
                pool.submit(lambda: [log.append(FakeRecord) or 0 for _ in range(2000)]) for _ in range(8)
            ]
            acknowledged = [number for writer in writers for number in writer.result()]
    finally:
        sys.setswitchinterval(interval)
    assert log.numbers == sorted(acknowledged)
    assert [record.sequence_number for record in log.records] == log.numbers


def test_reading_goes_on_after_a_number_and_keeps_to_the_limit() -> None:
    log = ShardLog()
    numbers = [log.append(FakeRecord) or 0 for _ in range(10)]
    assert [record.sequence_number for record in log.after(numbers[3], 4)] == numbers[4:8]
    assert log.after(numbers[-1], 4) == []


def test_one_read_returns_ten_mebibytes_at_most_and_always_one_record() -> None:
    log = ShardLog()
    mebibyte = "A" * (4 * 1024 * 1024 // 3)
    for _ in range(12):
        log.append(lambda number: FakeRecord(number, mebibyte))
    assert len(log.after(0, 100)) == 10
    huge = ShardLog()
    huge.append(lambda number: FakeRecord(number, mebibyte * 11))
    assert len(huge.after(0, 100)) == 1


def test_the_last_record_before_a_moment_is_found() -> None:
    log = ShardLog()
    first, second, _ = (log.append(partial(FakeRecord, created_at=at)) for at in (1.0, 2.0, 3.0))
    assert log.last_before(3.0) == second
    assert log.last_before(2.5) == second
    assert log.last_before(1.5) == first
    assert log.last_before(1.0) == 0


def test_reading_costs_the_same_at_the_end_of_a_long_shard() -> None:
    log = ShardLog()
    numbers = [log.append(FakeRecord) or 0 for _ in range(200_000)]

    def seconds(after: int) -> float:
        started = time.perf_counter()
        for _ in range(200):
            log.after(after, 10)
        return time.perf_counter() - started

    assert seconds(numbers[-20]) < 20 * seconds(numbers[0]) + 0.05


def test_a_put_that_meets_a_shard_closed_in_the_meantime_goes_to_its_child() -> None:
    log = ShardLog()
    assert log.append(FakeRecord) is not None
    log.is_open = False
    assert log.append(FakeRecord) is None
    assert len(log.records) == 1
    assert log.ends_at(log.numbers[-1])
    assert not log.ends_at(log.numbers[-1] - 1)
