"""Decide what happens to a batch before and after an invocation, without a clock or a thread.

docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html (error handling) and
docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from threeways.aws.batch_reply import Kind, Outcome
from threeways.aws.invocation import REQUEST_LIMIT
from threeways.emulator.mapping.records import EMPTY_EVENT, StreamRecord
from threeways.emulator.mapping.settings import UNLIMITED, MappingSettings


class Condition(StrEnum):
    """Why records are discarded, as in the invocation record; AWS documents no name for the last."""

    RETRIES = "RetryAttemptsExhausted"
    AGE = "RecordAgeExceeded"
    SIZE = "RecordTooLarge"


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that are invoked together, in order; at least one.

    retries: how many of `MaximumRetryAttempts` they have used. invocations: how often they were tried.
    """

    records: tuple[StreamRecord, ...]
    retries: int = 0
    invocations: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to a batch's records, in order: `finished` are done, then `discarded` are discarded.

    again: the next batches, in order. wait: back off before them. condition: why records are discarded.
    """

    finished: int = 0
    discarded: int = 0
    again: tuple[Batch, ...] = ()
    wait: bool = False
    condition: Condition = Condition.RETRIES
    bisected: bool = False


def before_invocation(batch: Batch, settings: MappingSettings, now: float) -> Decision | None:
    """Decide which records are discarded without an invocation: the leading ones, if too old or too large.

    None: invoke. now: epoch seconds.
    """
    old = 0
    if settings.maximum_record_age != UNLIMITED:
        old = _leading(batch.records, now - settings.maximum_record_age)
    if old:
        return Decision(discarded=old, again=_rest(batch, old), condition=Condition.AGE)
    if batch.records[0].size + EMPTY_EVENT > REQUEST_LIMIT:
        return Decision(discarded=1, again=_rest(batch, 1), condition=Condition.SIZE)
    return None


def _leading(records: Sequence[StreamRecord], horizon: float) -> int:
    return next((count for count, record in enumerate(records) if record.arrived >= horizon), len(records))


def after_invocation(batch: Batch, outcome: Outcome, settings: MappingSettings) -> Decision:
    """Decide what happens to an invoked batch. Neither a throttle nor bisecting uses a retry."""
    count = len(batch.records)
    if outcome.kind is Kind.DONE:
        return Decision(finished=count)
    if outcome.kind is Kind.THROTTLED:
        return Decision(again=(batch,), wait=True)
    tried = replace(batch, invocations=batch.invocations + 1)
    if outcome.kind is Kind.PARTIAL and outcome.first:
        rest = replace(tried, records=batch.records[outcome.first :])
        if settings.bisect:
            return Decision(finished=outcome.first, again=(rest,), bisected=True)
        return _retried(rest, outcome.first, settings)
    if outcome.kind is Kind.FAILED and settings.bisect and count > 1:
        halves = (batch.records[: count // 2], batch.records[count // 2 :])
        return Decision(again=tuple(replace(tried, records=half) for half in halves), bisected=True)
    return _retried(tried, 0, settings)


def _retried(rest: Batch, finished: int, settings: MappingSettings) -> Decision:
    """Retry `rest`, after `finished` records of its batch are done, if it has a retry left."""
    if settings.maximum_retry_attempts != UNLIMITED and rest.retries >= settings.maximum_retry_attempts:
        return Decision(finished=finished, discarded=len(rest.records))
    return Decision(finished=finished, again=(replace(rest, retries=rest.retries + 1),), wait=True)


def _rest(batch: Batch, count: int) -> tuple[Batch, ...]:
    records = batch.records[count:]
    return (replace(batch, records=records),) if records else ()
