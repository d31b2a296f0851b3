"""Decide which records a retry cannot help, and quarantine those.

A batch that makes no progress comes again until its records are too old, and blocks its shard meanwhile.
Kinesis's events do not say how often a record has come, but how old it is, and what else is in its batch.
docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from threeways.errors import (
    DeadlineNear,
    NoRoom,
    NoTimeToDeliver,
    NoTimeToScore,
    PermanentError,
    ResourceExhausted,
    ResourceShort,
)
from threeways.scoring.outcomes import Outcome
from threeways.stream.answers import is_several, too_slow
from threeways.stream.records import Batch, Record

SHORT_SECONDS = 600.0
"""The age up to which a record's lack of memory, a file or a socket is considered transient."""

type Aside = list[tuple[Record, PermanentError]]
"""Records to quarantine, and why."""


def undeliverable(
    batch: Batch, seconds: Callable[[int], float], whole: float, left: float
) -> dict[str, NoTimeToDeliver]:
    """Return aggregated records with more events of a key than an invocation can deliver, by sequence number.

    seconds: to deliver so many events of a key. whole, left: the invocation's time. What fits into the whole
    time, but not into what is left, may come again: raises DeadlineNear where that is the first of several
    Kinesis records.
    """
    found: dict[str, NoTimeToDeliver] = {}
    first, several = batch.sequence_numbers[0], is_several(batch)
    records: dict[str, Counter[str]] = {number: Counter() for number in batch.wholes}
    for number, key in zip(batch.sequence_numbers, batch.partition_keys, strict=True):
        if number in records:
            records[number][key] += 1
    for number, keys in records.items():
        [(key, most)] = keys.most_common(1)
        needed = seconds(most)
        if needed > (whole if several else left):
            found[number] = NoTimeToDeliver(
                f"it holds {most:,} records of the key {key[:64]!r}, which take {needed:,.0f} s to deliver "
                f"one "
                f"after the other, and an invocation has {whole:,.1f} s: set AGGREGATE_PREDICTIONS=true or "
                "raise the function's timeout, and replay it"
            )
        elif needed > left and number == first:
            raise too_slow()
    return found


def without(
    batch: Batch, outcomes: Sequence[Outcome], late: Mapping[str, PermanentError]
) -> tuple[Batch, Sequence[Outcome], Aside]:
    """Return the batch and its outcomes without some aggregated records, and those, whole, to quarantine."""
    if not late:
        return batch, outcomes, []
    left = [place for place, number in enumerate(batch.sequence_numbers) if number not in late]
    aside: Aside = [(batch.wholes[number], error) for number, error in late.items()]
    return batch.taken(left), [outcomes[place] for place in left], aside


def settled(batch: Batch, outcomes: Sequence[Outcome], now: float) -> list[Outcome]:
    """Return the outcomes with permanent errors for what lacked resources or time for too long.

    now: seconds of Unix time. Raises DeadlineNear where the first of several Kinesis records is not scored.
    """
    found = list(outcomes)
    if not found:
        return found
    first, several = batch.sequence_numbers[0], is_several(batch)
    begun = not all(isinstance(outcome, DeadlineNear) for outcome in outcomes)
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, ResourceShort) and now - batch.arrived_at[place] > SHORT_SECONDS:
            found[place] = ResourceExhausted(f"{outcome}; it is over {SHORT_SECONDS:g} s old")
        elif isinstance(outcome, DeadlineNear) and batch.sequence_numbers[place] == first:
            if several:
                raise too_slow()
            if isinstance(outcome, NoRoom):
                found[place] = NoTimeToDeliver(
                    "its aggregated record has events with more messages than an invocation takes: lower the "
                    "producer's AggregationMaxCount, and replay it"
                )
            elif begun and first in batch.wholes:  # otherwise the next try isolates it
                found[place] = NoTimeToScore(
                    "an invocation with no other record was over before it was scored: raise the function's "
                    "timeout or memory, and replay it"
                )
    return found
