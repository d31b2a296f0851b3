"""What the mapping decides, exhaustively for small batches; no threads, no clock, no stream."""

from __future__ import annotations

import itertools

import pytest

from threeways.aws.batch_reply import Kind, Outcome
from threeways.aws.invocation import REQUEST_LIMIT
from threeways.emulator.mapping.decisions import (
    Batch,
    Condition,
    Decision,
    after_invocation,
    before_invocation,
)
from threeways.emulator.mapping.records import EMPTY_EVENT, StreamRecord, event_of
from threeways.emulator.mapping.settings import UNLIMITED, MappingSettings

DONE, THROTTLED, FAILED = Outcome(Kind.DONE), Outcome(Kind.THROTTLED), Outcome(Kind.FAILED)
OUTCOMES = (DONE, THROTTLED, FAILED, *(Outcome(Kind.PARTIAL, first) for first in range(5)))
SETTINGS = [
    MappingSettings(bisect=bisect, maximum_retry_attempts=most)
    for bisect in (False, True)
    for most in (UNLIMITED, 0, 1, 3)
]


def records(count: int, arrived: float = 0.0, size: int = 2) -> tuple[StreamRecord, ...]:
    return tuple(StreamRecord(str(number), "k", arrived + number, b"x" * size) for number in range(count))


def possible() -> list[tuple[Batch, Outcome, MappingSettings]]:
    return [
        (Batch(records(count), retries, retries), outcome, settings)
        for count, retries, outcome, settings in itertools.product(range(1, 6), range(4), OUTCOMES, SETTINGS)
        if outcome.first < count
    ]


def test_whatever_comes_back_every_record_is_finished_discarded_or_tried_again_in_order() -> None:
    cases = possible()
    assert len(cases) > 700
    for batch, outcome, settings in cases:
        decision = after_invocation(batch, outcome, settings)
        rest = tuple(record for part in decision.again for record in part.records)
        assert rest == batch.records[decision.finished + decision.discarded :]
        assert all(part.records for part in decision.again)
        assert decision.finished <= (len(batch.records) if outcome.kind is Kind.DONE else outcome.first)


def test_nothing_is_discarded_unless_the_retries_are_used_up() -> None:
    for batch, outcome, settings in possible():
        used_up = (
            settings.maximum_retry_attempts != UNLIMITED and batch.retries >= settings.maximum_retry_attempts
        )
        assert used_up or not after_invocation(batch, outcome, settings).discarded


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("poison", range(7))
def test_a_handler_that_always_fails_on_one_record_costs_a_bounded_number_of_invocations(
    settings: MappingSettings, poison: int
) -> None:
    if settings.maximum_retry_attempts == UNLIMITED:
        return
    queue, invocations, discarded = [Batch(records(7))], 0, set()
    while queue:
        batch = queue.pop(0)
        bad = any(record.sequence_number == str(poison) for record in batch.records)
        decision = after_invocation(batch, FAILED if bad else DONE, settings)
        discarded |= {r.sequence_number for r in batch.records[decision.finished :][: decision.discarded]}
        queue[:0] = decision.again
        invocations += 1
        assert invocations < 30
    assert discarded == ({str(poison)} if settings.bisect else {str(number) for number in range(7)})


def test_a_done_batch_is_finished_whole() -> None:
    assert after_invocation(Batch(records(3)), DONE, MappingSettings()) == Decision(finished=3)


def test_a_throttle_uses_no_retry_and_waits() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    batch = Batch(records(3), retries=2, invocations=2)
    settings = MappingSettings(maximum_retry_attempts=2, bisect=True)
    assert after_invocation(batch, THROTTLED, settings) == Decision(again=(batch,), wait=True)


def test_a_failed_batch_is_tried_again_whole_and_uses_a_retry() -> None:
    decision = after_invocation(Batch(records(3)), FAILED, MappingSettings(maximum_retry_attempts=1))
    assert decision == Decision(again=(Batch(records(3), retries=1, invocations=1),), wait=True)


def test_after_the_last_retry_the_batch_is_discarded() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    decision = after_invocation(Batch(records(3), 1, 1), FAILED, MappingSettings(maximum_retry_attempts=1))
    assert decision == Decision(discarded=3, condition=Condition.RETRIES)


def test_no_retries_at_all_means_one_invocation() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    decision = after_invocation(Batch(records(1)), FAILED, MappingSettings(maximum_retry_attempts=0))
    assert (decision.discarded, decision.again) == (1, ())


def test_bisecting_splits_in_half_uses_no_retry_and_does_not_wait() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    decision = after_invocation(Batch(records(5), retries=1), FAILED, MappingSettings(bisect=True))
    halves = [part.records for part in decision.again]
    assert halves == [records(5)[:2], records(5)[2:]]
    assert {part.retries for part in decision.again} == {1}
    assert (decision.bisected, decision.wait) == (True, False)


def test_one_record_cannot_be_bisected_and_uses_its_retries() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    decision = after_invocation(Batch(records(1)), FAILED, MappingSettings(bisect=True))
    assert (decision.again[0].retries, decision.bisected) == (1, False)


def test_a_reported_record_is_where_the_batch_is_tried_again_from() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    decision = after_invocation(Batch(records(4)), Outcome(Kind.PARTIAL, 2), MappingSettings())
    assert decision == Decision(finished=2, again=(Batch(records(4)[2:], 1, 1),), wait=True)


def test_with_bisecting_the_batch_is_split_at_the_reported_record_without_using_a_retry() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    decision = after_invocation(Batch(records(4)), Outcome(Kind.PARTIAL, 2), MappingSettings(bisect=True))
    assert decision == Decision(finished=2, again=(Batch(records(4)[2:], 0, 1),), bisected=True)


def test_a_report_of_the_first_record_is_a_retry_even_with_bisecting() -> None:
    decision = after_invocation(Batch(records(4)), Outcome(Kind.PARTIAL, 0), MappingSettings(bisect=True))
    assert decision == Decision(again=(Batch(records(4), 1, 1),), wait=True)


def test_a_report_after_the_last_retry_finishes_what_came_before_and_discards_the_rest() -> None:
    settings = MappingSettings(maximum_retry_attempts=1)
    decision = after_invocation(Batch(records(4), 1, 1), Outcome(Kind.PARTIAL, 3), settings)
    assert (decision.finished, decision.discarded, decision.again) == (3, 1, ())


def test_records_over_the_maximum_age_are_discarded_before_any_invocation_and_the_rest_goes_on() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    settings = MappingSettings(maximum_record_age=60)
    batch = Batch(records(4, arrived=100.0))
    assert before_invocation(batch, settings, now=160.0) is None
    decision = before_invocation(batch, settings, now=161.5)
    assert decision == Decision(discarded=2, again=(Batch(records(4, 100.0)[2:]),), condition=Condition.AGE)
    assert before_invocation(batch, settings, now=1000.0) == Decision(discarded=4, condition=Condition.AGE)


def test_without_a_maximum_age_records_live_for_ever() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    assert before_invocation(Batch(records(1)), MappingSettings(), now=1e12) is None


def test_a_record_that_fills_an_event_is_invoked_and_one_byte_more_is_discarded() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    fits = records(1, size=REQUEST_LIMIT - EMPTY_EVENT - 1)
    assert len(event_of(fits)) == REQUEST_LIMIT
    assert before_invocation(Batch(fits), MappingSettings(), now=0) is None
    over = records(1, size=REQUEST_LIMIT - EMPTY_EVENT)
    assert before_invocation(Batch(over), MappingSettings(), now=0) == Decision(
        discarded=1, condition=Condition.SIZE
    )
