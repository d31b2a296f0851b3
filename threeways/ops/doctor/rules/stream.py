"""Rules on the stream of a mapping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import ceil

from threeways.ops.doctor.rule import Fault, of_consumer, of_stack
from threeways.ops.doctor.stack import STREAM, Consumer, Stack
from threeways.ops.doctor.values import Reference

RECORDS_A_SHARD = 1_000
BYTES_A_SHARD = 2**20
ON_DEMAND_SHARDS = 4


@of_consumer(
    "E9711",
    "The stream's retention is under twice the record age",
    at="MaximumRecordAgeInSeconds",
    page="streams/latest/dev/kinesis-extended-retention.html",
    fix="a RetentionPeriodHours of at least twice MaximumRecordAgeInSeconds, or a lower age.",
)
def retention_against_age(consumer: Consumer, _: Stack) -> str | None:
    """Records expire from the stream while they are being retried."""
    age = consumer.number("MaximumRecordAgeInSeconds", -1)
    hours = consumer.stream.number("RetentionPeriodHours", 24) if consumer.stream else None
    if age is None or hours is None or hours * 3600 >= 2 * age:
        return None
    return (
        f"Records are tried for {age} s and kept for {hours} h: during a long fault they expire before they "
        "are given up and are in no destination, or before anybody has looked."
    )


@of_stack(
    "W9712",
    "The shards cannot carry the rate",
    page="streams/latest/dev/service-sizes-and-limits.html",
    fix=(
        "more shards (ShardCount). An on-demand stream doubles by itself; make it PROVISIONED with that "
        "many first."
    ),
    rate=0,
    record_bytes=1000,
)
def too_few_shards(stack: Stack, rate: int, record_bytes: int) -> Iterator[Fault]:
    """A shard takes 1,000 records and 1 MB a second."""
    needed = max(ceil(rate / RECORDS_A_SHARD), ceil(rate * record_bytes / BYTES_A_SHARD))
    for stream in {c.stream.logical_id: c.stream for c in stack.consumers if c.stream}.values():
        on_demand = stream.mapping("StreamModeDetails").get("StreamMode") == "ON_DEMAND"
        shards = stream.number("ShardCount", ON_DEMAND_SHARDS if on_demand else 1)
        if rate and shards is not None and shards < needed:
            has = f"an on-demand stream begins with {shards}" if on_demand else f"it has {shards}"
            yield Fault(
                stream.path,
                f"{rate:,} records of {record_bytes:,} bytes a second need {needed} shards at the least, and "
                f"{has}: producers are throttled above that, and what they do not put again is lost.",
            )


@of_stack(
    "W9713",
    "More than two consumers share a stream's reads",
    page="streams/latest/dev/enhanced-consumers.html",
    fix="an AWS::Kinesis::StreamConsumer (enhanced fan-out) as the source of each that must not wait.",
)
def many_readers(stack: Stack) -> Iterator[Fault]:
    """A shard gives 2 MB and 5 reads a second to all standard consumers together."""
    readers: dict[str, list[Consumer]] = defaultdict(list)
    for consumer in stack.consumers:
        found = stack.resource(consumer.source) if isinstance(consumer.source, Reference) else None
        if found is not None and found.kind == STREAM:
            readers[found.logical_id].append(consumer)
    for stream, consumers in readers.items():
        if len(consumers) > 2:
            names = ", ".join(consumer.logical_id for consumer in consumers)
            yield Fault(
                consumers[0].path,
                f"{len(consumers)} consumers read {stream} ({names}): a shard gives 2 MB and 5 reads a "
                "second to all of them together, so each falls behind when the others read.",
            )
