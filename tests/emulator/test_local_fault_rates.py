from __future__ import annotations

from collections import Counter

import pytest

from threeways.emulator.faults import Fault, Kind, Rates, Schedule, Script

ALL = dict.fromkeys(Kind, 0.02)


def drawn(schedule: Schedule, calls: int, operation: str = "PutRecords") -> list[Fault | None]:
    return [schedule.next(operation, 100) for _ in range(calls)]


def test_a_script_strikes_an_operations_next_calls_in_turn_and_no_others() -> None:
    first, third = Fault(Kind.THROTTLED), Fault(Kind.ERROR)
    script = Script(PutRecords=[first, None, third])
    assert drawn(script, 1, "PutObject") == [None]
    assert drawn(script, 5) == [first, None, third, None, None]


def test_the_same_seed_is_the_same_schedule_whatever_is_called_in_between() -> None:
    alone, mixed = Rates(7, {"PutRecords": ALL}), Rates(7, {"PutRecords": ALL, "PutObject": ALL})
    expected = drawn(alone, 500)
    found = []
    for _ in range(500):
        drawn(mixed, 2, "PutObject")
        found += drawn(mixed, 1)
    assert found == expected
    assert drawn(Rates(8, {"PutRecords": ALL}), 500) != expected


def test_faults_strike_as_often_as_their_rates_say() -> None:
    faults = drawn(Rates(1, {"PutRecords": {Kind.PARTIAL: 0.3, Kind.ERROR: 0.1}}), 5_000)
    counts = Counter(fault.kind for fault in faults if fault)
    assert counts[Kind.PARTIAL] == pytest.approx(1_500, rel=0.1)
    assert counts[Kind.ERROR] == pytest.approx(500, rel=0.2)
    assert counts.total() == counts[Kind.PARTIAL] + counts[Kind.ERROR]


def test_every_kind_strikes_within_the_calls_that_it_is_dealt_to() -> None:
    for seed in range(20):
        rates = Rates(seed, {"PutRecords": dict.fromkeys(Kind, 1e-9)}, guaranteed_within=30)
        assert sorted(fault.kind for fault in drawn(rates, 30) if fault) == sorted(Kind)


def test_an_outage_resets_every_call_of_its_operation_for_its_time() -> None:
    now = [50.0]
    rates = Rates(3, {}, {"PutObject": 1e-9}, outage_seconds=10, guaranteed_within=1, clock=lambda: now[0])
    assert drawn(rates, 3, "PutObject") == [Fault(Kind.RESET_BEFORE)] * 3
    assert drawn(rates, 3) == [None] * 3
    now[0] += 10
    assert drawn(rates, 3, "PutObject") == [None] * 3
    assert rates.began == {"PutObject": 1}


def test_a_partial_failure_fails_some_entries_and_sometimes_all() -> None:
    faults = [fault for fault in drawn(Rates(5, {"PutRecords": {Kind.PARTIAL: 1.0}}), 300) if fault]
    sizes = [len(fault.positions) for fault in faults]
    assert min(sizes) >= 1
    assert max(sizes) <= 100
    assert any(size <= 5 for size in sizes)
    assert any(size > 50 for size in sizes)
    assert all(fault.positions <= set(range(100)) for fault in faults)
