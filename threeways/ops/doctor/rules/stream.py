"""Rules on the stream of a mapping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import ceil

from threeways.ops.doctor.rule import Fault, of_consumer, of_stack
from threeways.ops.doctor.stack import STREAM, Consumer, Resource, Stack
from threeways.ops.doctor.values import Reference

RECORDS_A_SHARD = 1_000
BYTES_A_SHARD = 2**20
ON_DEMAND_SHARDS = 4
SHARING_WELL = 2
"""The polling consumers of one stream that don't yet wait for each other's reads."""
FAN_OUT_CONSUMERS = 20


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
        if (stream := polled(consumer, stack)) is not None:
            readers[stream].append(consumer)
    for stream, consumers in readers.items():
        if len(consumers) > SHARING_WELL:
            names = ", ".join(consumer.logical_id for consumer in consumers)
            yield Fault(
                consumers[0].path,
                f"{len(consumers)} consumers read {stream} ({names}): a shard gives 2 MB and 5 reads a "
                "second to all of them together, so each falls behind when the others read.",
            )


@of_stack(
    "W9715",
    "More enhanced fan-out consumers than a stream takes",
    page="streams/latest/dev/service-sizes-and-limits.html",
    fix=(
        "fewer: one function that does the work of several, or consumers that may wait a little by polling. "
        "In On-demand Advantage, which takes 50, silence this rule here."
    ),
)
def too_much_fan_out(stack: Stack) -> Iterator[Fault]:
    """A stream takes 20 registered consumers, 50 in On-demand Advantage."""
    registered: dict[str, list[Resource]] = defaultdict(list)
    for consumer in stack.of_kind("AWS::Kinesis::StreamConsumer"):
        arn = consumer.properties.get("StreamARN")
        found = stack.resource(arn)
        registered[found.logical_id if found else str(arn)].append(consumer)
    for stream, consumers in registered.items():
        if len(consumers) > FAN_OUT_CONSUMERS:
            yield Fault(
                consumers[FAN_OUT_CONSUMERS].path,
                f"{len(consumers)} consumers are registered on {stream}, which takes {FAN_OUT_CONSUMERS} (50 "
                "in On-demand Advantage): registering the next one fails, and with it its deployment.",
            )


def polled(consumer: Consumer, stack: Stack) -> str | None:
    """Return what names the stream that a consumer polls; None where it has reads of its own."""
    source = consumer.source
    found = stack.resource(source) if isinstance(source, Reference) else None
    if found is not None:
        return found.logical_id if found.kind == STREAM else None
    return source if isinstance(source, str) and ":stream/" in source and "/consumer/" not in source else None
