"""Rules on the stream of a mapping."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any, override

from threeways.ops.doctor import rule
from threeways.ops.doctor.stack import STREAM, Stack
from threeways.ops.doctor.values import Reference

RECORDS_A_SHARD = 1_000
BYTES_A_SHARD = 2**20
ON_DEMAND_SHARDS = 4
LIMITS = "https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"


class RetentionAgainstAge(rule.KinesisRule):
    """Records expire from the stream while they are being retried."""

    id = "E9711"
    shortdesc = "The stream's retention is under twice the record age"
    source_url = "https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html"
    fix = "a RetentionPeriodHours of at least twice MaximumRecordAgeInSeconds, or a lower age."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield mappings whose stream's retention is under twice the record age."""
        for consumer in stack.consumers:
            age = consumer.number("MaximumRecordAgeInSeconds", -1)
            hours = consumer.stream.number("RetentionPeriodHours", 24) if consumer.stream else None
            if age is not None and hours is not None and hours * 3600 < 2 * age:
                yield (
                    consumer.at("MaximumRecordAgeInSeconds"),
                    (
                        f"Records are tried for {age} s and kept for {hours} h: during a long fault they "
                        "expire "
                        "before they are given up and are in no destination, or before anybody has looked."
                    ),
                )


class TooFewShards(rule.KinesisRule):
    """A shard takes 1,000 records and 1 MB a second."""

    id = "W9712"
    shortdesc = "The shards cannot carry the rate"
    source_url = LIMITS
    fix = (
        "more shards (ShardCount). An on-demand stream doubles by itself; make it PROVISIONED with that "
        "many first."
    )

    def __init__(self) -> None:
        super().__init__()
        self.config_definition: dict[str, Any] = {
            "rate": {"default": 0, "type": "integer"},
            "record_bytes": {"default": 1000, "type": "integer"},
        }
        self.configure()

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield streams with fewer shards than the configured rate needs."""
        rate, size = self.setting("rate"), self.setting("record_bytes")
        if not rate:
            return
        needed = max(ceil(rate / RECORDS_A_SHARD), ceil(rate * size / BYTES_A_SHARD))
        for stream in {c.stream.logical_id: c.stream for c in stack.consumers if c.stream}.values():
            mode = stream.properties.get("StreamModeDetails")
            on_demand = isinstance(mode, dict) and mode.get("StreamMode") == "ON_DEMAND"
            shards = stream.number("ShardCount", ON_DEMAND_SHARDS if on_demand else 1)
            if shards is None or shards >= needed:
                continue
            has = f"an on-demand stream begins with {shards}" if on_demand else f"it has {shards}"
            yield (
                stream.path,
                (
                    f"{rate:,} records of {size:,} bytes a second need {needed} shards at the least, and "
                    f"{has}: "
                    "producers are throttled above that, and what they do not put again is lost."
                ),
            )


class ManyReaders(rule.KinesisRule):
    """A shard gives 2 MB and 5 reads a second to all standard consumers together."""

    id = "W9713"
    shortdesc = "More than two consumers share a stream's reads"
    source_url = "https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html"
    fix = "an AWS::Kinesis::StreamConsumer (enhanced fan-out) as the source of each that must not wait."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield streams with more than two standard consumers."""
        readers: dict[str, list[rule.Fault]] = {}
        for consumer in stack.consumers:
            found = stack.resource(consumer.source) if isinstance(consumer.source, Reference) else None
            if found is not None and found.kind == STREAM:
                readers.setdefault(found.logical_id, []).append((consumer.path, consumer.logical_id))
        for stream, faults in readers.items():
            if len(faults) > 2:
                yield (
                    faults[0][0],
                    (
                        f"{len(faults)} consumers read {stream} "
                        f"({', '.join(name for _, name in faults)}): a shard gives "
                        "2 MB and 5 reads a second to all of them together, so each falls behind when "
                        "the others read."
                    ),
                )
