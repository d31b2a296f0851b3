"""The simulated world is what it says: its faults, its orders, its schedules' text, its threads."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import Any

import faults as f
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from exhaustive import bases, explore, followed, interrupts
from faults import Fault, Point, Schedule, Strikes
from inputs import aggregated_pairs, alone, small_batches
from simulated import Clock, Killed, threads_run_at_once
from stores import Network, OutputStream
from watcher import Watcher
from world import run

from threeways.errors import DeadlineNear

MIXED = "a b! a"


def singles(batch: str) -> list[Schedule]:
    with threads_run_at_once():
        return [single for base in bases(batch) for single, _ in followed(base, run(base).network.points)]


class Told(Watcher):
    """Notes what is stored and acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[str] = []
        self.known: list[str] = []

    def prediction(self, data: bytes, partition_key: str) -> str:
        return partition_key

    def delivered(self, event_id: str) -> None:
        self.stored.append(event_id)

    def acknowledged(self, event_ids: Any) -> None:
        self.known += event_ids


def put(stream: OutputStream, *keys: str) -> dict[str, Any]:
    return stream.put_records(StreamName="s", Records=[{"Data": b"", "PartitionKey": key} for key in keys])


@pytest.mark.parametrize(
    ("fault", "raises", "stored", "out_of_time"),
    [
        (f.THROTTLED, ClientError, "", False),
        (f.HTTP_500, ClientError, "", False),
        (f.DENIED, ClientError, "", False),
        (f.RESET_BEFORE, ConnectionClosedError, "", False),
        (f.RESET_AFTER, ConnectionClosedError, "1 2", False),
        (f.SLOW, DeadlineNear, "", True),
        (f.SLOW_STORED, DeadlineNear, "1 2", True),
        (f.SLOW_LATE, DeadlineNear, "", True),
        (f.KILLED_BEFORE, Killed, "", False),
        (f.KILLED_AFTER, Killed, "1 2", False),
        (f.CLOCK, None, "1 2", True),
        ("failed 1", None, "1", False),
        ("failed 0,1", None, "", False),
    ],
)
def test_a_fault_stores_and_tells_what_its_name_says(
    fault: Fault, raises: type[BaseException] | None, stored: str, out_of_time: bool
) -> None:
    clock, told = Clock(60), Told()
    clock.begin()
    stream = OutputStream(Network({(Strikes.PUT_RECORDS, 0): fault}, clock), told)
    if raises:
        with pytest.raises(raises):
            put(stream, "1", "2")
        assert told.known == []
    else:
        answers = put(stream, "1", "2")["Records"]
        assert ["SequenceNumber" in answer for answer in answers] == [key in told.stored for key in "12"]
        assert told.known == told.stored
    assert told.stored == stored.split()
    assert (clock.get_remaining_time_in_millis() < 500) is out_of_time
    assert not clock.timed_out
    put(stream, "3")
    assert told.stored == [*stored.split(), "3", *(["1", "2"] if fault == f.SLOW_LATE else [])]


def test_every_subset_of_a_call_s_entries_can_fail() -> None:
    subsets = [fault for fault in f.faults_at(Point(Strikes.PUT_RECORDS, 0, 3)) if fault.startswith(f.FAILED)]
    assert len({f.positions(fault, f.FAILED) for fault in subsets}) == 2**3 - 1


def test_a_schedule_is_read_back_from_its_text() -> None:
    schedules = singles(MIXED)
    assert [Schedule.parse(str(schedule)) for schedule in schedules] == schedules


def test_there_are_all_small_batches_up_to_swapping_the_keys() -> None:
    batches = list(small_batches(4))
    swapped = [batch.translate(str.maketrans("ab", "ba")) for batch in batches]
    assert len({*batches, *swapped}) == 4 + 4**2 + 4**3 + 4**4 == 2 * len(batches)


def test_a_batch_s_numbers_are_ordered_by_value_and_not_by_text() -> None:
    numbers = [given.record.sequence_number for given in alone("a a a", "shard-0")]
    assert sorted(numbers, key=int) == numbers != sorted(numbers)


def points(schedule: Schedule, **how: Any) -> Counter[Point]:
    return Counter(run(schedule, **how).network.points)


def test_where_no_call_interrupts_neither_the_order_nor_real_threads_change_a_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    alike = [schedule for schedule in singles(MIXED) if not interrupts(schedule)]
    assert alike
    for schedule in alike:
        other = Schedule(schedule.batch, schedule.faults, not schedule.quarantine_first)
        with threads_run_at_once():
            simulated = points(schedule)
            assert simulated == points(other)
        assert simulated == points(schedule, real_threads=True), schedule


def test_with_real_threads_no_single_fault_loses_a_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    for schedule in singles(MIXED):
        run(schedule, real_threads=True)


def test_no_fault_loses_a_prediction_that_travels_with_others_of_its_key() -> None:
    with threads_run_at_once():
        counts = [
            explore(batch, pairs=False, run=partial(run, aggregates=True))
            for batch in (*small_batches(3), *aggregated_pairs(), "a+a+b a!+a a")
        ]
    assert sum(count.single for count in counts) > 1_000
